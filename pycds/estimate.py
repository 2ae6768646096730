"""What pairs of figures say: medians, quartiles, and a ratio with its confidence interval."""

from __future__ import annotations

import math
import statistics
from typing import Dict, List, Optional, Sequence, TypedDict

CONFIDENCE = 0.95


class Spread(TypedDict):
    """Of one series."""

    median: float
    low: float  # first quartile
    high: float  # third quartile
    least: float


class Ratio(TypedDict):
    """The median of the pairs' ratios, its interval (None where there are too few pairs), and the sign test's p."""

    median: float
    low: Optional[float]
    high: Optional[float]
    p: float
    significant: bool  # whether the interval leaves 1 out, which is whether p is below 1 - CONFIDENCE


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of one value or more."""
    ordered = sorted(values)
    low, median, high = statistics.quantiles(ordered * (2 if len(ordered) == 1 else 1), n=4, method="inclusive")
    return {"median": median, "low": low, "high": high, "least": ordered[0]}


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Of two series of the same pairs, in the same order.

    The two runs of a pair are near to each other in time: what slows the machine down for a while is in both.  The
    interval is that of the sign test, from the k-th smallest to the k-th largest ratio.  It assumes nothing of how
    times are distributed, and the same figures always give the same.
    """
    ratios = sorted(one / other for one, other in zip(above, below))
    rank = _rank(len(ratios))
    low, high = (ratios[rank - 1], ratios[-rank]) if rank else (None, None)
    return {
        "median": statistics.median(ratios),
        "low": low,
        "high": high,
        "p": _sign_test(ratios),
        "significant": low is not None and high is not None and not low <= 1 <= high,
    }


def change(old: Ratio, new: Ratio) -> str:
    """From one measurement to another: "worse" or "better" where their intervals do not overlap, else "none".

    Strict on purpose, for what stops a CI: where nothing has changed, two intervals of 6 to 80 pairs each lie apart
    less than once in a hundred times, whatever the times' distribution; half of these times it is called worse.
    """
    if old["low"] is None or old["high"] is None or new["low"] is None or new["high"] is None:
        return "none"
    if new["low"] > old["high"]:
        return "worse"
    return "better" if new["high"] < old["low"] else "none"


def _tail(count: int, successes: int) -> float:
    """How likely it is that of ``count`` fair coins at most ``successes`` show heads."""
    return float(sum(math.comb(count, i) for i in range(successes + 1))) / float(2**count)


def _rank(count: int) -> int:
    """The largest k of which the interval keeps its confidence; 0 where even the extremes do not: below 6 pairs."""
    rank = 0
    while _tail(count, rank) <= (1 - CONFIDENCE) / 2:
        rank += 1
    return rank


def _sign_test(ratios: Sequence[float]) -> float:
    smaller, larger = sum(value < 1 for value in ratios), sum(value > 1 for value in ratios)
    return min(1.0, 2 * _tail(smaller + larger, min(smaller, larger)))


def middle_half(runs: Sequence[Dict[str, int]]) -> Dict[str, float]:
    """Of times by phase, the means of the runs that took neither longest nor least: they add up as each run does."""
    ordered: List[Dict[str, int]] = sorted(runs, key=lambda run: sum(run.values()))
    outside = len(ordered) // 4
    kept = ordered[outside : len(ordered) - outside]
    return {phase: statistics.fmean(run[phase] for run in kept) for phase in kept[0]}

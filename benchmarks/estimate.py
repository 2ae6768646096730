"""Medians, spread, and ratios with their confidence, from paired rounds."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of one series."""

    median: float
    low: float  # first quartile
    high: float  # third quartile


@dataclass(frozen=True)
class Ratio:
    """Ratio of two medians and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether the interval leaves 1 out."""
        return self.low > 1 or self.high < 1


def spread(series: Sequence[float | None]) -> Spread:
    """Median and quartiles of the values that are not None.  Raises ValueError when there are fewer than two values."""
    values = [value for value in series if value is not None]
    if len(values) < 2:
        raise ValueError("a spread needs two values or more")
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratio(above: Sequence[float | None], below: Sequence[float | None], *, draws: int = 1000) -> Ratio:
    """Median of ``above`` over median of ``below``; both come from the same rounds, in the same order.

    Rounds in which either is None, because its run failed, are left out.
    The interval is a percentile bootstrap that draws whole rounds, so that what
    disturbs a round disturbs both sides of the ratio.  The draws are seeded:
    the same samples give the same interval.
    """
    if len(above) != len(below):
        raise ValueError("paired series differ in length")
    pairs = [(a, b) for a, b in zip(above, below, strict=True) if a is not None and b is not None]
    if len(pairs) < 2:
        raise ValueError("a ratio needs two rounds or more")
    generator = random.Random(len(pairs))
    estimates = []
    for _ in range(draws):
        drawn = generator.choices(pairs, k=len(pairs))
        estimates.append(statistics.median([a for a, _ in drawn]) / statistics.median([b for _, b in drawn]))
    estimates.sort()
    value = statistics.median([a for a, _ in pairs]) / statistics.median([b for _, b in pairs])
    return Ratio(value, estimates[int(draws * 0.025)], estimates[int(draws * 0.975)])

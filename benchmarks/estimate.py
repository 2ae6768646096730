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
    """A ratio and its 95 % interval."""

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
    """Median of the rounds' ratios; both series come from the same rounds, in the same order.

    A round's two runs are near to each other in time: what slows the machine down for a while is in both.  Rounds in
    which either is None, because its run failed, are left out.  The interval is a percentile bootstrap that draws
    rounds.  The draws are seeded: the same samples give the same interval.
    """
    if len(above) != len(below):
        raise ValueError("paired series differ in length")
    found = [a / b for a, b in zip(above, below, strict=True) if a is not None and b is not None]
    if len(found) < 2:
        raise ValueError("a ratio needs two rounds or more")
    generator = random.Random(len(found))
    estimates = sorted(statistics.median(generator.choices(found, k=len(found))) for _ in range(draws))
    return Ratio(statistics.median(found), estimates[int(draws * 0.025)], estimates[int(draws * 0.975)])

"""The figures of the guides: interleaved pairs, as ``pycds bench`` takes them, of whatever a test can time."""

from __future__ import annotations

import random
from collections.abc import Callable

from pycds import estimate

Timed = Callable[[], float]
"""Does something once, and says how many seconds it has taken."""


def compare(what: str, count: int, plain: Timed, served: Timed) -> str:
    """A row of a table: medians with quartiles of so many pairs, and the median of the ratios with its interval."""
    times: dict[str, list[float]] = {"plain": [], "served": []}
    for number in range(count):
        ways = [("plain", plain), ("served", served)]
        random.Random(number).shuffle(ways)
        for name, way in ways:
            times[name].append(way())
    before, after = estimate.spread(times["plain"]), estimate.spread(times["served"])
    ratio = estimate.ratio(times["plain"], times["served"])
    interval = "" if ratio["low"] is None else f" ({ratio['low']:.2f}–{ratio['high']:.2f})"
    return f"| {what} | {_milliseconds(before)} | {_milliseconds(after)} | {ratio['median']:.2f}{interval} | {count} |"


def _milliseconds(spread: estimate.Spread) -> str:
    return f"{spread['median'] * 1e3:.0f} ({spread['low'] * 1e3:.0f}–{spread['high'] * 1e3:.0f}) ms"

"""The figures of the guides: interleaved pairs, as ``pycds bench`` takes them, of whatever a test can time."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

from environment import Environment
from pycds import estimate

Timed = Callable[[], float]
"""Does something once, and says how many seconds it has taken."""


def whole(environment: Environment, *words: str, **env: str) -> Timed:
    """A command, from its start to its end."""

    def run() -> float:
        begun = time.perf_counter()
        environment.run(*words, **env)
        return time.perf_counter() - begun

    return run


def until_ready(environment: Environment, *words: str, **env: str) -> Timed:
    """What a page's program says itself: ``ready after 0.5 s``."""

    def run() -> float:
        found = re.search(r"ready after (\S+) s", environment.run(*words, **env).stdout)
        assert found is not None
        return float(found[1])

    return run


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

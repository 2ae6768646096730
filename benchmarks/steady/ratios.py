"""Archived over plain, from the samples."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence

from benchmarks.estimate import Ratio

Pair = tuple[float, int]
"""Archived over plain, the median of the turns; picoseconds a loop of the plain process, the least of the turns."""

Samples = dict[str, list[Pair]]
"""{benchmark: its pairs}"""


def pair_of(times: Mapping[str, Sequence[int]]) -> Pair:
    """The pair whose two processes took these times by turns."""
    turns = [a / b for a, b in zip(times["archived"], times["plain"], strict=True)]
    return round(statistics.median(turns), 5), min(times["plain"])


def median(series: Sequence[float]) -> Ratio:
    """The median, with a bootstrapped 95 % interval."""
    draw = random.Random(len(series))
    medians = sorted(statistics.median(draw.choices(series, k=len(series))) for _ in range(1000))
    return Ratio(statistics.median(series), medians[25], medians[975])


def summary(found: Samples) -> tuple[dict[str, Ratio], Ratio]:
    """By benchmark, and the geometric mean; with 95 % intervals."""
    series = {label: [pair[0] for pair in pairs] for label, pairs in sorted(found.items())}
    draw = random.Random(2)
    means = sorted(
        statistics.geometric_mean([statistics.median(draw.choices(one, k=len(one))) for one in series.values()])
        for _ in range(1000)
    )
    mean = statistics.geometric_mean([statistics.median(one) for one in series.values()])
    return {label: median(one) for label, one in series.items()}, Ratio(mean, means[25], means[975])

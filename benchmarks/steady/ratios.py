"""Archived over plain, from the samples."""

from __future__ import annotations

import random
import statistics

from benchmarks.estimate import Ratio

Samples = dict[str, dict[str, list[int]]]
"""{benchmark: {kind: [picoseconds a loop, one a pair]}}"""


def summary(found: Samples) -> tuple[dict[str, Ratio], Ratio]:
    """Archived over plain: by benchmark, and the geometric mean with its 95 % interval."""
    ratios = {label: paired_ratio(kinds["archived"], kinds["plain"]) for label, kinds in sorted(found.items())}
    pairs = [[a / b for a, b in zip(kinds["archived"], kinds["plain"], strict=True)] for kinds in found.values()]
    draw = random.Random(2)
    means = sorted(
        statistics.geometric_mean([statistics.median(draw.choices(series, k=len(series))) for series in pairs])
        for _ in range(1000)
    )
    mean = statistics.geometric_mean([statistics.median(series) for series in pairs])
    return ratios, Ratio(mean, means[25], means[975])


def paired_ratio(above: list[int], below: list[int]) -> Ratio:
    """The median of the pairs' ratios, with a bootstrapped 95 % interval."""
    series = [a / b for a, b in zip(above, below, strict=True)]
    draw = random.Random(len(series))
    medians = sorted(statistics.median(draw.choices(series, k=len(series))) for _ in range(1000))
    return Ratio(statistics.median(series), medians[25], medians[975])

"""What the benchmark is held against, and whether the results reach it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.estimate import Ratio, ratio, spread
from benchmarks.results import Outcome


@dataclass(frozen=True)
class Verdict:
    """One target: what it says, whether it is met (None: not measured), and the figures."""

    target: str
    met: bool | None
    figures: str


def ratios(outcome: Outcome, measure: str, above: str, below: str) -> dict[str, Ratio]:
    """{application: ratio of two contenders} where both were measured."""
    found = {}
    for app, by in outcome.samples.items():
        if above in by and below in by:
            try:
                found[app] = ratio(by[above][measure], by[below][measure])
            except ValueError:  # one of them failed in every round
                continue
    return found


def _applications(outcome: Outcome, target: str, measure: str, below: str, limit: float) -> Verdict:
    found = ratios(outcome, measure, "pycds", below)
    if not found:
        return Verdict(target, None, "not measured")
    missed = {app: value for app, value in found.items() if value.value > limit}
    worst = max(found, key=lambda app: found[app].value)
    text = f"{len(found) - len(missed)} of {len(found)} applications; largest {found[worst].value:.2f} ({worst})"
    if missed:
        by_size = sorted(missed.items(), key=lambda item: -item[1].value)
        text += "; missed: " + ", ".join(f"{app} {r.value:.2f} [{r.low:.2f}, {r.high:.2f}]" for app, r in by_size)
    unable = [app for app, by in outcome.unable.items() if "pycds" in by]
    if unable:
        text += f"; not run by PyCDS: {', '.join(unable)}"
    return Verdict(target, not missed and not unable, text)


def _link(outcome: Outcome) -> Verdict:
    target = "link ≤ ¼ of `marshal.loads`"
    table = outcome.costs.get("link")
    if not table:
        return Verdict(target, None, "not measured")
    shares = {
        name: statistics.median(by["link"]["link_ns"]) / statistics.median(by["unmarshal"]["outer_ns"])
        for name, by in table.items()
    }
    best, worst = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    processor = [
        statistics.median(by["link"]["outer_cpu_ns"]) / statistics.median(by["unmarshal"]["outer_cpu_ns"])
        for by in table.values()
    ]
    text = f"from {shares[best]:.2f} ({best}) to {shares[worst]:.2f} ({worst})"
    text += f"; all of get_code, by processor time, {min(processor):.2f} to {max(processor):.2f}"
    return Verdict(target, shares[worst] <= 0.25, text)


def _attach(outcome: Outcome) -> Iterator[Verdict]:
    targets = "attach of 5,000 modules within 0.5 ms", "attach of 5,000 equal to that of 50 within noise"
    table = outcome.costs.get("attach")
    if not table:
        yield from (Verdict(target, None, "not measured") for target in targets)
        return
    small, large = spread(table["50"]["outer_ns"]), spread(table["5000"]["outer_ns"])
    yield Verdict(targets[0], large.median <= 500_000, f"{large.median / 1e3:.0f} µs")
    apart = ratio(table["5000"]["outer_ns"], table["50"]["outer_ns"])
    text = f"{large.median / 1e3:.0f} µs against {small.median / 1e3:.0f} µs, ratio {apart.value:.2f} "
    yield Verdict(targets[1], apart.low <= 1, text + f"[{apart.low:.2f}, {apart.high:.2f}]")


def _dump(outcome: Outcome) -> Verdict:
    target = "dump ≥ 1,000 modules a second on one core"
    table = outcome.costs.get("dump")
    if not table:
        return Verdict(target, None, "not measured")
    rates = {name: by["modules"] / (statistics.median(by["wall_ns"]) / 1e9) for name, by in table.items()}
    by_cpu = {name: by["modules"] / (statistics.median(by["cpu_ns"]) / 1e9) for name, by in table.items()}
    texts = [f"{name} {rate:,.0f} (by processor time {by_cpu[name]:,.0f})" for name, rate in rates.items()]
    return Verdict(target, min(rates.values()) >= 1000, ", ".join(texts))


def verdicts(outcome: Outcome) -> list[Verdict]:
    """Every target, in the order of importance."""
    return [
        _applications(outcome, "import alone ≤ 1.25 × the oracle on every application", "import_ns", "oracle", 1.25),
        _applications(outcome, "the same by processor time", "import_cpu_ns", "oracle", 1.25),
        _applications(outcome, "import alone never slower than plain", "import_ns", "plain", 1.0),
        _applications(outcome, "whole process never slower than plain", "wall_ns", "plain", 1.0),
        _link(outcome),
        *_attach(outcome),
        _dump(outcome),
        _applications(outcome, "import alone: the original beaten on every application", "import_ns", "original", 1.0),
        _applications(outcome, "start to imports done: the original beaten on every one", "ready_ns", "original", 1.0),
        _applications(outcome, "whole process: the original beaten on every one", "wall_ns", "original", 1.0),
    ]

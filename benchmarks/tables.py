"""The results as Markdown tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.empty_modules import COUNT, VALIDATIONS
from benchmarks.estimate import Ratio, ratio, spread
from benchmarks.results import Outcome
from benchmarks.targets import ratios, verdicts

NAMES = {
    "plain": "plain",
    "oracle": "oracle",
    "pycds": "PyCDS",
    "options": "PyCDS with options",
    "original": "original",
    "snapshot": "snapshot",
    "forked": "fork server",
}
MEGABYTE = 1024 * 1024


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, all columns but the first aligned to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def targets(outcome: Outcome) -> str:
    """Every target with its figures."""
    words = {True: "met", False: "**missed**", None: "–"}
    rows = [(verdict.target, words[verdict.met], verdict.figures) for verdict in verdicts(outcome)]
    lines = ["| target | | figures |", "|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _milliseconds(series: Sequence[int | None]) -> str:
    try:
        found = spread(series)
    except ValueError:
        return "failed"
    return f"{found.median / 1e6:.1f} ± {(found.high - found.low) / 2e6:.1f}"


def _ratio(found: Ratio | None) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else "–"


def applications(outcome: Outcome, measure: str) -> str:
    """One measure of every application and contender, and PyCDS's ratios."""
    present = [name for name in NAMES if any(name in by for by in outcome.samples.values())]
    others = [name for name in present if name not in ("pycds", "options")] if "pycds" in present else []
    compared = {name: ratios(outcome, measure, "pycds", name) for name in others}
    head = ["application", *(f"{NAMES[name]}, ms" for name in present), *(f"PyCDS / {NAMES[name]}" for name in others)]
    rows = []
    for app, by in outcome.samples.items():
        cells = [_milliseconds(by[name][measure]) if name in by else "fails" for name in present]
        rows.append([app, *cells, *(_ratio(compared[name].get(app)) for name in others)])
    return table(head, rows)


def modules(outcome: Outcome) -> str:
    """What was archived and served, and what it replaces."""
    rows = []
    for app in outcome.samples:
        by = outcome.facts[app]
        pycds, oracle = by.get("pycds", {}), by.get("oracle", {})
        pyc, archive, theirs = oracle.get("pyc_bytes"), pycds.get("archive_bytes"), by.get("original", {})
        size = theirs.get("archive_bytes")
        misses = pycds.get("misses") or {}
        rows.append(
            [
                app,
                str(oracle.get("modules", "–")),
                str(pycds.get("modules", "–")),
                str(pycds.get("hits", "–")),
                ", ".join(f"{reason} {count}" for reason, count in misses.items()) or "0",
                *(f"{value / MEGABYTE:.1f}" if value else "–" for value in (pyc, archive, size)),
            ]
        )
    head = (
        "application",
        "modules imported",
        "archived",
        "hits",
        "misses",
        "pycs, MB",
        "archive, MB",
        "original's, MB",
    )
    return table(head, rows)


def _microseconds(series: Sequence[int]) -> str:
    found = spread(series)
    return f"{found.median / 1e3:.0f} ± {(found.high - found.low) / 2e3:.0f}"


def _attach(found: dict[str, Any]) -> str:
    rows = [(f"{int(n):,}", _microseconds(by["outer_ns"]), _microseconds(by["attach_ns"])) for n, by in found.items()]
    return table(("modules in the archive", "attach, µs", "as PyCDS counts it, µs"), rows)


def _idle(found: dict[str, Any]) -> str:
    words = {
        "without": "PyCDS not installed",
        "off": "PyCDS installed, off",
        "attached": "an archive of 5,000 modules attached",
    }
    rows = []
    for name, by in found.items():
        compared = ratio(by["wall_ns"], found["without"]["wall_ns"])
        rows.append((words[name], _microseconds(by["wall_ns"]), _ratio(compared)))
    return table(("`python -c pass`", "whole process, µs", "ratio"), rows)


def _link(found: dict[str, Any]) -> str:
    rows = []
    for name, by in found.items():
        link, outer, outer_cpu = (statistics.median(by["link"][key]) for key in ("link_ns", "outer_ns", "outer_cpu_ns"))
        loads, loads_cpu = (statistics.median(by["unmarshal"][key]) for key in ("outer_ns", "outer_cpu_ns"))
        times = (f"{value / 1e6:.2f}" for value in (loads, link, outer))
        shares = (f"{link / loads:.2f}", f"{outer_cpu / loads_cpu:.2f}")
        count = by["link"]["found"][0]
        rows.append((name, str(count), *times, *shares, f"{link / 1e3 / count:.1f}"))
    head = ("archive", "modules", "`marshal.loads`, ms", "link, ms", "`get_code`, ms")
    ratios = ("link / loads", "`get_code` / loads, processor time", "link a module, µs")
    return table((*head, *ratios), rows)


def _dump(found: dict[str, Any]) -> str:
    rows = []
    for name, by in found.items():
        seconds, cpu = (statistics.median(by[key]) / 1e9 for key in ("wall_ns", "cpu_ns"))
        size = f"{by['bytes'] / MEGABYTE:.1f}"
        cells = (f"{by['modules']:,}", f"{seconds:.2f}", f"{cpu:.2f}", f"{by['modules'] / seconds:,.0f}", size)
        rows.append((name, *cells))
    return table(("list", "modules", "whole command, s", "of it processor, s", "modules a second", "archive, MB"), rows)


def _empty(found: dict[str, Any]) -> str:
    rows = []
    ways = ("plain", *VALIDATIONS)
    for name, by in found.items():
        each = {way: [value / COUNT for value in by[way]["cpu_ns"]] for way in ways}
        more = [exact - sealed for exact, sealed in zip(each["exact"], each["sealed"], strict=True)]
        low, middle, high = statistics.quantiles(more, n=4)
        cells = (f"{statistics.median(series) / 1e3:.1f}, {min(series) / 1e3:.1f}" for series in each.values())
        rows.append((name, *cells, f"{middle / 1e3:.1f} ({low / 1e3:.1f}–{high / 1e3:.1f})"))
    return table(("processor time, µs a module: median, smallest", *ways, "exact − sealed (quartiles)"), rows)


def _memory(found: dict[str, Any]) -> str:
    rows = []
    for app, by in found.items():
        for name, series in by.items():
            if series:
                sums = [statistics.median(row[key] for row in series) for key in ("pss", "private_dirty", "rss")]
                rows.append((f"{app}, {NAMES[name]}", *(f"{value / MEGABYTE:.1f}" for value in sums)))
    return table(("8 processes of", "PSS, MB", "private and written, MB", "RSS, MB"), rows)


def costs(outcome: Outcome) -> str:
    """Attach, link, dump and memory."""
    makers = (
        ("attach", "Attach", _attach),
        ("idle", "A process that does nothing", _idle),
        ("link", "Link", _link),
        ("dump", "Dump", _dump),
        ("empty", "Empty modules", _empty),
        ("memory", "Memory", _memory),
    )
    parts = [f"**{title}**\n\n{make(outcome.costs[key])}" for key, title, make in makers if outcome.costs.get(key)]
    return "\n\n".join(parts)


def instructions(outcome: Outcome) -> str:
    """Instructions of whole processes, of the applications and contenders that were counted."""
    counted = [name for name in NAMES if any(name in by for by in outcome.instructions.values())]
    against = [name for name in counted if name != "plain"]
    shares: dict[str, list[float]] = {name: [] for name in against}
    rows = []
    for app, by in outcome.instructions.items():
        cells = [f"{by[name] / 1e6:,.0f}" if name in by else "–" for name in counted]
        for name in against:
            if {name, "plain"} <= by.keys():
                shares[name].append(by[name] / by["plain"])
            cells.append(f"{by[name] / by['plain']:.2f}" if {name, "plain"} <= by.keys() else "–")
        rows.append((app, *cells))
    means = [f"{statistics.geometric_mean(found):.2f}" if found else "–" for found in shares.values()]
    rows.append(("**geometric mean**", *("" for _ in counted), *means))
    head = [*(f"{NAMES[name]}, millions" for name in counted), *(f"{NAMES[name]} / plain" for name in against)]
    return table(("application", *head), rows)


def troubles(outcome: Outcome) -> str:
    """What could not be run, and where."""
    lines = [f"- {NAMES[name]}: {reason}" for name, reason in outcome.missing.items()]
    for kind in (outcome.unable, outcome.failures):
        lines += [f"- {app}, {NAMES[name]}: {text}" for app, by in kind.items() for name, text in by.items()]
    return "\n".join(lines)

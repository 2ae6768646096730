"""All interpreters side by side: the start of programs by version, the targets, the steady state."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import cold, explain, results, tools
from benchmarks.catalogue import SETS
from benchmarks.estimate import Ratio, ratio
from benchmarks.results import Outcome
from benchmarks.steady.ratios import Samples, summary
from benchmarks.tables import NAMES, instructions, table
from benchmarks.targets import ratios, verdicts

OTHERS = ("plain", "oracle", "original")
MEASURES = (("import_ns", "import alone"), ("wall_ns", "whole process"))
PROCESSOR = {"import_ns": "import_cpu_ns", "wall_ns": "cpu_ns"}


def _interval(found: Ratio | None) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else "–"


def _mean(found: Mapping[str, Ratio]) -> str:
    if not found:
        return "–"
    values = [one.value for one in found.values()]
    return f"{statistics.geometric_mean(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def _link(outcome: Outcome) -> str:
    name = outcome.label.removeprefix("cpython-")
    return f"[{name}](performance/{outcome.label}.md)"


def by_version(outcomes: Sequence[Outcome]) -> str:
    """Geometric means over the applications, and the smallest and the largest."""
    parts = []
    head = ["CPython", "applications", "rounds", *(f"PyCDS / {NAMES[name]}" for name in OTHERS)]
    for measure, title in MEASURES:
        for kind, words in ((measure, title), (PROCESSOR[measure], f"{title}, processor time")):
            rows = [
                [
                    _link(outcome),
                    str(len(outcome.samples)),
                    str(outcome.rounds),
                    *(_mean(ratios(outcome, kind, "pycds", name)) for name in OTHERS),
                ]
                for outcome in outcomes
                if outcome.samples
            ]
            parts.append(f"**{words[0].upper()}{words[1:]}**\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def by_application(outcomes: Sequence[Outcome]) -> str:
    """Each application on each version, processor time: what is least disturbed."""
    parts = []
    outcomes = [outcome for outcome in outcomes if outcome.samples]
    apps = list(dict.fromkeys(app for outcome in outcomes for app in outcome.samples))
    head = ["application", *(outcome.label.removeprefix("cpython-") for outcome in outcomes)]
    for measure, title in MEASURES:
        for name in OTHERS:
            found = [ratios(outcome, PROCESSOR[measure], "pycds", name) for outcome in outcomes]
            rows = [[app, *(_interval(one.get(app)) for one in found)] for app in apps]
            parts.append(f"**{title[0].upper()}{title[1:]}: PyCDS / {NAMES[name]}**\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def without(outcomes: Sequence[Outcome]) -> str:
    """Which applications, and which contenders, cannot be had where."""
    lines = []
    for outcome in outcomes:
        name = outcome.label.removeprefix("cpython-")
        lines += [f"- {name}, {app}: not installable ({why})" for app, why in outcome.not_installable.items()]
        lines += [f"- {name}, {NAMES[who]}: {why}" for who, why in outcome.missing.items()]
        for kind in (outcome.unable, outcome.failures):
            lines += [f"- {name}, {app}, {NAMES[who]}: {why}" for app, by in kind.items() for who, why in by.items()]
    return "\n".join(lines)


def conditions(outcomes: Sequence[Outcome]) -> str:
    """How busy the machine was."""
    loads = ", ".join(f"{outcome.load:.1f} ({outcome.label.removeprefix('cpython-')})" for outcome in outcomes)
    return f"Load average of the machine before the first round: {loads}; above 1, others were at work."


def targets(outcomes: Sequence[Outcome]) -> str:
    """Which target is met where; the figures are on the page of the version."""
    words = {True: "met", False: "**missed**", None: "–"}
    found = [verdicts(outcome) for outcome in outcomes]
    head = ["target", *(_link(outcome) for outcome in outcomes)]
    rows = [[verdict.target, *(words[by[row].met] for by in found)] for row, verdict in enumerate(found[0])]
    return table(head, rows)


def steady(directory: Path, order: Sequence[str]) -> str:
    """Archived over plain, a column a version."""
    found: dict[str, Samples] = {}
    pairs: dict[str, str] = {}
    for label in order:
        path = directory / f"steady-{label}.json"
        if path.exists():
            content = json.loads(path.read_text())
            found[label] = content["pairs"]
            counts = sorted({len(values) for values in found[label].values()})
            pairs[label] = "–".join(str(count) for count in (counts if len(counts) == 1 else (counts[0], counts[-1])))
    if not found:
        return "Not measured yet."
    summaries = {label: summary(samples) for label, samples in found.items()}
    labels = list(dict.fromkeys(name for samples in found.values() for name in samples))
    rows = [
        [name, *(_percent(by[name]) if name in by else "–" for by, _ in summaries.values())] for name in sorted(labels)
    ]
    rows.append(["**geometric mean**", *(_percent(mean) for _, mean in summaries.values())])
    rows.append(["pairs", *(pairs[label] for label in found)])
    return table(["benchmark", *(label.removeprefix("cpython-") for label in found)], rows)


def from_disk(directory: Path, order: Sequence[str]) -> str:
    """Starts with nothing in memory: PyCDS over plain, a pair of columns a version."""
    found: dict[str, dict[str, Any]] = {}
    for label in order:
        path = cold.path_of(directory, label)
        if path.exists():
            found[label] = json.loads(path.read_text())
    if not found:
        return "Not measured yet."
    names = [label.removeprefix("cpython-") for label in found]
    parts = []
    for measure, title in MEASURES:
        by = {label: _cold_ratios(content["samples"], measure) for label, content in found.items()}
        apps = list(dict.fromkeys(app for ratios_of in by.values() for app in ratios_of))
        rows = [[app, *(_interval(ratios_of.get(app)) for ratios_of in by.values())] for app in apps]
        rows.append(["**geometric mean**", *(_mean(ratios_of) for ratios_of in by.values())])
        rows.append(["rounds", *(str(content["rounds"]) for content in found.values())])
        parts.append(f"**{title[0].upper()}{title[1:]}: PyCDS / plain**\n\n{table(['application', *names], rows)}")
    return "\n\n".join(parts)


def reach_label(label: str, which: str) -> str:
    """The name of the results of a set of applications, with the options of PyCDS as well."""
    return f"reach-{which}-{label}"


COMPARED = (
    ("import_ns", "pycds", "plain"),
    ("import_ns", "oracle", "plain"),
    ("import_ns", "pycds", "oracle"),
    ("import_ns", "options", "plain"),
    ("import_ns", "original", "plain"),
    ("wall_ns", "pycds", "plain"),
    ("wall_ns", "options", "plain"),
    ("wall_ns", "original", "plain"),
)


def reach(directory: Path, order: Sequence[str]) -> str:
    """With and without options, beside the oracle and the original: a table a set and interpreter, and one of means."""
    parts = []
    for label in order:
        found = {which: results.load(directory, reach_label(label, which)) for which in SETS}
        present = {which: outcome for which, outcome in found.items() if outcome is not None and outcome.samples}
        if present:
            parts.append(_reach_of(label.removeprefix("cpython-"), present))
    return "\n\n".join(parts) or "Not measured yet."


def _reach_of(name: str, found: Mapping[str, Outcome]) -> str:
    titles = dict(MEASURES)
    head = ["application", *(f"{titles[what]}: {NAMES[above]} / {NAMES[below]}" for what, above, below in COMPARED)]
    parts, means = [], []
    everything: list[dict[str, Ratio]] = [{} for _ in COMPARED]
    words = {"apps": "those that PyCDS was tuned on", "others": "others"}
    for which, outcome in found.items():
        by = [ratios(outcome, what, above, below) for what, above, below in COMPARED]
        rows = [[app, *(_interval(one.get(app)) for one in by)] for app in outcome.samples]
        spent = f"{outcome.rounds} rounds, load average before the first {outcome.load:.1f}"
        parts.append(f"**CPython {name}, {words[which]}** ({spent})\n\n{table(head, rows)}")
        if outcome.instructions:
            title = f"**CPython {name}, {words[which]}: instructions of the whole process**"
            parts.append(f"{title}\n\n{instructions(outcome)}")
        means.append([f"{words[which]} ({len(outcome.samples)})", *map(_mean_as_factor, by)])
        for known, new in zip(everything, by, strict=True):
            known.update(new)
    if len(found) > 1:
        means.append(
            [f"all ({sum(len(outcome.samples) for outcome in found.values())})", *map(_mean_as_factor, everything)]
        )
    return "\n\n".join([f"**CPython {name}: geometric means**\n\n{table(head, means)}", *parts])


def _mean_as_factor(found: Mapping[str, Ratio]) -> str:
    """The mean ratio, and how many times faster that is."""
    if not found:
        return "–"
    mean = statistics.geometric_mean(one.value for one in found.values())
    return f"{mean:.2f} ({1 / mean:.2f}x)"


RESIDENT = ("options", "snapshot", "forked")
"""What is compared with plain Python where a program's imports are kept."""


def snapshots_label(label: str, which: str) -> str:
    """The name of the results of a set of applications that were restored."""
    return f"snapshots-{which}-{label}"


def snapshots(directory: Path, order: Sequence[str]) -> str:
    """Restored programs beside plain ones, archives and a server that forks."""
    parts = []
    for label in order:
        for which in SETS:
            outcome = results.load(directory, snapshots_label(label, which))
            if outcome is not None and outcome.samples:
                parts.append(_snapshots_of(label.removeprefix("cpython-"), which, outcome))
    return "\n\n".join(parts) or "Not measured yet."


def _snapshots_of(name: str, which: str, outcome: Outcome) -> str:
    measures = (("ready_ns", "to the end of its imports"), ("wall_ns", "whole process"))
    compared = [(what, title, who) for what, title in measures for who in RESIDENT]
    by = [ratios(outcome, what, who, "plain") for what, _, who in compared]
    facts = {app: of.get("snapshot", {}) for app, of in outcome.facts.items()}
    rows = [
        [app, *(_interval(one.get(app)) for one in by), *_costs_of_making(facts.get(app, {}))]
        for app in outcome.samples
    ]
    rows.append(["**geometric mean**", *map(_mean_as_factor, by), "", ""])
    head = ["application", *(f"{title}: {NAMES[who]} / plain" for _, title, who in compared)]
    spent = f"set `{which}`, {outcome.rounds} rounds, load average before the first {outcome.load:.1f}"
    not_restored = [f"{app}: {by['snapshot']}" for app, by in outcome.unable.items() if "snapshot" in by]
    without = "\n\nNot restored: " + "; ".join(not_restored) + "." if not_restored else ""
    return f"**CPython {name}** ({spent})\n\n{table([*head, 'snapshot, MB', 'create / plain'], rows)}{without}"


def _costs_of_making(facts: Mapping[str, Any]) -> list[str]:
    if "bytes" not in facts:
        return ["–", "–"]
    return [f"{facts['bytes'] / 1e6:.1f}", f"{facts['create_ns'] / facts['plain_ns']:.1f}"]


def phases(directory: Path, order: Sequence[str]) -> str:
    """What the time goes into: a plot an interpreter, and the shares of the phases over all applications."""
    parts = []
    for label in order:
        found = explain.load(directory, label)
        if not found:
            continue
        by = explain.shares(found)
        rows = [[name, *(f"{of[name]:.3f}" for of in by.values())] for name in explain.phases_of(found)]
        rows.append(["**together**", *(f"{sum(of.values()):.3f}" for of in by.values())])
        name = label.removeprefix("cpython-")
        parts.append(
            f"**CPython {name}**, {len(found)} applications, the whole of plain Python being 1\n\n"
            f"{table(['phase', *(NAMES[contender] for contender in by)], rows)}\n\n"
            f"![phases of each application on {name}](images/phases-{label}.svg)"
        )
    return "\n\n".join(parts) or "Not measured yet."


def _cold_ratios(samples: Mapping[str, Any], measure: str) -> dict[str, Ratio]:
    both = {app: by for app, by in samples.items() if "pycds" in by and "plain" in by}
    return {app: ratio(by["pycds"][measure], by["plain"][measure]) for app, by in both.items()}


def _percent(found: Ratio) -> str:
    low, value, high = ((bound - 1) * 100 for bound in (found.low, found.value, found.high))
    return f"{value:+.1f} % [{low:+.1f}, {high:+.1f}]"


def tools_in_use(directory: Path, labels: Sequence[str]) -> str:
    """Ten commands in an enabled environment, of each interpreter that this was measured on."""
    found = {label: measured for label in labels if (measured := tools.load(directory, label))}
    return "\n\n".join(
        f"**CPython {label.removeprefix('cpython-')}**\n\n{tools.report(measured)}" for label, measured in found.items()
    )

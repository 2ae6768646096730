"""``docs/performance.md``, what lies between its markers, and a page of each interpreter in ``docs/performance``."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import explain, results, summary, tables
from benchmarks.environments import REPOSITORY, report_python
from benchmarks.results import Outcome

PAGE = REPOSITORY / "docs" / "performance.md"
PAGES = REPOSITORY / "docs" / "performance"
IMAGES = REPOSITORY / "docs" / "images"


def _has_plot(outcome: Outcome) -> bool:
    """An interpreter of which everything was measured has a plot as well; for the others, tables do."""
    return bool(outcome.samples and outcome.costs)


def _applications(outcome: Outcome) -> str:
    spent = f"{outcome.rounds} rounds" + (" (the quick set)" if outcome.quick else "")
    parts = [
        f"{spent} on a {outcome.machine} machine. Median ± half the interquartile range;"
        " median of the rounds' ratios [95 %]."
    ]
    if outcome.load > 1:
        parts.append(
            f"Other work was running (load average {outcome.load:.1f} before the start): times are inflated and their"
            " spread is wide; the ratios of processor time are the ones to trust."
        )
    if outcome.samples:
        if _has_plot(outcome):
            parts.append(f"![start-up relative to plain Python](../images/startup-{outcome.label}.svg)")
        for measure, title in (
            ("import_ns", "Import alone"),
            ("import_cpu_ns", "Import alone, processor time"),
            ("ready_ns", "Start of the process to imports done"),
            ("wall_ns", "Whole process"),
            ("cpu_ns", "Whole process, processor time"),
        ):
            parts.append(f"**{title}**\n\n{tables.applications(outcome, measure)}")
        parts.append(f"**Archives**\n\n{tables.modules(outcome)}")
    if outcome.instructions:
        parts.append(f"**Instructions of the whole process**\n\n{tables.instructions(outcome)}")
    troubles = tables.troubles(outcome)
    parts.append(f"**Failures**\n\n{troubles}" if troubles else "No run failed.")
    return "\n\n".join(parts)


def page_of(outcome: Outcome) -> str:
    """The page of one interpreter."""
    parts = [
        f"# Performance on CPython {outcome.label.removeprefix('cpython-')}",
        "Written by `python -m benchmarks report`. What is measured, and how, is on [the page of all versions]"
        "(../performance.md).",
        f"## Targets\n\n{tables.targets(outcome)}",
        f"## Applications\n\n{_applications(outcome)}",
    ]
    if outcome.costs:
        parts.append(f"## One by one\n\n{tables.costs(outcome)}")
    return "\n\n".join(parts) + "\n"


def sections(directory: Path, outcomes: list[Outcome]) -> dict[str, str]:
    """{name of a marked part: its text}."""
    return {
        "versions": summary.conditions(outcomes) + "\n\n" + summary.by_version(outcomes),
        "targets": summary.targets(outcomes),
        "applications": summary.by_application(outcomes),
        "without": summary.without(outcomes) or "Nothing: every application ran with every contender on every version.",
        "steady": summary.steady(directory, [outcome.label for outcome in outcomes]),
        "reach": summary.reach(directory, [outcome.label for outcome in outcomes]),
        "snapshots": summary.snapshots(directory, [outcome.label for outcome in outcomes]),
        "phases": summary.phases(directory, [outcome.label for outcome in outcomes]),
        "tools": summary.tools_in_use(directory, [outcome.label for outcome in outcomes]),
        "cold": summary.from_disk(directory, [outcome.label for outcome in outcomes]),
    }


def fill(page: str, texts: dict[str, str]) -> str:
    """The page with every marked part written anew.  Raises ValueError when a marker is missing."""
    for name, text in texts.items():
        pattern = re.compile(rf"(<!-- {name}: begin[^>]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        found = pattern.search(page)
        if found is None:
            raise ValueError(f"{PAGE.name} has no part marked {name}")
        page = f"{page[: found.start()]}{found[1]}\n{text}\n\n{found[2]}{page[found.end() :]}"
    return page


def _place(label: str) -> tuple[bool, list[int]]:
    """By version, an interpreter of the system behind all others."""
    numbers = label.removeprefix("cpython-").removesuffix("-system").split(".")
    return label.endswith("-system"), [int(number) for number in numbers]


def _draw(kind: str, directory: Path, label: str) -> None:
    """Have a plot drawn by an interpreter that has what that needs."""
    python = sys.executable if importlib.util.find_spec("matplotlib") else str(report_python())
    image = IMAGES / f"{kind}-{label}.svg"
    command = [python, "-m", "benchmarks.plots", kind, str(directory), label, str(image)]
    subprocess.run(command, check=True, cwd=REPOSITORY)


def write(directory: Path) -> int:
    """Write page and plots from all results in ``directory``; 0, or 1 when there are none."""
    labels = sorted((path.stem for path in directory.glob("cpython-*.json")), key=_place)
    outcomes = [found for label in labels if (found := results.load(directory, label))]
    if not outcomes:
        print(f"benchmarks: no results in {directory}; run python -m benchmarks first", file=sys.stderr)
        return 1
    if directory != results.DIRECTORY:
        for outcome in outcomes:
            print(page_of(outcome))
        return 0
    PAGE.write_text(fill(PAGE.read_text(), sections(directory, outcomes)))
    PAGES.mkdir(exist_ok=True)
    for outcome in outcomes:
        (PAGES / f"{outcome.label}.md").write_text(page_of(outcome))
    for outcome in outcomes:
        if _has_plot(outcome):
            _draw("startup", directory, outcome.label)
        if explain.load(directory, outcome.label):
            _draw("phases", directory, outcome.label)
    print(f"wrote {PAGE.relative_to(REPOSITORY)} and {PAGES.relative_to(REPOSITORY)}", flush=True)
    return 0

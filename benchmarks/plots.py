"""The plots of one interpreter: ``python -m benchmarks.plots {startup|phases} RESULTS-DIRECTORY LABEL IMAGE``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import explain, results
from benchmarks.estimate import ratio
from benchmarks.results import Outcome

PANELS = (("import_ns", "import alone"), ("ready_ns", "start to imports done"), ("wall_ns", "whole process"))
STYLES = {
    "pycds": ("PyCDS", "#1f77b4", "o"),
    "oracle": ("oracle", "#2ca02c", "|"),
    "original": ("original", "#d62728", "x"),
}


def _panel(axes: Axes, outcome: Outcome, measure: str, title: str) -> None:
    apps = list(outcome.samples)
    for name, (label, colour, marker) in STYLES.items():
        rows, values, errors = [], [], []
        for row, app in enumerate(apps):
            by = outcome.samples[app]
            if name not in by or "plain" not in by:
                continue
            try:
                found = ratio(by[name][measure], by["plain"][measure])
            except ValueError:  # it failed in every round
                continue
            rows.append(row)
            values.append(found.value)
            errors.append((found.value - found.low, found.high - found.value))
        if rows:
            spans = [[low for low, _ in errors], [high for _, high in errors]]
            axes.errorbar(values, rows, xerr=spans, fmt=marker, color=colour, label=label, markersize=6, linewidth=1)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(apps)), apps)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.grid(axis="x", linewidth=0.4)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("time, plain Python = 1")


def _save(figure: Figure, image: Path) -> None:
    image.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(image, format="svg", metadata={"Date": None, "Creator": None})


def draw(outcome: Outcome, image: Path) -> None:
    """Write the plot as SVG; the same results give the same file."""
    figure = Figure(figsize=(10, 0.8 + 0.28 * len(outcome.samples)), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (measure, title) in zip(panels, PANELS, strict=True):
        _panel(axes, outcome, measure, title)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(STYLES), fontsize=8)
    _save(figure, image)


def draw_phases(found: explain.Found, image: Path) -> None:
    """A bar for each application and contender, made of its phases in the order of the clock, as SVG."""
    phases = explain.phases_of(found)
    colours = dict(zip(phases, matplotlib.colormaps["tab20"].colors, strict=False))
    rows = [(app, name) for app, by in found.items() for name in explain.CONTENDERS if name in by]
    figure = Figure(figsize=(10, 1.2 + 0.2 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for phase in phases:
        lefts = [sum(found[app][name].get(before, 0) for before in phases[: phases.index(phase)]) for app, name in rows]
        widths = [found[app][name].get(phase, 0) for app, name in rows]
        axes.barh(
            range(len(rows)),
            [width / 1e6 for width in widths],
            left=[left / 1e6 for left in lefts],
            color=colours[phase],
            label=phase,
            height=0.8,
        )
    axes.set_yticks(range(len(rows)), [f"{app}, {STYLES[name][0] if name in STYLES else name}" for app, name in rows])
    axes.invert_yaxis()
    axes.margins(y=0.005)
    axes.grid(axis="x", linewidth=0.4)
    axes.set_xlabel("milliseconds")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=8, fontsize=8)
    _save(figure, image)


def main() -> int:
    """The command.  0, or 1 when there are no samples."""
    kind, directory, label, image = sys.argv[1:]
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pycds", "font.size": 9})
    if kind == "phases":
        draw_phases(explain.load(Path(directory), label), Path(image))
        return 0
    outcome = results.load(Path(directory), label)
    if outcome is None or not outcome.samples:
        print(f"plots: no samples of {label}", file=sys.stderr)
        return 1
    draw(outcome, Path(image))
    return 0


if __name__ == "__main__":
    sys.exit(main())

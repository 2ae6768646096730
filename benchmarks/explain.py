"""What the time of an application goes into, by phase: plain, PyCDS, and the oracle, which is the limit.

What ``pycds bench --explain`` counts, with its clock.  The oracle's loading of code, which no run has to pay for, is
left out: the clock stands still meanwhile, and what passes is taken off again.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.catalogue import Application
from benchmarks.contenders import Contender
from benchmarks.environments import Bench, clean_environment
from benchmarks.process import Failed, Launch, run
from pycds.estimate import middle_half

CONTENDERS = ("plain", "pycds", "oracle")
Phases = dict[str, float]
"""Of one contender: nanoseconds by phase, which add up."""
Found = dict[str, dict[str, Phases]]
"""Phases by application and contender."""

READ = """\
import json, sys
from pycds._core import read_phases
json.dump(read_phases(sys.argv[1], *map(int, sys.argv[2:])), sys.stdout)
"""


def path_of(directory: Path, label: str) -> Path:
    """File of the results of the interpreter called ``label``."""
    return directory / f"explain-{label}.json"


def _observe(place: Bench, app: Application, contender: Contender) -> dict[str, int]:
    """One observed run.  Raises Failed."""
    figures = place.directory("logs") / "phases"
    figures.write_bytes(b"")
    launch = contender.launch(app)
    environment = {"PYCDSMODE": "MANUALLY", **launch.environment, "PYCDSPHASES": str(figures)}
    sample = run(Launch(launch.argv, environment), contender.errors)
    untimed = sample.report.get("untimed_wall_ns", 0)
    moments = (sample.begin_ns, sample.begin_ns + sample.wall_ns + untimed)
    command = [place.applications, "-I", "-c", READ, figures, *moments]  # not the sources here, which have no core
    done = subprocess.run([*map(str, command)], env=clean_environment(), capture_output=True, text=True)
    report = json.loads(done.stdout) if done.returncode == 0 else None
    if report is None:
        words = done.stderr.strip().splitlines() or ["the start-up hook did not run"]
        raise Failed(f"no phases: {words[-1]}")
    phases: dict[str, int] = report["nanoseconds"]
    phases["measurement"] -= untimed
    return phases


def measure(place: Bench, apps: Sequence[Application], able: Mapping[str, Sequence[Contender]], count: int) -> Found:
    """{application: {contender: phases}} of ``count`` rounds, in each of which each runs once, in random order."""
    runs: dict[str, dict[str, list[dict[str, int]]]] = {
        app.name: {contender.name: [] for contender in able[app.name]} for app in apps
    }
    for number in range(count):
        order = random.Random(number)
        for app in order.sample(list(apps), len(apps)):
            for contender in order.sample(list(able[app.name]), len(able[app.name])):
                try:
                    runs[app.name][contender.name].append(_observe(place, app, contender))
                except Failed as error:
                    print(f"  {contender.name}, {app.name}: {error}", flush=True)
        print(f"round {number + 1}/{count}", flush=True)
    return {app: {name: middle_half(of) for name, of in by.items() if of} for app, by in runs.items()}


def tables(found: Mapping[str, Mapping[str, Phases]]) -> str:
    """A table an application, in milliseconds; phases without any time are left out."""
    lines = []
    for app, by in found.items():
        names = [name for name in CONTENDERS if name in by]
        lines += ["", f"{app + ', ms':<16}" + "".join(f"{name:>10}" for name in names)]
        for phase in next(iter(by.values()), {}):
            if any(by[name][phase] for name in names):
                lines.append(f"{phase:<16}" + "".join(f"{by[name][phase] / 1e6:>10.2f}" for name in names))
        totals = (sum(by[name].values()) for name in names)
        lines.append(f"{'together':<16}" + "".join(f"{total / 1e6:>10.2f}" for total in totals))
    return "\n".join(lines)


def phases_of(found: Found) -> list[str]:
    """Those that took any time, in the order of the clock."""
    everything = [phases for by in found.values() for phases in by.values()]
    names = dict.fromkeys(name for phases in everything for name in phases)
    return [name for name in names if any(phases.get(name) for phases in everything)]


def shares(found: Found) -> dict[str, Phases]:
    """{contender: share of each phase} over all applications that each of them ran, the whole of plain being 1."""
    common = [by for by in found.values() if set(CONTENDERS) <= by.keys()]
    whole = sum(sum(by["plain"].values()) for by in common) or 1.0
    return {
        name: {phase: sum(by[name].get(phase, 0) for by in common) / whole for phase in phases_of(found)}
        for name in CONTENDERS
    }


def load(directory: Path, label: str) -> Found:
    """The saved results; none where there are none."""
    path = path_of(directory, label)
    return dict(json.loads(path.read_text())) if path.exists() else {}


def save(directory: Path, label: str, found: Mapping[str, Mapping[str, Phases]]) -> None:
    """Write the results."""
    directory.mkdir(parents=True, exist_ok=True)
    table: dict[str, Any] = {app: dict(by) for app, by in found.items()}
    path_of(directory, label).write_text(json.dumps(table, indent=1) + "\n")

"""What a run found, as one JSON file an interpreter."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from benchmarks.catalogue import HERE
from benchmarks.environments import Interpreter

DIRECTORY = HERE / "results"
Facts = dict[str, Any]


@dataclass
class Outcome:
    """Results of one interpreter.  Samples are in nanoseconds, one a round."""

    label: str
    version: str
    machine: str  # kind of machine, never its name
    quick: bool = False
    rounds: int = 0
    load: float = 0.0  # load average of the machine before the first round: above 1, others were at work
    missing: dict[str, str] = field(default_factory=dict)  # contender: why it could not be had at all
    not_installable: dict[str, str] = field(default_factory=dict)  # application: why
    facts: dict[str, dict[str, Facts]] = field(default_factory=dict)  # application: contender: facts
    unable: dict[str, dict[str, str]] = field(default_factory=dict)  # application: contender: why it cannot
    failures: dict[str, dict[str, str]] = field(default_factory=dict)  # application: contender: runs that failed
    samples: dict[str, dict[str, dict[str, list[int | None]]]] = field(default_factory=dict)
    costs: dict[str, Any] = field(default_factory=dict)
    instructions: dict[str, dict[str, int]] = field(default_factory=dict)  # application: contender: instructions

    @classmethod
    def new(cls, python: Interpreter) -> Outcome:
        machine = f"{os.cpu_count()}-core {platform.machine()}, {platform.system()}"
        return cls(python.label, python.version, machine)


def path_of(directory: Path, label: str) -> Path:
    """File of the interpreter called ``label``."""
    return directory / f"{label}.json"


def load(directory: Path, label: str) -> Outcome | None:
    """The saved results, None when there are none."""
    path = path_of(directory, label)
    if not path.exists():
        return None
    table = json.loads(path.read_text())
    known = {item.name for item in fields(Outcome)}
    return Outcome(**{key: value for key, value in table.items() if key in known})


def save(outcome: Outcome, directory: Path) -> None:
    """Write the results; the samples of one series on one line."""
    directory.mkdir(parents=True, exist_ok=True)
    table = asdict(outcome)
    samples = table.pop("samples")
    text = json.dumps(table, indent=1, sort_keys=True)[:-2]
    series = [
        f"  {json.dumps(app)}: {{\n"
        + ",\n".join(f"   {json.dumps(name)}: {json.dumps(values)}" for name, values in sorted(by.items()))
        + "\n  }"
        for app, by in samples.items()
    ]
    text += ',\n "samples": {\n' + ",\n".join(series) + "\n }\n}\n"
    partial = path_of(directory, outcome.label).with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path_of(directory, outcome.label))

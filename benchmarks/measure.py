"""Interleaved rounds: in each, every application runs once with every contender, in random order.

Each sample is written to a file at once, so that a run that was interrupted goes
on where it stopped, as long as what is measured is still the same.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.catalogue import Application
from benchmarks.contenders import Contender
from benchmarks.process import Failed, run

MEASURES = ("import_ns", "import_cpu_ns", "ready_ns", "wall_ns", "cpu_ns")
Key = tuple[int, str, str]  # round, application, contender


class Journal:
    """The samples so far: a line of JSON each, after a line that says what they belong to."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self.rows: dict[Key, dict[str, Any]] = {}
        head = json.dumps(identity, sort_keys=True)
        lines = path.read_text().splitlines() if path.exists() else []
        if lines and lines[0] == head:
            for line in lines[1:]:
                try:
                    row = json.loads(line)
                except ValueError:  # the line that was being written when a run was interrupted
                    continue
                self.rows[row["round"], row["app"], row["contender"]] = row
        else:
            path.write_text(head + "\n")
        self.file = path.open("a")

    def add(self, key: Key, values: Mapping[str, Any]) -> None:
        """Write one sample through to the file."""
        row = {"round": key[0], "app": key[1], "contender": key[2], **values}
        self.rows[key] = row
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()

    def finish(self) -> None:
        """The run is over: the next one begins anew."""
        self.file.close()
        self.path.replace(self.path.with_suffix(".finished"))


def pin(cpu: int | None) -> None:
    """Keep this process, and all it starts, on one processor."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


def rounds(
    journal: Journal,
    apps: Sequence[Application],
    able: Mapping[str, Sequence[Contender]],
    count: int,
    seconds: float,
    before: Callable[[Application, Contender], None] | None = None,
) -> int:
    """Measure up to ``count`` rounds within ``seconds``; the number of rounds that are complete.

    ``able`` has the contenders that can run each application.  ``before`` is called before each run.
    """
    begin = time.monotonic()
    times: list[float] = []
    for number in range(count):
        started = time.monotonic()
        if times and started - begin + max(times[-3:]) > seconds:
            return number
        order = random.Random(number)
        for app in order.sample(list(apps), len(apps)):
            for contender in order.sample(list(able[app.name]), len(able[app.name])):
                key = (number, app.name, contender.name)
                if key in journal.rows:
                    continue
                if before:
                    before(app, contender)
                try:
                    sample = run(contender.launch(app), contender.errors)
                    journal.add(key, {name: getattr(sample, name) for name in MEASURES})
                except Failed as error:
                    journal.add(key, {"failed": str(error)})
        times.append(time.monotonic() - started)
        print(f"round {number + 1}/{count}: {times[-1]:.1f} s", flush=True)
    return count


def collect(journal: Journal, complete: int) -> dict[str, dict[str, dict[str, list[int | None]]]]:
    """{application: {contender: {measure: [a value a round, None where the run failed]}}}."""
    table: dict[str, dict[str, dict[str, list[int | None]]]] = defaultdict(lambda: defaultdict(dict))
    for number, app, contender in journal.rows:
        for name in MEASURES:
            table[app][contender].setdefault(name, [None] * complete)
        if number < complete:
            row = journal.rows[number, app, contender]
            for name in MEASURES:
                table[app][contender][name][number] = row.get(name)
    return {app: dict(by) for app, by in table.items()}


def failures(journal: Journal) -> dict[str, dict[str, str]]:
    """{application: {contender: text}} of the runs that failed while measured."""
    last: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for (_, app, contender), row in journal.rows.items():
        if "failed" in row:
            last[app][contender].append(row["failed"])
    return {
        app: {name: f"{len(texts)} runs, the last: {texts[-1]}" for name, texts in by.items()}
        for app, by in last.items()
    }

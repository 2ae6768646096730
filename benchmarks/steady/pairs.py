"""A pair of processes that run the same benchmark and are timed by turns.

Others on the machine slow a processor down for seconds at a time.  Timings of a few hundredths of a second that
alternate between the two processes meet the same conditions; two processes one after the other do not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from benchmarks.process import Failed, Launch

TURNS = 13  # timings of each process
FEWER_TURNS = 7  # where one takes longer than a twentieth of a second
LONG = 5 * 10**10  # picoseconds


class Side:
    """A process of ``probes/steady.py``: a word to its standard input, a line from its standard output."""

    def __init__(self, launch: Launch, errors: Path) -> None:
        self.errors = errors
        with errors.open("w") as file:
            self.process = subprocess.Popen(
                launch.argv,
                env=launch.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                bufsize=1,
            )

    def __enter__(self) -> Side:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()

    def ask(self, word: str) -> str:
        """The line that answers ``word``.  Raises Failed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(word + "\n")
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            words = self.errors.read_text(errors="replace").strip().splitlines()
            raise Failed(f"a process ended with {self.process.wait()}: {words[-1] if words else 'no word'}")
        return line.strip()


def alternate(launches: Mapping[str, Launch], errors: Mapping[str, Path]) -> dict[str, dict[str, list[int]]]:
    """{benchmark: {kind: [picoseconds a loop]}} of one process of each kind, which take turns.  Raises Failed."""
    (first, one), (second, other) = launches.items()
    found: dict[str, dict[str, list[int]]] = {}
    with Side(one, errors[first]) as a, Side(other, errors[second]) as b:
        sides = {first: a, second: b}
        labels = {kind: side.ask("labels") for kind, side in sides.items()}
        for label in labels[first].split():
            loops = a.ask(f"warm {label} 0")
            b.ask(f"warm {label} {loops}")
            times: dict[str, list[int]] = {first: [], second: []}
            turns = FEWER_TURNS if int(b.ask(f"time {label} 1")) > LONG else TURNS
            for turn in range(turns):
                for kind in (first, second) if turn % 2 else (second, first):
                    times[kind].append(int(sides[kind].ask(f"time {label} {loops}")))
            found[label] = times
    return found

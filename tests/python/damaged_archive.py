"""Serves a small program from copies of its archive that are damaged one after the other, within one process.

A script for test_damage.py: ``damaged_archive.py ARCHIVE COPY PROGRESS < positions`` where a line of stdin is
``flip POSITION MASK``, ``truncate SIZE``, ``flip-in-use POSITION MASK`` or ``truncate-in-use SIZE``.  Before each, its
line is written to PROGRESS, so that whoever finds this process dead knows what killed it.  The report is JSON on
stdout: what went wrong, and how often each outcome was seen.
"""

from __future__ import annotations

import collections
import json
import os
import sys

from damaged_program import MODULES, forget, load, result
from pycds._core import Finder, Refusal

REASONS = {"empty", "truncated", "foreign", "format-version", "interpreter", "flags", "damaged", "unsupported"}
"""Why an archive may be refused that was one before it was damaged."""


class Trial:
    """The program with one archive after the other; ``problems`` names what must not be."""

    def __init__(self, archive: str, copy: str) -> None:
        with open(archive, "rb") as file:
            self.whole = file.read()
        self.copy = copy
        with open(copy, "wb") as file:
            file.write(self.whole)
        self.descriptor = os.open(copy, os.O_RDWR)
        forget()
        self.codes = load()
        self.result = result()
        self.problems: list[str] = []
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.undetected: list[str] = []

    def run(self, what: str, damage: str, number: int, mask: int) -> None:
        """Damage the copy, serve the program from it, and mend it."""
        in_use = damage.endswith("-in-use")
        try:
            if not in_use:
                self.damage(damage, number, mask)
            finder = Finder(self.copy)
            if in_use:
                self.damage(damage, number, mask)
            self.serve(what, finder)
        except Refusal as refusal:
            self.outcomes[refusal.reason] += 1
            if refusal.reason not in REASONS or self.copy not in refusal.message:
                self.problems.append(f"{what}: refused: {refusal.reason} {refusal.message}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it names the damage
            self.problems.append(f"{what}: {error!r}")
        finally:
            self.mend(damage, number)

    def damage(self, damage: str, number: int, mask: int) -> None:
        if damage.startswith("flip"):
            os.pwrite(self.descriptor, bytes([self.whole[number] ^ mask]), number)
        else:
            os.ftruncate(self.descriptor, number)

    def mend(self, damage: str, number: int) -> None:
        last = number + 1 if damage.startswith("flip") else len(self.whole)
        os.pwrite(self.descriptor, self.whole[number:last], number)

    def serve(self, what: str, finder: Finder) -> None:
        forget()
        sys.meta_path.insert(0, finder)
        try:
            codes = load()
        finally:
            sys.meta_path.remove(finder)
        for name in MODULES:
            if codes[name] != self.codes[name]:
                self.problems.append(f"{what}: {name} has other code")
        if result() != self.result:
            self.problems.append(f"{what}: another result: {result()}")
        statistics = finder.statistics()
        if statistics["hits"] == len(MODULES):
            self.outcomes["served in full"] += 1
            self.undetected.append(what)
        else:
            self.outcomes["some missed"] += 1
        counted = {*statistics["served"], *statistics["unarchived"], *(name for name, _ in statistics["missed"])}
        if not counted.issuperset(MODULES):
            self.problems.append(f"{what}: not counted: {set(MODULES) - counted}")


def main(archive: str, copy: str, progress: str) -> None:
    trial = Trial(archive, copy)
    done = os.open(progress, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    count = 0
    for line in sys.stdin:
        os.pwrite(done, line.strip().encode().ljust(60) + b"\n", 0)
        damage, number, *mask = line.split()
        trial.run(line.strip(), damage, int(number), int(*mask) if mask else 0)
        count += 1
    json.dump(
        {"count": count, "problems": trial.problems[:20], "outcomes": trial.outcomes, "undetected": trial.undetected},
        sys.stdout,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The runs that a report is made of: undisturbed, observed, and telling their imports, in turn."""

from __future__ import annotations

import glob
import json
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from pycds import pairs
from pycds.errors import PROBLEMS_FOUND, PycdsError
from pycds.program import Program
from pycds.report import importtime

TELLING = "telling "
"""And a contender: the runs with ``-X importtime``."""


class Measured(NamedTuple):
    """By contender, as in ``pycds.pairs``."""

    rounds: List[pairs.Round]
    told: Dict[str, importtime.Imports]  # of the median run
    statistics: Optional[Dict[str, Any]]  # of a served run; None where it left none


class Recorder(pairs.Benchmark):
    """A program, its archive, and what its runs have told of their imports."""

    def __init__(self, what: Program, archive: str, directory: str) -> None:
        super().__init__(what, archive, directory)
        own = len(self.command) - len(what.command)
        telling = Program([*what.flags, "-X", "importtime"], what.kind, what.target, what.arguments)
        self._telling = [*self.command[:own], *telling.command]
        self._left = os.path.join(directory, "statistics-")
        self._told: Dict[str, List[importtime.Imports]] = {name: [] for name in pairs.CONTENDERS}

    def tell(self, contender: str) -> pairs.Sample:
        """Run it once with ``-X importtime``; a run by itself, since each line costs time."""
        sample = self._run(self._telling, self.environment(contender))
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            self._told[contender].append(importtime.parse(file.read()))
        return sample

    def measure_all(self, most: int, seconds: float, progress: Callable[[], None]) -> Measured:
        """Up to ``most`` rounds, none begun after ``seconds``.  Raises PycdsError where no import is told."""
        rounds = pairs.rounds(self, most, seconds, True, progress, {TELLING: self.tell})
        told = {name: median_of(self._told[name]) for name in pairs.CONTENDERS}
        if not all(imports.roots for imports in told.values()):
            raise PycdsError("no imports were told; see what `python -X importtime` does", PROBLEMS_FOUND)
        return Measured(rounds, told, self._statistics())

    def _statistics(self) -> Optional[Dict[str, Any]]:
        environ = {**self.environment("pycds"), "PYCDSSTATS": self._left + "%p.json"}
        self._run(self.command, environ)
        paths = sorted(glob.glob(glob.escape(self._left) + "*.json"), key=os.path.getmtime)
        if not paths:
            return None
        with open(paths[-1], encoding="utf-8") as file:  # children end before the program does
            found: Dict[str, Any] = json.load(file)
        return found


def median_of(told: List[importtime.Imports]) -> importtime.Imports:
    """Those that took the median of the time, the shorter ones of two."""
    return sorted(told, key=lambda imports: imports.total_us)[(len(told) - 1) // 2]

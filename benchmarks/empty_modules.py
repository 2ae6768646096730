"""What finding and serving a module costs by itself: 1,000 modules whose source is empty, under each validation."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.environments import Bench, clean_environment, idle_environments
from benchmarks.process import Launch, run

COUNT = 1000
PACKAGES = 20
VALIDATIONS = ("digest", "exact", "sealed")

PROGRAM = """\
import os
from time import perf_counter_ns, process_time_ns
begin, processor = perf_counter_ns(), process_time_ns()
{imports}
elapsed, processor = perf_counter_ns() - begin, process_time_ns() - processor
os.write(int(os.environ["BENCH_CLOCK_FD"]), f"wall_ns {{elapsed}}\\ncpu_ns {{processor}}\\n".encode())
"""


class Tree:
    """Empty modules in a place of their own, a program that imports them all, and its archive."""

    def __init__(self, place: Bench, python: Path, kind: str) -> None:
        self.directory = place.root / f"empty-{kind}"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.python = python
        self.errors = place.directory("logs") / f"empty-{kind}.txt"
        self.archive = self.directory / "empty.img"
        self.program = self.directory / "program.py"

    def write(self, names: list[str], modules: Path) -> None:
        """The modules below a directory, and the program."""
        for name in names:
            file = modules / f"{name.replace('.', '/')}.py"
            if "." in name:
                file.parent.mkdir(parents=True, exist_ok=True)
                (file.parent / "__init__.py").touch()
            modules.mkdir(exist_ok=True)
            file.touch()
        self.program.write_text(PROGRAM.format(imports="\n".join(f"import {name}" for name in names)))

    def launch(self, way: str, **environment: str) -> Launch:
        """The program as it is run in one way: plain, or a validation."""
        if way != "plain":
            served = {
                "PYCDSMODE": "SHARE",
                "PYCDSARCHIVE": str(self.archive),
                "PYCDSPOLICY": "on",
                "PYCDSVALIDATION": way,
            }
            environment = {**environment, **served}
        return Launch([str(self.python), str(self.program)], clean_environment(**environment, **self.path))

    @property
    def path(self) -> dict[str, str]:
        modules = self.directory / "modules"
        return {"PYTHONPATH": str(modules)} if modules.exists() else {}

    def prepare(self) -> None:
        """Bytecode, trace, archive."""
        listing = self.directory / "empty.lst"
        run(self.launch("plain"), self.errors)
        run(self.launch("plain", PYCDSMODE="TRACE", PYCDSLIST=str(listing)), self.errors)
        dump = [str(self.python), "-m", "cds.dump", str(listing), str(self.archive)]
        subprocess.run(dump, env=clean_environment(**self.path), check=True, capture_output=True, cwd=self.directory)


def measure(place: Bench, wheel: Path | None, rounds: int) -> dict[str, Any]:
    """{where the modules lie: {way: {"wall_ns", "cpu_ns": series}}}, all ways by turns."""
    _, python = idle_environments(place, wheel)
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    installed = Path(subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip())
    packages = [f"empty_package_{number}" for number in range(PACKAGES)]
    trees = {f"{PACKAGES} packages of {COUNT // PACKAGES} in `site-packages`": Tree(place, python, "installed")}
    trees[f"{COUNT:,} in a directory of `PYTHONPATH`"] = Tree(place, python, "path")
    first, second = trees.values()
    try:
        first.write([f"{packages[number % PACKAGES]}.module_{number}" for number in range(COUNT)], installed)
        second.write([f"module_{number}" for number in range(COUNT)], second.directory / "modules")
        for tree in trees.values():
            tree.prepare()
        table: dict[str, Any] = {name: {way: defaultdict(list) for way in ("plain", *VALIDATIONS)} for name in trees}
        jobs = [(name, way) for name in trees for way in ("plain", *VALIDATIONS)]
        for number in range(rounds):
            for name, way in random.Random(number).sample(jobs, len(jobs)):
                for key, value in run(trees[name].launch(way), trees[name].errors).report.items():
                    table[name][way][key].append(value)
        return table
    finally:
        for package in packages:
            shutil.rmtree(installed / package, ignore_errors=True)

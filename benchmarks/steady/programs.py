"""The benchmarks of pyperformance that are run, and where their sources come from."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import Bench, pip

PYPERFORMANCE = "pyperformance==1.14.0"
DJANGO = {(3, 8): "django==4.2.16", (3, 9): "django==4.2.16"}  # the last that these versions can have
NEWER_DJANGO = "django==5.2.19"


@dataclass(frozen=True)
class Program:
    """A benchmark: its directory in pyperformance, its arguments."""

    name: str
    arguments: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The name that its file is imported under."""
        return f"bm_{self.name}"


PROGRAMS = (
    Program("chaos", ("--iterations", "500")),
    Program("deltablue"),
    Program("django_template", ("--table-size", "50")),
    Program("float"),
    Program("generators"),
    Program("go"),
    Program("json_dumps"),
    Program("logging"),
    Program("nbody", ("--iterations", "2000")),
    Program("pickle", ("--pure-python", "pickle")),
    Program("raytrace", ("--width", "20", "--height", "20")),
    Program("richards"),
)


def sources(bench: Bench) -> Path:
    """A directory with each benchmark as a module; unpacked from pyperformance's wheel when missing.

    Not installed: older interpreters than pyperformance itself supports can run its benchmarks.
    """
    directory = bench.directory("steady")
    if all((directory / f"{program.module}.py").exists() for program in PROGRAMS):
        return directory
    download = bench.directory("pyperformance")
    pip(
        bench,
        bench.python.executable,
        "download",
        "--no-deps",
        "--python-version",
        "3.12",
        "-d",
        download,
        PYPERFORMANCE,
    )
    with zipfile.ZipFile(next(download.glob("pyperformance-*.whl"))) as wheel:
        for program in PROGRAMS:
            place = f"pyperformance/data-files/benchmarks/{program.module}/run_benchmark.py"
            with wheel.open(place) as source, (directory / f"{program.module}.py").open("wb") as target:
                shutil.copyfileobj(source, target)
    return directory


def django_for(version: str) -> str:
    """The requirement of the one benchmark that needs more than the standard library."""
    major, minor = version.split(".")[:2]
    return DJANGO.get((int(major), int(minor)), NEWER_DJANGO)

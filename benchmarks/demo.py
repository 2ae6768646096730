"""What PyCDS brings to two real programs: trace, dump, then starts in interleaved pairs, and a table.

``./dev demo`` runs this with the interpreter of a fresh environment that has the wheel of PyCDS, boto3
and the AWS command line.  Nothing here needs the network or credentials.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PAIRS = 20
"""Pairs of starts measured of each program, after one that is not."""

BOTO3_PROGRAM = """\
import boto3

client = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="none", aws_secret_access_key="none")
print(client.meta.service_model.service_name, len(client.meta.service_model.operation_names), "operations")
"""


class DemoFailed(Exception):
    """A step did not do what it should; ``str()`` says which."""


@dataclass
class Program:
    """A program to start: how, and what its starts took."""

    name: str
    command: list[str]
    directory: Path
    plain: list[float] = field(default_factory=list)  # seconds
    served: list[float] = field(default_factory=list)  # seconds, with the archive
    modules: int = 0
    misses: int = 0

    @property
    def trace_list(self) -> Path:
        return self.directory / f"{self.name}.lst"

    @property
    def archive(self) -> Path:
        return self.directory / f"{self.name}.pycds"


def environment(**extra: str) -> dict[str, str]:
    """This process's environment, with PyCDS switched as ``extra`` says and AWS kept off the network."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYCDS", "AWS_"))}
    return {**plain, "AWS_EC2_METADATA_DISABLED": "true", **extra}


def run(command: list[str], **extra: str) -> str:
    """Run to the end, pass on its stderr, return what it printed.  Raises DemoFailed unless it ended with 0."""
    done = subprocess.run(command, env=environment(**extra), capture_output=True, text=True)
    if done.returncode != 0:
        raise DemoFailed(
            f"{shlex.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    sys.stdout.write(done.stderr)
    return done.stdout


def shown(command: list[str], **extra: str) -> str:
    """As ``run``, after showing what is run as one would type it."""
    settings = " ".join(f"{name}={relative(value)}" for name, value in extra.items())
    print(f"$ {settings}{' ' if settings else ''}{shlex.join(relative(word) for word in command)}", flush=True)
    return run(command, **extra)


def relative(word: str) -> str:
    return os.path.relpath(word) if word.startswith(os.getcwd() + os.sep) else word


def prepare(program: Program) -> None:
    """Trace and dump; then one start of each kind, whose outputs must be equal and the second one served."""
    pycds = str(Path(sys.executable).parent / "pycds")
    expected = run(program.command)
    shown([pycds, "trace", str(program.trace_list), "--", *program.command[1:]])
    shown([pycds, "dump", str(program.trace_list), str(program.archive)])
    stats = program.directory / f"{program.name}.json"
    got = shown(program.command, PYCDSMODE="SHARE", PYCDSARCHIVE=str(program.archive), PYCDSSTATS=str(stats))
    if got != expected:
        raise DemoFailed(f"{program.name}: printed {got!r} with the archive, {expected!r} without")
    counted = json.loads(stats.read_text())
    program.modules = counted["hits"]
    program.misses = sum(counted["misses"].values())
    if not program.modules:
        raise DemoFailed(f"{program.name}: no module was served from {program.archive}")
    print(f"{program.modules} modules served from the archive, {program.misses} imported as always\n")


def start(program: Program, **extra: str) -> float:
    """Seconds from spawning the program to its end."""
    env = environment(**extra)
    begin = time.perf_counter()
    subprocess.run(program.command, env=env, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def measure(program: Program) -> None:
    """Starts in pairs, next to each other in time, the first of the two alternating."""
    for pair in range(PAIRS):
        for served in (pair % 2 == 0, pair % 2 == 1):
            if served:
                program.served.append(start(program, PYCDSMODE="SHARE", PYCDSARCHIVE=str(program.archive)))
            else:
                program.plain.append(start(program))


def spread(values: list[float], unit: str, scale: float, digits: int) -> str:
    """Median and quartiles as text."""
    low, middle, high = (scale * value for value in statistics.quantiles(values, n=4, method="inclusive"))
    return f"{middle:.{digits}f}{unit} ({low:.{digits}f}–{high:.{digits}f})"


def table(programs: list[Program]) -> None:
    from rich.console import Console
    from rich.table import Table

    view = Table(title=f"Whole process, {PAIRS} interleaved pairs: median (quartiles)", title_justify="left")
    for column in ("program", "modules served", "plain Python", "PyCDS", "times faster"):
        view.add_column(column, justify="left" if column == "program" else "right", no_wrap=True)
    for program in programs:
        ratios = [plain / served for plain, served in zip(program.plain, program.served, strict=True)]
        view.add_row(
            program.name,
            str(program.modules),
            spread(program.plain, " ms", 1000, 0),
            spread(program.served, " ms", 1000, 0),
            spread(ratios, "", 1, 2),
        )
    Console(width=None if sys.stdout.isatty() else 110).print(view)


def main(arguments: list[str]) -> int:
    """``demo.py DIRECTORY``: keep trace lists and archives there; 0, or 1 with one line when a step failed."""
    if len(arguments) != 1:
        print("usage: demo.py DIRECTORY", file=sys.stderr)
        return 2
    directory = Path(arguments[0]).resolve()
    script = directory / "s3_client.py"
    script.write_text(BOTO3_PROGRAM)
    aws = Path(sys.executable).parent / "aws"
    programs = [
        Program("boto3", [sys.executable, str(script)], directory),
        Program("aws", [sys.executable, str(aws), "--version"], directory),
    ]
    try:
        for program in programs:
            prepare(program)
        for program in programs:
            print(f"starting {program.name} {2 * PAIRS} times ...", flush=True)
            measure(program)
    except (DemoFailed, subprocess.CalledProcessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print()
    table(programs)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

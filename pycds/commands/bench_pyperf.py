"""What ``pycds bench --pyperf`` writes: the runs as pyperf's benchmark suite, which its commands read.

The format is pyperf's own, version 1.0 (https://pyperf.readthedocs.io, "pyperf JSON format"); all of pyperf 1 and 2
read it.  It is written here because nobody should need pyperf to measure a start.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import sys
import time
from typing import Any, Dict, List

from pycds import __version__, pairs
from pycds._startup import printable
from pycds.commands import bench_result

VERSION = "1.0"

TITLES = {"plain": "plain", "pycds": "PyCDS"}


def write(path: str, result: Dict[str, Any], rounds: List[pairs.Round]) -> None:
    """Compressed where pyperf would expect it.  Raises PycdsError."""
    text = json.dumps(to_suite(result, rounds), indent=1) + "\n"
    bench_result.write(path, text, compressed=path.endswith(".gz"))


def to_suite(result: Dict[str, Any], rounds: List[pairs.Round]) -> Dict[str, Any]:
    """Two benchmarks, of which a run is one process with its time.

    Their names say the program and the contender, so that ``pyperf compare_to`` finds in two files what belongs
    together.
    """
    command = _printable_words(result["program"])
    benchmarks = [
        {
            "metadata": _told(
                name=f"{command} ({TITLES[contender]})",
                exit_codes=", ".join(map(str, result["codes"][contender])),
                archive=printable(result["archive"]) if contender == "pycds" else "",
            ),
            "runs": [_run(round_[contender]) for round_ in rounds],
        }
        for contender in pairs.CONTENDERS
    ]
    return {"version": VERSION, "metadata": _of_all(command), "benchmarks": benchmarks}


def _printable_words(words: List[str]) -> str:
    """One line: pyperf refuses a file with another."""
    return printable(" ".join(map(shlex.quote, words)))


def _of_all(command: str) -> Dict[str, Any]:
    """Under the names that pyperf gives them, as far as it has one."""
    clock = time.get_clock_info("monotonic")
    return _told(
        unit="second",
        loops=1,
        command=command,
        timer=f"{clock.implementation}, resolution: {clock.resolution * 1e9:.2f} ns",
        pycds_version=__version__,
        python_executable=printable(sys.executable),
        python_implementation=sys.implementation.name,
        python_version=f"{platform.python_version()} (64-bit)",  # there is no archive for any other
        platform=platform.platform(aliased=True),
        hostname=printable(platform.node()),
        cpu_count=os.cpu_count() or 0,
    )


def _told(**metadata: Any) -> Dict[str, Any]:
    """Without what is not known: pyperf takes no empty text."""
    return {name: value for name, value in metadata.items() if value}


def _run(sample: pairs.Sample) -> Dict[str, Any]:
    began = (time.time_ns() - time.monotonic_ns() + sample.start_ns) / 1e9
    # In local time without a zone, as pyperf has it; what is added to such a file later is compared with it.
    date = datetime.datetime.fromtimestamp(began).isoformat(sep=" ", timespec="microseconds")
    return {"metadata": {"date": date}, "values": [sample.wall_ns / 1e9]}

"""Starts from the disk: before each run, what the run may read is dropped from memory, file by file.

What stays in memory is what the system keeps of names and inodes, and shared libraries that other processes use; both
stay for every contender alike.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.catalogue import PROGRAMS, Application
from benchmarks.contenders import Contender, Shared
from benchmarks.environments import Bench, SetupError

MEASURES = ("import_ns", "ready_ns", "wall_ns")


def path_of(directory: Path, label: str) -> Path:
    """File of the results of the interpreter called ``label``."""
    return directory / f"cold-{label}.json"


def forget(path: str) -> None:
    """Drop a file from memory.  One that is not there, or that nobody may read, is passed over."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def is_forgotten(path: Path) -> bool:
    """Whether the beginning of a file would have to be read from the disk; to ask makes the system read it.

    Raises OSError: no such file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@cache
def _files(directory: Path) -> tuple[str, ...]:
    return tuple(os.path.join(place, name) for place, _, names in os.walk(directory) for name in names)


class Forgetting:
    """Called before each run."""

    def __init__(self, place: Bench) -> None:
        self.library = Path(os.path.realpath(place.python.executable)).parent.parent / "lib"
        self.place = place

    def check(self, archive: Path) -> None:
        """Raises SetupError where files cannot be dropped from memory: on a file system that is memory."""
        forget(str(archive))
        if not is_forgotten(archive):
            raise SetupError(f"{archive} stays in memory, so that no start from the disk can be measured here")

    def __call__(self, app: Application, contender: Contender) -> None:
        python = Path(contender.launch(app).argv[0])
        for directory in (self.library, python.parent.parent, PROGRAMS):
            for path in _files(directory):
                forget(path)
        if isinstance(contender, Shared):
            forget(str(contender.paths(app)[1]))


def save(
    directory: Path, label: str, rounds: int, samples: Mapping[str, Mapping[str, Mapping[str, Sequence[int | None]]]]
) -> None:
    """Write the samples of MEASURES."""
    table: dict[str, Any] = {
        app: {name: {measure: series[measure] for measure in MEASURES} for name, series in by.items()}
        for app, by in samples.items()
    }
    directory.mkdir(parents=True, exist_ok=True)
    path_of(directory, label).write_text(json.dumps({"rounds": rounds, "samples": table}) + "\n")

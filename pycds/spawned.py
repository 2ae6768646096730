"""Python processes that a program starts with a text of a library's (``-c``): known by that text and by the program.

What ``multiprocessing`` spawns (and with it ``concurrent.futures``, uvicorn and Dask), its fork server, and the workers
of execnet (pytest-xdist) are given all that they do through a pipe.  Which program they belong to, the system tells.
"""

import os

from pycds import _startup, enabled, program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

_MOST_PARENTS = 8


def worker(command: "List[str]") -> "Optional[program.Program]":
    """The program of such a process, as the part of the one that has started it; None where that is not known."""
    own = _code(command)
    if own is None:
        return None
    process, words = os.getppid(), command
    for _ in range(_MOST_PARENTS):  # a worker's workers are the program's
        if not _is_this_interpreter(process):
            return None
        words = _read(f"/proc/{process}/cmdline").split("\0")[:-1]
        if _code(words) is None:
            break
        process = int(_read(f"/proc/{process}/stat").rpartition(")")[2].split()[1])
    parent = program.running(words[1:])
    if parent is None or _startup.is_pycds(words):
        return None
    if parent.kind == "script":
        parent.target = os.path.join(os.readlink(f"/proc/{process}/cwd"), parent.target)
    return program.Program(own.flags, parent.kind, parent.target, [], is_worker=True)


def _code(command: "List[str]") -> "Optional[program.Program]":
    """What an interpreter runs if it is one of these texts."""
    what = program.take_apart(command[1:])
    return what if what is not None and what.kind == "code" and what.target.startswith(enabled.SPAWNED) else None


def _is_this_interpreter(process: int) -> bool:
    """Whether a process runs the same binary, and may be looked at: another's command line would be read wrongly."""
    return os.readlink(f"/proc/{process}/exe") == os.readlink("/proc/self/exe")


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return os.fsdecode(file.read())

"""Part files: how several processes write one trace list and lose nothing.

Each process appends a line for every module, as soon as it is known, to a part file of its own beside the list:
``LIST.<start>-<pid>.part``.  A process that ends in the ordinary way merges the parts into the list, atomically and
under a lock on the directory; one that is killed leaves its part to whoever reads the list next.  A part of a process
that still runs is read and left alone.  A process that is about to end says so by the name of its part,
``LIST.<start>-<pid>.ended.part``, before it looks at the others: of two that end together at least one sees that of the
other.
"""

import os

from pycds import trace_list
from pycds.trace_list import TracedModule, TraceList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, NamedTuple, Optional

    class Part(NamedTuple):
        """A part file: nanoseconds since the epoch at which its process began to trace, its pid, its path."""

        start: int
        pid: int
        path: str


_SUFFIX = ".part"
_ENDED = ".ended.part"


def part_path(list_path: str, start: int, pid: int) -> str:
    """The part file of a process."""
    return f"{list_path}.{start:016x}-{pid}{_SUFFIX}"


def append(path: str, text: str) -> None:
    """Add whole lines to a part file.  The descriptor is not kept: the program may close every one it finds."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.write(descriptor, trace_list.encode(text))
    finally:
        os.close(descriptor)


def parts(list_path: str) -> "List[Part]":
    """The part files of a list, the earliest process first."""
    directory, name = os.path.split(os.path.abspath(list_path))
    found = []
    for file in os.listdir(directory):
        if file.startswith(name + ".") and file.endswith(_SUFFIX):
            suffix = _ENDED if file.endswith(_ENDED) else _SUFFIX
            start, dash, pid = file[len(name) + 1 : -len(suffix)].partition("-")
            if dash and pid.isdigit() and len(start) == 16:
                try:
                    found.append((int(start, 16), int(pid), os.path.join(directory, file)))
                except ValueError:
                    continue
    return sorted(found)  # type: ignore[arg-type]


def is_running(pid: int) -> bool:
    """Whether a process exists and is not merely waiting to be reaped."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # there is no process of such a number
        return False
    except OSError:  # not ours
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return True


def merge(list_path: str, own: "Optional[str]" = None) -> TraceList:
    """Merge the parts of processes that have ended (and ``own``) into the list, and give the whole.

    The parts of running processes are in what is returned, not in the file.  Raises OSError when the list cannot
    be written.
    """
    list_path = os.path.abspath(list_path)
    with DirectoryLock(os.path.dirname(list_path)):
        ended: List[str] = []
        running: List[str] = []
        for _start, pid, path in parts(list_path):
            # A part of this very process is that of a subinterpreter that has ended, or of a pid used again.
            done = path == own or pid == os.getpid() or not _is_written(pid, path)
            (ended if done else running).append(path)
        trace = read_file(list_path)
        if ended:
            take_up(trace, [_read_part(path) for path in ended])
            write_file(list_path, trace)
            for path in ended:
                os.unlink(path)
        take_up(trace, [_read_part(path) for path in running])
    return trace


def merge_at_exit(list_path: str, own: str) -> None:
    """Merge, unless an earlier process still traces into the list: it will merge, in order of first use."""
    ended = own[: -len(_SUFFIX)] + _ENDED
    with DirectoryLock(os.path.dirname(os.path.abspath(list_path))):  # whoever has it may be reading this very part
        try:
            os.rename(own, ended)
        except OSError:  # a directory that we may no longer write to
            ended = own
    for _start, pid, path in parts(list_path):
        if path == ended:
            break
        if _is_written(pid, path):
            return
    merge(list_path, ended)


def leave(own: str) -> None:
    """Say that a part is complete, if that can be said at once, and leave it to whoever reads the list."""
    with DirectoryLock(os.path.dirname(os.path.abspath(own)), wait=False) as is_locked:
        if is_locked:
            os.rename(own, own[: -len(_SUFFIX)] + _ENDED)


def abandoned(list_path: str) -> int:
    """How many parts of a list are of processes that have ended, and have not been merged."""
    return sum(not _is_written(pid, path) for _start, pid, path in parts(list_path))


def _is_written(pid: int, path: str) -> bool:
    """Whether a part may still grow."""
    return not path.endswith(_ENDED) and is_running(pid)


def load(list_path: str) -> TraceList:
    """Read a list together with the parts that its processes left.

    Raises OSError when there is neither.
    """
    found = parts(list_path)
    if not found:
        os.stat(list_path)  # a list that does not exist is an error here
        return read_file(list_path)
    try:
        return merge(list_path)
    except OSError:  # a directory that we may not write to
        trace = read_file(list_path)
        take_up(trace, [_read_part(path) for _start, _pid, path in found])
        return trace


def read_file(list_path: str) -> TraceList:
    """Read the list's own file; one that does not exist is an empty list."""
    try:
        with open(list_path, "rb") as file:
            return trace_list.parse(file.read(), list_path)
    except FileNotFoundError:
        return TraceList()


def write_file(list_path: str, trace: TraceList) -> None:
    """Replace the list in one step.  Raises OSError; the list is then as it was."""
    temporary = f"{list_path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(trace_list.encode(trace_list.format_list(trace)))
        os.replace(temporary, list_path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


def take_up(trace: TraceList, newer: "List[TraceList]") -> None:
    """Add the modules, the path and the directives of parts, the earliest process first, to a list."""
    modules: List[TracedModule] = []
    path: List[str] = []
    for part in newer:
        modules += part.modules.values()
        path += part.path
        trace.regexes.update(part.regexes)
        trace.codes.update(part.codes)
        trace.scripts.update(part.scripts)
        trace.absent.update(part.absent)
        trace.warnings += part.warnings
        if part.directives:
            trace.directives.update(part.directives)
    seen = set()
    for module in sorted(modules, key=_first_use):
        if module.name not in seen:
            seen.add(module.name)
            trace.add(TracedModule(*module.fields()))  # type: ignore[arg-type]
    trace.put_path_first(path)


def _first_use(module: TracedModule) -> int:
    return module.first_use


def _read_part(path: str) -> TraceList:
    """A part's lines; the last one may be cut short where a process was killed."""
    with open(path, "rb") as file:
        data = file.read()
    return trace_list.parse(data[: data.rfind(b"\n") + 1], path)


class DirectoryLock:
    """Keeps other processes from changing what is in a directory, where a change is made of what was read there.

    The directory itself is locked, so that no lock file stays behind; where that is impossible (some network file
    systems) there is no lock, and the worst that can happen is that the change of another process is lost.
    """

    def __init__(self, directory: str, wait: bool = True) -> None:
        self._directory = directory
        self._wait = wait
        self._descriptor = -1

    def __enter__(self) -> bool:
        """Whether it is locked."""
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock

            self._descriptor = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
            flock(self._descriptor, LOCK_EX if self._wait else LOCK_EX | LOCK_NB)
        except OSError:
            return False
        return True

    def __exit__(self, *exc: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

"""Archives made in the background: by a process of their own, when a program of an enabled environment has ended.

It waits for its turn (one at a time for each user's store), works when nothing else wants the processor, is limited in
time and in what it takes of the disk, says nothing, and leaves a line in ``background.log``.  Where it failed, it is
not tried again for a day.

``obstacle`` and ``start`` are called by programs, ``main`` is the process.
"""

import os
import sys

from pycds import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Sequence

LOG = "background.log"
"""In the store: what was made, and what failed, the newest last."""

_LOCK = "background.lock"
_LINES_OF_LOG = 200
_REST_SECONDS = 60
"""So long an archive is not made anew: a program may write modules of its own in each run."""

_REST_AFTER_FAILURE_SECONDS = 24 * 3600
_PROCESSOR_SECONDS = 300
_SECONDS = 1800
"""With waiting for its turn."""

_LEAST_FREE_BYTES = 512 << 20
_WORDS_FOR_NO = ("", "0", "false", "no", "off")


def obstacle(archive: str) -> "Optional[str]":
    """Why nothing is made here, in one line; None where nothing is against it."""
    if os.environ.get("CI", "").lower() not in _WORDS_FOR_NO:
        return "CI is set"
    directory = os.path.dirname(archive)
    while not os.path.exists(directory):
        directory = os.path.dirname(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"{directory} cannot be written to"
    if os.stat(directory).st_uid not in (0, os.geteuid()):  # root with somebody's HOME
        return f"{directory} belongs to another user"
    from pycds import targets

    return targets.distrust_of_place(archive)


def is_resting(archive: str) -> bool:
    """Whether an archive has just been made, or could not be made not long ago."""
    from time import time

    for path, seconds in ((archive, _REST_SECONDS), (failed_of(archive), _REST_AFTER_FAILURE_SECONDS)):
        try:
            age = time() - os.stat(path).st_mtime
        except OSError:
            continue
        if 0 <= age < seconds:
            return True
    return False


def failed_of(archive: str) -> str:
    """The file beside an archive that says why it could not be made."""
    return archive + ".failed"


def start(archive: str) -> None:
    """Have an archive made, or made anew, from its trace list.  Raises nothing: the program has ended."""
    if not sys.executable or not hasattr(os, "posix_spawn"):
        return
    from pycds import launch

    command = launch.pycds_command(launch.interpreter_flags(), "pycds.background:main", [archive])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYCDS")}
    environ.update({name: os.environ[name] for name in ("PYCDS_HOME", "PYCDS_STORE_LIMIT") if name in os.environ})
    environ["PYCDSENABLED"] = "off"
    # Nothing of the program's is kept open: who waits for its output must not wait for this.
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    try:
        os.posix_spawn(command[0], command, environ, file_actions=quiet)
    except OSError:
        pass


def main(words: "Sequence[str]") -> int:
    """Make the archive that is named."""
    archive = words[0]
    _step_back()
    with _Turn(store.home()):
        try:
            line = _make(archive)
            _remove(failed_of(archive))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for the log
            line = f"{archive}: not made: {type(error).__name__}: {error}"
            with open(failed_of(archive), "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(line + "\n")
        from pycds._startup import printable

        _log(printable(line))
    return 0


def _step_back() -> None:
    """Leave the program's terminal and files alone, and the processor to others."""
    import resource
    import signal

    try:
        os.setsid()
    except OSError:  # it leads a group already
        pass
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:  # the one with which they were listed
                pass
    os.umask(0o077)
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            pass
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    limit = _PROCESSOR_SECONDS if hard == resource.RLIM_INFINITY else min(_PROCESSOR_SECONDS, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_SECONDS)


class _Turn:
    """Nothing else makes archives in this store meanwhile."""

    def __init__(self, home: str) -> None:
        self._path = os.path.join(home, _LOCK)

    def __enter__(self) -> None:
        import fcntl

        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *exception: object) -> None:
        os.close(self._descriptor)


def _make(archive: str) -> str:
    """Make the archive, and room for it; what to say of it.  Raises whatever stands in the way."""
    from pycds import dumper, missed, pruning

    if is_resting(archive):  # another process was first
        return f"{archive}: made already"
    home = store.home()
    status = os.statvfs(home)
    if status.f_bavail * status.f_frsize < _LEAST_FREE_BYTES:
        raise OSError(f"less than {_LEAST_FREE_BYTES >> 20} MB are free in {home}")
    missed.settle(archive)
    list_path = store.list_of(archive)
    trace = dumper.read_list(list_path)
    summary = dumper.dump_list(trace, list_path, archive, None, dumper.options_of(archive))
    dumper.prune(trace, list_path, summary)
    pruning.prune(home, pruning.limit(os.environ), keep=archive)
    return summary.one_line()


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _log(line: str) -> None:
    """Add a line to the log, which is kept short."""
    from time import strftime

    path = os.path.join(store.home(), LOG)
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    lines.append(f"{strftime('%Y-%m-%d %H:%M:%S')} {line}")
    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        file.write("\n".join(lines[-_LINES_OF_LOG:]) + "\n")
    os.replace(f"{path}.tmp", path)

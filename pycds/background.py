"""Archives made in the background: by a process of their own, when a program of an enabled environment has ended.

So are snapshots (``snapshot/auto.py``).

It waits for its turn (one at a time for each user's store), lets others have the processor first, is limited in time
and in what it takes of the disk, says nothing, and leaves a line in ``background.log``.  Where it failed, it is
not tried again for a day.

``obstacle``, ``start`` and ``spawn`` are called by programs, ``main`` and ``work`` in the process.
"""

import os
import sys

from pycds import store
from pycds.errors import PycdsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

LOG = "background.log"
"""In the store: what was made, and what failed, the newest last."""

LIMIT = "PYCDS_STORE_LIMIT"
"""The variable that says how much a store may take."""

_LOCK = "background.lock"
_CLAIM = ".making"
"""What the name of a file ends in that is there, and locked, while its archive is being made."""

_LINES_OF_LOG = 200
_REST_SECONDS = 60
"""So long an archive is not made anew: a program may write modules of its own in each run."""

_REST_AFTER_FAILURE_SECONDS = 24 * 3600
_PROCESSOR_SECONDS = 300
_SECONDS = 1800
"""With waiting for its turn."""

_LEAST_FREE_BYTES = 512 << 20


def obstacle(archive: str) -> "Optional[str]":
    """Why nothing is made here, in one line; None where nothing is against it."""
    from pycds import enabled

    if enabled.is_in_ci():
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


def is_resting(archive: str, seconds: float = _REST_SECONDS) -> bool:
    """Whether an archive has just been made (so many seconds ago), or could not be made not long ago."""
    if _is_younger(archive, seconds):
        return True
    return has_failed(archive) and _is_younger(failed_of(archive), _REST_AFTER_FAILURE_SECONDS)


def _is_younger(path: str, seconds: float) -> bool:
    from time import time

    return 0 <= time() - _time_of(path) < seconds


def has_failed(archive: str) -> bool:
    """Whether making it failed, and nobody (`pycds run`, say) has made it since."""
    return _time_of(failed_of(archive)) > _time_of(archive)


def is_newer(path: str, other: str) -> bool:
    """Whether a file was written after another one."""
    return _time_of(path) > _time_of(other)


def _time_of(path: str) -> float:
    """When a file was written; long ago where there is none."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def failed_of(archive: str) -> str:
    """The file beside an archive that says why it could not be made."""
    return archive + ".failed"


def start(archive: str) -> None:
    """Have an archive made, or made anew, from its trace list; not where another process is about to.  Never raises."""
    try:
        _start(archive)
    except Exception as error:  # noqa: BLE001 - the program has ended, or is about to begin: it is not to hear of it
        from pycds._startup import note

        note(f"no archive made: {type(error).__name__}: {error}", 1)


def _start(archive: str) -> None:
    from pycds import launch

    spawn(archive, [*launch.interpreter_flags(), "-B"], "pycds.background:main", [], os.environ)


def spawn(
    made: str, flags: "Sequence[str]", function: str, words: "Sequence[str]", environ: "Mapping[str, str]"
) -> None:
    """Have ``function`` make a file of the store in a process of its own; not where one is about to make it.

    It is called with that file, the number of a descriptor that claims it, and ``words``, in an interpreter with these
    flags.  ``environ``: a program's.  Raises OSError, and ImportError where no descriptor is left.
    """
    from pycds import launch

    if not sys.executable or not hasattr(os, "posix_spawn"):
        return
    claim = _claim(made)
    if claim is None:
        return
    try:
        command = launch.pycds_command(flags, function, [made, str(claim), *words])
        ours = ("PYCDS", "COVERAGE_PROCESS_", "COV_CORE_")  # coverage would take this for a process of the program
        own = {name: value for name, value in environ.items() if not name.startswith(ours)}
        # The store, whatever the program has made of its environment.
        own.update(PYCDSENABLED="off", PYCDS_HOME=os.path.dirname(made))
        if LIMIT in environ:
            own[LIMIT] = environ[LIMIT]
        os.posix_spawn(command[0], command, own, file_actions=_only(claim))
    finally:
        os.close(claim)


def _claim(archive: str) -> "Optional[int]":
    """A descriptor that shows others that the archive is being made, as long as a process has it open; None if one has.

    It is inherited.  Raises OSError, and ImportError where no descriptor is left.
    """
    import fcntl

    descriptor = os.open(archive + _CLAIM, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    os.set_inheritable(descriptor, True)
    return descriptor


def is_being_made(archive: str) -> bool:
    """Whether a process is about to make an archive, or waits for its turn."""
    import fcntl

    try:
        descriptor = os.open(archive + _CLAIM, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _only(kept: int) -> "List[Tuple[int, ...]]":
    """What a new process has to do so that it has nothing of this one's open but one descriptor.

    Who waits for the program's output, or for a lock that it holds, must not wait for that process.
    """
    actions: List[Any] = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            if number > 2 and number != kept and os.get_inheritable(number):
                actions.append((os.POSIX_SPAWN_CLOSE, number))
        except OSError:  # the one with which they were listed
            pass
    return actions


def main(words: "Sequence[str]") -> int:
    """Make the archive that is named; the second word is the number of the descriptor that claims it."""
    archive = words[0]
    return work(archive, int(words[1]), lambda: _make(archive))


def work(made: str, claim: int, make: "Callable[[], str]", is_limited: bool = True) -> int:
    """When it is this process's turn, make what is claimed, and room for it; ``make`` says in a line what it has made.

    ``is_limited``: the time that ``make`` may take is limited here.
    """
    home = os.path.dirname(made)
    try:
        _step_back(is_limited)
        with _Turn(home):
            line = ""
            if not _is_younger(made, _REST_SECONDS):  # else it was made while this process waited
                _require_room(home)
                line = make()
                line += _prune(home, made)
            _remove(failed_of(made))
            _remove(made + _CLAIM)
            _log(home, line)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is for the log
        line = f"{made}: not made: {type(error).__name__}: {error}"
        if not _is_being_replaced(error):
            _write(failed_of(made), line + "\n")
        _remove(made + _CLAIM)
        _log(home, line)
    os.close(claim)
    return 0


def _is_being_replaced(error: Exception) -> bool:
    """Whether PyCDS was uninstalled or upgraded meanwhile: nothing to be mended, and the next run has it made."""
    return isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "pycds"


def _step_back(is_limited: bool) -> None:
    """Leave the program's terminal and directory alone, and the processor to others."""
    import resource
    import signal

    try:
        os.setsid()
    except OSError:  # it leads a group already
        pass
    os.chdir("/")
    os.nice(19)
    try:
        # A session of its own is a scheduling group of its own where the kernel makes such (sched(7), autogroup):
        # there its niceness counts.
        with open("/proc/self/autogroup", "w") as file:
            file.write("19")
    except OSError:
        pass

    if not is_limited:
        return

    def too_long(number: int, frame: object) -> None:
        raise TimeoutError(
            f"it took {_PROCESSOR_SECONDS} s of the processor, or {_SECONDS} s with waiting for its turn"
        )

    for number in (signal.SIGXCPU, signal.SIGALRM):
        signal.signal(number, too_long)
    signal.alarm(_SECONDS)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    limit = _PROCESSOR_SECONDS if hard == resource.RLIM_INFINITY else min(_PROCESSOR_SECONDS, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


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


def _chosen() -> "Dict[str, str]":
    """What the environment says, else the line of ``pycds enable`` or ``pycds wrap``."""
    from pycds import switch
    from pycds.errors import PycdsError

    chosen: Dict[str, str] = {}
    try:
        state = switch.state()
        for settings in (*state.wrapped.values(), state.settings or {}):
            chosen.update(settings)
    except PycdsError:  # no line of ours: the process was started by hand
        pass
    return {**chosen, **os.environ}


def _require_room(home: str) -> None:
    status = os.statvfs(home)
    if status.f_bavail * status.f_frsize < _LEAST_FREE_BYTES:
        raise OSError(f"less than {_LEAST_FREE_BYTES >> 20} MB are free in {home}")


def _make(archive: str) -> str:
    """Make the archive; what to say of it.  Raises whatever stands in the way."""
    from pycds import dumper, missed, pruning

    missed.settle(archive)
    list_path = store.list_of(archive)
    trace = dumper.read_list(list_path)
    if trace.scripts and not any(os.path.exists(file) for _name, file in trace.scripts):
        # The program is not there any more: it lay in a temporary directory, say.
        pruning.remove([list_path, archive])
        return ""
    summary = dumper.dump_list(trace, list_path, archive, None, dumper.options_of(archive))
    dumper.prune(trace, list_path, summary)
    return summary.one_line()


def _prune(home: str, made: str) -> str:
    """Remove what was used the longest ago, where the store has become too large; what to say where that failed."""
    from pycds import pruning

    archive = os.path.basename(made).partition(".pycds")[0] + ".pycds"  # the snapshots are beside it
    try:
        pruning.prune(home, pruning.limit(_chosen()), keep=os.path.join(home, archive))
    except (PycdsError, OSError) as error:
        return f"; not pruned: {error}"
    return ""


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        pass


def _log(home: str, line: str) -> None:
    """Add a line to the log, which is kept short; an empty one is none."""
    if not line:
        return
    from time import strftime

    from pycds._startup import printable

    path = os.path.join(home, LOG)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    lines.append(f"{strftime('%Y-%m-%d %H:%M:%S')} {printable(line)}")
    _write(f"{path}.tmp", "\n".join(lines[-_LINES_OF_LOG:]) + "\n")
    try:
        os.replace(f"{path}.tmp", path)
    except OSError:  # a directory of that name, say
        _remove(f"{path}.tmp")

"""The start-up hook of an environment in which PyCDS is enabled: serves each program from an archive of its own.

``pycds enable`` puts a line into ``pycds.pth`` that calls ``start()``; ``pycds wrap`` one that does so for programs
with the names of wrapped commands alone.  The archive is the one that ``pycds run`` keeps for the program.  Where there
is none, the program is recorded as it runs, and when it ends a process of its own makes one (``background.py``), as it
does when a served program has found the archive outdated.  The program gets to see nothing of that: no variable, no
output, no other exit code.

What cannot be known again is left alone: code given with ``-c``, on standard input or by hand; and the command pycds.
Processes that a program spawns are started with ``-c``, too, but known (``spawned.py``).
All here is on the start-up path of every program of the environment.
"""

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional

VARIABLES = ("PYCDSVALIDATION", "PYCDSMEMO", "PYCDSSTARTUPGC", "PYCDSFASTEXIT", "PYCDS_HOME")
"""What the environment may say otherwise than the line of ``pycds enable``."""

SPAWNED = (
    "from multiprocessing.spawn import spawn_main; spawn_main(",
    "from multiprocessing.forkserver import main; main(",
    "import sys; from multiprocessing.forkserver import main; main(",  # since 3.14.10
    "import sys;exec(eval(sys.stdin.readline()))",
)
"""How the texts begin with which libraries start processes: see ``spawned.py``."""

_MOST_ABANDONED = 8
"""Of recordings of one program: where nothing becomes of so many (in a container that ends with it, say), no more."""

_started = False


def start(settings: "Optional[Dict[str, str]]", wrapped: "Optional[Dict[str, Dict[str, str]]]" = None) -> None:
    """Serve the program that is about to begin, or record it.

    ``settings`` are variables as the environment could have them, which has the last word; ``wrapped`` has those of
    single commands, which come before.  Without ``settings``, only these commands are served.  Where the environment
    has PYCDSMODE, that decides everything; under PYCDSENABLED=off nothing is done.  In a virtual environment, site.py
    comes by twice.
    """
    global _started
    if _started:
        return
    _started = True
    environ = os.environ
    if "PYCDSMODE" in environ:
        from pycds._startup import start as start_as_asked

        start_as_asked()
    elif environ.get("PYCDSENABLED") != "off":
        try:
            if wrapped:
                settings = _with_own(settings, wrapped)
            if settings is not None:
                _check_word(environ)
                _start({**settings, **{name: environ[name] for name in VARIABLES if environ.get(name)}})
        except Exception as error:  # noqa: BLE001 - a program that did not ask for it is not to see why
            from pycds._startup import note

            note(f"not served: {type(error).__name__}: {error}", 1)


def _is_spawned() -> bool:
    """Whether this may be a process of ``spawned.py``: all that were given code pass by here."""
    if getattr(sys, "argv", [""])[0] != "-c":
        return False
    words = getattr(sys, "orig_argv", None)
    if words is None:  # before 3.10
        with open("/proc/self/cmdline", "rb") as file:
            words = os.fsdecode(file.read()).split("\0")
    return any(word.startswith(SPAWNED) for word in words)


def _with_own(settings: "Optional[Dict[str, str]]", wrapped: "Dict[str, Dict[str, str]]") -> "Optional[Dict[str, str]]":
    """The settings with those of the command that runs, if it is a wrapped one and not another program of its name."""
    script = sys.argv[0]
    own = wrapped.get(script.rpartition("/")[2])
    return {**(settings or {}), **own} if own is not None and _is_command(script) else settings


def _is_command(script: str) -> bool:
    """Whether a script, or what a symbolic link to it leads to, is among this environment's commands."""
    found = {os.path.realpath(os.path.dirname(script)), os.path.dirname(os.path.realpath(script))}
    return any(os.path.realpath(directory) in found for directory in script_directories())


def script_directories() -> "List[str]":
    """Where installers put the commands of this environment; sysconfig would cost more than all the rest here."""
    found = [os.path.dirname(sys.executable), f"{sys.prefix}/bin"] if sys.executable else [f"{sys.prefix}/bin"]
    if sys.prefix == "/usr":  # Debian
        found.append("/usr/local/bin")
    site = sys.modules.get("site")
    user_base = getattr(site, "USER_BASE", None)
    if user_base and getattr(site, "ENABLE_USER_SITE", None):
        found.append(f"{user_base}/bin")
    return found


def _check_word(environ: "Mapping[str, str]") -> None:
    word = environ.get("PYCDSENABLED", "on")
    if word not in ("", "on"):
        from pycds._startup import warn

        warn(f"PYCDSENABLED={word!r} is neither on nor off; using on")


def _start(chosen: "Mapping[str, str]") -> None:
    from pycds import store

    bases, is_spawned = store.bases(chosen), _is_spawned()
    if not bases and not is_spawned and getattr(sys, "argv", [""])[0] in ("", "-c", "-"):
        return
    from pycds import _startup, launch, program

    command = _startup.command_line()
    if _startup.is_pycds(command) or _startup.is_secure_execution() or not _startup.is_main_interpreter():
        return
    memo = _startup.uses_memo(chosen)
    for base in bases:
        _startup.attach(base, "auto", _startup.validation_of(chosen), memo=memo)
    what = program.running(command[1:])
    if what is None and is_spawned:
        from pycds import spawned

        what = spawned.worker(command)
    if what is not None and (what.kind != "script" or _can_be_met_again(what.target)):
        # What these options do is known from the interpreter itself, however they were given.
        what.flags = [flag for flag in what.flags if flag != "-O"]
        archive = store.archive_for(what, launch.interpreter_flags(), chosen=chosen)
        _serve_or_record(archive, chosen, command, memo)
        if "PYCDSSNAPSHOT" in chosen:
            _renew_at_exit(archive, chosen)
    elif not _startup.finders:
        return
    if "PYCDSSTATS" in os.environ and _startup.finders:
        _startup.report_at_exit(os.environ["PYCDSSTATS"], None)
    _startup.apply_options(chosen)


def _serve_or_record(archive: str, chosen: "Mapping[str, str]", command: "List[str]", memo: bool) -> None:
    """Serve the program from its own archive, in front of those that are attached; or have that made."""
    from pycds import _startup

    if os.path.exists(archive):
        if _startup.serve(archive, "auto", _startup.validation_of(chosen), command, memo):
            _finish_at_exit(archive)
            return
        if _startup.refusals[-1]["reason"] in ("untrusted", "unsupported"):
            return
    from pycds import background

    if background.obstacle(archive) is None and not background.is_resting(archive):
        _record(archive, command, memo)


def _renew_at_exit(archive: str, chosen: "Mapping[str, str]") -> None:
    """A command that is to be restored runs plainly: when it ends, have its snapshot made anew where that helps."""
    import atexit
    import fcntl  # noqa: F401 - see _record()

    from pycds import targets  # noqa: F401 - for background.obstacle()
    from pycds.snapshot import auto

    process, directory, name = os.getpid(), os.getcwd(), sys.argv[0].rpartition("/")[2]

    def renew() -> None:
        if os.getpid() == process and not _thread._count():
            file = auto.file_of(archive, chosen.get("PYCDSFASTEXIT") == "on")
            auto.renew(file, archive, [], [name], directory, chosen.get("PYCDSVARY", ""))

    atexit.register(renew)


def _can_be_met_again(script: str) -> bool:
    """Whether a script is a file or a directory: not so what comes through a pipe, and what is not there."""
    try:
        mode = os.stat(script).st_mode & 0o170000
    except (OSError, ValueError):
        return False
    return mode in (0o100000, 0o040000)


def _record(archive: str, command: "List[str]", memo: bool) -> None:
    """Note what the program imports, and have the archive made when it has ended.

    Earlier runs that were killed have left what they had noted: then the archive is made at once.
    """
    import atexit
    import fcntl  # noqa: F401 - at the end, threads may go on, and nothing may be imported: see missed.note()

    from pycds import _startup, background, journal, store

    store.make_directory(archive)
    list_path = store.list_of(archive)
    abandoned = journal.abandoned(list_path)
    if abandoned:
        background.start(archive)
    if abandoned >= _MOST_ABANDONED:
        return
    process = os.getpid()

    def finish() -> None:
        if os.getpid() == process:  # not a child of it that ends as a program does
            background.start(archive)

    atexit.register(finish)  # before the recording, so that it runs after its end
    if not _startup.trace(list_path, command, unheard=True, memo=memo):
        atexit.unregister(finish)


def _finish_at_exit(archive: str) -> None:
    """When the program ends, note what the archive lacks, and have it made anew where that is due.

    So does a child that was forked if it has imported anything itself: as workers of a server do, which runs for weeks.
    """
    import atexit

    from pycds import _startup, store

    process, inherited, runs = os.getpid(), 0, store.runs_of(archive)

    def fork() -> None:
        nonlocal inherited
        inherited = len(sys.modules)

    def finish() -> None:
        if os.getpid() != process and len(sys.modules) == inherited:
            return
        # Where threads go on beside the interpreter's end, nothing may be imported: see missed.note().
        if _thread._count():
            return
        try:
            statistics = _startup.statistics()
            statistics["archives"] = [one for one in statistics["archives"] if one["archive"] == archive]
            if not _is_complete(statistics):
                _note(archive, statistics)
            note_run(runs, statistics)
        except Exception as error:  # noqa: BLE001 - anything may come of what the program has done to its modules
            _startup.note(f"nothing noted: {type(error).__name__}: {error}", 1)

    os.register_at_fork(after_in_child=fork)
    atexit.register(finish)


def _is_complete(statistics: "Dict[str, Any]") -> bool:
    """Whether the archive had all that the program has asked it for, as is the rule: then nothing is imported here."""
    return not any(
        archive["missed"] or archive["regexes"]["lacking"] or archive["codes"]["lacking"]
        or any(map(_has_file, archive["unarchived"]))
        for archive in statistics["archives"]
    )  # fmt: skip


def _has_file(name: str) -> bool:
    """Whether a module is neither built in nor frozen, nor PyCDS's own."""
    origin = getattr(getattr(sys.modules.get(name), "__spec__", None), "origin", None)
    return origin not in (None, "built-in", "frozen") and name.partition(".")[0] != "pycds"


_MOST_BYTES_OF_RUNS = 1 << 14
"""More than a thousand runs; then the file begins anew, so that a program need not read it at its end."""


def is_in_ci() -> bool:
    """Whether CI is set, to something that is not a word for no: there nothing is left behind."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no", "off")


def note_run(runs: str, statistics: "Dict[str, Any]") -> None:
    """Note at the end of a served run how many modules came from its archive, and how many could have and did not.

    A line of two numbers for each run, in the file ``runs``; where an archive is made anew they begin anew
    (``missed.settle``).  Nothing is imported, for a process that ends may not import any more.  Raises OSError.
    """
    if is_in_ci() or os.stat(os.path.dirname(runs)).st_uid != os.geteuid():
        return  # see background.obstacle(): nothing of ours is left there
    hits = sum(len(one["served"]) for one in statistics["archives"])
    lacking = sum(len(one["missed"]) for one in statistics["archives"])
    lacking += sum(_has_file(name) for one in statistics["archives"] for name in one["unarchived"])
    descriptor = os.open(runs, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size >= _MOST_BYTES_OF_RUNS:
            os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d %d\n" % (hits, lacking))
    finally:
        os.close(descriptor)


def _note(archive: str, statistics: "Dict[str, Any]") -> None:
    from pycds import background, missed, store

    if background.obstacle(archive) is None:
        missed.note(statistics, store.missed_of(archive))
        is_due = missed.is_outdated(statistics) or missed.is_due(archive)
        if is_due and not background.is_resting(archive):
            background.start(archive)

"""``pycds run``: the first run of a program makes its archive, later ones use it.

This is on the start-up path of each served program: nothing is imported that is not needed to become it.
"""

import os
import sys

from pycds import configuration, launch, missed, program, store
from pycds._startup import OPTIONS, POLICIES, VALIDATIONS, counted, require_final, warn
from pycds.errors import ARCHIVE_UNUSABLE, PycdsError, UsageError, refuse_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Optional, Sequence, Tuple

    from pycds.program import Program

OURS = ("PYCDSMODE", "PYCDSARCHIVE", "PYCDSLIST", "PYCDSPOLICY", "PYCDSREFRESH")
"""The variables that a run sets itself; everything else of the environment is the program's."""

SNAPSHOTS = ("auto", "off")

OUTDATED = "outdated"
"""The reason of an archive that can serve, if not all that the program imports."""


class RunOptions:
    """The command line of ``pycds run``."""

    def __init__(self) -> None:
        self.archive: Optional[str] = None
        self.policy = "auto"
        self.validation = ""  # what the environment says
        self.snapshot = "off"
        self.choices: Dict[str, str] = {}  # of OPTIONS, "on" or "off"; the others are left to environment and archive
        self.program: List[str] = []

    def words(self) -> "List[str]":
        """The command line that gives these options, without the program."""
        words = ["--policy", self.policy]
        if self.validation:
            words += ["--validation", self.validation]
        if self.archive:
            words += ["--archive", self.archive]
        if self.snapshot != "off":
            words += ["--snapshot", self.snapshot]
        words += [f"--{name}" if word == "on" else f"--no-{name}" for name, word in self.choices.items()]
        return words


def parse_options(words: "Sequence[str]") -> RunOptions:
    """Take the words after ``run`` apart.  Raises UsageError."""
    options = RunOptions()
    rest = list(words)
    while rest:
        word = rest[0]
        if word == "--":
            rest.pop(0)
            break
        option = word[5:] if word.startswith("--no-") else word[2:]
        if word[:2] == "--" and option in OPTIONS:
            options.choices[option] = "off" if word.startswith("--no-") else "on"
            rest.pop(0)
            continue
        name, equals, value = word.partition("=")
        if name not in ("--archive", "--policy", "--validation", "--snapshot"):
            break
        rest.pop(0)
        if not equals:
            if rest[:1] in ([], ["--"]):
                raise UsageError(f"{name} needs a value")
            value = rest.pop(0)
        if name == "--archive":
            refuse_empty(value, "--archive")
            options.archive = os.path.abspath(value)
            continue
        choices = {"--policy": POLICIES, "--validation": VALIDATIONS, "--snapshot": SNAPSHOTS}[name]
        if value not in choices:
            raise UsageError(f"{name} {value!r} is not one of {', '.join(choices)}")
        setattr(options, name[2:], value)
    options.program = rest
    if options.snapshot == "auto" and options.policy != "auto":
        raise UsageError(f"--snapshot auto makes files as it sees fit, which --policy {options.policy} does not allow")
    return options


def main(words: "Sequence[str]") -> int:
    """Run a program; returns only when it ran as a child, or not at all."""
    try:
        options = parse_options(words)
        return run(program.parse(options.program), options)
    except PycdsError as error:
        warn(str(error))
        return error.exit_code
    except OSError as error:
        warn(f"cannot start {sys.executable}: {error.strerror}")
        return 126


def run(what: "Program", options: RunOptions) -> int:
    """Serve the program from its archive; make the archive from this run where there is none that is up to date.

    Under policy "on" the archive must be usable, and nothing is made.  Raises PycdsError, and OSError when the
    interpreter cannot be started.
    """
    flags = launch.interpreter_flags()
    command = [sys.executable, *flags, *what.command]
    os.environ.update({OPTIONS[name]: word for name, word in options.choices.items()})
    if options.policy == "off":
        launch.execute(command, unserved())
    if "-S" in flags or "-S" in what.flags:
        if options.policy == "on":
            raise PycdsError("no archive can be used under -S: the start-up hook does not run", ARCHIVE_UNUSABLE)
        launch.execute(command, unserved())
    adopt_flags(what, "pycds.run:main", [*options.words(), "--"])
    try:
        archive = options.archive or store.archive_for(what, flags)
    except PycdsError as error:
        if options.policy == "on":
            raise
        warn(f"{error}; the program runs without an archive")
        launch.execute(command, unserved())
    if options.snapshot == "auto":
        _use_snapshot(what, archive, options, command)
    reason, why = obstacle(archive, options)
    if options.policy == "on" and reason is not None:
        raise PycdsError(why, ARCHIVE_UNUSABLE)
    if reason is None:
        launch.execute(command, served(archive, options))
    _run_unserved_if_nothing_can_be_made(command, archive, options, reason, why)
    return _run_traced(command, [*flags, *what.flags], archive)


def _use_snapshot(what: "Program", archive: str, options: RunOptions, command: "List[str]") -> None:
    """Becomes the program from its snapshot; returns where there is none, or it is to be made anew."""
    try:
        from pycds.snapshot import auto
    except ImportError:
        warn("this PyCDS was built without snapshots; the program runs from its archive")
        return
    file = auto.file_of(archive, os.environ.get(OPTIONS["fast-exit"]) == "on")
    words = command[: len(command) - len(what.arguments)]
    auto.become(file, words, what.arguments, served(archive, options))
    if os.path.exists(archive):  # it is not the first run
        flags = launch.interpreter_flags()
        auto.renew(file, archive, flags, words[1 + len(flags) :], os.getcwd())


def _run_unserved_if_nothing_can_be_made(
    command: "List[str]", archive: str, options: RunOptions, reason: str, why: str
) -> None:
    """Becomes the program where no archive can be made, or where one made would not be used."""
    if reason == "unsupported":
        warn(f"{why}; the program runs without an archive")
        launch.execute(command, unserved())
    from pycds import targets

    if os.path.lexists(archive) and not os.path.isfile(archive):
        warn(f"{archive} is not a regular file; the program runs without an archive")
        launch.execute(command, unserved())
    distrust = targets.distrust_of_place(archive)
    if distrust is not None or reason == "untrusted":
        why = why if reason == "untrusted" else f"{archive} would not be trusted, because {distrust}"
        warn(f"{why}; the program runs without an archive")
        launch.execute(command, unserved())
    if not _is_writable(archive):
        if reason == OUTDATED:
            launch.execute(command, served(archive, options))
        warn(f"{os.path.dirname(archive)} cannot be written to; the program runs without an archive")
        launch.execute(command, unserved())
    if not options.archive and not targets.is_archive(archive):
        from pycds import pruning

        pruning.remove([archive])  # damaged, for nobody else gives files such names
    targets.archive_to_write(archive)
    targets.list_to_write(store.list_of(archive))


def adopt_flags(what: "Program", function: str, words: "Sequence[str]") -> None:
    """Start over with the program's flags if they decide what its code looks like: an archive knows them.

    ``function`` ("module:name") is then called with ``words`` and the rest of the program's command line.
    """
    deciding: List[str] = []
    rest: List[str] = []
    flags = list(what.flags)
    while flags:
        flag = [flags.pop(0)]
        if flag[0] in ("-X", "-W", "--check-hash-based-pycs"):
            flag.append(flags.pop(0))
        option = flag[-1].partition("=")[0]
        decides = option in ("-O", "-E", "-I") or (flag[0] == "-X" and option in ("no_debug_ranges", "frozen_modules"))
        (deciding if decides else rest).extend(flag)
    if not deciding:
        return
    what.flags = rest
    flags = [*launch.interpreter_flags(), *deciding]
    command = launch.pycds_command(flags, function, [*words, *what.command])
    launch.execute(command, dict(os.environ))


def _is_writable(archive: str) -> bool:
    """Whether files beside the archive can be made; its directory may be yet to come."""
    directory = os.path.dirname(archive)
    return os.access(directory, os.W_OK | os.X_OK) or not os.path.exists(directory)


def obstacle(archive: str, options: RunOptions) -> "Tuple[Optional[str], str]":
    """Why the archive cannot serve as it is: a reason and one line; the reason is None when it can."""
    try:
        require_final()
        from pycds._core import Finder, Refusal
    except ImportError as error:
        from pycds import unsupported

        return "unsupported", unsupported.without_core(error)
    try:
        finder = Finder(archive, options.validation or validation_of(os.environ))
    except Refusal as refusal:
        if refusal.reason == "missing":
            return refusal.reason, f"{archive}: no such archive; `pycds run` without --policy on makes it"
        return refusal.reason, refusal.message
    if options.policy == "on":  # it may be outdated
        return None, ""
    stale = finder.stale()
    if stale:
        name, reason = stale[0]
        return OUTDATED, f"{counted(len(stale), 'changed module')}, among them {name}: {reason}"
    if missed.is_due(archive):
        return OUTDATED, "the program imports modules that the archive lacks"
    return None, ""


def validation_of(environ: "Mapping[str, str]") -> str:
    """What PYCDSVALIDATION says; the start-up hook of the program complains of a word that is none."""
    word = environ.get("PYCDSVALIDATION", "")
    return word if word in VALIDATIONS else VALIDATIONS[0]


def environment(**ours: str) -> "Dict[str, str]":
    """The environment for a program: this one, with nothing of PyCDS but ``ours``.

    Without a mode, a program of an environment that is switched on would be served from an archive of its own.
    """
    environ = {name: value for name, value in os.environ.items() if name not in OURS}
    environ.update(ours)
    if "PYCDSMODE" not in environ and configuration.hook_has(b"pycds.enabled"):
        environ["PYCDSENABLED"] = "off"
    return environ


def unserved() -> "Dict[str, str]":
    """The environment of a program that no archive serves: the start-up hook is there for the options alone."""
    chosen = any(os.environ.get(variable) == "on" for variable in OPTIONS.values())
    return environment(PYCDSMODE="MANUALLY") if chosen else environment()


def served(archive: str, options: RunOptions) -> "Dict[str, str]":
    """The environment of a program that is served from an archive."""
    environ = environment(PYCDSMODE="SHARE", PYCDSARCHIVE=archive, PYCDSPOLICY=options.policy)
    if options.validation:
        environ["PYCDSVALIDATION"] = options.validation
    if options.policy == "auto" and _is_writable(archive):
        environ["PYCDSREFRESH"] = store.missed_of(archive)
    return environ


def _run_traced(command: "List[str]", flags: "List[str]", archive: str) -> int:
    """Run the program as a child that is traced, make the archive, and end as the program did."""
    list_path = store.list_of(archive)
    try:
        store.make_directory(archive)
        missed.settle(archive)
        environ = environment(PYCDSMODE="TRACE", PYCDSLIST=list_path)
    except OSError as error:
        warn(f"no archive made: {error.filename}: {error.strerror}")
        launch.execute(command, unserved())
    code = launch.run_in_foreground(command, environ)
    _make_archive(flags, list_path, archive)
    return launch.end_as(code)


def _make_archive(flags: "List[str]", list_path: str, archive: str) -> None:
    """Dump in an interpreter with the program's flags: they decide what the code looks like."""
    import subprocess

    command = launch.pycds_command(
        flags, "pycds.dumper:main", ["--quiet", "--prune", "--keep-options", list_path, archive]
    )
    try:
        done = subprocess.run(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    except OSError as error:
        warn(f"no archive made: cannot start {command[0]}: {error.strerror}")
        return
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["the dump failed"]
        warn("no archive made: " + lines[-1].replace("pycds: ", "", 1))

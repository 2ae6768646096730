"""Snapshots that come by themselves, beside the archive of a program: `pycds run --snapshot auto`, `wrap --snapshot`.

A program that has its archive, but no snapshot, has one made in the background, by the process that makes archives
there (``background.py``), too.  Where the restorer had to run the plain program for a reason that a new snapshot does
away with, it is made anew.  What cannot be made is not tried again for a day, or until the archive is made anew.

``become`` and ``renew`` are on the start-up path of programs; ``main`` is the process.
"""

import os
import sys

from pycds import background, launch
from pycds.snapshot import RESTORER, initial_environment, refusals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Optional, Sequence

_MENDED = {
    "missing", "truncated", "foreign", "format-version", "damaged", "payload", "reading",
    "user", "kernel", "host", "processor", "affinity", "file-changed", "vdso",
}  # fmt: skip
"""Refusals (fault.hpp) that end when the snapshot is made anew."""

_CHANGING = {"environment", "limits", "signals"}
"""Such as may differ from one run to the next: then a snapshot made anew is refused, too."""

_REST_SECONDS = 3600
"""So long a snapshot stays that was refused for one of these."""

_MAKING_SECONDS = 600


def file_of(archive: str, fast_exit: bool) -> str:
    """The snapshot beside an archive: programs that end otherwise have another one."""
    return f"{archive}{'.fast' if fast_exit else ''}.snapshot"


def become(file: str, command: "Sequence[str]", arguments: "Sequence[str]", environ: "Mapping[str, str]") -> None:
    """Become the program from its snapshot, or by ``command`` and ``arguments`` where that cannot be used.

    ``environ`` has the variables of PyCDS for it.  Returns where there is none, or it is to be made anew.  Raises
    OSError.
    """
    if not os.path.exists(file) or (_MENDED | _CHANGING).intersection(refusals(file)):
        return
    own = {name: value for name, value in initial_environment().items() if not name.startswith("PYCDS")}
    own.update((name, value) for name, value in environ.items() if name.startswith("PYCDS"))
    launch.execute([RESTORER, "--else", str(len(command)), *command, file, *arguments], own)


def renew(
    file: str, archive: str, flags: "Sequence[str]", program: "Sequence[str]", directory: str, vary: str = ""
) -> None:
    """Have the snapshot made in the background, where there is none, or what was refused would then not be.

    In a directory, with the environment that this process began with, by an interpreter with these flags.  Never
    raises.
    """
    try:
        if _is_due(file, archive) and background.obstacle(file) is None:
            words = [directory, vary, *program]
            background.spawn(file, flags, "pycds.snapshot.auto:main", words, initial_environment())
    except Exception as error:  # noqa: BLE001 - the program is not to hear of it
        from pycds._startup import note

        note(f"no snapshot made: {type(error).__name__}: {error}", 1)


def _is_due(file: str, archive: str) -> bool:
    is_changed = background.has_failed(file) and background.is_newer(archive, background.failed_of(file))
    if background.is_resting(file) and not is_changed:
        return False
    if not os.path.exists(file):
        return True
    why = set(refusals(file))
    return bool(why & _MENDED or (why & _CHANGING and not background.is_resting(file, _REST_SECONDS)))


def main(words: "Sequence[str]") -> int:
    """Make the snapshot that is named; the second word is the number of the descriptor that claims it."""
    file, claim, directory, vary, *program = words
    return background.work(file, int(claim), lambda: _make(file, directory, vary, program), is_limited=False)


def _make(file: str, directory: str, vary: str, program: "List[str]") -> str:
    """What to say of it.  Raises whatever stands in the way."""
    return create(file, program, vary, [sys.executable, *launch.interpreter_flags()], directory)


def create(
    file: str, program: "Sequence[str]", vary: str, interpreter: "Sequence[str]", directory: "Optional[str]" = None
) -> str:
    """Make the snapshot now; what to say of it.  Raises PycdsError, OSError, and what ``subprocess.run`` raises."""
    import subprocess

    from pycds.errors import NOTHING_DUMPED, PycdsError

    options = [f"--vary={vary}"] if vary else []
    if file.endswith(".fast.snapshot"):
        options.append("--fast-exit")
    words = ["snapshot", "create", *options, file, "--", *program]
    command = launch.pycds_command(interpreter[1:], "pycds.commands:main", words)
    try:
        done = subprocess.run(
            [interpreter[0], *command[1:]], cwd=directory, env=initial_environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_MAKING_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PycdsError(f"no snapshot after {_MAKING_SECONDS} s", NOTHING_DUMPED) from None
    lines = done.stdout.decode(errors="backslashreplace").strip().splitlines() or ["it was ended"]
    if done.returncode:
        raise PycdsError(lines[-1].replace("pycds: ", "", 1), NOTHING_DUMPED)
    return f"{file}: a snapshot, {lines[-1].rpartition(': ')[2].partition(',')[0]}"

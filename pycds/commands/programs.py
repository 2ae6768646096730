"""What the commands that run a program have in common."""

from __future__ import annotations

import os
import sys
from typing import Dict, List, Optional, Sequence

from pycds import launch, program, run, store
from pycds.errors import ARCHIVE_UNUSABLE, PycdsError, refuse_empty

EVERYTHING = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""click settings: what follows the program belongs to the program."""

PROGRAM_HELP = """PROGRAM is what one would give to python: a script, -m MODULE or -c CODE, after options such as -O
    or -X dev if need be; or the name of a console script of this environment."""


def run_program(words: Sequence[str], ours: Dict[str, str], started: Optional[List[int]] = None) -> int:
    """Run a program with ``ours`` in its environment and wait for it; its return code (``-n``: signal ``n``).

    Its process's number goes into ``started``.
    """
    what = program.parse(words)
    command = [sys.executable, *launch.interpreter_flags(), *what.command]
    environ = run.environment(**ours)
    try:
        return launch.run_in_foreground(command, environ, started)
    except OSError as error:
        raise PycdsError(f"cannot start {command[0]}: {error.strerror}", 126) from error


def archive_of(what: program.Program, given: Optional[str]) -> str:
    """The archive to measure a program with: the one ``given``, or that of ``pycds run``.  Raises PycdsError."""
    if given is not None:
        refuse_empty(given, "--archive")
    if "-S" in [*launch.interpreter_flags(), *what.flags]:
        raise PycdsError("no archive can be used under -S: the start-up hook does not run", ARCHIVE_UNUSABLE)
    return os.path.abspath(given) if given else store.archive_for(what, launch.interpreter_flags())


def refuse_directory(path: str, what: str) -> None:
    """Raise PycdsError if ``path`` cannot be the name of a file to write."""
    refuse_empty(path, f"the {what}")
    directory = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise PycdsError(f"{path} is a directory; give the name of the {what} file")
    if not os.path.isdir(directory):
        raise PycdsError(f"{directory} does not exist; make it first")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PycdsError(f"{directory} cannot be written to; give another place for the {what}")


def check_writable(path: str, what: str) -> None:
    """Before the program runs, for nothing.  Raises PycdsError if a file cannot be written at ``path``."""
    if os.path.isdir(path) or not os.path.exists(path):
        refuse_directory(path, what)
    elif not os.access(path, os.W_OK):
        raise PycdsError(f"{path} cannot be written to; give another file for the {what}")

"""The commands of ``pycds snapshot``: making a snapshot, and what can be done with one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from typing import Dict, List, NoReturn, Optional, Tuple

import click

from pycds import launch, program, run
from pycds._startup import printable
from pycds.commands.archives import size
from pycds.commands.programs import EVERYTHING, PROGRAM_HELP, refuse_directory
from pycds.errors import ARCHIVE_UNUSABLE, NOTHING_DUMPED, PycdsError
from pycds.snapshot import RESTORER, initial_environment, refusals
from pycds.snapshot.content import header, read
from pycds.snapshot.explain import explain

TRIED = tuple((3, minor) for minor in range(8, 16))
"""Versions of CPython whose processes are known to come back whole."""

TRIED_LIBRARY = (2, 43)
"""The newest GNU C library of which that is known: how ``malloc`` has its memory is its own affair."""


@click.command(
    "create",
    context_settings=EVERYTHING,
    help=f"""Run a program's imports and write the process down in FILE.

    By default that is done before the main part of the program: at `if __name__ == "__main__":`, else behind the
    imports and definitions at its beginning. The program does not go on after that.

    {PROGRAM_HELP}

    \b
    Examples:
      pycds snapshot create app.snapshot -- app.py
      pycds snapshot create --vary 'TOOL_*' tool.snapshot -- tool
    """,
)
@click.option("--at", type=click.Choice(["main", "call"]), default="main", show_default=True,
              help="main: before the main part. call: where the program calls pycds.checkpoint().")  # fmt: skip
@click.option("--after-import", metavar="NAME,...", default="",
              help="Import these modules, and nothing of the program itself.")  # fmt: skip
@click.option("--warm-up", metavar="CODE", default="",
              help="Execute this Python code right before the checkpoint, in a namespace of its own.")  # fmt: skip
@click.option("--vary", metavar="NAME,...", default="",
              help="Environment variables that may differ from run to run; 'NAME*' for all that begin so. All others "
              "must be as they are now, else the plain program runs.")  # fmt: skip
@click.option("--fast-exit/--no-fast-exit", default=False,
              help="Restored programs end without tearing the heap down, as with `run --fast-exit`.")  # fmt: skip
@click.argument("file", metavar="FILE", type=click.Path())
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="PROGRAM")
def create(
    at: str, after_import: str, warm_up: str, vary: str, fast_exit: bool, file: str, words: Tuple[str, ...]
) -> int:
    """Help is above, since it has a part that other commands have, too."""
    if untried():
        raise PycdsError(f"snapshots have not been tried with {untried()}", ARCHIVE_UNUSABLE)
    what = program.parse(words)
    if what.arguments:
        raise PycdsError(f"{what.arguments[0]}: a snapshot is made without arguments; give them to `snapshot run`")
    if what.kind == "script" and not os.path.isfile(what.target):
        raise PycdsError(f"{what.target} is no file; a directory or zip file cannot be written down")
    try:
        compile(warm_up, "<warm-up>", "exec")
    except (SyntaxError, ValueError) as error:
        raise PycdsError(f"--warm-up cannot be compiled: {error}") from error
    path = os.path.abspath(file)
    refuse_directory(path, "snapshot")
    flags = [*launch.interpreter_flags(), *what.flags]
    target = os.path.abspath(what.target) if what.kind == "script" else what.target
    words = tuple(program.Program(what.flags, what.kind, target, []).command)
    plain = [sys.executable, *launch.interpreter_flags(), *words]
    own = [f"--at={at}", f"--after-import={after_import}", f"--vary={vary}", *(["--fast-exit"] if fast_exit else [])]
    own += [f"--warm-up={warm_up}"] if warm_up else []
    how = "import" if after_import else at
    request = [
        path,
        str(time.time_ns()),
        how,
        after_import,
        vary,
        "fast" if fast_exit else "",
        warm_up,
        f"{own!r}, {list(words)!r}",
        what.kind,
        target,
        *plain,
    ]
    environ = run.unserved()
    if "LC_CTYPE" not in initial_environment():
        environ.pop("LC_CTYPE", None)
    problem = _problem(path, launch.pycds_command(flags, "pycds.snapshot.create:main", request), environ)
    if problem:
        click.echo(problem, err=True)
        return NOTHING_DUMPED
    with suppress(FileNotFoundError):  # of the one that was there before
        os.unlink(path + ".refusals")
    click.echo(f"{printable(file)}: {size(os.path.getsize(path))}, restored by {RESTORER} {printable(path)}")
    return 0


def _problem(path: str, command: List[str], environ: Dict[str, str]) -> str:
    """Have the snapshot made; what to say where it was not, and the old one is still there."""
    old = _inode(path)
    # There is no input yet, and what is printed can be seen in files before anything is written down.
    with open(os.devnull, "wb") as unreadable, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = subprocess.run(command, env=environ, stdin=unreadable, stdout=out, stderr=err, check=False)
        said = b""
        for stream in (out, err):
            stream.seek(0)
            said += stream.read() + b"\n"
    if done.returncode == 0 and _inode(path) not in (None, old):
        return ""
    begin = "pycds: no snapshot can be made: "
    lines = [line for line in said.decode(errors="backslashreplace").splitlines() if line]
    reason = [printable(line) for line in lines if line.startswith(begin)][-1:]
    ended = f"the program ended with code {done.returncode} before its checkpoint; see --at and --after-import"
    return "\n".join(reason or [*lines, begin + ended])


def untried() -> str:
    """What of this interpreter snapshots have not been tried with; empty: nothing."""
    if sys.version_info[:2] not in TRIED:
        return "Python {}.{}".format(*sys.version_info[:2])
    library = os.confstr("CS_GNU_LIBC_VERSION") or ""  # there is no PyCDS with another one
    return library if tuple(map(int, re.findall(r"\d+", library))) > TRIED_LIBRARY else ""


def _inode(path: str) -> Optional[int]:
    """Another one than before, where another file has taken its place."""
    try:
        return os.lstat(path).st_ino
    except OSError:
        return None


@click.command("run", context_settings=EVERYTHING)
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
def run_snapshot(file: str, arguments: Tuple[str, ...]) -> NoReturn:
    """Restore the program in FILE and give it ARGUMENTS.

    The same as calling the restorer, which `create` names, without the start of this command.
    """
    launch.execute([RESTORER, os.path.abspath(file), *arguments], initial_environment())


@click.command("inspect")
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
def inspect(file: str) -> int:
    """Show what is in FILE, whom it is for, and how often it was refused, as JSON; not its environment, nor its memory.

    `verify` tells whether it is sound.
    """
    click.echo(json.dumps({**read(file, header), "refusals": Counter(refusals(file))}, indent=1))
    return 0


@click.command("refresh")
@click.option("--always", is_flag=True, help="Also where it could be restored here and now.")
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
def refresh(always: bool, file: str) -> None:
    """Make the snapshot in FILE again, as it was made, where it could not be restored here and now.

    By the same interpreter, of the same program, with the environment of now.
    """
    path = os.path.abspath(file)
    check = subprocess.run([RESTORER, "--check", path], stdout=subprocess.PIPE, env=initial_environment(), check=False)
    if check.returncode == ARCHIVE_UNUSABLE:
        raise PycdsError(f"{os.fsdecode(check.stdout).strip()}: make it with `pycds snapshot create`", ARCHIVE_UNUSABLE)
    if check.returncode == 0 and not always:
        click.echo(f"{printable(file)}: it can be restored as it is")
        return
    told = read(file, header)
    options, words = told["options"], told["program"]
    interpreter, *flags = told["command"][: -len(words)]
    if told["directory"]:
        os.chdir(told["directory"])
    command = launch.pycds_command(flags, "pycds.commands:main", ["snapshot", "create", *options, path, "--", *words])
    launch.execute([interpreter, *command[1:]], initial_environment())


@click.command("verify")
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
def verify(file: str) -> NoReturn:
    """Check every checksum of FILE, and whether it could be restored here and now.

    Ends with code 1 where it could not, and 3 when the file is not a snapshot at all.
    """
    launch.execute([RESTORER, "--check", os.path.abspath(file)], initial_environment())


COMMANDS: Dict[str, click.Command] = {
    "create": create,
    "run": run_snapshot,
    "inspect": inspect,
    "verify": verify,
    "explain": explain,
    "refresh": refresh,
}
"""In the order in which a user meets them."""

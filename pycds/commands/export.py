"""``pycds export``: archives for another machine."""

from __future__ import annotations

import os
import platform
from typing import List, Tuple

import click

from pycds import exported, launch, program, pruning, store
from pycds._startup import counted, printable
from pycds.commands.archives import size
from pycds.commands.programs import refuse_directory
from pycds.enabled import script_directories
from pycds.errors import ARCHIVE_UNUSABLE, PycdsError, UsageError


@click.command(
    "export",
    help="""Write archives of the store, with their trace lists, into one FILE, for `pycds import` on another machine.

    PROGRAM is a script, a console script of this environment, or the file name of an archive in the store (for one that
    was made under -m or with options). --all takes all that this interpreter can use.

    The other machine must have the same build of Python, and programs and packages at the same paths: archives are
    found by these, and name their sources by absolute paths. Times of files may differ; see `pycds import --help`.

    \b
    Examples:
      pycds export tools.pycds-export aws black
      pycds export --all everything.pycds-export
    """,
)
@click.option("--all", "everything", is_flag=True, help="All archives of this interpreter.")
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
@click.argument("programs", nargs=-1, metavar="[PROGRAM...]")
def command(everything: bool, file: str, programs: Tuple[str, ...]) -> int:
    """Choose, write, tell."""
    if everything == bool(programs):
        raise UsageError("give, behind FILE, either the programs whose archives are to be exported, or --all")
    home = store.home()
    if not os.path.exists(file) and any(os.path.isfile(os.path.join(place, file)) for place in script_directories()):
        raise UsageError(f"{file} is a command of this environment: name the FILE to write first, and then programs")
    refuse_directory(file, "export")
    archives = _all(home) if everything else [_named(home, word) for word in dict.fromkeys(programs)]
    if not archives:
        line = f"{home} has no archive that this interpreter can use; `pycds run` and `pycds enable` make them"
        raise PycdsError(line, ARCHIVE_UNUSABLE)
    from pycds._core import Refusal

    try:
        written = exported.write(file, list(dict.fromkeys(archives)))
    except Refusal as refusal:
        raise PycdsError(refusal.message, ARCHIVE_UNUSABLE) from refusal
    told = f"{counted(len(archives), 'archive')}, {size(written)}, for CPython {platform.python_version()}"
    click.echo(printable(f"{file}: {told}"))
    return 0


def _all(home: str) -> List[str]:
    """Those of this interpreter; how many are left out is told."""
    found = [one.archive for one in pruning.kept(home) if os.path.isfile(one.archive)]
    usable = sorted(archive for archive in found if _is_usable(archive))
    if len(usable) < len(found):
        click.echo(f"left out: {counted(len(found) - len(usable), 'archive')} that this interpreter cannot use")
    return usable


def _is_usable(archive: str) -> bool:
    from pycds._core import Refusal

    try:
        return exported.interpreter_of(archive) == exported.this_interpreter()
    except Refusal:
        return False


def _named(home: str, word: str) -> str:
    archive = os.path.join(home, os.path.basename(word))
    if not word.endswith(".pycds"):
        what = program.parse([word])
        archive = store.archive_for(what, launch.interpreter_flags())
        word = what.target
    if not os.path.isfile(archive):
        raise PycdsError(f"{word} has no archive in {home}: run it once, with `pycds run -- {word}`", ARCHIVE_UNUSABLE)
    if not _is_usable(archive):
        raise PycdsError(f"{archive} is not one that this interpreter can use: see `pycds verify`", ARCHIVE_UNUSABLE)
    return archive

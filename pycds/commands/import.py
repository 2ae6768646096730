"""``pycds import``: archives of another machine."""

from __future__ import annotations

import os
import sys
from typing import Iterator

import click

from pycds import exported
from pycds._startup import counted, printable


@click.command(
    "import",
    help="""Take the archives of a FILE that `pycds export` wrote into the store: all of them, or none where the file is
    damaged or for another build of Python (exit code 3).

    An archive is code that programs will run: import what you would run. One that is in the store already is kept.

    Times of files are other ones on another machine. Where they differ, contents are compared at each start, at some
    microseconds a file, and a module is served where they are equal: nothing needs to be set. PYCDSVALIDATION=sealed
    saves that in images that never change. What was compiled anew here into other bytes is not served until the archive
    is made anew; how many modules would be missed is told.
    """,
)
@click.option("--replace", is_flag=True, help="Replace archives that are in the store already.")
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
def command(replace: bool, file: str) -> int:
    """Read and tell."""
    manifest, found = exported.read(file, replace)
    for one in found:
        told = "imported" if one.is_new else "kept"
        click.echo(printable(f"{told} {one.archive} for {one.program}{'' if one.is_new else ': it was there'}"))
        for line in _doubts(one) if one.is_new else ():
            click.echo(printable(f"  {line}"))
    if manifest["executable"] != sys.executable:
        click.echo(printable(
            f"The programs of {manifest['executable']} have them, not those of {sys.executable}: "
            "archives are found by the interpreter's path"
        ))  # fmt: skip
    new = sum(one.is_new for one in found)
    click.echo(f"{counted(new, 'archive')} imported, {len(found) - new} kept")
    return 0


def _doubts(one: exported.Imported) -> Iterator[str]:
    """What may keep an imported archive from being used here."""
    from pycds._core import Finder, Refusal

    if os.path.isabs(one.program) and not os.path.exists(one.program):
        yield f"the program is not here: nobody will use the archive, unless {one.program} comes to be"
        return
    try:
        stale = Finder(one.archive).stale()
    except Refusal as refusal:
        yield "it was made under other flags" if refusal.reason == "flags" else refusal.message
        return
    if stale:
        name, reason = stale[0]
        yield f"{counted(len(stale), 'module')} would not be served, {name} among them: {reason}"

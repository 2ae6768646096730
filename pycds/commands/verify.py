"""``pycds verify``: check an archive."""

from __future__ import annotations

import click

from pycds._startup import counted, printable
from pycds.commands.archives import open_archive
from pycds.errors import PROBLEMS_FOUND


@click.command("verify")
@click.argument("archive", metavar="ARCHIVE", type=click.Path(readable=False))
def command(archive: str) -> int:
    """Check every checksum, bound, reference and relocation of ARCHIVE.

    Nothing of it is loaded into an interpreter, so an archive of another Python can be checked as well. Ends with
    code 1 when there are problems, and 3 when the file is not an archive at all.
    """
    image = open_archive(archive)
    problems = image.verify()
    name = printable(archive)
    for problem in problems:
        click.echo(f"{name}: {printable(problem)}")
    if problems:
        click.echo(f"{name}: {counted(len(problems), 'problem')}; dump it again", err=True)
        return PROBLEMS_FOUND
    click.echo(f"{name}: {counted(image.header['modules'], 'module')}, no problems")
    return 0

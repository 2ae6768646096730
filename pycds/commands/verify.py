"""``pycds verify``: check an archive."""

from __future__ import annotations

import click

from pycds._startup import VALIDATIONS, counted, printable
from pycds.commands.archives import open_archive
from pycds.errors import ARCHIVE_UNUSABLE, PROBLEMS_FOUND, PycdsError


@click.command("verify")
@click.option(
    "--live",
    is_flag=True,
    help="Also tell which modules would be served now, by this interpreter, and why the others would not.",
)
@click.option(
    "--validation",
    type=click.Choice(VALIDATIONS),
    default="exact",
    show_default=True,
    help="With --live: as the program that is served.",
)
@click.argument("archive", metavar="ARCHIVE", type=click.Path(readable=False))
def command(live: bool, validation: str, archive: str) -> int:
    """Check every checksum, bound, reference and relocation of ARCHIVE.

    Nothing of it is loaded into an interpreter, so an archive of another Python can be checked as well. Ends with
    code 1 when there are problems, and 3 when the file is not an archive at all.

    With --live, each module is looked up as a program with the sys.path of the traced run would look it up now: what
    would be missed is listed with the reason, and makes code 1. An archive that this interpreter cannot use makes
    code 3.
    """
    image = open_archive(archive)
    problems = image.verify()
    name = printable(archive)
    for problem in problems:
        click.echo(f"{name}: {printable(problem)}")
    if problems:
        click.echo(f"{name}: {counted(len(problems), 'problem')}; dump it again", err=True)
    if live:
        return _verify_live(archive, validation) or (PROBLEMS_FOUND if problems else 0)
    if problems:
        return PROBLEMS_FOUND
    click.echo(f"{name}: {counted(image.header['modules'], 'module')}, no problems")
    return 0


def _verify_live(archive: str, validation: str) -> int:
    from pycds import live, reasons
    from pycds._core import Refusal

    try:
        examined = live.examine(archive, validation)
    except Refusal as refusal:
        raise PycdsError(refusal.message, ARCHIVE_UNUSABLE) from refusal
    missed = 0
    for module in examined:
        if module.miss is not None:
            missed += 1
            click.echo(f"{printable(module.name)}: {module.miss} ({reasons.explain(module.miss)})")
    click.echo(f"{printable(archive)}: {len(examined) - missed} of {counted(len(examined), 'module')} would be served")
    return PROBLEMS_FOUND if missed else 0

"""``pycds dump``: make an archive from a trace list."""

from __future__ import annotations

import click

from pycds import dumper
from pycds.commands.archives import progress
from pycds.commands.programs import refuse_directory


@click.command("dump")
@click.option("--verbose", "-v", is_flag=True, help="List every module that is skipped, not only the first ten.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.option("--startup-gc", is_flag=True, help="Programs that start from the archive run with this option of "
              "`pycds run`, unless PYCDSSTARTUPGC says otherwise.")  # fmt: skip
@click.option("--fast-exit", is_flag=True, help="The same, unless PYCDSFASTEXIT says otherwise.")
@click.argument("list_path", metavar="LIST", type=click.Path(readable=False))
@click.argument("archive", metavar="ARCHIVE", type=click.Path(readable=False))
def command(verbose: bool, quiet: bool, startup_gc: bool, fast_exit: bool, list_path: str, archive: str) -> int:
    """Make an archive from a trace list.

    The modules named in LIST go into the file ARCHIVE.

    No module is imported: the ordinary finders and loaders are asked for each module's code. Modules that cannot
    be archived are skipped and listed with the reason; programs import them in the ordinary way. The archive is
    for this interpreter and its flags (-O, -X no_debug_ranges): run `python -O -m pycds dump` for programs that
    run with -O.

    LIST may also be a list of the original code-data-share, or one made by hand: a module's name on each line.

    \b
    Examples:
      pycds dump app.lst app.pycds
      pycds dump --startup-gc --fast-exit app.lst app.pycds
    """
    refuse_directory(archive, "archive")
    options = ["startup-gc"] * startup_gc + ["fast-exit"] * fast_exit
    with progress(quiet) as tell:
        summary = dumper.dump(list_path, archive, progress=tell, options=options)
    if not quiet:
        dumper.report(summary, None if verbose else 10)
    return 0

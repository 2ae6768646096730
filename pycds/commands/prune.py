"""``pycds prune``: remove archives from the store."""

from __future__ import annotations

import os
from typing import Optional

import click

from pycds import background, pruning, store
from pycds._startup import counted, printable
from pycds.commands.archives import size
from pycds.errors import UsageError


@click.command(
    "prune",
    help="""Remove the archives that were used the longest ago, until the store takes no more than --size, or else
    PYCDS_STORE_LIMIT (2G without it). Programs that run from an archive go on; the next run makes it again.

    Before these, archives go whose script is gone from its directory.
    """,
)
@click.option("--size", "most", metavar="SIZE", help="Bytes, or such as 500M or 4G, that may remain.")
@click.option("--all", "everything", is_flag=True, help="Remove all archives.")
@click.option("--dry-run", is_flag=True, help="Only tell which.")
def command(most: Optional[str], everything: bool, dry_run: bool) -> int:
    """Remove and tell."""
    if everything and most is not None:
        raise UsageError("give --size or --all, not both")
    if most is not None and not most.strip():
        raise UsageError("nothing was given for --size: give bytes, or such as 500M or 4G")
    home = store.home()
    limit = 0 if everything else pruning.limit(os.environ if most is None else {background.LIMIT: most})
    gone = {one.archive: pruning.missing_script(one.archive) for one in pruning.kept(home)}
    removed = pruning.prune(home, limit, dry_run=dry_run, first=[archive for archive in gone if gone[archive]])
    for one in removed:
        why = f"; {gone[one.archive]} is gone" if gone.get(one.archive) else ""
        click.echo(printable(f"{'would remove' if dry_run else 'removed'} {one.archive}, {size(one.bytes)}{why}"))
    rest = [one for one in pruning.kept(home) if one not in removed]
    would = "would be left: " if dry_run else ""
    click.echo(f"{printable(home)}: {would}{counted(len(rest), 'archive')}, {size(sum(one.bytes for one in rest))}")
    return 0

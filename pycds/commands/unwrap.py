"""``pycds unwrap``: take back ``pycds wrap``."""

from __future__ import annotations

from typing import Tuple

import click

from pycds import switch, wrapping
from pycds._startup import printable
from pycds.errors import UsageError


@click.command(
    "unwrap",
    help="""Take back `pycds wrap` for these commands: they are served as other programs of this environment are, so
    not at all where `pycds enable` is off. Their archives stay until `pycds prune` removes them. Where one of the names
    is not wrapped, nothing is changed.
    """,
)
@click.option("--all", "everything", is_flag=True, help="All wrapped commands.")
@click.argument("names", nargs=-1, metavar="[NAME...]")
def command(everything: bool, names: Tuple[str, ...]) -> int:
    """Take them out of the line."""
    if everything == bool(names):
        raise UsageError("give either the commands to unwrap, or --all")
    gone = wrapping.unwrap(None if everything else names)
    served = "; served as every program is" if switch.state().settings is not None else ""
    for name in gone:
        click.echo(printable(f"unwrapped {name}{served}"))
    if not gone:
        click.echo("no command is wrapped")
    return 0

"""``pycds disable``: serve programs of this environment only where they ask for it."""

from __future__ import annotations

import sys

import click

from pycds import switch
from pycds._startup import printable


@click.command(
    "disable",
    help="""Take back `pycds enable`: programs of this environment are served only through `pycds run`, or where
    PYCDSMODE is set. The file pycds.pth becomes what came with the package, and what was given to `enable` is
    forgotten. The archives stay; `pycds prune --all` removes them.
    """,
)
def command() -> int:
    """Write the line back that came with the package."""
    was_on = switch.is_on()
    switch.turn_off()
    click.echo(f"PyCDS is off for the programs of {printable(sys.prefix)}{'' if was_on else ', as it was'}.")
    return 0

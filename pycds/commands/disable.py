"""``pycds disable``: serve programs of this environment only where they ask for it."""

from __future__ import annotations

import sys

import click

from pycds import switch
from pycds._startup import printable


@click.command(
    "disable",
    help="""Take back `pycds enable`: programs of this environment are served only through `pycds run`, or where
    PYCDSMODE is set, and those that were wrapped: `pycds unwrap --all` takes that back. Without wrapped commands, the
    file pycds.pth becomes what came with the package. What was given to `enable` is forgotten. The archives stay;
    `pycds prune --all` removes them.
    """,
)
def command() -> int:
    """Take the settings out of the line."""
    was_on = not switch.is_known() or switch.state().settings is not None
    wrapped = switch.turn_off().wrapped
    click.echo(f"PyCDS is off for the programs of {printable(sys.prefix)}{'' if was_on else ', as it was'}.")
    if wrapped:
        click.echo(printable(f"Still wrapped: {', '.join(sorted(wrapped))}; `pycds unwrap --all` ends that."))
    return 0

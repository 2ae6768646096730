"""``pycds wrap``: serve single console scripts of this environment."""

from __future__ import annotations

from typing import Optional, Tuple

import click

from pycds import switch, wrapping
from pycds._startup import printable
from pycds.commands.settings import settings, settings_options, told


@click.command(
    "wrap",
    help="""Serve these console scripts of this environment from now on, as `pycds enable` would serve every program,
    whether or not it is on. They are started as before, and have the archives that `pycds run` has for them. Other
    programs are left alone.

    The scripts are not touched: their names go into pycds.pth, so they stay wrapped when their packages are upgraded,
    and nothing is left when PyCDS is uninstalled. After an upgrade of PyCDS, wrap again; `pycds doctor` tells.

    Options given here hold for these commands and come before those of `pycds enable`; variables such as
    PYCDSFASTEXIT come before both. A command that is wrapped already gets the options given now.

    \b
    Examples:
      pycds wrap aws black
      pycds wrap --fast-exit http
    """,
)
@settings_options("these commands")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def command(
    validation: Optional[str], startup_gc: Optional[bool], fast_exit: Optional[bool], names: Tuple[str, ...]
) -> int:
    """Write them into the line."""
    chosen = settings(validation, startup_gc, fast_exit)
    lost = switch.lost()
    wrapping.wrap(names, chosen)
    options = told(chosen)
    for name in dict.fromkeys(names):
        click.echo(printable(f"wrapped {name}{' with ' if options else ''}{options}"))
    if lost is not None:
        others = ["all programs"] if lost.settings is not None else []
        others += [name for name in sorted(lost.wrapped) if name not in names]
        if others:
            click.echo(printable(f"on again, as before PyCDS was installed anew: {', '.join(others)}"))
    return 0

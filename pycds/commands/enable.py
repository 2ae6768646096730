"""``pycds enable``: serve every program of this environment."""

from __future__ import annotations

import os
import sys
from typing import Optional

import click

from pycds import store, switch
from pycds._startup import printable
from pycds.commands.settings import settings, settings_options, told


@click.command(
    "enable",
    help="""Serve every program of this environment from an archive of its own, from now on.

    The first run of a program is recorded; when it has ended, its archive is made in the background, and later runs use
    it. An archive that is outdated is made anew in the same way. Programs notice nothing: no variable, no output.
    Served are scripts, console scripts and -m MODULE; code given with -c or by hand where `pycds build` was called.

    One file of the environment is written: pycds.pth, which goes when PyCDS is uninstalled. After an upgrade of PyCDS,
    enable again. Options given here hold for all programs; variables such as PYCDSVALIDATION override them in one.

    Nothing is made in the background where CI is set, or where archives cannot be written; those there are served.

    \b
    PYCDSENABLED=off     leave this program and its children alone
    PYCDS_STORE_LIMIT    what the archives may take (2G without it); those used longest ago go first
    """,
)
@settings_options("all programs")
def command(validation: Optional[str], startup_gc: Optional[bool], fast_exit: Optional[bool]) -> int:
    """Write the line."""
    chosen = settings(validation, startup_gc, fast_exit)
    home = store.home({**chosen, **{name: value for name, value in os.environ.items() if value}})
    switch.turn_on(chosen)
    click.echo(f"PyCDS is on for the programs of {printable(sys.prefix)}; it keeps archives in {printable(home)}.")
    if chosen:
        click.echo(printable(f"Taken down for all of them: {told(chosen)}."))
    click.echo("`pycds status` tells what it does, `pycds disable` turns it off.")
    return 0

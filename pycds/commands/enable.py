"""``pycds enable``: serve every program of this environment."""

from __future__ import annotations

import sys
from typing import Optional

import click

from pycds import store, switch
from pycds._startup import printable


@click.command(
    "enable",
    help="""Serve every program of this environment from an archive of its own, from now on.

    The first run of a program is recorded; when it has ended, its archive is made in the background, and later runs use
    it. An archive that is outdated is made anew in the same way. Programs notice nothing: no variable, no output.
    Served are scripts, console scripts and -m MODULE; not code given with -c or by hand.

    One file of the environment is written: pycds.pth, which goes when PyCDS is uninstalled. After an upgrade of PyCDS,
    enable again. Options given here hold for all programs; variables such as PYCDSVALIDATION override them in one.

    Nothing is made in the background where CI is set, or where archives cannot be written; those there are served.

    \b
    PYCDSENABLED=off     leave this program and its children alone
    PYCDS_STORE_LIMIT    what the archives may take (2G without it); those used longest ago go first
    """,
)
@click.option(
    "--validation",
    type=click.Choice(["exact", "digest", "sealed"]),
    help="How it is made sure that archives hold what ordinary imports would load.  [default: exact]",
)
@click.option("--startup-gc", is_flag=True, help="For all programs; see `pycds run --help`.")
@click.option("--fast-exit", is_flag=True, help="For all programs; see `pycds run --help`.")
def command(validation: Optional[str], startup_gc: bool, fast_exit: bool) -> int:
    """Write the line."""
    variables = {"PYCDSVALIDATION": validation} if validation else {}
    if startup_gc:
        variables["PYCDSSTARTUPGC"] = "on"
    if fast_exit:
        variables["PYCDSFASTEXIT"] = "on"
    home = store.home()
    switch.turn_on(variables)
    click.echo(f"PyCDS is on for the programs of {printable(sys.prefix)}; it keeps archives in {printable(home)}.")
    click.echo("`pycds status` tells what it does, `pycds disable` turns it off.")
    return 0

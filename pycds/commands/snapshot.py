"""``pycds snapshot``: a program that has been imported, written down and restored at each start.

What its commands do is in ``pycds.snapshot.commands``, which a build without snapshots does not have.
"""

from __future__ import annotations

import importlib.util
from typing import Dict, List, Optional

import click

from pycds.errors import ARCHIVE_UNUSABLE, PycdsError


class Group(click.Group):
    """Its commands, where this build has them."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Without snapshots there is nothing to be done but to show what there could be."""
        if not _commands() and not ctx.resilient_parsing and args[:1] not in (["-h"], ["--help"]):
            raise PycdsError("this PyCDS was built without snapshots (docs/snapshot.md)", ARCHIVE_UNUSABLE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> List[str]:
        """None in a build without them."""
        return [*_commands()]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help below has them already, in every build."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Loads all of them."""
        return _commands().get(cmd_name)


def _commands() -> Dict[str, click.Command]:
    if importlib.util.find_spec("pycds.snapshot") is None:
        return {}
    from pycds.snapshot.commands import COMMANDS

    return COMMANDS


@click.group("snapshot", cls=Group)
def command() -> None:
    """Write a program down when it has been imported, and restore it.

    For x86-64 Linux, in builds with PYCDS_SNAPSHOTS. Where a snapshot cannot be used (another kernel, a changed file,
    another environment), the plain program runs.

    \b
    snapshot create FILE -- PROGRAM    run a program's imports and write the process down
    snapshot run FILE [ARGUMENTS]...   restore it
    snapshot inspect FILE              show what is in it, and how often it was refused
    snapshot explain FILE              show what it holds, what is frozen, and why it was refused
    snapshot verify FILE               check whether it could be restored here and now
    snapshot refresh FILE              make it again where it could not
    """

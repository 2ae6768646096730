"""``pycds list``: the wrapped commands."""

from __future__ import annotations

import json
from typing import List

import click

from pycds import background, switch, wrapping
from pycds._startup import printable


@click.command(
    "list",
    help="""Show the wrapped commands of this environment: with which options, whether their archives were made (the
    first run of a command leads to one), and whether their scripts are still there. `pycds wrap` and `unwrap` change
    this; `pycds status` tells of all programs.
    """,
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
def command(as_json: bool) -> int:
    """Look and tell."""
    found = wrapping.commands()
    if as_json:
        told = [{**one._asdict(), "has_archive": one.has_archive} for one in found]
        click.echo(json.dumps(told, indent=1))
    else:
        lost = switch.lost()
        none = "no command is wrapped; `pycds wrap NAME` wraps one"
        if lost is not None and lost.wrapped:
            none = f"no command is wrapped any more; before PyCDS was installed anew: {', '.join(sorted(lost.wrapped))}"
        click.echo("\n".join(_table(found) if found else [printable(none)]))
    return 0


def _table(found: List[wrapping.Command]) -> List[str]:
    rows = [("command", "options", "archive", "script")]
    for one in found:
        missing = "being made" if background.is_being_made(one.archive) else "not made yet"
        archive = one.archive if one.has_archive else missing if one.script else "-"
        rows.append((one.name, ", ".join(wrapping.all_in_words(one.settings)) or "-", archive, one.script or "gone"))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [printable("  ".join(map(str.ljust, row, widths)).rstrip()) for row in rows]

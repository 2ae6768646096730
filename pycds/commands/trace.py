"""``pycds trace``: run a program and record what it imports."""

from __future__ import annotations

from typing import Tuple

import click

from pycds import journal, launch, targets, tracer
from pycds._startup import counted, printable, warn
from pycds.commands.programs import EVERYTHING, PROGRAM_HELP, refuse_directory, run_program


@click.command(
    "trace",
    context_settings=EVERYTHING,
    help=f"""Run a program and record the modules that it imports into the trace list LIST.

    A list that exists is added to, so that several runs with different arguments make one list. Child processes
    are recorded, too, and so is everything up to a crash.

    {PROGRAM_HELP}

    \b
    Examples:
      pycds trace app.lst -- app.py --help
      pycds trace --overwrite app.lst -- -m app
    """,
)
@click.option("--overwrite", is_flag=True, help="Begin a new list instead of adding to one that exists.")
@click.argument("list_path", metavar="LIST", type=click.Path(readable=False))
@click.argument("words", nargs=-1, type=click.UNPROCESSED, required=True, metavar="PROGRAM [ARGUMENTS]...")
def command(overwrite: bool, list_path: str, words: Tuple[str, ...]) -> int:
    """Trace, merge what killed processes left, and say what there is."""
    refuse_directory(list_path, "trace list")
    list_path = targets.list_to_write(list_path)
    if overwrite:
        tracer.discard(list_path)
    code = run_program(words, {"PYCDSMODE": "TRACE", "PYCDSLIST": list_path})
    try:
        trace = journal.load(list_path)
    except OSError as error:
        warn(f"no trace list: {list_path}: {error.strerror}; was the program run with -S?")
        return launch.end_as(code)
    for warning in trace.warnings:
        warn(warning)
    click.echo(f"{printable(list_path)}: {counted(len(trace.modules), 'module')}", err=True)
    return launch.end_as(code)

"""``pycds run``: run a program from its archive."""

from __future__ import annotations

from typing import Tuple

import click

from pycds.commands.programs import EVERYTHING, PROGRAM_HELP


@click.command(
    "run",
    context_settings=EVERYTHING,
    help=f"""Run a program from its archive.

    The first run makes the archive, so it takes longer: the program is traced, then the archive is dumped.
    Later runs use it. It is made anew when a module of it has changed, and when the program has come to import
    modules that it lacks. The program itself notices nothing: arguments, input, output, exit code and signals
    are its own.

    {PROGRAM_HELP}

    \b
    Examples:
      pycds run -- app.py --port 8000
      pycds run -- -m http.server
      pycds run -- aws s3 ls
      pycds run --archive build/app.pycds --policy on -- app.py

    Archives are kept in $PYCDS_HOME, else in $XDG_CACHE_HOME/pycds, else in ~/.cache/pycds.
    Child processes of the program are served from the same archive.
    """,
)
@click.option("--archive", metavar="FILE", help="Keep the archive here instead of in the cache.")
@click.option(
    "--policy",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="auto: fall back to ordinary imports whenever the archive cannot be used. on: the archive must exist and be "
    "usable, else exit with code 3; nothing is written. off: run without an archive.",
)
@click.option(
    "--validation",
    type=click.Choice(["exact", "digest", "sealed"]),
    help="How it is made sure that the archive holds what an ordinary import would load. exact: stamps of files and "
    "directories, contents where these differ. digest: contents alone, where stamps lie. sealed: not at all, for "
    "images in which nothing ever changes.  [default: $PYCDSVALIDATION, else exact]",
)
@click.option(
    "--snapshot",
    type=click.Choice(["auto", "off"]),
    default="off",
    show_default=True,
    help="auto: the second run has a snapshot of the program made in the background, and later runs begin from it: its "
    "imports are not executed again. It is made anew when a file, the interpreter or the machine has changed; "
    "programs that cannot be written down run from their archives. See docs/snapshot.md.",
)
@click.option(
    "--startup-gc/--no-startup-gc",
    default=None,
    help="Let the garbage collector rest until start-up is over, then freeze what there is and collect as usual. "
    "Start-up is over when 10 000 containers have been made since a module was last imported. Garbage in cycles "
    "that start-up leaves is never collected.  [default: $PYCDSSTARTUPGC, else what the archive says]",
)
@click.option(
    "--fast-exit/--no-fast-exit",
    default=None,
    help="End without tearing the heap down. Threads are waited for, atexit functions run, files are flushed and "
    "closed, temporary files removed, and the exit code is the same; `__del__` methods and weak reference callbacks of "
    "objects alive at the end do not run.  [default: $PYCDSFASTEXIT, else what the archive says]",
)
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="PROGRAM [ARGUMENTS]...")
def command(
    archive: str | None,
    policy: str,
    validation: str | None,
    snapshot: str,
    startup_gc: bool | None,
    fast_exit: bool | None,
    program: Tuple[str, ...],
) -> int:
    """Only --help and mistakes come here by way of click."""
    from pycds import run

    words = ["--policy", policy, "--snapshot", snapshot, *(["--archive", archive] if archive else [])]
    words += ["--validation", validation] if validation else []
    for name, choice in (("startup-gc", startup_gc), ("fast-exit", fast_exit)):
        if choice is not None:
            words.append(f"--{name}" if choice else f"--no-{name}")
    return run.main([*words, "--", *program])

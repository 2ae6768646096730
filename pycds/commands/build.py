"""``pycds build``: an archive of everything importable in this environment."""

from __future__ import annotations

import os
from typing import Optional, Tuple

import click

from pycds import builder, dumper, everything, store, targets
from pycds._startup import printable
from pycds.commands.archives import progress
from pycds.commands.programs import refuse_directory
from pycds.errors import NothingDumped, UsageError, refuse_empty
from pycds.trace_list import TracedModule, TraceList


@click.command(
    "build",
    help="""Archive everything importable in this environment: the modules of the standard library and of
    site-packages. No module is imported; what does not compile is skipped. `pycds enable` serves every program from
    it that has no archive of its own yet, and `python -c`.

    After `pip install`, call it again: what is new or has changed goes into a small archive beside the first. When
    that comes to a quarter of all, or when fewer modules are chosen than it has, everything is made anew.

    Of the standard library, tests and demonstrations are left out; with --only they are not (`--only '*'`: all).

    The archive is for this interpreter and its flags: `python -O -m pycds build` for programs under -O.

    \b
    Examples:
      pycds build
      pycds build --shared --exclude pandas.tests
      pycds build --only requests --only urllib3 -o web.pycds
    """,
)
@click.option(
    "--shared", is_flag=True, help="Keep it in the environment, share/pycds, for all users, not in the store."
)
@click.option("--output", "-o", metavar="FILE", type=click.Path(readable=False), help="Write this file, all of it.")
@click.option("--only", metavar="PKG", multiple=True, help="This package or module alone; `xml*` will do. Repeatable.")
@click.option("--exclude", metavar="PKG", multiple=True, help="Not this one; as --only.")
@click.option(
    "--from-trace", "listed", metavar="LIST", type=click.Path(readable=False), help="What a trace list names."
)
@click.option("--jobs", "-j", metavar="N", type=click.IntRange(1, 256), help="Processes that read and compile; without "
              "it, as many as there are processors.")  # fmt: skip
@click.option("--full", is_flag=True, help="Make everything anew.")
@click.option("--verbose", "-v", is_flag=True, help="List the modules that are skipped, with reasons.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
def command(
    shared: bool, output: Optional[str], only: Tuple[str, ...], exclude: Tuple[str, ...], listed: Optional[str],
    jobs: Optional[int], full: bool, verbose: bool, quiet: bool,
) -> int:  # fmt: skip
    """Build and tell."""
    if output is not None:
        if shared:
            raise UsageError("give --shared or --output, not both: the archive goes to one place")
        refuse_directory(output, "archive")
    archive = targets.archive_to_write(output or store.base_of(store.shared() if shared else store.home()))
    trace = _chosen(listed, only, exclude)
    directory = os.path.dirname(archive)
    try:
        os.makedirs(directory, mode=0o755 if shared else 0o700, exist_ok=True)
    except OSError as error:
        raise NothingDumped(f"{directory} cannot be made: {error.strerror}") from error
    if output is None and os.stat(directory).st_uid not in (0, os.geteuid()):  # root with somebody's HOME
        raise NothingDumped(f"{directory} belongs to another user, and is left alone; set PYCDS_HOME")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise NothingDumped(f"{directory} cannot be written to; set PYCDS_HOME, or give --output FILE")
    changes = None if output else store.changes_of(archive)
    with progress(quiet) as tell:
        summary = builder.build(archive, trace, jobs or len(os.sched_getaffinity(0)), full, changes, tell)
    if summary is not None and not quiet:
        dumper.report(summary, None if verbose else 0)
    elif not quiet:
        click.echo(f"{printable(archive)}: nothing has changed", err=True)
    return 0


def _chosen(listed: Optional[str], only: Tuple[str, ...], exclude: Tuple[str, ...]) -> TraceList:
    """What is to be archived."""
    for pattern in (*only, *exclude):
        refuse_empty(pattern, "--only" if pattern in only else "--exclude")
    trace = TraceList()
    if listed is None:
        trace.put_path_first(everything.path())
        trace.modules = {name: TracedModule(name) for name in everything.names(trace.path, only, exclude)}
    else:
        known = dumper.read_list(listed)
        trace.put_path_first(known.path or everything.path())
        trace.modules = {name: known.modules[name] for name in everything.select(known.modules, only, exclude)}
    if not trace.modules:
        raise UsageError(f"no module to be archived: {', '.join(only) or listed or 'nothing is left'}")
    for pattern in only:
        if not any(everything.select(trace.modules, [pattern], ())):
            raise UsageError(f"--only {pattern}: there is no such module or package")
    return trace

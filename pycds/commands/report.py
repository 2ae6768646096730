"""``pycds report``: what the start of a program consists of, as a page and as a profile."""

from __future__ import annotations

import json
import os
import tempfile
from functools import partial
from typing import Any, Dict, List, Optional, Tuple

import click

from pycds import pairs, program, run
from pycds._startup import counted, printable
from pycds.commands import bench, bench_report
from pycds.commands.programs import EVERYTHING, PROGRAM_HELP, archive_of
from pycds.errors import PROBLEMS_FOUND, UsageError
from pycds.report import files, page, speedscope
from pycds.report.measurement import Measured, Recorder


@click.command(
    "report",
    context_settings=EVERYTHING,
    help=f"""Write a page about a program's start: imports, phases, hits and misses, slowest modules, what other ways of
    starting could bring. For this it runs several times, without PyCDS and from its archive.

    {PROGRAM_HELP}

    Archive, input, output and exit code are those of `pycds bench`. Only what `pycds report` has written is written
    over.

    \b
    Examples:
      pycds report -o report.html -- app.py --help
      pycds report -o report.html --speedscope imports.json -- -m app
    """,
)
@click.option("-o", "--output", "page_path", metavar="FILE", help="Write the page to FILE.")
@click.option("--speedscope", "profile_path", metavar="FILE",
              help="Write the imports to FILE as https://www.speedscope.app reads them.")  # fmt: skip
@click.option("--runs", "most", metavar="N", type=click.IntRange(min=1), default=5, show_default=True,
              help="Rounds at most, of six runs: undisturbed, observed, telling imports; each twice.")  # fmt: skip
@click.option("--seconds", metavar="S", type=click.FloatRange(min=0), default=60, show_default=True,
              help="Begin no further round after this time.")  # fmt: skip
@click.option("--archive", metavar="FILE", help="Keep the archive here instead of in the cache.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, required=True, metavar="PROGRAM [ARGUMENTS]...")
def command(
    page_path: Optional[str], profile_path: Optional[str], most: int, seconds: float, archive: Optional[str],
    words: Tuple[str, ...],
) -> int:  # fmt: skip
    """Prepare, measure, write."""
    what = program.parse(words)
    _check_outputs(page_path, profile_path)
    own = [f"--runs={most}", f"--seconds={seconds}"]
    given = (("--output", page_path), ("--speedscope", profile_path), ("--archive", archive))
    own += [f"{option}={path and os.path.abspath(path)}" for option, path in given if path is not None]
    run.adopt_flags(what, "pycds.commands:main", ["report", *own, "--"])
    with pairs.ending_together(), tempfile.TemporaryDirectory(prefix="pycds-report-") as directory:
        recorder = Recorder(what, archive_of(what, archive), directory)
        recorder.prepare()
        measured = bench.with_progress(most, "rounds", partial(recorder.measure_all, most, seconds))
        result = bench.to_result(recorder, measured.rounds, explain=True)
    if page_path:
        files.write(page_path, page.render(page.content(result, measured)), "report")
    if profile_path:
        title = printable(" ".join(result["program"]))
        files.write(profile_path, json.dumps(speedscope.profile(title, measured.told)) + "\n", "profile")
    _show(result, measured, [path for path in (page_path, profile_path) if path])
    return PROBLEMS_FOUND if result["ended_otherwise"] else 0


def _check_outputs(page_path: Optional[str], profile_path: Optional[str]) -> None:
    """Before anything runs, for nothing."""
    if page_path is None and profile_path is None:
        raise UsageError("nothing to write: give -o FILE for the page, --speedscope FILE for the profile, or both")
    for path, head, what in (page_path, files.PAGE_HEAD, "report"), (profile_path, files.PROFILE_HEAD, "profile"):
        if path is not None:
            files.check(path, head, what)
    if page_path and profile_path and os.path.realpath(page_path) == os.path.realpath(profile_path):
        raise UsageError(f"{page_path} cannot be both page and profile; give another file for one")


def _show(result: Dict[str, Any], measured: Measured, paths: List[str]) -> None:
    """What was written, and the gist of it."""
    plain, pycds = (bench_report.milliseconds(result["wall_ns"][name]["median"]) for name in pairs.CONTENDERS)
    line = f"{counted(result['pairs'], 'round')}: plain {plain} ms, PyCDS {pycds} ms"
    if measured.statistics is not None:
        line += f"; {measured.statistics['hits']} hits, {sum(measured.statistics['misses'].values())} misses"
    for line_ in (line, *bench_report.endings(result), f"written: {', '.join(map(printable, paths))}"):
        click.echo(line_)

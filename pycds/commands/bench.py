"""``pycds bench``: how long a program takes with its archive and without, and what the time goes into."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

import click
from click.core import ParameterSource

from pycds import estimate, pairs, program, run
from pycds.commands import bench_compare, bench_pyperf, bench_report, bench_result
from pycds.commands.programs import EVERYTHING, PROGRAM_HELP, archive_of, check_writable
from pycds.errors import PROBLEMS_FOUND, PycdsError

T = TypeVar("T")


@click.command(
    "bench",
    context_settings=EVERYTHING,
    help=f"""Run a program again and again, in turn without PyCDS and from its archive, and compare the times.

    {PROGRAM_HELP}

    The archive is the one that `pycds run` keeps for the program, or the one given with --archive; it is made or
    brought up to date first. The program's input is empty, what it prints is thrown away, and it must end by itself.
    What is measured is the process from its start to its end, under PYCDSMODE=SHARE.

    With --compare, no program is run: two results of --json are compared, and PyCDS / plain is called worse or better
    where the two confidence intervals do not overlap.

    Exit code 1 means that the program ended otherwise from the archive than without; with --compare that PyCDS / plain
    has become worse, or that the program ended otherwise in NEW.

    \b
    Examples:
      pycds bench -- app.py --help
      pycds bench --explain -- -m app
      pycds bench --pairs 50 --json=bench.json -- aws --version
      pycds bench --compare before.json bench.json
      pycds bench --pyperf=perf.json -- app.py && python -m pyperf stats perf.json
    """,
)
@click.option("--pairs", "most", metavar="N", type=click.IntRange(min=1), default=20, show_default=True,
              help="Pairs of runs at most. A confidence interval needs 6.")  # fmt: skip
@click.option("--seconds", metavar="S", type=click.FloatRange(min=0), default=60, show_default=True,
              help="Begin no further pair after this time.")  # fmt: skip
@click.option("--explain", is_flag=True, help="Show what the time goes into, by phase: each pair runs once more, "
              "observed, so it takes twice as long.")  # fmt: skip
@click.option("--archive", metavar="FILE", help="Keep the archive here instead of in the cache.")
@click.option("--json", "json_path", metavar="FILE", is_flag=False, flag_value="-", default=None,
              help="Write JSON to FILE, without one (or with -) to stdout.")  # fmt: skip
@click.option("--pyperf", "pyperf_path", metavar="FILE",
              help="Write the runs to FILE as pyperf reads them, compressed if its name ends with .gz.")  # fmt: skip
@click.option("--compare", "compared", metavar="OLD NEW", nargs=2,
              help="Run nothing; compare two results of --json.")  # fmt: skip
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="PROGRAM [ARGUMENTS]...")
@click.pass_context
def command(
    ctx: click.Context, most: int, seconds: float, explain: bool, archive: Optional[str], json_path: Optional[str],
    pyperf_path: Optional[str], compared: Optional[Tuple[str, str]], words: Tuple[str, ...],
) -> int:  # fmt: skip
    """Compare; or prepare, measure, show."""
    _check_outputs(json_path, pyperf_path)
    if compared:
        _refuse_what_measures(ctx)
        return _compare(*compared, json_path)
    if not words:
        raise click.UsageError("Missing argument 'PROGRAM [ARGUMENTS]...'.", ctx)
    what = program.parse(words)
    own = [f"--pairs={most}", f"--seconds={seconds}", *(["--explain"] if explain else [])]
    own += [f"--archive={archive and os.path.abspath(archive)}"] if archive is not None else []
    own += [f"--json={json_path}"] if json_path else []
    own += [f"--pyperf={pyperf_path}"] if pyperf_path else []
    run.adopt_flags(what, "pycds.commands:main", ["bench", *own, "--"])
    path = archive_of(what, archive)
    with pairs.ending_together(), tempfile.TemporaryDirectory(prefix="pycds-bench-") as directory:
        benchmark = pairs.Benchmark(what, path, directory)
        benchmark.prepare()
        rounds = with_progress(most, "pairs", partial(pairs.rounds, benchmark, most, seconds, explain))
        result = to_result(benchmark, rounds, explain)
    bench_result.deliver(result, json_path, bench_report.show)
    if pyperf_path:
        bench_pyperf.write(pyperf_path, result, rounds)
    return PROBLEMS_FOUND if result["ended_otherwise"] else 0


def _check_outputs(json_path: Optional[str], pyperf_path: Optional[str]) -> None:
    """Before anything runs, for nothing."""
    if pyperf_path is not None and pyperf_path in (bench_result.STDOUT, json_path):
        raise PycdsError("--pyperf needs the name of a file of its own")
    for path in (json_path, pyperf_path):
        if path not in (None, bench_result.STDOUT):
            check_writable(str(path), "results")


def _refuse_what_measures(ctx: click.Context) -> None:
    """A comparison runs nothing: whoever asks for both means something else than what would be done."""
    if ctx.params["words"]:
        raise PycdsError(f"--compare takes two files and runs no program; leave out {ctx.params['words'][0]}")
    for parameter in ctx.command.params:
        name = str(parameter.name)
        given = ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
        if given and name not in ("compared", "json_path", "words"):
            raise PycdsError(f"--compare takes two files and runs no program; leave out {parameter.opts[0]}")


def _compare(old: str, new: str, json_path: Optional[str]) -> int:
    if json_path is not None and os.path.realpath(json_path) in (os.path.realpath(old), os.path.realpath(new)):
        raise PycdsError(f"--json={json_path} is one of the results that are compared; give another file")
    compared = bench_compare.compare(bench_result.load(old), bench_result.load(new))
    bench_result.deliver(compared, json_path, bench_compare.show)
    return PROBLEMS_FOUND if bench_compare.is_problem(compared) else 0


def with_progress(most: int, label: str, measure: Callable[[Callable[[], None]], T]) -> T:
    """What ``measure`` gives, which calls its argument up to ``most`` times; on a terminal a bar shows that."""
    if not sys.stderr.isatty():
        return measure(lambda: None)
    with click.progressbar(length=most, label=label, file=sys.stderr) as bar:
        return measure(lambda: bar.update(1))


def to_result(benchmark: pairs.Benchmark, rounds: List[pairs.Round], explain: bool) -> Dict[str, Any]:
    """What is shown, and what --json writes.  Times are nanoseconds."""
    codes = {way: sorted({round_[way].code for round_ in rounds}) for way in rounds[0]}
    result: Dict[str, Any] = {
        "format": bench_result.FORMAT,
        "program": benchmark.words,
        "archive": benchmark.archive,
        "python": platform.python_version(),
        "executable": sys.executable,
        "pairs": len(rounds),
        "codes": {name: codes[name] for name in pairs.CONTENDERS},
        "ended_otherwise": len({tuple(of_way) for of_way in codes.values()}) > 1,
        "last_words": benchmark.last_words() if codes["plain"] != [0] else "",
    }
    for measure in ("wall_ns", "cpu_ns"):
        series = {name: [getattr(round_[name], measure) for round_ in rounds] for name in pairs.CONTENDERS}
        result[measure] = {
            **{name: {**estimate.spread(values), "values": values} for name, values in series.items()},
            "ratio": estimate.ratio(series["pycds"], series["plain"]),
        }
    if explain:
        result["explain"] = {name: _explanation(name, rounds) for name in pairs.CONTENDERS}
    return result


def _explanation(contender: str, rounds: List[pairs.Round]) -> Dict[str, Any]:
    """Of one contender: the phases, and what observing them has cost."""
    observed = [round_[pairs.OBSERVED + contender] for round_ in rounds]
    runs = [sample.phases for sample in observed if sample.phases is not None]
    if len(runs) < len(observed):
        raise PycdsError("the program was not observed: it ended before the start-up hook ran", PROBLEMS_FOUND)
    times = [dict(report["nanoseconds"]) for report in runs]
    above = [round_[pairs.OBSERVED + contender].wall_ns - round_[contender].wall_ns for round_ in rounds]
    return {
        "phases": estimate.middle_half(times),
        "entries": runs[0]["entries"],
        "wall_ns": [sample.wall_ns for sample in observed],
        "overhead_ns": estimate.spread(above),
        "runs": times,
    }

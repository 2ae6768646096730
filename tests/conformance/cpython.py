"""CPython's own test suite, served from an archive of the standard library or in restored processes, and plain.

    python -m tests.conformance.cpython --python PATH --wheel DIST.whl [--set quick|long] [--tests a,b] [--work DIR]

With --memo, each test file has an archive of its own: the standard library, and the regular expressions and texts that
a traced run of the file has compiled.  With --snapshot, nothing is served: the tests run in a process that is restored.

Each test file is run plain and served, on the same copy of the interpreter's installation.  Tests with other outcomes
are run three times more, each way.  Ends with 1 when a difference is left that cpython_accepted.toml does not list, or
of restored processes cpython_accepted_restored.toml.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance import cpython_report as report
from tests.conformance.cpython_compare import Accepted, Difference, compare, judge, read_accepted, repeated
from tests.conformance.cpython_installation import Installation, SetupError, dump_with_memo, prepare
from tests.conformance.cpython_runs import Request, Run, run_file
from tests.conformance.cpython_sets import SETS, present

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ACCEPTED = {
    "served": Path(__file__).with_name("cpython_accepted.toml"),
    "restored": Path(__file__).with_name("cpython_accepted_restored.toml"),
}
REPETITIONS = 3
ENDINGS = ("completed", "SkipTest", "ResourceDenied", "TestFailed")
"""What regrtest says of a file that it has run, or that it skips as a whole."""
SLOW = 100.0
"""Seconds; of a file that takes longer only the differing tests are repeated."""


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.cpython", description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, required=True, help="the interpreter; it needs the test package")
    parser.add_argument("--wheel", type=Path, required=True, help="PyCDS for that interpreter")
    parser.add_argument("--set", choices=tuple(SETS), help="which test files (default: quick, or snapshot)")
    parser.add_argument("--tests", help="these test files instead, separated by commas")
    parser.add_argument("--work", type=Path, default=Path("build/conformance/cpython"), help="where everything is kept")
    parser.add_argument("--jobs", type=int, default=1, help="test files at a time (default: 1)")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for a file (default: 900)")
    parser.add_argument("--keep-plain", action="store_true", help="take earlier plain results where there are")
    parser.add_argument("--memo", action="store_true", help="with what a traced run of each file has compiled")
    parser.add_argument("--snapshot", type=Path, metavar="LIBRARIES",
                        help="in restored processes; LIBRARIES: where what pycds's commands need is")  # fmt: skip
    return parser.parse_args(argv)


class Comparison:
    """Runs and compares test files of one installation."""

    def __init__(self, installation: Installation, options: argparse.Namespace) -> None:
        self._installation, self._way = installation, installation.way
        self._work: Path = options.work
        self._timeout: float = options.timeout
        self._keep_plain: bool = options.keep_plain
        self._memo: bool = options.memo
        self._traced: set[str] = set()
        self._accepted: list[Accepted] = read_accepted(
            tomllib.loads(ACCEPTED[installation.way].read_text(encoding="utf-8"))
        )

    def __call__(self, name: str) -> report.FileResult:
        plain, served = self._plain(name), self._run(name, served=True)
        differences = compare(plain.outcomes, served.outcomes)
        if any(self._unlisted(each) for each in differences) or _whole(plain) != _whole(served):
            differences, served = self._repeat(name, differences, plain, served)
        tests = {*plain.outcomes, *served.outcomes}
        verdict = judge(differences, self._accepted, self._installation.short, tests)
        problems = []
        if _whole(plain) != _whole(served) and not differences:
            problems.append(f"plain: {plain.state}: {plain.detail}; {self._way}: {served.state}: {served.detail}")
        if not plain.state.startswith(ENDINGS):
            problems.append(f"the plain run did not come to an end: {plain.state}: {plain.detail}")
        problems += self._not_as_wanted(served)
        result = report.FileResult(name, plain, served, verdict, problems)
        print(report.line(result), flush=True)
        for difference in (*verdict.differing, *verdict.flaky):
            print(f"     {difference.test}: plain {difference.plain}, {self._way} {difference.served}", flush=True)
        for problem in problems:
            print(f"     {problem}", flush=True)
        for entry in verdict.stale:
            print(f"     warning: {entry.test} is listed as accepted and no longer differs", flush=True)
        return result

    def _not_as_wanted(self, served: Run) -> list[str]:
        """Whether the run was another plain one, and so proves nothing."""
        snapshot = self._installation.snapshot
        if snapshot is None:
            return [] if served.hits else ["no module was served to the process that ran the tests"]
        return [f"a plain process ran instead of a restored one: {snapshot.refusals()}"] if snapshot.refusals() else []

    def _unlisted(self, difference: Difference) -> bool:
        return not any(entry.covers(difference, self._installation.short) for entry in self._accepted)

    def _plain(self, name: str) -> Run:
        kept = self._work / "plain" / self._installation.fingerprint / f"{name}.json"
        if self._keep_plain and kept.is_file():
            return Run.load(kept)
        run = self._run(name, served=False)
        run.save(kept)
        return run

    def _run(self, name: str, *, served: bool, repetition: int = 0, match: tuple[str, ...] = ()) -> Run:
        way = self._way if served else "plain"
        log = self._work / "logs" / f"{name}.{way}{f'.{repetition}' if repetition else ''}.log"
        if self._installation.snapshot:
            return run_file(self._installation, Request(name, log, self._timeout, match, restored=served))
        archive = self._archive_of(name) if served and self._memo else self._installation.archive
        return run_file(self._installation, Request(name, log, self._timeout, match, archive if served else None))

    def _archive_of(self, name: str) -> Path:
        """The standard library's and what the file compiles, made at the first call.  Raises SetupError."""
        archive = self._work / "memo" / f"{name}.pycds"
        if name not in self._traced:
            self._traced.add(name)
            archive.parent.mkdir(parents=True, exist_ok=True)
            traced = archive.with_suffix(".traced")
            traced.unlink(missing_ok=True)
            log = self._work / "logs" / f"{name}.traced.log"
            run_file(self._installation, Request(name, log, self._timeout, trace_list=traced))
            dump_with_memo(self._installation, traced, archive)
        return archive

    def _repeat(
        self, name: str, differences: list[Difference], plain: Run, served: Run
    ) -> tuple[list[Difference], Run]:
        """Run again what differs; another served run stands for one that ended otherwise by chance."""
        match: tuple[str, ...] = ()
        if max(plain.seconds, served.seconds) > SLOW and differences:
            match = tuple(dict.fromkeys(each.test.partition(" ")[0] for each in differences))
        again: dict[bool, list[Run]] = {False: [], True: []}
        for number in range(1, REPETITIONS + 1):
            for way in (False, True):
                again[way].append(self._run(name, served=way, repetition=number, match=match))
        if not differences:
            served = next((run for run in again[True] if _whole(run) == _whole(plain)), served)
        found = [
            repeated(each, [run.outcomes for run in again[False]], [run.outcomes for run in again[True]])
            for each in differences
        ]
        return found, served


def _whole(run: Run) -> tuple[str, str]:
    """What became of a file as a whole, besides its tests' outcomes."""
    return (run.state, "" if run.state.startswith("TestFailed") else run.detail)


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    for number in (signal.SIGINT, signal.SIGQUIT):
        # A shell's job in the background ignores them, and so would the tests, many of which send them.
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        installation = prepare(options.python, options.wheel.resolve(), options.work, options.snapshot)
    except SetupError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    wanted = (
        tuple(options.tests.split(","))
        if options.tests
        else SETS[options.set or ("snapshot" if options.snapshot else "quick")]
    )
    names = present(wanted, installation.stdlib)
    if options.tests and len(names) < len(wanted):
        print(f"conformance: no such tests: {', '.join(sorted({*wanted} - {*names}))}", file=sys.stderr)
        return 2
    what = "in restored processes" if options.snapshot else f"{installation.modules} modules archived"
    print(f"CPython {installation.version}: {what}, {len(names)} test files", flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(Comparison(installation, options), names))
    report.write(results, installation, options.work)
    numbers = report.totals(results)
    print(", ".join(f"{value} {key}" for key, value in numbers.items()) + f"; {time.monotonic() - began:.0f} s")
    print(f"{options.work}/summary.md")
    failed = numbers["differing"] + numbers["problems"]
    same = f"{numbers['same']} tests the same plain and {installation.way}"
    print(f"CPython {installation.version}: {same}, {failed} tests failed")
    return 1 if any(result.failed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())

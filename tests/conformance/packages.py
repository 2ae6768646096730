"""Packages' own tests, plain and served from an archive: the same tests must pass, fail and be skipped.

For each package of ``packages.toml`` its tests are run once traced, an archive is dumped from the trace list, and they
are run again plain and served. A test that differs is run again, with the others of its file, some times each way;
what the served runs alone have shown stays a difference. The package's modules must have come from the archive.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance import junit, suites
from tests.conformance.suites import Environment, Suite

ROOT = Path(__file__).parents[2]
RERUNS = 3


@dataclass
class Proof:
    """What came of one package's tests."""

    suite: Suite
    counts: dict[str, int] = field(default_factory=dict)
    modules: int = 0
    """In the archive."""
    hits: int = 0
    """Modules served to the process that ran the tests."""
    own_hits: int = 0
    """Those of them that are the package's own."""
    processes: int = 0
    """Served processes, the one that ran the tests and its children."""
    child_hits: int = 0
    seconds: float = 0
    traced: list[junit.Difference] = field(default_factory=list)
    served: list[junit.Difference] = field(default_factory=list)
    flaky: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.traced or self.served or self.problems)

    def report(self) -> str:
        counted = ", ".join(f"{number} {kind}" for kind, number in self.counts.items())
        served = (
            f"{self.hits} hits ({self.own_hits} of its own), {self.child_hits} in {max(self.processes - 1, 0)} children"
        )
        lines = [
            f"{'ok' if self.good else 'FAIL':4}  {self.suite.name} {self.suite.version}: {counted};"
            f" archive of {self.modules}, {served}; {self.seconds:.0f} s"
        ]
        lines += [f"      {problem}" for problem in self.problems]
        for side, found in (("traced", self.traced), ("served", self.served)):
            lines += [f"      differs when {side}: {difference}" for difference in found]
        lines += [f"      varies by itself: {name}" for name in self.flaky]
        lines += [f"      differs as accepted: {name}: {self.suite.accepted[name]}" for name in self.accepted]
        return "\n".join(lines)


@dataclass
class Bench:
    """Runs the tests of one package."""

    environment: Environment
    suite: Suite
    proof: Proof

    @property
    def archive(self) -> Path:
        return self.results / "tests.pycds"

    @property
    def trace_list(self) -> Path:
        return self.results / "tests.lst"

    @property
    def results(self) -> Path:
        return self.environment.results(self.suite)

    def run(self, how: str, number: int = 0, files: Sequence[str] = ()) -> junit.Run:
        """Run the tests ``how``: traced, plain or served.  ``files``: those in these files alone."""
        name = f"{how}-{number}" if number else how
        xml, statistics = self.results / f"{name}.xml", self.results / f"{name}.statistics"
        xml.unlink(missing_ok=True)
        shutil.rmtree(statistics, ignore_errors=True)
        statistics.mkdir()
        # Not below this project, whose configuration of pytest would be found by the tests of pytest.
        with ExitStack() as held:
            scratch = held.enter_context(tempfile.TemporaryDirectory(prefix="pycds-", ignore_cleanup_errors=True))
            log = held.enter_context(open(self.results / f"{name}.log", "wb"))
            process = subprocess.Popen(
                [*self._command(xml, files), f"--basetemp={scratch}/t"],
                cwd=self.environment.directory(self.suite),
                env={**self._environ(how, statistics), "TMPDIR": scratch},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            ending = _wait(process, self.suite.minutes * 60)
        if how == "served" and not number:
            self._count(statistics, process.pid)
        if not xml.exists():
            self.proof.problems.append(f"the {how} run left no results, {ending}; see {log.name}")
            return {}
        return junit.read(xml)

    def _command(self, xml: Path, files: Sequence[str]) -> list[str]:
        command = [str(self.environment.python), "-m", "pytest", "-q", "-o", "junit_family=xunit1", f"--junitxml={xml}"]
        command += ["-o", f"cache_dir={self.results / 'cache'}"]
        if not self.suite.sdist:
            command += ["-c", "pytest.ini", "--rootdir=."]
        for plugin in self.suite.plugins:
            command += ["-p", plugin]
        return [*command, *self.suite.options, *(files or self.suite.tests)]

    def _environ(self, how: str, statistics: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYCDS", "PYTEST"))}
        home = self.results / "home"
        home.mkdir(exist_ok=True)
        # Only the plugins that the suite asks for; and one order of sets in all runs.
        kept |= {"HOME": str(home), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONHASHSEED": "0", **self.suite.env}
        if how == "traced":
            kept |= {"PYCDSMODE": "TRACE", "PYCDSLIST": str(self.trace_list)}
        elif how == "served":
            kept |= {
                "PYCDSMODE": "SHARE",
                "PYCDSARCHIVE": str(self.archive),
                "PYCDSSTATS": str(statistics / "%p"),
            }
        return kept

    def _count(self, statistics: Path, main: int) -> None:
        for path in statistics.iterdir():
            if not path.name.isdigit():
                continue  # a process was killed while it wrote
            told = json.loads(path.read_text(encoding="utf-8"))
            self.proof.processes += 1
            if int(path.name) != main:
                self.proof.child_hits += told["hits"]
                continue
            self.proof.hits = told["hits"]
            served = [name for archive in told["archives"] for name in archive["served"]]
            self.proof.own_hits = sum(name.partition(".")[0] in self.suite.modules for name in served)
            if told["refused"]:
                self.proof.problems.append(f"the archive was refused: {told['refused']}")
        if not self.proof.own_hits:
            self.proof.problems.append("none of the package's modules came from the archive")

    def dump(self) -> None:
        """Make the archive from the trace list."""
        self._pycds("dump", str(self.trace_list), str(self.archive))
        if not self.proof.problems:
            told = self._pycds("inspect", "--json", str(self.archive))
            self.proof.modules = len(json.loads(told)["modules"])

    def _pycds(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.environment.python), "-m", "pycds", *arguments],
            cwd=self.environment.directory(self.suite),
            env=self._environ("plain", self.results),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        (self.results / f"{arguments[0]}.log").write_text(done.stdout + done.stderr)
        if done.returncode:
            self.proof.problems.append(f"pycds {arguments[0]} ended with {done.returncode}: {done.stderr[-300:]}")
        return done.stdout


def _wait(process: subprocess.Popen[bytes], timeout: float) -> str:
    """Wait for a run; end its group when it takes too long, and what it has left behind in any case."""
    try:
        process.wait(timeout)
        ending = f"exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        ending = f"still running after {timeout:.0f} s"
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    return ending


def prove(environment: Environment, suite: Suite) -> Proof:
    """Run a package's tests traced, plain and served, and compare."""
    began = time.monotonic()
    proof = Proof(suite)
    bench = Bench(environment, suite, proof)
    shutil.rmtree(bench.results, ignore_errors=True)
    bench.results.mkdir(parents=True)
    traced = bench.run("traced")
    bench.dump()
    if not proof.problems:
        plain, served = bench.run("plain"), bench.run("served")
        proof.counts = junit.counts(plain)
        if not proof.counts.get("passed"):
            proof.problems.append("no test has passed plain")
        if not proof.problems:
            _compare(bench, [traced], [plain], [served])
    proof.seconds = time.monotonic() - began
    return proof


def _compare(bench: Bench, traced: list[junit.Run], plain: list[junit.Run], served: list[junit.Run]) -> None:
    """Compare, and run again what differs."""
    proof = bench.proof
    first = {
        difference.test: difference
        for side in (traced, served)
        for difference in junit.differences(plain, side)
        if difference.test not in proof.suite.accepted
    }
    proof.accepted = [name for name in proof.suite.accepted if junit.differences(plain, served, only=[name])]
    if not first:
        return
    files = junit.files_of(first)
    for number in range(1, RERUNS + 1):
        plain.append(bench.run("plain", number, files))
        served.append(bench.run("served", number, files))
    proof.served = junit.differences(plain, served, only=first)
    proof.traced = junit.differences(plain, traced, only=first)
    found = {difference.test for difference in proof.served + proof.traced}
    proof.flaky = sorted(set(first) - found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance.packages", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--python", type=Path, required=True, help="the interpreter to make the virtual environment with"
    )
    parser.add_argument("--wheel", type=Path, required=True, help="PyCDS's wheel, or the directory with just this one")
    parser.add_argument("--set", choices=("quick", "long"), default="quick", help="small packages, or all")
    parser.add_argument("--only", help="these packages, with commas")
    parser.add_argument(
        "--tag", help="name of the directory below build/conformance (default: the interpreter's version)"
    )
    parser.add_argument("--json", type=Path, help="write the counts to this file as well")
    return parser.parse_args()


def _chosen(only: str | None, which: str) -> list[Suite]:
    known = suites.read()
    if only is None:
        return [suite for suite in known if suite.quick or which == "long"]
    names = only.split(",")
    unknown = set(names) - {suite.name for suite in known}
    if unknown:
        raise SystemExit(f"no such package: {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in known)}")
    return [suite for suite in known if suite.name in names]


def _wheel(given: Path) -> Path:
    wheels = sorted(given.glob("pycds-*.whl")) if given.is_dir() else [given]
    if len(wheels) != 1 or not wheels[0].is_file():
        raise SystemExit(f"{given}: want one wheel, found {len(wheels)}")
    return wheels[0].resolve()


def _version(python: Path) -> str:
    ask = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


def _summary(proofs: Sequence[Proof]) -> Mapping[str, object]:
    return {
        proof.suite.name: {
            "version": proof.suite.version,
            "counts": proof.counts,
            "modules": proof.modules,
            "hits": proof.hits,
            "own_hits": proof.own_hits,
            "child_hits": proof.child_hits,
            "processes": proof.processes,
            "flaky": proof.flaky,
            "differences": [str(difference) for difference in proof.traced + proof.served],
            "problems": proof.problems,
            "seconds": round(proof.seconds),
        }
        for proof in proofs
    }


def main() -> int:
    arguments = _arguments()
    chosen = _chosen(arguments.only, arguments.set)
    # Not resolved: a virtual environment's interpreter is a symbolic link.
    python = arguments.python.absolute()
    tag = arguments.tag or _version(python)
    environment = suites.make(
        ROOT / "build" / "conformance" / f"packages-{tag}", python, _wheel(arguments.wheel), chosen
    )
    proofs = []
    for suite in chosen:
        proofs.append(prove(environment, suite))
        print(proofs[-1].report(), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(_summary(proofs), indent=1) + "\n", encoding="utf-8")
    failed = sum(not proof.good for proof in proofs)
    tests = sum(sum(proof.counts.values()) for proof in proofs)
    print(f"packages' own tests: {tests} tests of {len(proofs)} packages compared")
    print(f"{len(proofs) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

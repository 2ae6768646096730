"""``python -m benchmarks.steady --python PATH``: pairs of processes, ratios, a JSON file in benchmarks/results."""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import time
from pathlib import Path

from benchmarks import estimate, results
from benchmarks.catalogue import HERE
from benchmarks.environments import Bench, SetupError, bench, clean_environment, make_environment
from benchmarks.measure import pin
from benchmarks.process import Failed, Launch, run
from benchmarks.steady.pairs import alternate
from benchmarks.steady.programs import PROGRAMS, Program, django_for, sources
from benchmarks.steady.ratios import Pair, Samples, pair_of, summary

PROBE = HERE / "probes" / "steady.py"


class Steady:
    """The benchmarks in one interpreter, plain and from archives."""

    def __init__(self, place: Bench, wheel: Path, seconds: float) -> None:
        self.place, self.seconds = place, seconds
        self.directory = sources(place)
        self.python = place.root / "steady-environment" / "bin" / "python"
        self.errors = place.directory("logs") / "steady.txt"
        make_environment(place, self.python, [wheel, django_for(place.python.version)])
        self.archives = place.directory("steady-archives")

    def launch(self, program: Program, **environ: str) -> Launch:
        """The probe, under the same hash seed in both processes of a pair."""
        words = [self.python, PROBE, self.directory, program.module, str(self.seconds), *program.arguments]
        return Launch([str(word) for word in words], clean_environment(PYTHONHASHSEED="0", **environ))

    def archive(self, program: Program) -> str:
        """Make the archive of a benchmark.  Raises Failed."""
        archive, traced = self.archives / f"{program.name}.pycds", self.archives / f"{program.name}.lst"
        for old in (archive, traced):
            old.unlink(missing_ok=True)
        run(self.launch(program, PYCDSMODE="TRACE", PYCDSLIST=str(traced)), self.errors)
        words = [str(self.python), "-I", "-m", "pycds", "dump", str(traced), str(archive)]
        run(Launch(words, clean_environment(PYCDS_HOME=str(self.archives))), self.errors)
        self._check(program, archive)
        return str(archive)

    def _check(self, program: Program, archive: Path) -> None:
        """The benchmark's own code must come from the archive, or nothing is compared."""
        counted = self.archives / "statistics.json"
        served = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive), "PYCDSSTATS": str(counted)}
        run(self.launch(program, **served), self.errors)
        names = [name for one in json.loads(counted.read_text())["archives"] for name in one["served"]]
        if program.module not in names:
            raise Failed(f"{program.module} was not served")

    def pair(self, program: Program, archive: str, order: random.Random) -> dict[str, Pair]:
        """What a process of either kind takes, by benchmark.  Raises Failed."""
        kinds = {"plain": {}, "archived": {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": archive}}
        launches = {kind: self.launch(program, **kinds[kind]) for kind in order.sample(sorted(kinds), 2)}
        errors = {kind: self.place.directory("logs") / f"steady-{kind}.txt" for kind in kinds}
        return {label: pair_of(times) for label, times in alternate(launches, errors).items()}


def measure(steady: Steady, programs: list[Program], pairs: int) -> Samples:
    """All pairs, in rounds over all benchmarks."""
    archives = {program.name: steady.archive(program) for program in programs}
    order = random.Random(1)
    found: Samples = {}
    for number in range(pairs):
        begin = time.monotonic()
        for program in order.sample(programs, len(programs)):
            for label, pair in steady.pair(program, archives[program.name], order).items():
                found.setdefault(label, []).append(pair)
        print(f"pair {number + 1}/{pairs}: {time.monotonic() - begin:.0f} s", flush=True)
    return found


def table(ratios: dict[str, estimate.Ratio], mean: estimate.Ratio) -> str:
    """For a terminal."""
    rows = [*ratios.items(), ("geometric mean", mean)]
    return "\n".join(f"{label:28} {r.value:.4f}  [{r.low:.4f}, {r.high:.4f}]" for label, r in rows)


def save(place: Bench, found: Samples, load: float, directory: Path) -> Path:
    """Write the samples beside the other results; those of benchmarks that were not run stay."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"steady-{place.python.label}.json"
    if path.exists():
        found = {**json.loads(path.read_text())["pairs"], **found}
    content = {"python": place.python.version, "load_before": round(load, 1)}
    rows = [f"  {json.dumps(label)}: {json.dumps(values)}" for label, values in sorted(found.items())]
    path.write_text(json.dumps(content)[:-1] + ',\n "pairs": {\n' + ",\n".join(rows) + "\n }}\n")
    return path


def main(argv: list[str] | None = None) -> int:
    """The command; 0 on success, 1 when something could not be set up or run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steady", description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure (default: this one)")
    parser.add_argument("--wheel", type=Path, required=True, help="the wheel of PyCDS for it (./dev build TAG)")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of processes for each benchmark (default: 20)")
    parser.add_argument("--seconds", type=float, default=0.01, help="least length of one timing (default: 0.01)")
    parser.add_argument("--programs", nargs="+", choices=[program.name for program in PROGRAMS], help="only these")
    parser.add_argument("--cpu", type=int, help="processor that everything runs on (default: the last one; -1: any)")
    parser.add_argument("--output", type=Path, default=results.DIRECTORY, help="where the results go")
    options = parser.parse_args(argv)
    load = os.getloadavg()[0]
    cpu = max(os.sched_getaffinity(0)) if options.cpu is None else options.cpu
    chosen = [program for program in PROGRAMS if not options.programs or program.name in options.programs]
    try:
        place = bench(options.python)
        steady = Steady(place, options.wheel, options.seconds)
        pin(None if cpu < 0 else cpu)
        found = measure(steady, chosen, options.pairs)
    except (SetupError, Failed) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    ratios, mean = summary(found)
    print(table(ratios, mean))
    print(f"written: {save(place, found, load, options.output)}")
    return 0 if math.isfinite(mean.value) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Costs one by one: attach, link against unmarshal, dump rate, sizes, memory."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import empty_modules, generated, memory
from benchmarks.catalogue import HERE, PROGRAMS, Application
from benchmarks.contenders import CONTENDERS, Contender, PyCDS
from benchmarks.environments import Bench, clean_environment, idle_environments
from benchmarks.process import Failed, Launch, run
from benchmarks.results import Outcome

PROBES = HERE / "probes"
ATTACH_SIZES = (50, 500, 5000)
MEMORY_APPS = ("requests", "django", "pandas", "boto3")


def _probe(place: Bench, name: str, *arguments: str | Path) -> dict[str, int]:
    argv = [place.applications, PROBES / name, *arguments]
    launch = Launch([str(part) for part in argv], clean_environment())
    return run(launch, place.directory("logs") / "probe.txt").report


def _interleaved(jobs: Mapping[str, Callable[[], dict[str, int]]], rounds: int) -> dict[str, dict[str, list[int]]]:
    """{job: {key: [a value a round]}}, in an order that is random in each round."""
    table: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in jobs}
    for number in range(rounds):
        for name in random.Random(number).sample(list(jobs), len(jobs)):
            for key, value in jobs[name]().items():
                table[name][key].append(value)
    return table


def _children_cpu_ns() -> int:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)


class Archives:
    """The archives that the probes work on: of applications, of generated modules, of the standard library."""

    def __init__(self, place: Bench) -> None:
        self.place = place
        self.pycds = PyCDS(place)

    def application(self, app: Application) -> Path:
        """The archive of an application, made when there is none."""
        _, archive = self.pycds.paths(app)
        return archive if archive.exists() else self.pycds.make_archive(app)

    def generated(self, count: int) -> tuple[Path, Path, Path]:
        """Trace list, archive and directory of ``count`` generated modules."""
        directory = self.place.directory(f"generated-{count}")
        return self._made(Application(f"generated-{count}", generated.modules(directory, count), (), False))

    def _made(self, app: Application) -> tuple[Path, Path, Path]:
        listing, archive = self.pycds.paths(app)
        for path in (listing, archive):
            path.unlink(missing_ok=True)
        program = [str(self.place.applications), str(app.program)]
        errors = self.place.directory("logs") / "generated.txt"
        run(Launch(program, clean_environment()), errors)
        run(Launch(program, clean_environment(PYCDSMODE="TRACE", PYCDSLIST=str(listing))), errors)
        self.pycds.dump(listing, archive, app.program.parent)
        return listing, archive, app.program.parent

    def standard_library(self) -> tuple[Path, Path, Path]:
        """Trace list, archive and directory of the standard library; the list has bare names, as the original's."""
        question = "import sysconfig; print(sysconfig.get_path('stdlib'))"
        command = [str(self.place.applications), "-c", question]
        library = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        directory = self.place.directory("archives-pycds")
        listing, archive = directory / "stdlib.lst", directory / "stdlib.img"
        listing.write_text("\n".join(generated.standard_library(Path(library))) + "\n")
        self.pycds.dump(listing, archive, PROGRAMS)
        return listing, archive, PROGRAMS

    def count(self, archive: Path) -> int:
        """Modules in an archive."""
        code = "import sys, pycds._core; print(len(pycds._core.Image(sys.argv[1]).modules()))"
        command = [str(self.place.applications), "-c", code, str(archive)]
        # Not in the repository, whose own package would come first and has no core.
        done = subprocess.run(command, cwd=self.place.root, check=True, capture_output=True, text=True)
        return int(done.stdout)


def attach(place: Bench, made: Mapping[int, Path], rounds: int) -> dict[str, Any]:
    """Attach in fresh processes: {modules: {key: series}}."""
    jobs = {str(count): partial(_probe, place, "attach.py", path) for count, path in made.items()}
    return _interleaved(jobs, rounds)


def link(place: Bench, archives: Mapping[str, tuple[Path, Path]], rounds: int) -> dict[str, Any]:
    """Linking and unmarshalling the same modules, each in fresh processes: {archive: {"link"|"unmarshal": series}}."""
    jobs: dict[str, Callable[[], dict[str, int]]] = {}
    for name, (archive, directory) in archives.items():
        jobs[f"{name}/link"] = partial(_probe, place, "link.py", archive, directory)
        jobs[f"{name}/unmarshal"] = partial(_probe, place, "unmarshal.py", archive)
    table: dict[str, Any] = {name: {} for name in archives}
    for job, series in _interleaved(jobs, rounds).items():
        name, kind = job.split("/")
        table[name][kind] = series
    return table


def dump(archives: Archives, lists: Mapping[str, tuple[Path, Path, Path]], rounds: int) -> dict[str, Any]:
    """Dump each list again, the whole command timed: {list: {"modules", "bytes", and series "wall_ns", "cpu_ns"}}."""
    table: dict[str, Any] = {}
    for name, (listing, archive, directory) in lists.items():
        copy = archive.with_suffix(".again")
        walls, cpus = [], []
        for _ in range(rounds):
            wall, cpu = time.perf_counter_ns(), _children_cpu_ns()
            archives.pycds.dump(listing, copy, directory)
            walls.append(time.perf_counter_ns() - wall)
            cpus.append(_children_cpu_ns() - cpu)
        table[name] = {
            "modules": archives.count(copy),
            "bytes": copy.stat().st_size,
            "wall_ns": walls,
            "cpu_ns": cpus,
        }
        copy.unlink()
    return table


def idle(place: Bench, wheel: Path | None, archive: Path, rounds: int) -> dict[str, Any]:
    """Whole processes that do nothing: without PyCDS, with its hook off, and attached: {how: series}."""
    bare, hook = idle_environments(place, wheel)
    attached = clean_environment(PYCDSMODE="SHARE", PYCDSARCHIVE=str(archive), PYCDSPOLICY="on")
    ways = {"without": (bare, clean_environment()), "off": (hook, clean_environment()), "attached": (hook, attached)}
    errors = place.directory("logs") / "idle.txt"

    def once(python: Path, environment: dict[str, str]) -> dict[str, int]:
        return {"wall_ns": run(Launch([str(python), "-c", "pass"], environment), errors).wall_ns}

    jobs = {name: partial(once, python, environment) for name, (python, environment) in ways.items()}
    for job in jobs.values():
        job()
    return _interleaved(jobs, rounds)


def processes(place: Bench, apps: Sequence[Application], outcome: Outcome, rounds: int) -> dict[str, Any]:
    """Memory of 8 processes of each application: {application: {contender: [{pss, rss, private_dirty}, …]}}."""
    table: dict[str, Any] = {}
    for app in apps:
        able: list[Contender] = [
            CONTENDERS[name](place)
            for name in ("plain", "pycds", "original")
            if name not in outcome.missing and name not in outcome.unable.get(app.name, {})
        ]
        table[app.name] = {contender.name: [] for contender in able}
        for number in range(rounds):
            for contender in random.Random(number).sample(able, len(able)):
                try:
                    table[app.name][contender.name].append(asdict(memory.together(contender.launch(app))))
                except Failed as error:
                    print(f"memory of {app.name} with {contender.name}: {error}", flush=True)
    return table


def measure(place: Bench, apps: Sequence[Application], outcome: Outcome, *, quick: bool, wheel: Path | None) -> None:
    """Everything of this module into ``outcome.costs``."""
    archives = Archives(place)
    print("attach …", flush=True)
    made = {count: archives.generated(count) for count in ATTACH_SIZES}
    outcome.costs["attach"] = attach(place, {count: paths[1] for count, paths in made.items()}, 15 if quick else 41)
    print("idle …", flush=True)
    outcome.costs["idle"] = idle(place, wheel, made[ATTACH_SIZES[-1]][1], 21 if quick else 101)
    print("link …", flush=True)
    library = archives.standard_library()
    linked = {"stdlib": library[1:]}
    for app in apps:
        if "pycds" not in outcome.unable.get(app.name, {}):
            linked[app.name] = (archives.application(app), PROGRAMS)
    outcome.costs["link"] = link(place, linked, 3 if quick else 9)
    print("dump …", flush=True)
    lists = {"stdlib": library, f"generated-{ATTACH_SIZES[-1]}": made[ATTACH_SIZES[-1]]}
    outcome.costs["dump"] = dump(archives, lists, 2 if quick else 5)
    print("empty modules …", flush=True)
    outcome.costs["empty"] = empty_modules.measure(place, wheel, 7 if quick else 31)
    print("memory …", flush=True)
    chosen = [app for app in apps if app.name in MEMORY_APPS]
    outcome.costs["memory"] = processes(place, chosen, outcome, 1 if quick else 3)
    outcome.costs = json.loads(json.dumps(outcome.costs))

"""``python -m benchmarks``: install, measure, report.  ``--help`` lists what can be chosen."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import report, results, summary
from benchmarks.catalogue import SETS, Application, applications
from benchmarks.contenders import CONTENDERS, Contender, Shared
from benchmarks.environments import (
    Bench,
    SetupError,
    bench,
    build_oracle,
    install_applications,
    install_original,
    install_pycds,
)
from benchmarks.measure import Journal, collect, failures, pin, rounds
from benchmarks.process import Failed
from benchmarks.resident.contenders import ForkServer, Snapshot
from benchmarks.results import Facts


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "command",
        nargs="?",
        default="all",
        choices=(
            "all",
            "setup",
            "apps",
            "reach",
            "instructions",
            "cold",
            "costs",
            "explain",
            "tools",
            "snapshots",
            "report",
        ),
        help="all (default): everything; setup: install only; apps: the applications; reach: the same with"
        " the options of PyCDS as well; instructions: those of what reach has measured (slow);"
        " cold: the applications, with files that are not in memory; costs: attach, link, dump,"
        " memory; explain: what the time goes into, by phase; tools: ten commands in an enabled environment;"
        " snapshots: programs that are restored, or forked by a server (the wheel has to have snapshots);"
        " report: docs/performance.md from the results there are",
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure (default: this one)")
    parser.add_argument("--set", choices=SETS, default="apps", help="which applications (default: apps)")
    parser.add_argument("--quick", action="store_true", help="five applications, few rounds: under three minutes")
    parser.add_argument("--apps", nargs="+", metavar="NAME", help="only these applications")
    parser.add_argument("--contenders", nargs="+", choices=tuple(CONTENDERS), help="(default: all but options)")
    parser.add_argument("--rounds", type=int, help="rounds at most (default: 40, quick: 7)")
    parser.add_argument("--minutes", type=float, help="time for the rounds (default: 11, quick: 1.5)")
    parser.add_argument("--cpu", type=int, help="processor that everything runs on (default: the last one; -1: any)")
    parser.add_argument("--wheel", type=Path, help="measure this wheel of PyCDS instead of building this repository")
    parser.add_argument("--instructions", action="store_true", help="count instructions under callgrind as well (slow)")
    parser.add_argument("--output", type=Path, help="where the results go (default: benchmarks/results)")
    options = parser.parse_args(argv)
    if options.set != "apps" and options.command not in ("reach", "instructions", "snapshots", "setup"):
        parser.error("--set others is for reach and snapshots, whose results are files of their own")
    if options.command == "snapshots":
        options.contenders = ["plain", *summary.RESIDENT]
    if not options.contenders:
        options.contenders = [
            name for name in CONTENDERS if name != "options" or options.command in ("reach", "instructions")
        ]
    return options


def chosen(options: argparse.Namespace) -> list[Application]:
    """The applications asked for.  Raises ValueError for an unknown one."""
    return applications(options.apps, quick=options.quick, which=options.set)


def set_up(place: Bench, options: argparse.Namespace) -> tuple[str, dict[str, str], dict[str, str]]:
    """Install everything that was asked for.

    Returns PyCDS's fingerprint, {contender: why it cannot be had} and {application: why it cannot be installed}.
    """
    not_installable = install_applications(place, place.applications)
    missing: dict[str, str] = {}
    fingerprint = ""
    if "oracle" in options.contenders:
        build_oracle(place)
    if {"pycds", "options"} & set(options.contenders):
        fingerprint = install_pycds(place, options.wheel)
    if "original" in options.contenders:
        try:
            install_original(place)
        except SetupError as error:
            missing["original"] = f"not installable: {str(error).splitlines()[-1]}"
    return fingerprint, missing, not_installable


def prepare(
    contenders: list[Contender], apps: list[Application]
) -> tuple[dict[str, list[Contender]], dict[str, dict[str, Facts]], dict[str, dict[str, str]]]:
    """Prepare each application for each contender: {app: those that can}, facts, and reasons of those that cannot."""
    able: dict[str, list[Contender]] = {}
    facts: dict[str, dict[str, Facts]] = {}
    unable: dict[str, dict[str, str]] = {}
    for app in apps:
        print(f"preparing {app.name} …", flush=True)
        able[app.name], facts[app.name], unable[app.name] = [], {}, {}
        for contender in contenders:
            try:
                facts[app.name][contender.name] = contender.prepare(app)
                able[app.name].append(contender)
            except Failed as error:
                unable[app.name][contender.name] = str(error)
                print(f"  {contender.name} cannot run {app.name}: {error}", flush=True)
    return able, facts, unable


def measure_applications(
    place: Bench, options: argparse.Namespace, outcome: results.Outcome, fingerprint: str, outside_load: float
) -> None:
    """Prepare, run the rounds, and put the samples into ``outcome``."""
    apps = [app for app in chosen(options) if app.name not in outcome.not_installable]
    missing = outcome.missing
    kinds = {**CONTENDERS, "snapshot": Snapshot, "forked": ForkServer}
    contenders = [kinds[name](place) for name in options.contenders if name not in missing]
    able, outcome.facts, outcome.unable = prepare(contenders, apps)
    identity = {
        "pycds": fingerprint,
        "apps": [app.name for app in apps],
        "able": {name: [contender.name for contender in by] for name, by in able.items()},
    }
    journal = Journal(place.root / "samples.jsonl", identity)
    count = options.rounds or (7 if options.quick else 40)
    minutes = options.minutes or (1.5 if options.quick else 11)
    outcome.load = round(outside_load, 1)
    outcome.rounds = rounds(journal, apps, able, count, minutes * 60)
    samples = collect(journal, outcome.rounds)
    outcome.samples = {app.name: samples[app.name] for app in apps if app.name in samples}
    outcome.failures = failures(journal)
    journal.finish()
    for contender in contenders:
        contender.close()


def measure_cold(
    place: Bench, options: argparse.Namespace, outcome: results.Outcome, fingerprint: str, directory: Path
) -> None:
    """Prepare and run the rounds with files that are not in memory.  Raises SetupError where they cannot be dropped."""
    from benchmarks import cold

    apps = [app for app in chosen(options) if app.name not in outcome.not_installable]
    contenders = [CONTENDERS[name](place) for name in options.contenders if name not in outcome.missing]
    able, _, _ = prepare(contenders, apps)
    before = cold.Forgetting(place)
    for contender in contenders:
        if isinstance(contender, Shared):
            before.check(contender.paths(apps[0])[1])
    identity = {"pycds": fingerprint, "able": {name: [each.name for each in by] for name, by in able.items()}}
    journal = Journal(place.root / "cold.jsonl", identity)
    count = rounds(journal, apps, able, options.rounds or 12, (options.minutes or 8) * 60, before)
    cold.save(directory, outcome.label, count, collect(journal, count))
    journal.finish()


def reach_of_applications(
    place: Bench, options: argparse.Namespace, outcome: results.Outcome, fingerprint: str, outside_load: float,
    directory: Path,
) -> int:  # fmt: skip
    """Measure the applications with the options as well, or restored; the results are files of their own."""
    label_of = summary.snapshots_label if options.command == "snapshots" else summary.reach_label
    label = label_of(outcome.label, options.set)
    outcome = replace(
        results.Outcome.new(place.python),
        label=label,
        quick=options.quick,
        missing=outcome.missing,
        not_installable=outcome.not_installable,
    )
    measure_applications(place, options, outcome, fingerprint, outside_load)
    results.save(outcome, directory)
    return report.write(directory)


def instructions_of_reach(place: Bench, options: argparse.Namespace, outcome: results.Outcome, directory: Path) -> int:
    """Count the instructions of what ``reach`` has measured, into its results."""
    from benchmarks import instructions

    measured = results.load(directory, summary.reach_label(outcome.label, options.set))
    if measured is None:
        print("benchmarks: there is nothing to count instructions of: `reach` comes first", file=sys.stderr)
        return 2
    instructions.count(place, chosen(options), measured)
    results.save(measured, directory)
    return report.write(directory)


def explain_applications(place: Bench, options: argparse.Namespace, outcome: results.Outcome, directory: Path) -> int:
    """Count each application's time by phase, show and save it."""
    from benchmarks import explain

    apps = [app for app in chosen(options) if app.name not in outcome.not_installable]
    names = [name for name in explain.CONTENDERS if name in options.contenders and name not in outcome.missing]
    able, _, _ = prepare([CONTENDERS[name](place) for name in names], apps)
    found = explain.measure(place, apps, able, options.rounds or 7)
    explain.save(directory, outcome.label, found)
    print(explain.tables(found))
    return report.write(directory)


def main(argv: list[str] | None = None) -> int:
    """The command; 0 on success, 1 when something could not be set up, 2 for bad arguments."""
    options = arguments(argv)
    directory = options.output or results.DIRECTORY
    if options.command == "report":
        return report.write(directory)
    begin, outside_load = time.monotonic(), os.getloadavg()[0]
    try:
        chosen(options)
        place = bench(options.python, options.set)
        fingerprint, missing, not_installable = set_up(place, options)
    except (SetupError, ValueError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    if options.command == "setup":
        return 0
    cpu = max(os.sched_getaffinity(0)) if options.cpu is None else options.cpu
    pin(None if cpu < 0 else cpu)
    outcome = results.load(directory, place.python.label) or results.Outcome.new(place.python)
    outcome.missing, outcome.not_installable = missing, not_installable
    outcome.quick = options.quick
    if options.command in ("reach", "snapshots"):
        return reach_of_applications(place, options, outcome, fingerprint, outside_load, directory)
    if options.command == "instructions":
        return instructions_of_reach(place, options, outcome, directory)
    if options.command in ("all", "apps"):
        measure_applications(place, options, outcome, fingerprint, outside_load)
        results.save(outcome, directory)
    if options.command == "cold":
        try:
            measure_cold(place, options, outcome, fingerprint, directory)
        except SetupError as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 1
    if options.command == "tools":
        from benchmarks import tools

        try:
            tools.save(directory, place.python.label, tools.measure(place, options.wheel, options.rounds or 20))
        except (SetupError, Failed) as error:
            print(f"benchmarks: {error}", file=sys.stderr)
            return 1
        return report.write(directory)
    if options.command == "explain":
        return explain_applications(place, options, outcome, directory)
    if options.command in ("all", "costs") and "pycds" in options.contenders:
        from benchmarks import costs

        apps = [app for app in chosen(options) if app.name not in not_installable]
        costs.measure(place, apps, outcome, quick=options.quick, wheel=options.wheel)
        results.save(outcome, directory)
    if options.instructions:
        from benchmarks import instructions

        instructions.count(place, chosen(options), outcome)
        results.save(outcome, directory)
    print(f"measured in {(time.monotonic() - begin) / 60:.1f} minutes", flush=True)
    return report.write(directory)


if __name__ == "__main__":
    sys.exit(main())

"""The results of a conformance run, as JSON and as Markdown."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.cpython_compare import Difference, Verdict
from tests.conformance.cpython_installation import Installation
from tests.conformance.cpython_runs import Run


@dataclass
class FileResult:
    """One test file, run both ways and compared."""

    name: str
    plain: Run
    served: Run
    verdict: Verdict
    problems: list[str] = field(default_factory=list)
    """What is wrong with the runs as a whole: nothing served, other ending."""

    @property
    def failed(self) -> bool:
        return bool(self.verdict.differing or self.problems)

    def counts(self) -> Counter[str]:
        """Outcomes of the served run, by id: a test and each of its subtests that has an id of its own."""
        kinds = [{kind for kind, _ in seen} for seen in self.served.outcomes.values()]
        return Counter(kind.pop() if len(kind) == 1 else "mixed" for kind in kinds)

    def same(self) -> int:
        """Tests with one and the same outcome both ways."""
        verdict = self.verdict
        differing = len(verdict.differing) + len(verdict.accepted) + len(verdict.flaky)
        return len({*self.plain.outcomes, *self.served.outcomes}) - differing


def totals(results: list[FileResult]) -> dict[str, int]:
    """The counts of a whole run."""
    return {
        "files": len(results),
        "files skipped": sum(not result.served.outcomes and result.plain.state == "SkipTest" for result in results),
        "tests": sum(len(result.served.outcomes) for result in results),
        "same": sum(result.same() for result in results),
        "differing": sum(len(result.verdict.differing) for result in results),
        "accepted": sum(len(result.verdict.accepted) for result in results),
        "flaky": sum(len(result.verdict.flaky) for result in results),
        "problems": sum(len(result.problems) for result in results),
        "hits": sum(result.served.hits for result in results),
        "misses": sum(sum(result.served.misses.values()) for result in results),
        "hits in children": sum(result.served.child_hits for result in results),
        "regular expressions served": sum(result.served.memo.get("regexes", 0) for result in results),
        "texts served": sum(result.served.memo.get("codes", 0) for result in results),
        "served processes": sum(result.served.processes for result in results),
    }


def write(results: list[FileResult], installation: Installation, directory: Path) -> None:
    """``summary.json`` and ``summary.md``."""
    document = {
        "python": installation.version,
        "archive": {"modules": installation.modules, "skipped": list(installation.skipped)},
        "totals": totals(results),
        "files": [_file(result) for result in results],
    }
    (directory / "summary.json").write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    (directory / "summary.md").write_text(markdown(results, installation), encoding="utf-8")


def _file(result: FileResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "state": {"plain": result.plain.state, "served": result.served.state},
        "seconds": {"plain": round(result.plain.seconds, 1), "served": round(result.served.seconds, 1)},
        "counts": dict(result.counts()),
        "same": result.same(),
        "hits": result.served.hits,
        "misses": result.served.misses,
        "children": {"processes": result.served.processes - 1, "hits": result.served.child_hits},
        "problems": result.problems,
        "differing": [_difference(difference) for difference in result.verdict.differing],
        "flaky": [_difference(difference) for difference in result.verdict.flaky],
        "accepted": [{**_difference(seen), "reason": entry.reason} for seen, entry in result.verdict.accepted],
        "no longer differing": [entry.test for entry in result.verdict.stale],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "test": difference.test,
        "plain": list(difference.plain),
        "served": list(difference.served),
        "detail": difference.detail,
    }


def line(result: FileResult) -> str:
    """One line for the terminal."""
    counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(result.counts().items()))
    verdict = result.verdict
    marks = [
        f"{len(found)} {what}"
        for found, what in (
            (verdict.differing, "DIFFER"),
            (verdict.accepted, "accepted"),
            (verdict.flaky, "flaky"),
            (verdict.stale, "listed and no longer differing"),
            (result.problems, "PROBLEMS"),
        )
        if found
    ]
    what = counts or f"{result.plain.state}: {result.plain.detail}"
    times = f"{result.plain.seconds:.0f}+{result.served.seconds:.0f} s"
    if result.served.processes:  # none where processes are restored instead
        what += f"; {result.served.hits} hits, {result.served.child_hits} in children"
    return "; ".join((f"{'FAIL' if result.failed else 'ok  '} {result.name}: {what}", times, *marks))


def markdown(results: list[FileResult], installation: Installation) -> str:
    """The summary to read."""
    numbers = totals(results)
    lines = [
        f"# CPython {installation.version}: its own tests, plain and {installation.way}",
        "",
        f"{installation.modules} modules in the archive. "
        + ", ".join(f"{value} {key}" for key, value in numbers.items()),
        "",
        "| file | tests | same | passed | skipped | failed both ways | hits | hits in children"
        " | differing | accepted | flaky |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        counts, verdict = result.counts(), result.verdict
        tests = len(result.served.outcomes)
        if not tests:
            lines.append(f"| {result.name} | 0 | {result.served.state}: {result.served.detail} |||||||||")
            continue
        bad = tests - sum(counts[key] for key in ("passed", "skipped", "expected failure"))
        bad -= len(verdict.differing)
        lines.append(
            f"| {result.name} | {tests} | {result.same()} | {counts['passed']} | {counts['skipped']} | {max(bad, 0)} "
            f"| {result.served.hits} | {result.served.child_hits} | {len(verdict.differing)} "
            f"| {len(verdict.accepted)} | {len(verdict.flaky)} |"
        )
    for title, group in (("Differing", "differing"), ("Flaky", "flaky")):
        found: list[Difference] = [each for result in results for each in getattr(result.verdict, group)]
        lines += ["", f"## {title}", ""]
        lines += [f"* `{each.test}`: plain {_run_list(each.plain)}, served {_run_list(each.served)}" for each in found]
    lines += ["", "## Problems", "", *(f"* {result.name}: {text}" for result in results for text in result.problems)]
    lines += ["", "## Accepted", ""]
    lines += [f"* `{seen.test}`: {entry.reason}" for result in results for seen, entry in result.verdict.accepted]
    return "\n".join(lines) + "\n"


def _run_list(outcomes: tuple[str, ...]) -> str:
    return ", ".join(f"{number} × {outcome}" for outcome, number in Counter(outcomes).items())

"""From the records of two runs to what differs between them, test by test."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Dict, List, Tuple

Outcomes = Dict[str, List[Tuple[str, str]]]
"""By test id, what became of it: (outcome, detail), one for each time it was run."""

ABSENT = "absent"
"""The outcome of a test that one run has and the other has not."""
DIED = "died"
"""The outcome of a test during which the process ended."""
IN_SUBTEST = "ended by its subtests"
"""The outcome of a test that has none of its own: one of its subtests failed or was skipped."""

_VOLATILE = (
    (re.compile(r"0x[0-9a-fA-F]{4,}|(?<![\d.])1[34]\d{13}(?!\d)"), "0x…"),  # addresses, decimal ones as well
    (re.compile(r"/\S*/pycds-\w{8}(?=[/'\"\s]|$)"), "/scratch"),
    (re.compile(r"\btmp[a-z0-9_]{8}\b"), "tmp…"),
    (re.compile(r"(?i)@test_\d+_tmp"), "@test"),  # test.support's file names: the process id
    (re.compile(r"test_python_worker_\d+æ?|test_python_\d+æ?"), "test_python"),
)
_SET = re.compile(r"\{([^{}:]*)\}")


def stable(text: str) -> str:
    """A text without what differs from run to run: addresses, process ids, temporary names, the order of sets."""
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return _SET.sub(lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", text)


def read_record(text: str) -> tuple[Outcomes, str, str]:
    """The outcomes in a worker's record, and what became of the whole file (empty when it never came to that)."""
    outcomes: Outcomes = {}
    open_tests: list[str] = []
    files: list[tuple[str, str]] = []
    for line in text.splitlines():
        try:
            kind, name, *rest = ast.literal_eval(line)
        except (SyntaxError, ValueError):
            continue  # the process died while it wrote
        if kind == "file":
            files.append((name, stable(rest[0])))
            continue
        name = stable(name)
        if kind == "start":
            open_tests.append(name)
            outcomes.setdefault(name, [])
        elif kind == "stop":
            if name in open_tests:
                open_tests.remove(name)
            if not outcomes.get(name):
                outcomes[name] = [(IN_SUBTEST, "")]
        else:
            outcomes.setdefault(name, []).append((kind, rest[0]))
    for name in open_tests:
        outcomes[name].append((DIED, ""))
    return outcomes, *_whole(files)


def _whole(files: list[tuple[str, str]]) -> tuple[str, str]:
    """What became of a file; regrtest runs the files of some packages one by one."""
    failed = [each for each in files if each[0] not in ("completed", "SkipTest", "ResourceDenied")]
    completed = [each for each in files if each[0] == "completed"]
    return (failed or completed or files or [("", "")])[0]


def outcome_of(outcomes: Outcomes, name: str) -> str:
    """A test's outcome in one word or two; a skip with its reason, which must be the same as well."""
    seen = outcomes.get(name)
    if not seen:
        return ABSENT
    each = Counter(f"skipped: {stable(detail)}" if kind == "skipped" else kind for kind, detail in seen)
    # Subtests may share an id: "2 × passed".
    return ", ".join(kind if number == 1 else f"{number} × {kind}" for kind, number in sorted(each.items()))


@dataclass(frozen=True)
class Difference:
    """A test with other outcomes when served.  The first of each is that of the first run; then the repetitions."""

    test: str
    plain: tuple[str, ...]
    served: tuple[str, ...]
    detail: str = ""
    """What the test said in the run in which it did not pass."""

    @property
    def flaky(self) -> bool:
        """Whether the repetitions show nothing served that plain runs do not show as well."""
        return len(self.served) > 1 and set(self.served[1:]) <= set(self.plain)


def compare(plain: Outcomes, served: Outcomes) -> list[Difference]:
    """The tests whose outcomes differ, in order of their ids."""
    found = []
    for name in sorted({*plain, *served}):
        before, after = outcome_of(plain, name), outcome_of(served, name)
        if before != after:
            found.append(Difference(name, (before,), (after,), told(served, name) or told(plain, name)))
    return found


def told(outcomes: Outcomes, name: str) -> str:
    """The last traceback of a test."""
    texts = [detail for kind, detail in outcomes.get(name, []) if kind != "skipped" and detail]
    return texts[-1] if texts else ""


def repeated(first: Difference, plain: Sequence[Outcomes], served: Sequence[Outcomes]) -> Difference:
    """A difference with the outcomes of the repetitions added."""
    return Difference(
        first.test,
        (*first.plain, *(outcome_of(outcomes, first.test) for outcomes in plain)),
        (*first.served, *(outcome_of(outcomes, first.test) for outcomes in served)),
        first.detail,
    )


@dataclass(frozen=True)
class Accepted:
    """A difference that is as it should be."""

    test: str
    """A test's id; with ``*`` at the end, all that begin so."""
    versions: tuple[str, ...]
    served: str
    """The outcome when served; ``*`` for a test that passes or fails by chance, plain as well."""
    reason: str

    def covers(self, difference: Difference, version: str) -> bool:
        """Whether this is the difference seen in a version (``3.11``)."""
        if version not in self.versions or any(not self._names(seen, self.served) for seen in difference.served):
            return False
        return self.matches(difference.test)

    def matches(self, test: str) -> bool:
        return test.startswith(self.test[:-1]) if self.test.endswith("*") else test == self.test

    @staticmethod
    def _names(seen: str, wanted: str) -> bool:
        return wanted in ("*", seen) or (wanted == "skipped" and seen.startswith("skipped: "))


def read_accepted(document: Mapping[str, object]) -> list[Accepted]:
    """The entries of cpython_accepted.toml.  Raises ValueError for one that is not complete."""
    entries = document.get("accepted", [])
    if not isinstance(entries, list):
        raise ValueError("[[accepted]] expected")
    found = []
    for entry in entries:
        if set(entry) != {"test", "versions", "served", "reason"} or not all(entry.values()):
            raise ValueError(f"an entry has test, versions, served and reason: {entry}")
        found.append(Accepted(entry["test"], tuple(entry["versions"]), entry["served"], entry["reason"]))
    return found


@dataclass(frozen=True)
class Verdict:
    """What the differences of one test file come to."""

    differing: tuple[Difference, ...]
    """Not accepted: these fail the run."""
    accepted: tuple[tuple[Difference, Accepted], ...]
    flaky: tuple[Difference, ...]
    stale: tuple[Accepted, ...]
    """Accepted differences of tests that were run and no longer differ."""


def judge(
    differences: Iterable[Difference], accepted: Sequence[Accepted], version: str, tests: Iterable[str]
) -> Verdict:
    """Sort differences into accepted, flaky and real ones.  ``tests``: all that were run, either way."""
    differing, taken, flaky = [], [], []
    used: set[Accepted] = set()
    for difference in differences:
        entry = next((entry for entry in accepted if entry.covers(difference, version)), None)
        if entry is not None:
            taken.append((difference, entry))
            used.add(entry)
        elif difference.flaky:
            flaky.append(difference)
        else:
            differing.append(difference)
    names = list(tests)
    stale = [
        entry
        for entry in accepted
        if version in entry.versions
        and entry.served != "*"
        and entry not in used
        and any(entry.matches(name) for name in names)
    ]
    return Verdict(tuple(differing), tuple(taken), tuple(flaky), tuple(stale))

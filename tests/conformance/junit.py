"""Results of a pytest run, read from its JUnit XML, and how two sets of runs differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping
from xml.etree import ElementTree

CHANGING = re.compile(r"0x[0-9a-fA-F]+|pycds-\w+/t\b|\b\d+(\.\d+)? ?(s|ms|us|seconds)\b")
"""What differs between any two runs of one program: addresses, names of temporary directories, durations."""


@dataclass(frozen=True, order=True)
class Outcome:
    """How one test ended.  ``why`` is the reason of a skip or an expected failure, or the exception of a failure."""

    kind: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.why}" if self.why else self.kind


Run = Mapping[str, Outcome]
"""One run: the outcome of each test, by the test's name."""


def read(path: Path) -> dict[str, Outcome]:
    """The outcomes in a file that pytest has written with ``-o junit_family=xunit1``."""
    outcomes: dict[str, Outcome] = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        # A module that cannot be collected has no class name.
        name = "::".join(filter(None, (case.get("file"), case.get("classname"), case.get("name"))))
        found = [_outcome(element) for element in case if element.tag in ("failure", "error", "skipped")]
        while name in outcomes:  # a test that failed and then failed to clean up stands there twice
            name += "'"
        outcomes[name] = found[0] if found else Outcome("passed")
    return outcomes


def _outcome(element: ElementTree.Element) -> Outcome:
    message = CHANGING.sub("…", element.get("message", ""))
    if element.tag == "skipped":
        return Outcome("xfailed" if element.get("type") == "pytest.xfail" else "skipped", message)
    # The first line names the exception; what follows may quote objects whose order or size is free.
    return Outcome("failed" if element.tag == "failure" else "error", message.partition("\n")[0][:200])


def counts(run: Run) -> dict[str, int]:
    """How many tests ended in which way."""
    found: dict[str, int] = {}
    for outcome in run.values():
        found[outcome.kind] = found.get(outcome.kind, 0) + 1
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Difference:
    """A test that ended in a way when served in which it never ended plain, or the other way round."""

    test: str
    plain: tuple[Outcome | None, ...]
    served: tuple[Outcome | None, ...]

    def __str__(self) -> str:
        sides = (f"{side}: {_list(outcomes)}" for side, outcomes in (("plain", self.plain), ("served", self.served)))
        return f"{self.test}\n    " + "\n    ".join(sides)


def _list(outcomes: Sequence[Outcome | None]) -> str:
    return " | ".join("no such test" if outcome is None else str(outcome) for outcome in outcomes)


def differences(plain: Sequence[Run], served: Sequence[Run], *, only: Iterable[str] | None = None) -> list[Difference]:
    """The tests whose outcomes in the runs of one side are not among those of the other.

    With one run on each side, that is each test that differs; with more, a test that varies on both sides is not
    listed, but one that has failed in served runs alone is, however seldom.
    """
    return list(_differences(plain, served, only))


def _differences(plain: Sequence[Run], served: Sequence[Run], only: Iterable[str] | None) -> Iterator[Difference]:
    names = set().union(*plain, *served) if only is None else set(only)
    for name in sorted(names):
        seen = [{run.get(name) for run in runs} for runs in (plain, served)]
        if (len(plain) == 1 and seen[0] != seen[1]) or not seen[1] <= seen[0]:
            yield Difference(name, *(tuple(run.get(name) for run in runs) for runs in (plain, served)))


def files_of(names: Iterable[str]) -> list[str]:
    """The test files in which tests of these names are."""
    return sorted({name.partition("::")[0] for name in names if name.partition("::")[0].endswith(".py")})

"""docs/guides/ci-cache.md: its job run again and again, from fresh checkouts, with what its cache restores."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import workflow
from environment import Environment, alone_in, wheel
from measurement import Timed
from page import Page

APP = '"""A program."""\n\nprint("hello")\n'


@pytest.fixture(scope="module")
def runner(scratch: Path) -> Iterator[workflow.Runner]:
    """That of the page's job, after a first job, which found the cache empty."""
    directory, page = scratch, Page("ci-cache")
    constraints = directory / "constraints.txt"
    constraints.write_text(f"pycds @ file://{wheel()}\n")
    (directory / "home").mkdir()
    with alone_in("ci-cache") as prefix:
        environment = Environment(prefix, directory, directory / "home")
        job = workflow.read(environment, page.file(".github/workflows/lint.yml"))["jobs"]["lint"]
        sources = {"app.py": APP, "requirements.txt": page.file("requirements.txt")}
        env = {"PIP_CONSTRAINT": str(constraints)}
        found = workflow.Runner(environment, job, sources, directory / "workspace", env)
        found()
        yield found


def statistics_of(runner: workflow.Runner, **env: str) -> tuple[str, dict[str, Any]]:
    """What the job's last step prints, and the statistics of that."""
    statistics = runner.workspace.with_name("statistics.json")
    statistics.unlink(missing_ok=True)
    printed = runner.last_step(PYCDSSTATS=str(statistics), **env)
    return printed, json.loads(statistics.read_text())


@pytest.mark.parametrize("validation", ["exact", "digest"])
@pytest.mark.parametrize("new_times", [False, True], ids=["times kept", "new times"])
def test_all_is_served(runner: workflow.Runner, new_times: bool, validation: str) -> None:
    runner.restore(new_times)
    printed, statistics = statistics_of(runner, PYCDSVALIDATION=validation)
    assert "rated at 10.00/10" in printed
    assert printed == runner.last_step(PYCDSENABLED="off")
    assert (statistics["misses"], statistics["refused"]) == ({}, [])
    assert {"pylint", "astroid.nodes", "argparse"} <= set(statistics["archives"][0]["served"])


@pytest.mark.parametrize("validation", ["exact", "digest"])
def test_what_has_changed_is_not_served(runner: workflow.Runner, validation: str) -> None:
    """A source with other content, and with the size and times that it had."""
    runner.restore(new_times=False)
    (source,) = runner.workspace.glob(".venv/lib/python3*/site-packages/pylint/__pkginfo__.py")
    before, text = source.stat(), source.read_text()
    assert '__version__ = "4.' in text
    source.write_text(text.replace('__version__ = "4.', '__version__ = "9.'))
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    for compiled in source.parent.glob("__pycache__/__pkginfo__.*"):
        compiled.unlink()
    script = ".venv/bin/pylint --version"
    statistics = runner.workspace.with_name("statistics.json")
    printed = runner.run(script, PYCDSSTATS=str(statistics), PYCDSVALIDATION=validation)
    assert printed.startswith("pylint 9.")
    (archive,) = json.loads(statistics.read_text())["archives"]
    assert [name for name, *_ in archive["missed"]] == ["pylint.__pkginfo__"]


def test_figures(runner: workflow.Runner, measure: Callable[[str, Timed, Timed], None]) -> None:
    def timed(**env: str) -> Timed:
        def run() -> float:
            begin = time.perf_counter()
            runner.last_step(**env)
            return time.perf_counter() - begin

        return run

    for what, new_times, validation in (
        ("times kept", False, "exact"),
        ("new times", True, "exact"),
        ("new times", True, "digest"),
    ):
        runner.restore(new_times)
        runner.last_step(PYCDSENABLED="off")  # which compiles anew what has a new time
        measure(f"{what}, `{validation}`", timed(PYCDSENABLED="off"), timed(PYCDSVALIDATION=validation))

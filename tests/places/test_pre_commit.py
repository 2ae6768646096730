"""docs/guides/pre-commit.md: a hook in an environment that pre-commit makes, from the page's configuration."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from environment import Environment, alone_in, wheel
from measurement import Timed
from page import Page

APP = '"""A program."""\n\nprint("hello")\n'
RUN = ("pre-commit", "run", "--all-files")


@pytest.fixture(scope="module")
def repository(scratch: Path) -> Iterator[Environment]:
    """A repository with the page's configuration, all of its commands followed."""
    directory, page = scratch, Page("pre-commit")
    (directory / "home").mkdir()
    constraints = directory / "constraints.txt"
    constraints.write_text(f"pycds @ file://{wheel()}\n")
    with alone_in("pre-commit") as prefix:
        environment = Environment(prefix, directory / "work", directory / "home")
        environment.switch_off()
        try:
            page.write(environment.directory, ".pre-commit-config.yaml")
            (environment.directory / "app.py").write_text(APP)
            environment.run("git", "init", "-q")
            environment.run("git", "add", ".")
            environment.follow(page.commands("The hooks' environments"), PIP_CONSTRAINT=str(constraints))
            yield environment
        finally:
            environment.switch_off()


def served_by(environment: Environment, *command: str, code: int = 0, **env: str) -> tuple[str, dict[str, Any]]:
    """What a command prints, and the statistics of each of its programs, by what its archive is called."""
    directory = environment.home / "statistics"
    directory.mkdir(exist_ok=True)
    printed = environment.run(*command, code=code, PYCDSSTATS=str(directory / "%p.json"), **env).stdout
    found = {}
    for path in directory.iterdir():
        statistics = json.loads(path.read_text())
        path.unlink()
        for archive in statistics["archives"]:
            found[Path(archive["archive"]).name.rpartition("-")[0]] = {**statistics, "served": archive["served"]}
    return printed, found


def test_hook_and_pre_commit_are_served(repository: Environment) -> None:
    plain, nothing = served_by(repository, *RUN, PYCDSENABLED="off")
    printed, found = served_by(repository, *RUN)
    assert nothing == {}
    assert printed == plain
    assert sorted(found) == ["pre-commit", "pylint"]
    assert "pre_commit.commands.run" in found["pre-commit"]["served"]
    assert {"pylint", "astroid.nodes"} <= set(found["pylint"]["served"])
    assert [statistics["misses"] for statistics in found.values()] == [{}, {}]


def test_what_a_hook_finds_is_the_same(repository: Environment) -> None:
    app = repository.directory / "app.py"
    app.write_text("import os\n")
    try:
        plain, _ = served_by(repository, *RUN, code=1, PYCDSENABLED="off")
        printed, found = served_by(repository, *RUN, code=1)
    finally:
        app.write_text(APP)
    assert "unused-import" in printed
    assert printed == plain
    assert "pylint" in found


def test_figures(repository: Environment, measure: Callable[[str, Timed, Timed], None]) -> None:
    def timed(**env: str) -> Timed:
        def run() -> float:
            begin = time.perf_counter()
            repository.run(*RUN, **env)
            return time.perf_counter() - begin

        return run

    measure("`pre-commit run`, one hook (pylint)", timed(PYCDSENABLED="off"), timed())

"""docs/guides/bundles.md: one program, bundled in each of the page's ways by its commands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from environment import Environment, alone_in
from measurement import Timed
from page import Page

SERVED = "Served: zipapp and shiv"
NOT_SERVED = "Not served: pex and PyInstaller"


@pytest.fixture(scope="module")
def bundles(scratch: Path) -> Iterator[Environment]:
    """An environment after the page's commands, which have printed what the page shows."""
    directory, page = scratch, Page("bundles")
    (directory / "home").mkdir()
    with alone_in("bundles") as prefix:
        environment = Environment(prefix, directory / "work", directory / "home")
        environment.switch_off()
        try:
            page.write(environment.directory)
            environment.follow([*page.commands(SERVED), *page.commands(NOT_SERVED)], timeout=500)
            yield environment
        finally:
            environment.switch_off()


def run(bundles: Environment, program: str, **env: str) -> tuple[tuple[str, str], list[dict[str, Any]]]:
    """What a program prints, and the statistics of its processes, if there are any."""
    directory = bundles.home / "statistics"
    directory.mkdir(exist_ok=True)
    done = bundles.run(program, "you", PYCDSSTATS=str(directory / "%p.json"), **env)
    found = [json.loads(path.read_text()) for path in directory.iterdir()]
    for path in directory.iterdir():
        path.unlink()
    return (done.stdout, done.stderr), found


@pytest.mark.parametrize("validation", ["exact", "digest"])
@pytest.mark.parametrize("program", ["./tool.pyz", "./tool.shiv"])
def test_served(bundles: Environment, program: str, validation: str) -> None:
    plain, nothing = run(bundles, program, PYCDSENABLED="off")
    printed, (statistics,) = run(bundles, program, PYCDSVALIDATION=validation)
    assert nothing == []
    assert printed == plain
    assert statistics["misses"] == {}
    (archive,) = statistics["archives"]
    assert {"click", "requests", "urllib3", "json"} <= set(archive["served"])


@pytest.mark.parametrize("program", ["./tool.pex", "./one-directory/tool/tool", "./one-file/tool"])
def test_not_served(bundles: Environment, program: str) -> None:
    """Nor disturbed, whether PyCDS is on or the variables ask for an archive."""
    plain, _ = run(bundles, program, PYCDSENABLED="off")
    (archive,) = bundles.store.glob("tool.pyz-*.pycds")
    for env in ({}, {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive)}):
        printed, found = run(bundles, program, **env)
        assert printed == plain
        assert not [name for one in found for two in one["archives"] for name in two["served"] if name == "click"]


def test_figures(bundles: Environment, measure: Callable[[str, Timed, Timed], None]) -> None:
    def timed(program: str, **env: str) -> Timed:
        def once() -> float:
            begin = time.perf_counter()
            bundles.run(program, "you", **env)
            return time.perf_counter() - begin

        return once

    for program in ("tool.pyz", "tool.shiv"):
        measure(f"`{program}`", timed(f"./{program}", PYCDSENABLED="off"), timed(f"./{program}"))

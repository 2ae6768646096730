"""docs/guides/clusters.md: Dask's workers, on this machine and from archives that another has made."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from environment import Environment
from measurement import Timed
from page import Page

PAGE = Page("clusters")
SECONDS = 400


def ready(environment: Environment, **env: str) -> Timed:
    """What the page's program says: seconds until its workers are ready."""

    def run() -> float:
        found = re.search(r"ready after (\S+) s", environment.run("python", "cluster.py", **env).stdout)
        assert found is not None
        return float(found[1])

    return run


def whole(environment: Environment, **env: str) -> Timed:
    def run() -> float:
        begun = time.perf_counter()
        environment.run("python", "cluster.py", **env)
        return time.perf_counter() - begun

    return run


def served(environment: Environment, **env: str) -> dict[str, list[set[str]]]:
    """The modules that each process of a run was served, by the archive's name without its digest."""
    directory = environment.directory / "statistics"
    directory.mkdir()
    assert "\n285\n" in environment.run("python", "cluster.py", PYCDSSTATS=f"{directory}/%p", **env).stdout
    found: dict[str, list[set[str]]] = {}
    for file in directory.iterdir():
        for archive in json.loads(file.read_text())["archives"]:
            found.setdefault(Path(archive["archive"]).name.rpartition("-")[0], []).append(set(archive["served"]))
        file.unlink()
    directory.rmdir()
    return found


def assert_workers_are_served(found: dict[str, list[set[str]]]) -> None:
    assert set(found) == {"cluster.py", "cluster.py-worker"}
    assert len(found["cluster.py-worker"]) == 2
    assert all({"distributed.nanny", "distributed.worker"} <= modules for modules in found["cluster.py-worker"])


def test_dask(environment_of: Callable[[str], Environment], measure: Callable[[str, Timed, Timed], None]) -> None:
    environment = environment_of("servers")
    PAGE.write(environment.directory, "cluster.py")
    environment.follow(PAGE.commands("One machine"))
    environment.run("python", "cluster.py")
    environment.wait_for_archives(2, SECONDS)
    assert_workers_are_served(served(environment))
    environment.follow(PAGE.commands("Several machines"))
    other = environment.home / "other-machine"
    assert len(list(other.glob("*.pycds"))) == 2
    assert_workers_are_served(served(environment, PYCDS_HOME=str(other), CI="1"))
    off = {"PYCDSENABLED": "off"}
    measure("`LocalCluster`: two workers ready", ready(environment, **off), ready(environment))
    measure("`python cluster.py`, start to end", whole(environment, **off), whole(environment))

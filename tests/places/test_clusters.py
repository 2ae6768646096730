"""docs/guides/clusters.md: Dask's workers, on this machine and from archives that another has made."""

from __future__ import annotations

from collections.abc import Callable

from environment import Environment, served
from measurement import Timed, until_ready, whole
from page import Page

PAGE = Page("clusters")
SECONDS = 400


def run_and_see(environment: Environment, **env: str) -> dict[str, list[set[str]]]:
    """What each process of a run was served."""
    with environment.statistics() as (path, found):
        assert "\n285\n" in environment.run("python", "cluster.py", PYCDSSTATS=path, **env).stdout
    return served(found)


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
    assert_workers_are_served(run_and_see(environment))
    environment.follow(PAGE.commands("Several machines"))
    other = environment.home / "other-machine"
    assert len(list(other.glob("*.pycds"))) == 2
    assert_workers_are_served(run_and_see(environment, PYCDS_HOME=str(other), CI="1"))
    off = {"PYCDSENABLED": "off"}
    words = ("python", "cluster.py")
    plain, here = until_ready(environment, *words, **off), until_ready(environment, *words)
    measure("`LocalCluster`: two workers ready", plain, here)
    plain, here = whole(environment, *words, **off), whole(environment, *words)
    measure("`python cluster.py`, start to end", plain, here)

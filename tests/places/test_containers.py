"""docs/guides/containers.md: its recipe, and what runs of the image."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from container import Build, Container, Image, pip_from, pushed_and_pulled
from environment import prefix_of, wheel
from measurement import Timed
from page import Page

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="directories are mounted, which root alone can do")

PLAIN = ["env", "-u", "PYCDSMODE"]
ARCHIVE = "/srv/archive/app.pycds"


@pytest.fixture(scope="module")
def built(scratch: Path) -> Image:
    """The page's image, with the wheel under test for ``pycds``."""
    context = Page("containers").write(scratch / "context")
    cache = prefix_of("containers")
    cache.mkdir(parents=True, exist_ok=True)
    build = Build(context, scratch / "images", *pip_from(wheel(), cache))
    return build(Page("containers").file("Dockerfile"))


@pytest.fixture(scope="module")
def image(built: Image, scratch: Path) -> Image:
    return pushed_and_pulled(built, scratch / "pulled")


@pytest.fixture(scope="module")
def dated(built: Image, scratch: Path) -> Image:
    return pushed_and_pulled(built, scratch / "dated", date="@1700000000")


@pytest.fixture
def container(image: Image) -> Iterator[Container]:
    with Container(image, read_only=True) as running:
        yield running


def statistics_of(container: Container, *, user: int | None = None, **env: str) -> tuple[str, dict[str, Any]]:
    """What a run prints, and its statistics; /tmp is a file system of its own."""
    done = container.run(container.image.command, user=user, env={"PYCDSSTATS": "/tmp/statistics.%p", **env})
    assert done.stderr == ""
    statistics = container.run(["sh", "-c", "cat /tmp/statistics.*; rm /tmp/statistics.*"], user=user).stdout
    return done.stdout, json.loads(statistics)


def assert_all_served(container: Container, **options: Any) -> None:
    plain = container.run([*PLAIN, *container.image.command])
    printed, statistics = statistics_of(container, **options)
    assert printed == plain.stdout == "hello\n"
    assert (statistics["misses"], statistics["refused"]) == ({}, [])
    (archive,) = statistics["archives"]
    assert {"flask", "werkzeug.test", "json", "/srv/app/app.py"} <= set(archive["served"])
    assert not [name for name in archive["unarchived"] if name.startswith(("flask", "werkzeug", "jinja2"))]


@pytest.mark.parametrize("validation", ["exact", "digest", "sealed"])
def test_all_is_served(container: Container, validation: str) -> None:
    """The layers' times are cut to seconds, and their inodes are new: contents are compared, or nothing."""
    assert container.run(["touch", "/srv/x"], code=1, user=0).stderr  # read-only, for root too
    assert_all_served(container, PYCDSVALIDATION=validation)


def test_any_user_is_served(container: Container) -> None:
    assert_all_served(container, user=20002)


def test_an_archive_of_another_user_is_not_used(image: Image) -> None:
    """``COPY --chown`` with a user, and a container that is run as another one."""
    archive = image.inside(ARCHIVE)
    os.chown(archive, 10001, 10001)
    try:
        with Container(image, read_only=True) as container:
            assert_all_served(container, user=10001)
            printed, statistics = statistics_of(container, user=20002)
    finally:
        os.chown(archive, 0, 0)
    assert (printed, statistics["hits"]) == ("hello\n", 0)
    assert [refusal["reason"] for refusal in statistics["refused"]] == ["untrusted"]


@pytest.mark.parametrize("user", [0, 10001])
def test_nothing_is_written(image: Image, user: int) -> None:
    def files() -> dict[str, tuple[int, int]]:
        walked = (Path(place, name) for place, below, names in os.walk(image.root) for name in [*below, *names])
        return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in walked}

    with Container(image, read_only=False) as container:
        before = files()
        container.run(image.command, user=user)
        assert container.run(["ls", "-A", "/tmp"]).stdout == ""
    assert files() == before


@pytest.mark.parametrize("validation", ["exact", "sealed"])
def test_files_of_one_date(dated: Image, validation: str) -> None:
    """As reproducible builds make them: plain Python compiles each module anew, since no .pyc names that date."""
    with Container(dated, read_only=True) as container:
        assert_all_served(container, PYCDSVALIDATION=validation)


def timed(container: Container, *command: str, **env: str) -> Timed:
    def run() -> float:
        begin = time.perf_counter()
        container.run([*command, *container.image.command], env=env)
        return time.perf_counter() - begin

    return run


def test_figures(container: Container, dated: Image, measure: Callable[[str, Timed, Timed], None]) -> None:
    for validation in ("sealed", "exact", "digest"):
        measure(f"`{validation}`", timed(container, *PLAIN), timed(container, PYCDSVALIDATION=validation))
    with Container(dated, read_only=True) as other:
        measure("`sealed`, all files of one date", timed(other, *PLAIN), timed(other))

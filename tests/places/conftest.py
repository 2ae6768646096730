"""Fixtures for tests of the guides (docs/guides): each does, on one machine, what a page tells its reader to do.

``environment_of`` gives the environment of a place (requirements-PLACE.txt and the wheel under test), with a home
directory of the test's own; ``measure`` prints a row of a page's table where ``--pairs`` asks for figures.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from environment import Environment, alone_in
from measurement import Timed, compare


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pairs", type=int, default=0, metavar="N", help="measure the tables of the guides: N pairs each")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for what is large: it is removed at the end, where pytest would keep the last three."""
    directory = tmp_path_factory.mktemp("scratch")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def environment_of(tmp_path: Path) -> Iterator[Callable[[str], Environment]]:
    """``environment_of(place)``: PyCDS is off there before and after, and no other test uses it meanwhile."""
    with ExitStack() as stack:

        def enter(place: str) -> Environment:
            directory, home = tmp_path / "work", tmp_path / "home"
            for path in (directory, home):
                path.mkdir(mode=0o755, exist_ok=True)
            environment = Environment(stack.enter_context(alone_in(place)), directory, home)
            environment.switch_off()
            stack.callback(environment.switch_off)
            return environment

        yield enter


@pytest.fixture
def measure(request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> Callable[[str, Timed, Timed], None]:
    """``measure(what, plain, served)``: the row of a table; nothing, and nothing run, without ``--pairs``."""
    count: int = request.config.getoption("--pairs")

    def print_row(what: str, plain: Timed, served: Timed) -> None:
        if count:
            row = compare(what, count, plain, served)
            with capfd.disabled():
                print(f"\n{row}  CPython {platform.python_version()}")

    return print_row

"""docs/guides/pytest.md: pytest, the workers of pytest-xdist, and the plugin."""

from __future__ import annotations

import re
from collections.abc import Callable

from environment import Environment, served
from measurement import Timed, whole
from page import Page

SECONDS = 400
PAGE = Page("pytest")
WORDS = ["pytest", "-q", "-n", "2"]


def run_and_see(environment: Environment, *words: str) -> dict[str, set[str]]:
    """What a run and its workers were served."""
    with environment.statistics() as (path, found):
        environment.run(*words, PYCDSSTATS=path)
    return {name: set().union(*processes) for name, processes in served(found).items()}


def test_enabled(environment_of: Callable[[str], Environment], measure: Callable[[str, Timed, Timed], None]) -> None:
    environment = environment_of("pytest")
    PAGE.write(environment.directory, "test_app.py")
    environment.follow(PAGE.commands("What to do"))
    environment.wait_for_archives(2, SECONDS)
    seen = run_and_see(environment, *WORDS)
    assert set(seen) == {"pytest", "pytest-worker"}
    assert {"_pytest.main", "execnet.gateway_base"} <= seen["pytest"]
    assert {"_pytest.main", "flask", "werkzeug.test"} <= seen["pytest-worker"]
    assert not {"test_app", "xdist.plugin"} & seen["pytest-worker"]  # pytest's own loader has them
    (told,) = environment.follow(PAGE.commands("The plugin"))
    counts = re.findall(r"(\d+) (?:here|in gw\d)", told.output)
    assert len(counts) == 3
    assert all(int(count) > 100 for count in counts)
    for words in (WORDS, ["pytest", "-q"]):
        measure(f"`{' '.join(words)}`", whole(environment, *words, PYCDSENABLED="off"), whole(environment, *words))


def test_the_plugin_alone(environment_of: Callable[[str], Environment]) -> None:
    environment = environment_of("pytest")
    PAGE.write(environment.directory, "test_app.py")
    (environment.directory / "pyproject.toml").write_text(
        next(block.text for block in PAGE.blocks if block.language == "toml")
    )
    plain = environment.run(*WORDS, PYCDSENABLED="off")
    assert "pycds" not in plain.stdout
    first = environment.run("pytest", "-n", "2")
    assert "pycds: recorded; an archive will be made when this run has ended" in first.stdout
    environment.wait_for_archives(2, SECONDS)
    seen = run_and_see(environment, *WORDS)
    assert "flask" in seen["pytest-worker"]
    assert "execnet.gateway_base" in seen["pytest"]
    # Another program of this environment is left alone.
    (environment.directory / "other.py").write_text("import flask\n")
    assert run_and_see(environment, "python", "other.py") == {}


def test_where_nothing_is_made(environment_of: Callable[[str], Environment]) -> None:
    environment = environment_of("pytest")
    PAGE.write(environment.directory, "test_app.py")
    for variable, value, said in (
        ("CI", "true", "not used: there is no archive, and none is made where CI is set"),
        ("PYCDSENABLED", "off", "not used: PYCDSENABLED=off"),
    ):
        done = environment.run("pytest", "-p", "pycds.pytest_plugin", **{variable: value})
        assert f"pycds: {said}\n" in done.stdout
    assert not environment.store.exists()

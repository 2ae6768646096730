"""docs/guides/web-servers.md: gunicorn and uvicorn, their workers, and a reload."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from environment import Environment, served
from measurement import Timed
from page import Page
from servers import first_answer, serving

SECONDS = 400
PAGE = Page("web-servers", {"8000": "PORT"})
COMMANDS = [shlex.split(line, comments=True) for block in PAGE.blocks if block.language == "sh" for line in block.lines]
GUNICORN, PRELOADED, UVICORN, WORKERS, SHORT = COMMANDS


def enabled(environment: Environment) -> Environment:
    PAGE.write(environment.directory)
    environment.follow(PAGE.commands("What to do"))
    return environment


def record(environment: Environment, words: Sequence[str], archives: int) -> None:
    """A first run, which ends as its user would end it, and its archives."""
    with serving(environment, words, signal.SIGINT) as server:
        assert server.ask() == "hello"
    environment.wait_for_archives(archives, SECONDS)


def serve_and_see(environment: Environment, words: Sequence[str]) -> list[set[str]]:
    """Of each process of a served run: the modules from the archive."""
    with environment.statistics() as (path, found):
        run = serving(environment, words, signal.SIGINT, PYCDSSTATS=path)
        with run as server:
            assert server.ask() == "hello"
    return [modules for processes in served(found).values() for modules in processes]


@pytest.mark.parametrize("words", [GUNICORN, PRELOADED], ids=["workers", "preloaded"])
def test_gunicorn(
    environment_of: Callable[[str], Environment], measure: Callable[[str, Timed, Timed], None], words: list[str]
) -> None:
    environment = enabled(environment_of("servers"))
    record(environment, words, 1)
    assert len(environment.wait_for_archives(1, SECONDS)) == 1
    processes = serve_and_see(environment, words)
    assert len(processes) >= 2
    assert all("gunicorn.arbiter" in modules for modules in processes)
    importing = [modules for modules in processes if {"flask", "greeting", "werkzeug"} <= modules]
    # The arbiter itself only where it is preloaded; a worker may be ended before it has imported everything.
    assert importing if words is GUNICORN else importing == processes
    plain, here = first_answer(environment, words, PYCDSENABLED="off"), first_answer(environment, words)
    measure(f"`{' '.join(words[:3])}{' --preload' if words is PRELOADED else ''}`", plain, here)


def test_a_reload_after_a_change(environment_of: Callable[[str], Environment]) -> None:
    environment = enabled(environment_of("servers"))
    record(environment, GUNICORN, 1)
    (archive,) = environment.wait_for_archives(1, SECONDS)
    os.utime(archive, (time.time() - 3600,) * 2)  # one that is not too young to be made anew
    with serving(environment, GUNICORN) as server:
        assert server.ask() == "hello"
        (environment.directory / "greeting.py").write_text('GREETING = "good morning"\n')
        os.kill(server.process.pid, signal.SIGHUP)
        server.ask_until("good morning")
        for _ in range(8):
            assert server.ask() == "good morning"
    # The new workers have noted it when they ended.
    wait_until_newer(archive, time.time() - 1800)
    with serving(environment, GUNICORN) as server:
        assert server.ask() == "good morning"


def wait_until_newer(archive: Path, then: float) -> None:
    end = time.monotonic() + 120
    while archive.stat().st_mtime < then:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("words", [UVICORN, WORKERS], ids=["one", "workers"])
def test_uvicorn(
    environment_of: Callable[[str], Environment], measure: Callable[[str, Timed, Timed], None], words: list[str]
) -> None:
    environment = enabled(environment_of("servers"))
    with serving(environment, words) as server:  # ended by SIGTERM: nothing is made
        assert server.ask() == "hello"
    assert not list(environment.store.glob("*.pycds"))
    count = 1 if words is UVICORN else 2
    with serving(environment, words) as server:  # which has the archives made when it starts
        assert server.ask() == "hello"
        found = environment.wait_for_archives(count, SECONDS)
    assert [path.name.rpartition("-")[0] for path in found] == ["uvicorn", "uvicorn-worker"][:count]
    # Its workers are killed by the signal that ends it: they leave no statistics.
    with serving(environment, words, PYCDSVERBOSE="1") as server:
        assert server.ask() == "hello"
        told = server.log()
    # A module is told of at the look-up of the next: of the last one, `greeting`, nothing.
    assert "[cds] exec_module cached 'starlette.applications'" in told
    assert "[cds] exec_module cached 'asgi'" in told
    assert "missed 'asgi'" not in told and "missed 'greeting'" not in told
    plain, here = first_answer(environment, words, PYCDSENABLED="off"), first_answer(environment, words)
    measure(f"`{' '.join([words[0], *words[3:-1]])}`", plain, here)


def test_the_short_run_makes_the_archive(environment_of: Callable[[str], Environment]) -> None:
    environment = enabled(environment_of("servers"))
    with serving(environment, SHORT[4:], signal.SIGINT) as server:
        assert server.ask() == "hello"
    environment.wait_for_archives(1, SECONDS)
    assert SHORT[:4] == ["timeout", "--signal", "INT", "5"]

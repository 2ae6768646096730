"""docs/guides/celery.md: a worker with a pool of forked processes, over a queue that is a directory."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from environment import Environment
from measurement import Timed
from page import Page

SECONDS = 400
PAGE = Page("celery")
PREPARE, WORKER = (shlex.split(line) for block in PAGE.blocks if block.language == "sh" for line in block.lines)

ASK = """\
from tasks import add
print([add.delay(number, 1).get(timeout=60) for number in range(4)])
"""


@contextmanager
def working(environment: Environment, **env: str) -> Iterator[None]:
    """A worker that is ready, ended by SIGTERM."""
    process = subprocess.Popen(
        WORKER,
        cwd=environment.directory,
        env=environment.environ(**env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if " ready." in line:
                break
        assert process.poll() is None, "".join(said)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def ready(environment: Environment, **env: str) -> Timed:
    def run() -> float:
        begun = time.perf_counter()
        with working(environment, **env):
            return time.perf_counter() - begun

    return run


def test_a_worker(environment_of: Callable[[str], Environment], measure: Callable[[str, Timed, Timed], None]) -> None:
    environment = environment_of("servers")
    PAGE.write(environment.directory)
    (environment.directory / "ask.py").write_text(ASK)
    environment.run(*PREPARE)
    environment.follow(PAGE.commands("What to do"))
    with working(environment):
        assert environment.run("python", "ask.py", PYCDSENABLED="off").stdout == "[1, 2, 3, 4]\n"
    (archive,) = environment.wait_for_archives(1, SECONDS)
    with environment.statistics() as (path, left), working(environment, PYCDSSTATS=path):
        assert environment.run("python", "ask.py", PYCDSENABLED="off").stdout == "[1, 2, 3, 4]\n"
    (found,) = left  # the children leave by os._exit()
    assert found["archives"][0]["archive"] == str(archive)
    assert {"celery.concurrency.prefork", "billiard.pool", "kombu", "tasks"} <= set(found["archives"][0]["served"])
    assert found["misses"] == {}
    measure("worker ready", ready(environment, PYCDSENABLED="off"), ready(environment))

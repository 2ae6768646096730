"""Concurrency: threads that import in circles, forks during imports, and processes that start while sources and archive
are replaced under them.  ``STORM_ROUNDS=1000`` is the long storm."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import LOOPS_FOR_EVER, Made, MakeArchive, Python, clean_environment, write_files

CIRCLE = 24


def circle(prefix: str) -> dict[str, str]:
    """Modules each of which imports the next one and one across, so that there is no order without a circle."""
    return {
        f"{prefix}{i}.py": f"""\
            import {prefix}{(i + 1) % CIRCLE} as after, {prefix}{(i * 7 + 3) % CIRCLE} as across
            OWN = {i}
            def total(seen=()):
                return OWN + (after.total((*seen, OWN)) if after.OWN not in seen and len(seen) < {CIRCLE} else across.OWN)
        """
        for i in range(CIRCLE)
    }


CIRCULAR = """
import sys, threading, importlib
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
problems = []
def work(number):
    barrier.wait()
    try:
        # All enter the circle at the same place. Where they do not, a plain run fails as well, in 2 of 150 runs of 3.11:
        # an import is given up to avoid a deadlock, and others hold the module that came to nothing.
        for place in (0, 7, 3, number):
            importlib.import_module(f"ring{place}")
    except BaseException as error:
        problems.append(repr(error))
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(problems, sorted(name for name in sys.modules if name.startswith("ring")), sys.modules["ring0"].total())
"""

FORKS = """
import os, sys, threading
sys.setswitchinterval(1e-6)
def work():
    import ring0
thread = threading.Thread(target=work); thread.start()
for number in range(6):
    child = os.fork()
    if not child:
        # Other modules than those whose locks the other thread may hold: these are held for ever in a child.
        import lone0
        os.write(1, f"child {lone0.total()}\\n".encode())
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    os.write(1, f"{number} {status}\\n".encode())
thread.join()
import ring0, lone0
os.write(1, f"{ring0.total()} {lone0.total()}\\n".encode())
"""

FORKS_IN_A_BODY = {
    "forking.py": """\
        import os
        BEFORE = 1
        CHILD = os.fork()
        import ring0
        if CHILD:
            STATUS = os.waitpid(CHILD, 0)[1]
        else:
            STATUS = None
        import lone0
    """,
    "app.py": """\
        import os, forking
        text = f"{forking.STATUS} {forking.ring0.total()} {forking.lone0.total()}"
        import package.late
        os.write(1, f"{text} {package.late.NAME} {'child' if not forking.CHILD else 'parent'}\\n".encode())
        if not forking.CHILD:
            os._exit(0)
    """,
    "package/__init__.py": "",
    "package/late.py": "NAME = __name__\n",
}


@pytest.fixture
def circles(python: Python) -> Path:
    return write_files(python.directory, {**circle("ring"), **circle("lone"), **FORKS_IN_A_BODY})


@pytest.mark.parametrize("program", ["circular", "forks", "fork in a body"])
def test_threads_and_forks(
    python: Python, circles: Path, make_archive: MakeArchive, tmp_path: Path, program: str
) -> None:
    if program == "circular" and sys.version_info < (3, 9):
        pytest.skip(LOOPS_FOR_EVER)
    script = tmp_path / "script.py"
    text = {"circular": CIRCULAR, "forks": FORKS, "fork in a body": FORKS_IN_A_BODY["app.py"]}[program]
    script.write_text(textwrap.dedent(text))
    quiet = ["-W", "ignore"]
    env = {"PYTHONPATH": str(circles)}
    made = make_archive("-c", "import ring0, lone0, forking, package.late", env=env)
    plain = python(*quiet, script, env=env)
    assert plain.stderr == ""
    for _ in range(10):
        served = python.served(made.archive, *quiet, script, env=env)
        assert (sorted(served.stdout.splitlines()), served.stderr) == (sorted(plain.stdout.splitlines()), "")
        assert len([name for name in served.names if name.startswith("ring")]) == CIRCLE


# --- the storm ----------------------------------------------------------------------------------------------------

ROUNDS = int(os.environ.get("STORM_ROUNDS", "60"))
STATES = 16
AT_ONCE = 64

APP = "import head, body.trunk, body.limb\nprint(head.VALUE, head.WORD, body.trunk.VALUE, body.limb.value())\n"


def sources(state: int) -> dict[str, str]:
    """The program's modules in one of their states; of the same size in each."""
    return {
        "head.py": f"VALUE = {state:04}0\nWORD = 'state{state:04}'\n".replace("= 0", "= 1"),
        "body/trunk.py": f"VALUE = '{state:04}'\n",
        "body/limb.py": f"def value(key='{state:04}'):\n    return key if key in {{'{state:04}', 'x'}} else None\n",
    }


def expected(state: int) -> list[str]:
    return [f"1{state % 1000:03}0", f"state{state:04}", f"{state:04}", f"{state:04}"]


def write_atomically(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(data)
    beside.replace(path)


@dataclass
class Storm:
    """A directory of sources and an archive, both replaced in each round, and what is known of the rounds so far."""

    python: Python
    archive: Path
    prepared: list[bytes]
    random: random.Random
    lock: threading.Condition = field(default_factory=threading.Condition)
    begun: int = 0
    """Rounds of which something may be seen."""
    done: int = 0
    """Rounds of which all is seen."""
    finished_in: int = -1
    """The last round within which a process began and ended."""
    ended: bool = False
    problems: list[str] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    def state(self, round_: int) -> int:
        return round_ * 5 % STATES

    def play(self, round_: int) -> None:
        """Edit all sources, then put another archive, or something else, in the place of the one there."""
        with self.lock:
            self.begun = round_
        for name, text in sources(self.state(round_)).items():
            write_atomically(self.python.directory / name, text.encode())
        self.replace_archive(round_)
        with self.lock:
            self.done = round_

    def replace_archive(self, round_: int) -> None:
        kinds = ["current", "of another state", "damaged", "current", "truncated in place", "of another state",
                 "overwritten in place", "current", "removed", "truncated", "dumped", "empty"]  # fmt: skip
        kind = kinds[round_ % len(kinds)]
        self.kinds[kind] += 1
        current = self.prepared[self.state(round_)]
        other = self.prepared[self.random.randrange(STATES)]
        if kind == "current":
            write_atomically(self.archive, current)
        elif kind == "of another state":
            write_atomically(self.archive, other)
        elif kind == "damaged":
            damaged = bytearray(current)
            for _ in range(20):
                damaged[self.random.randrange(len(damaged))] ^= self.random.randrange(1, 256)
            write_atomically(self.archive, damaged)
        elif kind == "truncated":
            write_atomically(self.archive, other[: self.random.randrange(1, len(other))])
        elif kind == "empty":
            write_atomically(self.archive, b"")
        elif kind == "removed":
            self.archive.unlink(missing_ok=True)
        elif kind == "dumped":
            self.dump()
        else:
            self.damage_in_place(kind, other)

    def damage_in_place(self, kind: str, other: bytes) -> None:
        """As no dump does: the file that processes have open is written to."""
        with contextlib.suppress(FileNotFoundError), open(self.archive, "r+b") as file:
            if kind == "overwritten in place":
                file.write(other)
            file.truncate(self.random.randrange(len(other)))

    def dump(self) -> None:
        self.python.pycds("dump", "--quiet", self.archive.with_suffix(".lst"), self.archive)

    def run(self, kind: str) -> None:
        """Start the program once, and hold its result against the states there were in its time."""
        with self.lock:
            first = self.done
        statistics = self.archive.with_name(f"statistics-{threading.get_ident()}-{self.random.random()}")
        env = clean_environment(
            PYCDSMODE="SHARE", PYCDSARCHIVE=str(self.archive), PYCDSSTATS=str(statistics),
            **self.python.environ,
        )  # fmt: skip
        done = subprocess.run(
            [self.python.executable, self.python.directory / "app.py"],
            env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        with self.lock:
            last = self.begun
        self.judge(kind, first, last, done, statistics)

    def judge(self, kind: str, first: int, last: int, done: subprocess.CompletedProcess[str], statistics: Path) -> None:
        allowed = [expected(self.state(round_)) for round_ in range(first, last + 1)]
        words = done.stdout.split()
        good = done.returncode == 0 and not done.stderr and len(words) == 4
        good = good and all(word in {state[i] for state in allowed} for i, word in enumerate(words))
        served = [name for archive in json.loads(statistics.read_text())["archives"] for name in archive["served"]]
        statistics.unlink()
        with self.lock:
            self.runs[kind] += 1
            self.runs["served"] += bool({"head", "body.trunk", "body.limb"} & set(served))
            if not good:
                self.problems.append(
                    f"rounds {first} to {last}: {done.returncode} {done.stdout!r} {done.stderr[-500:]!r}"
                )
            if first == last:
                self.runs["within one round"] += 1
                self.finished_in = first
            self.lock.notify_all()

    def start_again_and_again(self) -> None:
        while not self.ended:
            try:
                self.run("one after the other")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
                with self.lock:
                    self.problems.append(repr(error))
                    self.lock.notify_all()
                return

    def wait_for_a_process_within(self, round_: int) -> None:
        with self.lock:
            assert self.lock.wait_for(lambda: self.finished_in >= round_ or self.problems, timeout=300), "nothing ends"
            assert self.problems == []


@pytest.fixture
def storm(python: Python, make_archive: MakeArchive) -> Storm:
    # Without .pyc files: theirs is the second and the size of the source, so that a plain import would be stale itself.
    python.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    write_files(python.directory, {"app.py": APP, "body/__init__.py": "", **sources(0)})
    made = make_archive("app.py")
    return Storm(python, made.archive, list(prepare(python, made)), random.Random(20220601))


def prepare(python: Python, made: Made) -> Iterator[bytes]:
    """An archive of each state."""
    for state in range(STATES):
        write_files(python.directory, sources(state))
        python.pycds("dump", "--quiet", made.trace_list, made.archive)
        assert python.served(made.archive, "app.py").stdout.split() == expected(state)
        yield made.archive.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_storm(storm: Storm) -> None:
    storm.play(0)
    many = [threading.Thread(target=storm.run, args=("at once",)) for _ in range(AT_ONCE)]
    for thread in many:
        thread.start()
    round_ = 1
    while any(thread.is_alive() for thread in many):
        storm.play(round_)
        round_ += 1
        many[round_ % AT_ONCE].join(0.02)
    assert storm.problems == []
    workers = [threading.Thread(target=storm.start_again_and_again, daemon=True) for _ in range(2)]
    for thread in workers:
        thread.start()
    try:
        for round_ in range(storm.done + 1, max(ROUNDS, storm.done + 21)):
            storm.play(round_)
            storm.wait_for_a_process_within(round_)
    finally:
        storm.ended = True
        for thread in workers:
            thread.join()
    print(f"{storm.done + 1} rounds, {dict(storm.kinds)}, processes: {dict(storm.runs)}")
    assert storm.problems == []
    assert storm.runs["at once"] == AT_ONCE
    assert storm.runs["within one round"] > 20
    assert storm.runs["served"] > storm.done // 10

"""Many restores of snapshots, and many made again: each process must tell the same, from its own numbers alone.

    python -m tests.conformance.restores --python PATH [--restores 10000] [--cycles 1000] [--at-a-time 8]

The interpreter has PyCDS with snapshots installed.  A twentieth of the restores is done one at a time; three twentieths
with the snapshot put out of the page cache before every eighth; three with a limit to the address space, a quarter
above what one restored process needs; and the others as many at once as --at-a-time says, as are these.  All but the
first are of snapshots made with `--fast-exit`.  A cycle changes the program, makes the snapshot again by `refresh`
(each fourth by `create`), and restores it.  Ends with 1 when anything was not as it must be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = """\
import argparse, asyncio, collections, ctypes, decimal, email.message, hashlib, json, logging, os, random, re, secrets
import sqlite3, ssl, sys, tempfile, threading, urllib.request, uuid, zlib
EDITION = {edition}
TABLE = {{number: [str(number)] * 3 for number in range(10_000)}}
CHAINED = collections.OrderedDict((number, object()) for number in range(1000))
LARGE = bytearray(b"large" * 100_000)

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmPeak"))

def told(number):
    results = []
    def add(n):
        results.append(sum(map(int, TABLE[n % len(TABLE)])))
    threads = [threading.Thread(target=add, args=[n]) for n in (number, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    LARGE.extend(bytes(300_000))
    grown = [[n] * 10 for n in range(5000)]
    selected = sqlite3.connect(":memory:").execute("select ?", [number]).fetchone()[0]
    return {{
        "edition": EDITION, "executable": os.readlink("/proc/self/exe"), "sums": sorted(results), "selected": selected,
        "large": zlib.crc32(LARGE), "chained": len(CHAINED), "grown": len(grown), "pid": os.getpid(), "peak": peak(),
        "random": [
            os.urandom(8).hex(), random.random(), secrets.token_hex(8), uuid.uuid4().hex, ssl.RAND_bytes(8).hex()
        ],
    }}

if __name__ == "__main__":
    json.dump(told(int(sys.argv[1])), sys.stdout)
    sys.exit(int(sys.argv[1]) % 100)
"""


@dataclass(frozen=True)
class Restored:
    """One restored process."""

    number: int
    problems: list[str]
    peak: int = 0
    """The most address space that it had."""
    random: tuple[object, ...] = ()


@dataclass
class Tally:
    """What was done, and what was wrong."""

    done: int = 0
    wrong: list[str] = field(default_factory=list)
    _seen: set[object] = field(default_factory=set)
    """Random numbers: no two processes may tell the same."""

    def take(self, process: Restored) -> None:
        self.done += 1
        self.wrong += process.problems
        self.wrong += [f"{process.number}: {each} is not random" for each in process.random if each in self._seen]
        self._seen.update(process.random)


class Snapshot:
    """A program in a scratch directory, and its snapshot in another one."""

    def __init__(self, python: Path, scratch: Path, limit: int, options: Sequence[str]) -> None:
        self._python = str(python)
        self._limit, self._options = limit, options
        self._sources, self._place = scratch / "sources", scratch / "snapshots"
        self._sources.mkdir()
        self._place.mkdir(mode=0o700)
        self.file = self._place / "made"
        self._restorer = ""
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYCDS"))
        }

    def write(self, edition: int) -> None:
        (self._sources / "app.py").write_text(PROGRAM.format(edition=edition), encoding="utf-8")

    def create(self) -> list[str]:
        """Make it.  What was wrong: nothing."""
        done = self._pycds("create", *self._options, str(self.file), "--", str(self._sources / "app.py"))
        self._restorer = done.stdout.partition("restored by ")[2].partition(" ")[0]
        return self._unlike(done, "create")

    def refresh(self) -> list[str]:
        return self._unlike(self._pycds("refresh", str(self.file)), "refresh")

    def verify(self) -> list[str]:
        return self._unlike(self._pycds("verify", str(self.file)), "verify")

    def restore(self, number: int, edition: int) -> Restored:
        """Restore it, and compare what it tells with what it must."""
        done = self._start([self._restorer, str(self.file), str(number)])
        if done.returncode != number % 100 or done.stderr or not done.stdout.endswith("}"):
            return Restored(number, [f"{number}: {_ending(done)}"])
        told = json.loads(done.stdout)
        expected = self._expected(number, edition)
        wrong = [
            f"{number}: {key} is {told[key]}, not {expected[key]}" for key in expected if told[key] != expected[key]
        ]
        return Restored(number, wrong, told["peak"], tuple(told["random"]))

    def left_over(self) -> list[str]:
        """Files beside the snapshot that should not be there: one tells of refusals, another of one half made."""
        return [f"{name} lies beside the snapshot" for name in os.listdir(self._place) if name != self.file.name]

    def forget(self) -> None:
        """Put it out of the page cache, as far as no process has it mapped."""
        with self.file.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _expected(self, number: int, edition: int) -> dict[str, object]:
        return {
            "edition": edition,
            "executable": self._restorer,
            "sums": sorted([3 * (number % 10_000), 21]),
            "selected": number,
            "large": zlib.crc32(b"large" * 100_000 + bytes(300_000)),
            "chained": 1000,
            "grown": 5000,
        }

    def _pycds(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._start([self._python, "-m", "pycds", "snapshot", *words])

    def _start(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        if self._limit:  # in a shell of its own: this process needs more
            command = ["sh", "-c", f'ulimit -v {self._limit >> 10}; exec "$0" "$@"', *command]
        return subprocess.run(
            command, cwd=self._sources, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip

    @staticmethod
    def _unlike(done: subprocess.CompletedProcess[str], what: str) -> list[str]:
        return [f"{what}: {_ending(done)}"] if done.returncode or done.stderr else []


def _ending(done: subprocess.CompletedProcess[str]) -> str:
    return f"ended with {done.returncode}: {done.stdout[-200:]} {done.stderr[-1000:]}"


@contextmanager
def made(python: Path, *options: str, limit: int = 0) -> Iterator[Snapshot]:
    """A snapshot of the program's edition 0, made with these options under a limit to the address space (0: none)."""
    with tempfile.TemporaryDirectory(prefix="pycds-restores-") as scratch:
        snapshot = Snapshot(python, Path(scratch), limit, options)
        snapshot.write(0)
        problems = snapshot.create()
        if problems:
            raise SystemExit(f"restores: {problems[0]}")
        yield snapshot


def restores(snapshot: Snapshot, numbers: Sequence[int], at_a_time: int, forget_every: int, tally: Tally) -> int:
    """Restore it once for each number; the largest address space that a process told of."""

    def restore(number: int) -> Restored:
        if forget_every and number % forget_every == 0:
            snapshot.forget()
        return snapshot.restore(number, 0)

    peak = 0
    with ThreadPoolExecutor(at_a_time) as pool:
        for process in pool.map(restore, numbers):
            tally.take(process)
            peak = max(peak, process.peak)
    tally.wrong += snapshot.left_over()
    return peak


def cycles(snapshot: Snapshot, number: int, tally: Tally) -> None:
    """Change the program, make its snapshot again, restore it, so many times."""
    for edition in range(1, number + 1):
        snapshot.write(edition)
        tally.wrong += snapshot.create() if edition % 4 == 0 else snapshot.refresh()
        tally.take(snapshot.restore(edition, edition))
        if edition % 10 == 0:
            tally.wrong += snapshot.verify()
        tally.wrong += snapshot.left_over()


def report(what: str, tally: Tally, before: int, began: float) -> None:
    print(
        f"{what}: {tally.done - before}, {time.monotonic() - began:.0f} s; wrong so far: {len(tally.wrong)}", flush=True
    )


def all_restores(python: Path, number: int, at_a_time: int, tally: Tally) -> None:
    """The parts that the module's text names."""
    twentieth = number // 20
    first, second, third = twentieth, 14 * twentieth, 17 * twentieth
    parts = [
        ("one at a time", range(first), 1, 0),
        (f"{at_a_time} at a time", range(first, second), at_a_time, 0),
        (f"{at_a_time} at a time, put out of the page cache", range(second, third), at_a_time, 8),
    ]
    peak = 0
    for options, some in ([], parts[:1]), (["--fast-exit"], parts[1:]):
        with made(python, *options) as snapshot:
            for what, numbers, at_once, forget_every in some:
                before, began = tally.done, time.monotonic()
                peak = max(peak, restores(snapshot, numbers, at_once, forget_every, tally))
                report(what, tally, before, began)
    limit = peak * 5 // 4
    with made(python, "--fast-exit", limit=limit) as snapshot:
        before, began = tally.done, time.monotonic()
        restores(snapshot, range(third, number), at_a_time, 0, tally)
        report(f"{at_a_time} at a time, address space limited to {limit >> 20} MB", tally, before, began)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.restores", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--python", type=Path, required=True, help="the interpreter, with PyCDS and snapshots installed"
    )
    parser.add_argument("--restores", type=int, default=10_000, help="how many (default: 10,000)")
    parser.add_argument("--at-a-time", type=int, default=8, help="of the parts that are not one by one (default: 8)")
    parser.add_argument("--cycles", type=int, default=1000, help="how many times it is made again (default: 1,000)")
    options = parser.parse_args(argv)
    tally = Tally()
    randomised = Path("/proc/sys/kernel/randomize_va_space").read_text().strip()
    print(f"address randomisation: {randomised}", flush=True)
    if options.restores:
        all_restores(options.python, options.restores, options.at_a_time, tally)
    if options.cycles:
        before, began = tally.done, time.monotonic()
        with made(options.python) as snapshot:
            cycles(snapshot, options.cycles, tally)
        report("made again and restored", tally, before, began)
    for problem in tally.wrong[:20]:
        print(f"     {problem}")
    print(f"restores: {tally.done} passed, {len(tally.wrong)} failed")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

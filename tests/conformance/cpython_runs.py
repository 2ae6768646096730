"""One run of one of CPython's test files, plain, served or restored, in a scratch directory of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.cpython_compare import Outcomes, read_record, stable
from tests.conformance.cpython_installation import Installation, clean_environment

RESOURCES = "all,-network,-urlfetch,-largefile,-gui,-audio"
"""What regrtest may use: no network, no display, no gigabytes."""

UNKNOWN_RESOURCES = {"walltime": ("3.8", "3.9", "3.10")}
"""Resources that are refused as well (no waiting for its own sake), and versions that do not know them."""


@dataclass
class Run:
    """What a run left."""

    outcomes: Outcomes
    state: str
    """What regrtest said of the whole file: completed, SkipTest, TestFailed..., or how the process ended."""
    detail: str
    seconds: float
    hits: int = 0
    """Modules served to the process that ran the tests."""
    misses: dict[str, int] = field(default_factory=dict)
    """Reasons for which it was not served modules that were looked up in the archive."""
    processes: int = 0
    """Processes that left statistics, this one and its children."""
    child_hits: int = 0
    """Modules served to the children."""
    memo: dict[str, int] = field(default_factory=dict)
    """Regular expressions and texts served, by what the statistics call them, children included."""

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Run:
        values = json.loads(path.read_text(encoding="utf-8"))
        outcomes: Outcomes = {}
        for name, pairs in values["outcomes"].items():
            # Kept, it may be, before something else came to be left out of ids.
            outcomes.setdefault(stable(name), []).extend((kind, detail) for kind, detail in pairs)
        values["outcomes"] = outcomes
        return cls(**values)


@dataclass(frozen=True)
class Request:
    """A test file to run."""

    name: str
    log: Path
    timeout: float
    match: tuple[str, ...] = ()
    """Only these tests of it."""
    archive: Path | None = None
    """Served from this one."""
    trace_list: Path | None = None
    """Traced into this one."""
    restored: bool = False
    """Run in a process restored from the installation's snapshot."""


def run_file(installation: Installation, request: Request) -> Run:
    """Run a test file to the end, or until its time is over."""
    # Short, since tests make sockets in there; and the same length for plain and served runs.
    scratch = Path(tempfile.mkdtemp(prefix="pycds-"))
    try:
        return _run_in(scratch, installation, request)
    finally:
        _remove(scratch)


def _run_in(scratch: Path, installation: Installation, request: Request) -> Run:
    work, temporary, statistics = scratch / "w", scratch / "t", scratch / "statistics"
    for directory in (work, temporary, statistics, request.log.parent):
        directory.mkdir(parents=True, exist_ok=True)
    record = scratch / "record"
    environment = {**clean_environment(), "HOME": str(work), "TMPDIR": str(temporary)}
    if request.archive:
        environment |= {
            "PYCDSMODE": "SHARE",
            "PYCDSARCHIVE": str(request.archive),
            "PYCDSSTATS": str(statistics / "%p"),
        }
    elif request.trace_list:
        environment |= {"PYCDSMODE": "TRACE", "PYCDSLIST": str(request.trace_list)}
    command = [str(installation.python), "-m", "cpython_worker"]
    if installation.snapshot:
        work = installation.snapshot.home
        environment["HOME"] = str(work)
        command = installation.snapshot.command(installation.python, restored=request.restored)
    command += [str(record), "-v", "-u", _resources(installation.short)]
    command += ["--tempdir", str(temporary), "--timeout", str(request.timeout)]
    for pattern in request.match:
        command += ["-m", pattern]
    began = time.monotonic()
    with request.log.open("wb") as output:
        process = subprocess.Popen(
            [*command, request.name],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ending = _wait(process, request.timeout + 30)
    outcomes, state, detail = read_record(record.read_text(encoding="ascii") if record.exists() else "")
    if not state:
        state, detail = ending, "the process ended before the file was done"
    run = Run(outcomes, state, detail, time.monotonic() - began)
    if request.archive:
        _count(run, statistics, process.pid)
    return run


def _resources(version: str) -> str:
    refused = [name for name, unknown_to in UNKNOWN_RESOURCES.items() if version not in unknown_to]
    return ",".join([RESOURCES, *(f"-{name}" for name in refused)])


def _wait(process: subprocess.Popen[bytes], timeout: float) -> str:
    """Wait for a process; end it and its group when it takes too long, and what it left behind in any case."""
    try:
        process.wait(timeout)
        ending = f"exit code {process.returncode}"
    except subprocess.TimeoutExpired:
        ending = "timed out"
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    return ending


def _count(run: Run, directory: Path, main: int) -> None:
    for path in directory.iterdir():
        if not path.name.isdigit():
            continue  # a process was killed while it wrote
        try:
            statistics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        run.processes += 1
        for kind in ("regexes", "codes"):
            run.memo[kind] = run.memo.get(kind, 0) + statistics[kind]["served"]
        if int(path.name) == main:
            run.hits, run.misses = statistics["hits"], statistics["misses"]
        else:
            run.child_hits += statistics["hits"]


def _remove(scratch: Path) -> None:
    def writable(function: Any, path: str, _error: Any) -> None:
        """Tests leave directories without permissions."""
        try:
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700)
            function(path)
        except OSError:
            pass

    shutil.rmtree(scratch, onerror=writable)

"""Start one process, wait for it, and say what it took."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

CLOCK_FD = 20


class Failed(Exception):
    """A process did not end well; ``str()`` has its exit and its last words."""


@dataclass(frozen=True)
class Launch:
    """What to start: the argument vector (an absolute path first), its environment, its directory."""

    argv: list[str]
    environment: dict[str, str]


@dataclass(frozen=True)
class Sample:
    """One run.  All times in nanoseconds."""

    import_ns: int  # the program's own import block
    import_cpu_ns: int  # processor time of that block
    ready_ns: int  # from before the spawn to the end of that block, so with the interpreter's start and the attach
    wall_ns: int  # from before the spawn to after the wait, less what the program declared untimed
    begin_ns: int  # before the spawn, of time.perf_counter_ns
    cpu_ns: int  # user and system time of the process and its waited-for children, less the same
    report: dict[str, int]  # everything the program wrote to the clock


def _exit_text(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit code {os.WEXITSTATUS(status)}"


def _drain(descriptor: int) -> dict[str, int]:
    text = b""
    while chunk := os.read(descriptor, 65536):
        text += chunk
    return {key: int(value) for key, value in (line.split() for line in text.decode().splitlines())}


def run(launch: Launch, errors: Path) -> Sample:
    """Run ``launch`` to its end, standard error going to the file ``errors``.

    Raises Failed on a signal or an exit code that is not 0.
    """
    read_end, write_end = os.pipe()
    high_end = fcntl.fcntl(write_end, fcntl.F_DUPFD_CLOEXEC, CLOCK_FD + 1)  # never the number it is duplicated to
    os.close(write_end)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(errors), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, high_end, CLOCK_FD),
    ]
    environment = {**launch.environment, "BENCH_CLOCK_FD": str(CLOCK_FD)}
    try:
        begin = time.perf_counter_ns()
        pid = os.posix_spawn(launch.argv[0], launch.argv, environment, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter_ns() - begin
        os.close(high_end)
        high_end = -1
        report = _drain(read_end)
    finally:
        os.close(read_end)
        if high_end >= 0:
            os.close(high_end)
    if status:
        words = errors.read_text(errors="replace").strip().splitlines()
        raise Failed(_exit_text(status) + (f": {words[-1]}" if words else ""))
    untimed_wall, untimed_cpu = report.get("untimed_wall_ns", 0), report.get("untimed_cpu_ns", 0)
    return Sample(
        import_ns=report.get("import_ns", 0),
        import_cpu_ns=report.get("import_cpu_ns", 0),
        ready_ns=report.get("import_end_ns", begin) - begin - untimed_wall,
        wall_ns=wall - untimed_wall,
        begin_ns=begin,
        cpu_ns=round((usage.ru_utime + usage.ru_stime) * 1e9) - untimed_cpu,
        report=report,
    )

"""Memory of several processes that run the same program at once, from ``/proc/PID/smaps_rollup``."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalogue import HERE
from benchmarks.process import Failed, Launch

HOLD = HERE / "probes" / "hold.py"


@dataclass(frozen=True)
class Memory:
    """Sums over all processes, in bytes."""

    pss: int  # proportional set size: a page shared by n processes counts 1/n in each
    rss: int
    private_dirty: int


def _rollup(pid: int) -> dict[str, int]:
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split(":")
        sizes[key] = int(value.split()[0]) * 1024
    return sizes


def together(launch: Launch, count: int = 8) -> Memory:
    """Start ``count`` processes of ``launch``, let each run its program to the end, and measure while all wait.

    Raises Failed when one ends before that.
    """
    read_end, write_end = os.pipe()
    environment = {**launch.environment, "BENCH_HOLD_FD": str(write_end), "BENCH_CLOCK_FD": str(write_end)}
    argv = [launch.argv[0], str(HOLD), *launch.argv[1:]]
    quiet = subprocess.DEVNULL
    processes: list[subprocess.Popen[bytes]] = []
    try:
        while len(processes) < count:
            process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, env=environment, pass_fds=(write_end,)
            )
            processes.append(process)
        os.close(write_end)
        write_end = -1
        ready = 0
        while ready < count:
            text = os.read(read_end, 4096)
            if not text:
                raise Failed("a process ended before it was measured")
            ready += text.count(b".")
        sizes = [_rollup(process.pid) for process in processes]
    finally:
        for process in processes:
            process.communicate()
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
    return Memory(*(sum(size[key] for size in sizes) for key in ("Pss", "Rss", "Private_Dirty")))

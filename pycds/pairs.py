"""Interleaved runs of a program, plain and served: what ``pycds bench`` measures."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

from pycds import launch, run, targets
from pycds.errors import ARCHIVE_UNUSABLE, PycdsError

if TYPE_CHECKING:
    from resource import struct_rusage

    from pycds._core import PhaseReport
    from pycds.program import Program

CONTENDERS = ("plain", "pycds")
MOST_ATTEMPTS = 4
"""Runs after which an archive is taken as it is: what some programs import is another thing each time."""


class Sample(NamedTuple):
    """One run."""

    start_ns: int  # of time.monotonic_ns
    wall_ns: int  # from before its start to after its end
    cpu_ns: int  # of the process and the children that it waited for
    code: int  # the exit code; -n for a death by signal n
    phases: Optional[PhaseReport]


class Benchmark:
    """A program, and its archive."""

    def __init__(self, what: Program, archive: str, directory: str) -> None:
        self.command = [sys.executable, *launch.interpreter_flags(), *what.command]
        self.words = what.command
        self.archive = archive
        self.errors = os.path.join(directory, "stderr")
        self._figures = os.path.join(directory, "phases")

    def environment(self, contender: str) -> Dict[str, str]:
        """Of a plain or a served run; an archive that is not used is an error of the served one."""
        if contender == "plain":
            return run.environment()
        return run.environment(PYCDSMODE="SHARE", PYCDSARCHIVE=self.archive, PYCDSPOLICY="on")

    def measure(self, contender: str) -> Sample:
        """Run it once."""
        return self._run(self.command, self.environment(contender))

    def observe(self, contender: str) -> Sample:
        """Run it once, counting its time by phase."""
        from pycds._core import read_phases

        with open(self._figures, "wb"):
            pass
        environ = {"PYCDSMODE": "MANUALLY", **self.environment(contender), "PYCDSPHASES": self._figures}
        sample = self._run(self.command, environ)
        return sample._replace(phases=read_phases(self._figures, sample.start_ns, sample.start_ns + sample.wall_ns))

    def _run(self, command: List[str], environ: Dict[str, str]) -> Sample:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, self.errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        ]
        ignored_here = [signal.SIGPIPE, signal.SIGXFSZ]
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, *_ENDING])  # until it is waited for
        try:
            start = time.monotonic_ns()
            try:
                pid = os.posix_spawn(
                    command[0], command, environ, file_actions=actions, setsigdef=ignored_here, setsigmask=mask
                )
            except OSError as error:
                raise PycdsError(f"cannot start {command[0]}: {error.strerror}", 126) from error
            _, status, usage = _wait(pid, mask)
            end = time.monotonic_ns()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return Sample(start, end - start, round((usage.ru_utime + usage.ru_stime) * 1e9), code, None)

    def last_words(self) -> str:
        """What the last run has written to stderr at last."""
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            lines = file.read().strip().splitlines()
        return lines[-1] if lines else ""

    def prepare(self) -> None:
        """Make the archive, as ``pycds run`` does, by running the program; and run it plain, which compiles what has no
        .pyc.  Raises PycdsError where there can be no archive, as ``pycds run`` does where there is another file.
        """
        targets.archive_to_write(self.archive)
        options = run.RunOptions()
        options.archive = self.archive
        for _ in range(MOST_ATTEMPTS):
            was_ready = run.obstacle(self.archive, options)[0] is None
            self._run_kept(options)
            reason, message = run.obstacle(self.archive, options)
            if was_ready and reason is None:
                break
        if reason not in (None, run.OUTDATED):
            words = self.last_words()
            raise PycdsError(words[7:] if words.startswith("pycds: ") else message, ARCHIVE_UNUSABLE)
        self.measure("plain")

    def _run_kept(self, options: run.RunOptions) -> None:
        words = [*options.words(), "--", *self.words]
        with open(self.errors, "wb") as errors, subprocess.Popen(
            launch.pycds_command(launch.interpreter_flags(), "pycds.run:main", words),
            env=run.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
        ) as process:  # fmt: skip
            try:
                process.wait()
            except BaseException:  # interrupted
                process.send_signal(signal.SIGSTOP)  # so that it starts nothing more
                for pid in _children(process.pid):
                    os.kill(pid, signal.SIGKILL)
                process.kill()
                raise


def _children(parent: int) -> Iterator[int]:
    """The processes that another one has started."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                if int(stat.read().rpartition(b")")[2].split()[1]) == parent:
                    yield int(name)
        except (OSError, IndexError):  # it has just ended
            pass


_ENDING = (signal.SIGTERM, signal.SIGHUP)


class _Ended(BaseException):
    """By a signal."""


@contextmanager
def ending_together() -> Iterator[None]:
    """A signal that ends this process ends the program that it measures as well."""
    number = 0

    def end(given: int, frame: object) -> None:
        nonlocal number
        if not number:
            number = given
            raise _Ended

    before = {one: signal.signal(one, end) for one in _ENDING if signal.getsignal(one) != signal.SIG_IGN}
    try:
        yield
    except _Ended:
        pass
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    if number:
        sys.exit(launch.end_as(-number))


def _wait(pid: int, mask: Set[Union[int, signal.Signals]]) -> Tuple[int, int, struct_rusage]:
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return os.wait4(pid, 0)
    except BaseException:  # interrupted: nothing is left behind
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


Round = Dict[str, Sample]
"""By contender, of a measured run; and by "observed " and contender."""

OBSERVED = "observed "


def rounds(
    benchmark: Benchmark, most: int, seconds: float, explain: bool, progress: Callable[[], None],
    further: Optional[Dict[str, Callable[[str], Sample]]] = None,
) -> List[Round]:  # fmt: skip
    """Up to ``most`` rounds, none begun after ``seconds``, in each of which each contender runs once, in random order.

    With ``explain`` each runs once more, observed, so that the cost of observing it can be told as well; and once in
    each way of ``further``, by what stands before its name in the round.
    """
    begin = time.monotonic()
    found: List[Round] = []
    while len(found) < most and (not found or time.monotonic() - begin < seconds):
        ways: List[Tuple[str, Callable[[str], Sample], str]] = [(name, benchmark.measure, name) for name in CONTENDERS]
        if explain:
            ways += [(OBSERVED + name, benchmark.observe, name) for name in CONTENDERS]
        for prefix, run_so in (further or {}).items():
            ways += [(prefix + name, run_so, name) for name in CONTENDERS]
        random.Random(len(found)).shuffle(ways)
        found.append({way: run_once(name) for way, run_once, name in ways})
        progress()
    return found

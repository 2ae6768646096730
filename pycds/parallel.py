"""Processes that do the parts of some work, each as it comes; what comes of the parts is handed over in their order.

Each process has a pipe of its own, so that its end is seen whatever it was about to send.  With one queue for all, as
in concurrent.futures, what one has sent in part is waited for even when that one is gone.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Callable, Deque, Dict, Generic, Iterator, List, TypeVar

from pycds.errors import NothingDumped

Result = TypeVar("Result")

_ASKED_AT_ONCE = 2
"""Parts that a process is asked for before the first is there: it need not wait while that is taken."""


class ProcessEnded(Exception):
    """A process was ended by something else before its work was done."""


class _Process(Generic[Result]):
    def __init__(self, do: Callable[[int], Result]) -> None:
        context = get_context("fork")
        self.pipe, other_end = context.Pipe()
        self._process = context.Process(target=_work, args=(other_end, do, os.getpid()), daemon=True)
        self._process.start()
        other_end.close()  # when the process ends, nobody has it any more
        self.asked: Deque[int] = deque()

    def ask(self, part: int) -> None:
        try:
            self.pipe.send(part)
        except OSError as error:
            raise ProcessEnded from error
        self.asked.append(part)

    def answer(self) -> Result:
        """What the part came to that it was asked for first."""
        try:
            answer: Result = self.pipe.recv()
        except (OSError, EOFError) as error:
            raise ProcessEnded from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


@contextmanager
def in_processes(do: Callable[[int], Result], parts: int, jobs: int) -> Iterator[Iterator[Result]]:
    """What ``do`` returns for each number below ``parts``, in order, by ``jobs`` processes, which end with the block.

    What ``do`` returns is not an exception; what it raises, is raised.  Raises NothingDumped where no process can be
    started; the iterator raises ProcessEnded where one is gone.
    """
    processes: List[_Process[Result]] = []
    try:
        try:
            processes.extend(_Process(do) for _ in range(min(jobs, parts)))  # those before a failure are in, too
        except OSError as error:
            raise NothingDumped(f"no processes can be started here ({error}); `pycds dump` does without") from error
        yield _in_order(processes, parts)
    finally:  # an interrupt, too, whenever it comes: nothing is waited for
        for process in processes:
            process.end()


def _in_order(processes: List[_Process[Result]], parts: int) -> Iterator[Result]:
    unasked = deque(range(parts))

    def ask(process: _Process[Result]) -> None:
        if unasked:
            process.ask(unasked.popleft())

    for _ in range(_ASKED_AT_ONCE):
        for process in processes:
            ask(process)
    done: Dict[int, Result] = {}
    for part in range(parts):
        while part not in done:
            ready = wait([process.pipe for process in processes if process.asked])
            for process in [process for process in processes if process.pipe in ready]:
                done[process.asked.popleft()] = process.answer()
                ask(process)
        yield done.pop(part)


def _work(pipe: Connection, do: Callable[[int], object], parent: int) -> None:
    """The work of one process, which must not outlive the one that waits for it."""

    def look(number: int, frame: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 1, 1)
    while True:
        part = pipe.recv()
        try:
            pipe.send(do(part))
        except Exception as error:  # noqa: BLE001 - raised where the answer is asked for
            pipe.send(error)

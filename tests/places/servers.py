"""Servers of a test's own: started, asked, and ended."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from environment import Environment
from measurement import Timed

SECONDS = 60


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


class Server:
    """One that answers over HTTP."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: str) -> None:
        self.process = process
        self._port = port
        self._log = log

    def ask(self) -> str:
        """What it answers, as soon as it does."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
            try:
                connection.request("GET", "/")
                return connection.getresponse().read().decode()
            except OSError:
                time.sleep(0.002)
            finally:
                connection.close()
        raise AssertionError(f"no answer: {self.log()}")

    def ask_until(self, expected: str) -> None:
        """Ask until it answers so."""
        end = time.monotonic() + SECONDS
        while (said := self.ask()) != expected:
            assert time.monotonic() < end, f"{said!r}: {self.log()}"
            time.sleep(0.05)

    def log(self) -> str:
        with open(self._log) as file:
            return file.read()


@contextmanager
def serving(environment: Environment, words: Sequence[str], end: int = signal.SIGTERM, **env: str) -> Iterator[Server]:
    """A server that is started by ``words``, in which PORT stands for a free port; ended by a signal."""
    port = free_port()
    command = [word.replace("PORT", str(port)) for word in words]
    log = os.fspath(environment.directory / "server.log")
    with open(log, "w") as said:
        process = subprocess.Popen(
            command, cwd=environment.directory, env=environment.environ(**env), stdout=said, stderr=said
        )
    try:
        yield Server(process, port, log)
    finally:
        process.send_signal(end)
        process.wait(SECONDS)


def first_answer(environment: Environment, words: Sequence[str], **env: str) -> Timed:
    """Seconds from the start of a server until it answers."""

    def run() -> float:
        begun = time.perf_counter()
        with serving(environment, words, **env) as server:
            server.ask()
            return time.perf_counter() - begun

    return run

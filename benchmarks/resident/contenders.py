"""Contenders whose programs find their imports done: restored from a snapshot, or forked by a server."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.catalogue import HERE, Application
from benchmarks.contenders import Contender
from benchmarks.environments import Bench, clean_environment
from benchmarks.process import Failed, Launch, run

_RESTORER = "import sys; sys.path.pop(0); from pycds.snapshot import RESTORER; print(RESTORER)"
"""Not the repository's pycds/, which has none."""

BEGIN_SECONDS = 60
"""So long a server may take until it listens."""


def imports_of(program: Path) -> list[str]:
    """The modules that a program imports within its clock, in their order.  Raises Failed where it has none."""
    for statement in ast.parse(program.read_text()).body:
        if isinstance(statement, ast.With):
            return [name for one in ast.walk(statement) for name in _named(one)]
    raise Failed(f"{program.name} has no timed imports")


def _named(statement: ast.AST) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [statement.module] if isinstance(statement, ast.ImportFrom) and statement.module else []


class Snapshot(Contender):
    """The program's imports in a snapshot; the program itself is read and compiled in each run."""

    name = "snapshot"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.restorer = _output([bench.applications, "-c", _RESTORER])

    def launch(self, app: Application) -> Launch:
        return Launch([self.restorer, str(self._file(app))], clean_environment())

    def _file(self, app: Application) -> Path:
        return self.bench.directory("snapshots") / f"{app.name}.snapshot"

    def prepare(self, app: Application) -> dict[str, Any]:
        program = [str(self.bench.applications), str(app.program)]
        plain = run(Launch(program, clean_environment()), self.errors)
        options = ["--fast-exit", "--vary", "BENCH_CLOCK_FD", "--after-import", ",".join(imports_of(app.program))]
        pycds = self.bench.applications.parent / "pycds"
        command = [pycds, "snapshot", "create", *options, self._file(app), "--", app.program]
        begin = time.perf_counter_ns()
        _output(command)
        created = time.perf_counter_ns() - begin
        run(self.launch(app), self.errors)
        inspected = json.loads(_output([pycds, "snapshot", "inspect", self._file(app)]))
        if inspected["refusals"]:
            raise Failed(f"refused: {', '.join(inspected['refusals'])}")
        return {"bytes": self._file(app).stat().st_size, "create_ns": created, "plain_ns": plain.wall_ns}


class ForkServer(Contender):
    """A server that has the program's imports, and a client of it that is started for each run."""

    name = "forked"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        self.client = bench.directory("resident") / "client"
        flags = ("-O2", "-static", "-Wall", "-Wextra")
        _output([os.environ.get("CC", "cc"), *flags, HERE / "resident" / "client.c", "-o", self.client])

    def _socket(self, app: Application) -> Path:
        return self.bench.directory("resident") / f"{app.name}.socket"

    def launch(self, app: Application) -> Launch:
        return Launch([str(self.client), str(self._socket(app))], clean_environment())

    def prepare(self, app: Application) -> dict[str, Any]:
        socket = self._socket(app)
        socket.unlink(missing_ok=True)
        server = [
            self.bench.applications,
            HERE / "resident" / "server.py",
            socket,
            app.program,
            *imports_of(app.program),
        ]
        self.servers[app.name] = subprocess.Popen(
            [*map(str, server)], env=clean_environment(), stdin=subprocess.DEVNULL
        )
        end = time.monotonic() + BEGIN_SECONDS
        while not socket.exists():
            if time.monotonic() > end or self.servers[app.name].poll() is not None:
                raise Failed("the server does not listen")
            time.sleep(0.01)
        return super().prepare(app)

    def close(self) -> None:
        """End the servers."""
        for server in self.servers.values():
            server.kill()
            server.wait()


def _output(command: list[str | Path]) -> str:
    done = subprocess.run([*map(str, command)], env=clean_environment(), capture_output=True, text=True)
    if done.returncode:
        raise Failed((done.stderr or done.stdout).strip().splitlines()[-1])
    return done.stdout.strip()

"""Programs, snapshots of them, and what comes of both."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conftest import Python, Result, clean_environment, write_files
from pycds import _core

if not hasattr(_core, "snapshot_dump"):
    pytest.skip("built without snapshots", allow_module_level=True)

from pycds.snapshot import commands as snapshot

needed = [
    pytest.mark.skipif(bool(snapshot.untried()), reason="not tried with this interpreter or its C library"),
    pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer's process is no other's"),
]

PLAIN = "import sys\nif __name__ == '__main__':\n    print('ran', sys.argv[1:])\n    sys.exit(3)\n"
"""A program that ends with 3."""


class Snapshots:
    """A program below ``python.directory``, and snapshots of it in a directory of their own."""

    def __init__(self, python: Python) -> None:
        self.python = python
        self.places = python.directory.parent / "snapshots"
        self.places.mkdir(mode=0o700)
        self.file = self.places / "made"

    def create(self, text: str, *options: str, code: int = 0, **more: Any) -> Result[str]:
        """Write a script, and a snapshot of it."""
        script = write_files(self.python.directory, {"app.py": text}) / "app.py"
        return self.create_of(script, *options, code=code, **more)

    def create_of(self, *words: str | os.PathLike[str], code: int = 0, **more: Any) -> Result[str]:
        options = [word for word in words[1:] if not isinstance(word, Path)]
        return self.python.pycds("snapshot", "create", *options, self.file, "--", words[0], code=code, **more)

    def run(self, *arguments: str, code: int | None = 0, plain: bool = False, **more: Any) -> Result[str]:
        """Restore; that the plain program ran instead is a failure, unless it is what should happen."""
        env = {**more.pop("env", {}), "PYCDSVERBOSE": "1"}
        command = [snapshot.RESTORER, os.fspath(self.file), *arguments]
        done = run_command(self.python, command, env=env, **more)
        assert ("running the plain program" in done.stderr) == plain, done.stderr
        if code is not None:
            assert done.returncode == code, done.stderr
        return done

    def refusal(self) -> str:
        """Why the last run was refused."""
        return Path(f"{self.file}.refusals").read_text().split()[-1]


def run_command(python: Python, command: list[str], **more: Any) -> Result[str]:
    environ = clean_environment(**{"PYCDS_HOME": str(python.home), **python.environ, **more.pop("env", {})})
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("cwd", python.directory)
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False, **more)


def refused(done: Result[str]) -> str:
    """The line that says why no snapshot was made."""
    assert done.returncode == 4, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr

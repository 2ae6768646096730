"""Running a program plain and with an option of a run: what can be seen of it from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conftest import Python, clean_environment

MARKER = """\
import os as _os
class _Marker:
    def __del__(self, open=_os.open, path=_os.path.abspath("torn-down"), flags=_os.O_CREAT | _os.O_WRONLY):
        open(path, flags)
_marker = _Marker()
"""
"""Before each program: shows whether the heap was torn down."""

VARIABLES = {"startup-gc": "PYCDSSTARTUPGC", "fast-exit": "PYCDSFASTEXIT"}


@dataclass
class Seen:
    """What a program left behind."""

    code: int
    stdout: bytes
    stderr: bytes
    files: dict[str, bytes]
    torn_down: bool
    """Whether a global object of the program's was freed."""


def seen(
    python: Python,
    directory: Path,
    program: str,
    *,
    options: Sequence[str] = (),
    flags: Sequence[str] = (),
    arguments: Sequence[str] = (),
    env: dict[str, str] | None = None,
    full_stdout: bool = False,
) -> Seen:
    """Run it as ``app.py`` in a directory of its own, which is made anew, with these options switched on."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    script = directory.with_suffix(".py")
    script.write_text(MARKER + program)
    environ = clean_environment(PYCDS_HOME=str(python.home), TMPDIR=str(directory), PYTHONHASHSEED="0", **(env or {}))
    if options:
        environ["PYCDSMODE"] = "MANUALLY"
        environ.update({VARIABLES[option]: "on" for option in options})
    with open("/dev/full", "wb") if full_stdout else open(os.devnull, "wb") as full:
        done = subprocess.run(
            [python.executable, *flags, str(script), *arguments],
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=full if full_stdout else subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    files = {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    torn_down = files.pop("torn-down", None) is not None
    return Seen(done.returncode, done.stdout or b"", done.stderr, files, torn_down)

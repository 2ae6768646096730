"""The self-check: whether this very interpreter links what it dumps, before an archive is made for it.

An image relies on the layout of CPython's objects.  The extension was compiled against headers; a distribution may have
patched the interpreter that it runs in.  So before the first dump an interpreter of the same kind is started, in which
modules of every sort of code are dumped, served, compared with what a plain import gives, and run.  Whatever goes wrong
there, a crash included, is the reason for which nothing is dumped.

That it went well is remembered beside the archives, for this build of the interpreter and of PyCDS.
"""

from __future__ import annotations

import os
import sys
from typing import List, Optional

from pycds import __version__, store
from pycds.errors import NothingDumped, PycdsError

PASSED = "pycds self-check passed"


def ensure() -> None:
    """Check this interpreter unless that was done before.  Raises NothingDumped with the reason."""
    marker = _marker()
    if marker is not None and os.path.exists(marker):
        return
    reason = failure()
    if reason is not None:
        raise NothingDumped(f"{sys.executable} fails PyCDS's self-check, so nothing is archived for it: {reason}")
    if marker is not None:
        _remember(marker)


def failure() -> Optional[str]:
    """Run the check in another process; what is wrong, or None."""
    import signal
    import subprocess

    from pycds.launch import interpreter_flags, pycds_command

    command = pycds_command(interpreter_flags(), "pycds.self_check.examination:main", [])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYCDS")}
    environ["PYTHONUTF8"] = "1"  # the locale is no property of the interpreter
    try:
        done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        return f"it could not be run ({error})"
    output = done.stdout.decode("utf-8", "replace").strip().splitlines()
    if done.returncode < 0:
        number = -done.returncode
        name = signal.Signals(number).name if number in list(signal.Signals) else str(number)
        return f"the interpreter died by {name}"
    if done.returncode == 0 and output[-1:] == [PASSED]:
        return None
    told = output or done.stderr.decode("utf-8", "replace").strip().splitlines()
    return told[-1] if told else f"it ended with code {done.returncode}"


def _marker() -> Optional[str]:
    """The file that says that this build of the interpreter passed with this build of PyCDS."""
    from pycds import _core

    try:
        core = os.stat(_core.__file__)
        directory = store.home()
    except (OSError, PycdsError):
        return None
    identity = _core.identity()
    build: List[str] = [__version__, sys.version, os.path.realpath(sys.executable), *map(str, identity.values())]
    build += [str(core.st_mtime_ns), str(core.st_size)]
    return os.path.join(directory, f"self-check-{store.digest(build):016x}")


def _remember(marker: str) -> None:
    try:
        store.make_directory(marker)
        with open(marker, "w", encoding="utf-8") as file:
            file.write(f"{PASSED}: {sys.executable}\n")
    except OSError:  # then it is checked again
        pass

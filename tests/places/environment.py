"""Environments with the packages of a place and the wheel under test, kept in build/places from run to run."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from page import Command

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TAG = Path(sys.prefix).name
"""./dev names an environment in .venvs, and what it builds for it in build, alike."""


def wheel() -> Path:
    """The wheel that ./dev has built for the environment that runs the tests."""
    (found,) = (ROOT / "build" / TAG / "dist").glob("pycds-*.whl")
    return found


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's environment without anything that steers Python, PyCDS or a CI, and ``extra``."""
    steering = ("PYTHON", "PYCDS", "XDG_", "VIRTUAL_ENV", "CI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", **extra}


@dataclass
class Done:
    """A command of a page that has run."""

    command: Command
    output: str


class Environment:
    """An environment of a place; ``directory`` is where programs start, ``home`` the user's home directory."""

    def __init__(self, prefix: Path, directory: Path, home: Path) -> None:
        self.prefix = prefix
        self.bin = prefix / "bin"
        self.python = self.bin / "python"
        self.directory = directory
        self.home = home
        (self.site_packages,) = prefix.glob("lib/python3*/site-packages")
        self.store = home / ".cache" / "pycds"
        """Where PyCDS keeps archives, since no variable says otherwise."""

    def environ(self, **extra: str) -> dict[str, str]:
        """The variables of a user who has activated the environment, and ``extra``."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        user = {"HOME": str(self.home), "PATH": path, "VIRTUAL_ENV": str(self.prefix)}
        # What pip has downloaded once is there for all tests, whose homes are their own.
        user["PIP_CACHE_DIR"] = os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
        return clean_environment(**{**user, **extra})

    def run(
        self, *command: str | os.PathLike[str], code: int | None = 0, timeout: float = 300, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with further variables.  Fails unless it ends with ``code`` (None: with any)."""
        done = subprocess.run(
            [os.fspath(word) for word in command],
            cwd=self.directory,
            env=self.environ(**extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if code is not None and done.returncode != code:
            raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def shell(self, commands: Sequence[Command], timeout: float = 300, **extra: str) -> list[Done]:
        """Run a page's commands in one shell, as typed one after the other; what each has printed, stderr included.

        Fails where one ends with another code than 0.
        """
        script = "".join(f"{command.text}\nprintf '\\0'\n" for command in commands)
        # The script is no argument of bash's standard input: commands must not read it.
        done = self.run("bash", "-e", "-c", f"exec 2>&1\n{script}", code=None, timeout=timeout, **extra)
        outputs = done.stdout.split("\0")
        if done.returncode or len(outputs) != len(commands) + 1:
            failed = commands[min(len(outputs), len(commands)) - 1]
            raise AssertionError(f"$ {failed.text}\n{outputs[-1]}\nended with {done.returncode}")
        return [Done(command, output) for command, output in zip(commands, outputs)]

    def follow(self, commands: Sequence[Command], **extra: str) -> list[Done]:
        """Run a page's commands, of which each must print what the page shows."""
        ran = self.shell(commands, **extra)
        for done in ran:
            assert done.command.prints(done.output), f"$ {done.command.text}\n{done.output}"
        return ran

    @contextmanager
    def statistics(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """A value for PYCDSSTATS, and a list; at the end that has what each process has left."""
        directory = self.directory / "statistics"
        directory.mkdir()
        found: list[dict[str, Any]] = []
        yield f"{directory}/%p", found
        found += [json.loads(file.read_text()) for file in directory.iterdir()]
        shutil.rmtree(directory)

    def wait_for_archives(
        self, count: int = 1, seconds: float = 120, again: Callable[[], object] | None = None
    ) -> list[Path]:
        """Wait until so many archives are in the store and nobody works at another; those there are.

        ``again`` starts the program once more: what one that was killed has recorded becomes an archive then.
        """
        end = time.monotonic() + seconds
        patience = time.monotonic() + 20
        while time.monotonic() < end:
            if again is not None and time.monotonic() > patience:
                again()
                patience = time.monotonic() + 20
            found = sorted(self.store.glob("*.pycds"))
            if len(found) >= count:
                with open(self.store / "background.lock", "w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                return found
            time.sleep(0.05)
        log = self.store / "background.log"
        raise AssertionError(
            f"{count} archives were awaited; {log.read_text() if log.exists() else 'nothing was made'}"
        )

    def switch_off(self) -> None:
        """Put the start-up hook back as it came."""
        with zipfile.ZipFile(wheel()) as archive:
            text = archive.read("pycds.pth")
        hook = self.site_packages / "pycds.pth"
        if hook.read_bytes() != text:
            hook.unlink()
            hook.write_bytes(text)


def served(statistics: list[dict[str, Any]]) -> dict[str, list[set[str]]]:
    """The modules that each process was served, by the archive's name without its digest."""
    found: dict[str, list[set[str]]] = {}
    for one in statistics:
        for archive in one["archives"]:
            found.setdefault(Path(archive["archive"]).name.rpartition("-")[0], []).append(set(archive["served"]))
    return found


def prefix_of(place: str) -> Path:
    return ROOT / "build" / "places" / TAG / place


@contextmanager
def alone_in(place: str) -> Iterator[Path]:
    """The environment of a place, made or renewed where that is due; nobody else uses it meanwhile."""
    prefix = prefix_of(place)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with open(prefix.with_name(f"{place}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make(prefix, HERE / f"requirements-{place}.txt")
        yield prefix


def _make(prefix: Path, requirements: Path) -> None:
    """What was made of the same interpreter, requirements and wheel is left as it is."""
    interpreter = os.path.realpath(sys.executable)
    made_of = hashlib.sha256(f"{sys.version} {interpreter} {requirements.read_text()}".encode()).hexdigest()
    package = hashlib.sha256(wheel().read_bytes()).hexdigest()
    note = prefix / "made-of.json"
    known = json.loads(note.read_text()) if note.exists() else {}
    if known.get("environment") != made_of:
        shutil.rmtree(prefix, ignore_errors=True)
        _quietly(interpreter, "-m", "venv", str(prefix))
        # PyCDS's own requirements are pinned there.
        pinned = ["-r", str(requirements), "-c", str(ROOT / "requirements" / "test.txt")]
        _quietly(str(prefix / "bin" / "python"), "-m", "pip", "install", *pinned, str(wheel()))
    elif known.get("wheel") != package:
        install = ["-m", "pip", "install", "--force-reinstall", "--no-deps", str(wheel())]
        _quietly(str(prefix / "bin" / "python"), *install)
    note.write_text(json.dumps({"environment": made_of, "wheel": package}))


def _quietly(*command: str) -> None:
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

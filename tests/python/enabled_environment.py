"""An environment of a test's own in which PyCDS is installed, so that it can be switched on there."""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

from conftest import PROGRAM_MODULES, Python

SITE_PACKAGES = Path(sysconfig.get_paths()["platlib"])


def make_environment(directory: Path) -> Path:
    """A virtual environment with a copy of the PyCDS under test; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    executable = directory / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_paths()['platlib'])"
    site_packages = subprocess.run([str(executable), "-c", ask], capture_output=True, text=True, check=True)
    target = Path(site_packages.stdout.strip())
    for file in importlib.metadata.files("pycds") or ():
        if ".." not in file.parts:  # of bin/
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(file.locate()), target / file)
    (target / "dependencies.pth").write_text(f"{SITE_PACKAGES}\n")  # whose .pth files are not read
    return executable


def own(modules: list[str]) -> list[str]:
    """Those of ``conftest.PROGRAM``."""
    return [name for name in modules if name in PROGRAM_MODULES]


class Environment:
    """Runs programs there, with a store of its own."""

    def __init__(self, python: Python, executable: Path) -> None:
        self.python = Python(str(executable), python.directory, python.home)
        self.hook = Path(self("-c", "import pycds.switch; print(pycds.switch.path())").stdout.strip())
        self._statistics = python.directory.parent / "enabled.json"

    def __call__(self, *arguments: str | os.PathLike[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return self.python(*arguments, **options)

    def pycds(self, *words: str | os.PathLike[str], **options: Any) -> subprocess.CompletedProcess[str]:
        return self("-m", "pycds", *words, **options)

    def served(self, *arguments: str | os.PathLike[str], **options: Any) -> list[str]:
        """The modules that a run was served."""
        self._statistics.unlink(missing_ok=True)
        env = {"PYCDSSTATS": str(self._statistics), **options.pop("env", {})}
        self(*arguments, env=env, **options)
        return self.last_served()

    def last_served(self) -> list[str]:
        if not self._statistics.exists():
            return []
        return [name for archive in json.loads(self._statistics.read_text())["archives"] for name in archive["served"]]

    def archives(self) -> list[Path]:
        return sorted(self.python.home.glob("*.pycds"))

    def wait(self, lines: int, seconds: float = 300) -> list[str]:
        """Wait until that many things were said in the background; all that was said."""
        log = self.python.home / "background.log"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            said = log.read_text().splitlines() if log.exists() else []
            if len(said) >= lines:
                return said
            time.sleep(0.05)
        raise AssertionError(f"{lines} lines were awaited in {log}: {log.read_text() if log.exists() else 'none'}")

    def stays_silent(self, lines: int = 0) -> bool:
        """Whether no more than so much is said of the background, in the time that it would take, and nobody works."""
        time.sleep(1.0)
        with open(self.python.home / "background.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
        log = self.python.home / "background.log"
        return len(log.read_text().splitlines() if log.exists() else []) == lines

    def age(self, seconds: int = 3600) -> None:
        """Make all archives, and what they say of failures, older than they are."""
        for path in self.python.home.iterdir():
            if path.name.endswith((".pycds", ".failed")):
                then = path.stat().st_mtime - seconds
                os.utime(path, (then, then))

"""Equality over popular packages: each module of each is archived and compared, none is imported.

The packages of ``requirements/packages.txt`` are installed into a directory of their own below ``build/`` (or the one
that PYCDS_TEST_PACKAGES names) when a test first needs them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Python
from test_equality import compare, modules_below

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements" / "packages.txt"

SHARES = 12

pytestmark = [pytest.mark.packages, pytest.mark.slow]


@pytest.fixture(scope="session")
def packages() -> Path:
    """The directory with the popular packages, installed if need be."""
    given = os.environ.get("PYCDS_TEST_PACKAGES")
    if given:
        return Path(given)
    where = ROOT / "build" / "packages" / "-".join(map(str, sys.version_info[:3]))
    where.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    with open(f"{where}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = Path(f"{where}.installed")
        if not stamp.exists() or stamp.read_text() != digest:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(where)]
            subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
            stamp.write_text(digest)
    return where


def required() -> Iterator[str]:
    for line in REQUIREMENTS.read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement:
            assert "==" in requirement, f"{requirement} is not pinned"
            yield requirement


def test_there_are_enough_packages() -> None:
    assert len(list(required())) >= 30


@pytest.mark.parametrize("row", range(SHARES))
def test_every_module_of_every_package(python: Python, packages: Path, row: int) -> None:
    names = list(modules_below(packages, skip=["bin", "__pycache__"]))
    assert len(names) > 5000
    mine = names[row * len(names) // SHARES : (row + 1) * len(names) // SHARES]
    report = compare(python, mine, "--no-dis", PYTHONPATH=str(packages))
    left_out = report["not_served"]
    print(f"{report['compared']} modules equal, {len(left_out)} not served: {left_out[:20]}")
    # Templates and data of some packages end in .py without being Python of this version.
    assert len(left_out) <= len(mine) // 50, left_out

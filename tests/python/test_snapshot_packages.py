"""Compiled packages from wheels, imported before the checkpoint and used in a restored process as in a plain one.

Those of ``requirements/snapshot-packages.txt``; or refused, with the reason that ``snapshot_packages.py`` names.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from conftest import Python, write_files
from installed import ROOT, installed
from snapshot_packages import PACKAGES, Package
from snapshots import Snapshots, needed, refused

pytestmark = [*needed, pytest.mark.packages, pytest.mark.slow]


@pytest.fixture(scope="session")
def directory() -> Path:
    """Where the packages are installed."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the versions in requirements/snapshot-packages.txt are those for 3.11")
    given = os.environ.get("PYCDS_TEST_SNAPSHOT_PACKAGES")
    return Path(given) if given else installed(ROOT / "requirements" / "snapshot-packages.txt", "snapshot-packages")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_package(python: Python, directory: Path, package: Package) -> None:
    python.environ["PYTHONPATH"] = str(directory)
    snapshots = Snapshots(python)
    if package.refused:
        done = snapshots.create(package.program, code=4)
        assert re.search(package.refused, refused(done)), done.stderr
        return
    script = write_files(python.directory, {"app.py": package.program}) / "app.py"
    plain = python(script)  # first: it may write .pyc files
    snapshots.create_of(script)
    restored = snapshots.run()
    assert restored.stdout == plain.stdout != ""
    assert restored.stderr == plain.stderr

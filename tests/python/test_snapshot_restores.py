"""What `./dev restores` does thousands of times, a few times."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conftest import clean_environment
from snapshots import needed

ROOT = Path(__file__).resolve().parents[2]

pytestmark = needed


def test_restores_and_cycles() -> None:
    command = [sys.executable, "-m", "tests.conformance.restores", "--python", sys.executable]
    done = subprocess.run(
        [*command, "--restores", "60", "--cycles", "1"],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "restores: 61 passed, 0 failed"

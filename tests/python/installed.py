"""Packages of a requirement file, installed into a directory below ``build/`` when a test first needs them."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def installed(requirements: Path, name: str) -> Path:
    """The directory, build/``name``/VERSION; it is filled again when the requirement file has changed."""
    where = ROOT / "build" / name / "-".join(map(str, sys.version_info[:3]))
    where.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    with open(f"{where}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = Path(f"{where}.installed")
        if not stamp.exists() or stamp.read_text() != digest:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(where)]
            subprocess.run([*pip, "-r", str(requirements)], check=True)
            stamp.write_text(digest)
    return where

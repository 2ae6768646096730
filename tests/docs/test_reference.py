"""The reference of the commands and the manual page are what the commands say."""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pages import ROOT


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("command_reference", ROOT / "tools" / "command_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(reference: ModuleType) -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "write it again: ./dev reference"


def test_the_manual_page_is_up_to_date(reference: ModuleType) -> None:
    assert reference.MANUAL.read_text(encoding="utf-8") == reference.manual(), "write it again: ./dev reference"


def test_every_command_and_option_is_in_both(reference: ModuleType) -> None:
    from pycds.commands import COMMANDS

    page, manual = reference.page(), reference.manual().replace("\\-", "-")
    for command in COMMANDS:
        assert f"\n## pycds {command}\n" in page
        assert f"\n.SS pycds {command} " in manual
    for option in ("--validation", "--fast-exit", "--explain", "--speedscope", "--largest"):
        assert f"| `{option}" in page
        assert f".B {option}" in manual


def test_the_manual_page_is_set_without_a_warning(reference: ModuleType) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff, which belongs to every Debian with man-db, is not installed")
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", reference.MANUAL], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "make Python programs start fast" in done.stdout


def test_the_manual_page_is_installed(reference: ModuleType) -> None:
    (file,) = (file for file in importlib.metadata.files("pycds") or () if file.name == "pycds.1.gz")
    assert file.parts[-4:-1] == ("share", "man", "man1")
    installed = gzip.decompress(Path(str(file.locate())).read_bytes())
    assert installed == reference.MANUAL.read_bytes(), "the wheel is older: ./dev build"


SHELLS = {"bash": ["-n"], "zsh": ["-n"], "fish": ["--no-execute"]}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_can_read_its_completion(shell: str, tmp_path: Path) -> None:
    """What click makes for it; that it completes is in tests/python/test_cli.py."""
    environ = {"PATH": "/usr/bin:/bin", "_PYCDS_COMPLETE": f"{shell}_source", "HOME": str(tmp_path)}
    command = Path(sys.executable).with_name("pycds")
    source = subprocess.run([command], env=environ, capture_output=True, text=True, check=True).stdout
    assert f"_PYCDS_COMPLETE={shell}_complete" in source
    if shutil.which(shell):
        subprocess.run([shell, *SHELLS[shell]], input=source, text=True, check=True)

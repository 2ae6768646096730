"""The snapshot of the program that runs CPython's tests, and how the two ways of starting that program differ."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).with_name("cpython_restorable.py")

CREATE = (
    "import sys\nif sys.path[0] == '': del sys.path[0]\nsys.path.append(sys.argv.pop(1))\n"
    "from pycds.__main__ import main\nsys.exit(main())\n"
)
"""``pycds``, with its own requirements behind everything: the process that is written down has none of them."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of cpython_restorable.py, made with one interpreter."""

    file: Path
    program: Path
    packages: Path
    """Where PyCDS is, and the program."""

    @property
    def home(self) -> Path:
        """Every run's HOME and working directory: modules have asked for both before, so they must stay the same."""
        return self.file.parent.parent / "home"

    def refusals(self) -> str:
        """Why the plain program ran instead of a restored one, if it did."""
        counted = Path(f"{self.file}.refusals")
        return counted.read_text(encoding="ascii").strip() if counted.exists() else ""

    def command(self, python: Path, *, restored: bool) -> list[str]:
        """What starts the program one way or the other."""
        if restored:
            return [str(self.packages / "pycds" / "restorer"), str(self.file)]
        return [str(python), str(self.program)]

    def creation(self, python: Path, libraries: Path) -> list[str]:
        """The command that makes it.  ``libraries``: where the requirements of PyCDS's commands are."""
        command = [str(python), "-c", CREATE, str(libraries), "snapshot", "create", "--vary", "TMPDIR"]
        return [*command, str(self.file), "--", str(self.program)]


def place_for(packages: Path, directory: Path) -> Snapshot:
    """Lay the program into an installation; the snapshot that is to be made of it, in a directory of its own."""
    program = Path(shutil.copy(PROGRAM, packages))
    snapshot = Snapshot(directory / "snapshot" / "worker", program, packages)
    snapshot.home.mkdir(exist_ok=True)
    shutil.rmtree(snapshot.file.parent, ignore_errors=True)
    snapshot.file.parent.mkdir(mode=0o700)
    return snapshot

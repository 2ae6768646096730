"""The sample program of ``programs/sample``, installed in a directory of its own, traced and dumped."""

from __future__ import annotations

import os
import py_compile
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conftest import Python, Result, Served

ZIPPED = ["zipped", "zipped_package", "zipped_package.inside"] if sys.version_info >= (3, 10) else []
"""Those of the sample's modules in a zip file that are served: before 3.10, zipimport asks no one for code."""

SOURCE = Path(__file__).parent / "programs" / "sample"


@dataclass
class Sample:
    """The sample and its archive.  A test that changes files takes a sample of its own."""

    python: Python
    root: Path
    archive: Path
    trace_list: Path

    @property
    def path(self) -> str:
        """PYTHONPATH: the sources, the sourceless modules, the zip file."""
        return os.pathsep.join(map(str, (self.root / "main", self.root / "sourceless", self.root / "sample.zip")))

    def plain(self, *arguments: str | os.PathLike[str], env: Mapping[str, str] = {}, **options: object) -> Result[str]:
        return self.python(*arguments, env={"PYTHONPATH": self.path, **env}, **options)  # type: ignore[arg-type]

    def served(self, *arguments: str | os.PathLike[str], env: Mapping[str, str] = {}, **options: object) -> Served:
        return self.python.served(self.archive, *arguments, env={"PYTHONPATH": self.path, **env}, **options)

    def dump(self, *flags: str) -> None:
        env = {"PYTHONPATH": self.path}
        self.python(*flags, "-m", "pycds", "dump", self.trace_list, self.archive, env=env)


def make_sample(directory: Path, *, more: Sequence[str] = ()) -> Sample:
    """Install the sample below ``directory``, trace a program that imports all of it (and ``more``), and dump."""
    directory.mkdir(parents=True, exist_ok=True)
    main, sourceless, work = (directory / name for name in ("main", "sourceless", "work"))
    shutil.copytree(SOURCE, main, ignore=shutil.ignore_patterns("__pycache__"))
    work.mkdir()
    sourceless.mkdir()
    hidden = main / "hidden.py"
    py_compile.compile(str(hidden), str(sourceless / "hidden.pyc"), doraise=True)
    hidden.unlink()
    with zipfile.ZipFile(directory / "sample.zip", "w") as zipped:
        for name in ("zipped.py", "zipped_package/__init__.py", "zipped_package/inside.py"):
            zipped.writestr(name, f'"""Zipped."""\nNAME = __name__\ndef fail():\n    raise OSError({name!r})\n')
        zipped.writestr("zipped_package/data.txt", "zipped data")
    python = Python(sys.executable, work, directory / "home")
    sample = Sample(python, directory, directory / "sample.pycds", directory / "sample.lst")
    everything = main / "import_everything.py"
    sample.plain(everything, *more)  # so that the .pyc files are there
    env = {"PYCDSMODE": "TRACE", "PYCDSLIST": str(sample.trace_list)}
    sample.plain(everything, *more, env=env)
    sample.dump()
    return sample

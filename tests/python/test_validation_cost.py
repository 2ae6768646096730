"""What validation costs: the file system calls of a served run.

They are counted with strace, not timed, for generated trees of several sizes.  Within the interpreter's installation or
environment a directory is looked at again only after 10 ms, so that calls grow with directories and with modules; what
is elsewhere is looked at whenever a plain import would look.  A module's source is looked at once, when it is found.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import clean_environment, write_files
from test_validation_installed import make_environment, site_packages
from validation_rows import Tree

STRACE = shutil.which("strace")
CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\d+\.\d+) (\w+)\(")
MOMENT = 0.010  # seconds after which a directory of the installation is looked at again

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(STRACE is None, reason="strace is not installed (./dev setup installs it)"),
]


@dataclass
class Program:
    """A program that imports modules of packages, which stand on the path behind directories of one module each."""

    environment: Path
    place: Path
    modules: int
    entries: int
    packages: int = 4

    def write(self) -> None:
        names = [f"package_{number % self.packages}.module_{number}" for number in range(self.modules)]
        files = {f"lib/{name.replace('.', '/')}.py": f"NAME = {name!r}\n" for name in names}
        files.update({f"lib/package_{package}/__init__.py": "" for package in range(self.packages)})
        files.update({f"entry_{entry}/single_{entry}.py": "" for entry in range(self.entries)})
        imports = [f"import {name}" for name in (*names, *(f"single_{entry}" for entry in range(self.entries)))]
        write_files(self.place, {**files, "main.py": "\n".join([*imports, "print('ran')"]) + "\n"})
        path = [self.place / f"entry_{entry}" for entry in range(self.entries)] + [self.place / "lib"]
        (site_packages(self.environment) / "calls.pth").write_text("".join(f"{entry}\n" for entry in path))

    @property
    def directories(self) -> int:
        return self.entries + self.packages + 1

    def run(self, *arguments: str | Path, prefix: tuple[str, ...] = (), **env: str) -> None:
        command = [*prefix, self.environment / "bin/python", *arguments]
        environ = clean_environment(PYCDS_HOME=str(self.place), **env)
        done = subprocess.run(
            command, env=environ, cwd=self.place, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr

    def make_archive(self) -> Path:
        trace_list, archive = self.place / "calls.lst", self.place / "calls.pycds"
        self.run("main.py", PYCDSMODE="TRACE", PYCDSLIST=str(trace_list))
        self.run("-c", f"import pycds; pycds.dump({str(trace_list)!r}, {str(archive)!r})")
        return archive

    def count(self, **env: str) -> Calls:
        """The calls of a run that name a file of the program, and the time from the first to the last."""
        log = self.place.with_suffix(".strace")
        strace = (str(STRACE), "-f", "-qq", "-ttt", "-e", "trace=%file", "-o", str(log))
        self.run("-B", "main.py", prefix=strace, **env)
        kinds: Counter[str] = Counter()
        times = []
        for line in log.read_text(errors="replace").splitlines():
            found = CALL.match(line)
            if found and re.search(rf'"{self.place}/(lib|entry_)', line):
                kinds[found[2]] += 1
                times.append(float(found[1]))
        return Calls(sum(kinds.values()), kinds, times[-1] - times[0])


@dataclass
class Calls:
    number: int
    kinds: Counter[str]
    seconds: float


def measure(tmp_path: Path, *, modules: int, entries: int, installed: bool) -> tuple[Program, Calls, Calls]:
    """A program, the calls of its served run, and those of a plain run."""
    environment = make_environment(Tree(tmp_path), f"venv_{modules}_{entries}")
    place = (site_packages(environment) if installed else tmp_path) / f"tree_{modules}_{entries}"
    program = Program(environment, place, modules, entries)
    program.write()
    archive = program.make_archive()
    plain = program.count()
    served = program.count(PYCDSMODE="SHARE", PYCDSARCHIVE=str(archive), PYCDSPOLICY="on")
    print(f"{modules} modules, {entries} entries, installed: {installed}; served {served}, plain {plain}")
    return program, served, plain


SIZES = [(20, 3), (20, 23), (120, 3), (120, 23)]


@pytest.mark.parametrize(("modules", "entries"), SIZES)
def test_calls_grow_with_directories_and_by_one_for_each_module(tmp_path: Path, modules: int, entries: int) -> None:
    program, served, plain = measure(tmp_path, modules=modules, entries=entries, installed=True)
    looks = 2 + served.seconds / MOMENT
    most = (modules + entries + program.packages) + 2 * program.directories * looks
    assert served.number <= most, (served, plain)
    assert served.number < plain.number


@pytest.mark.parametrize(("modules", "entries"), SIZES)
def test_elsewhere_there_are_fewer_calls_than_in_a_plain_run(tmp_path: Path, modules: int, entries: int) -> None:
    _, served, plain = measure(tmp_path, modules=modules, entries=entries, installed=False)
    assert served.number < plain.number, (served, plain)

"""A copy of an interpreter's installation, with PyCDS, and an archive of its whole standard library or a snapshot.

A copy and not a virtual environment: test_venv, test_site and others do other things in one.  Packages that others
have installed stay behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.cpython_snapshot import PROGRAM, Snapshot, place_for

WORKER = Path(__file__).with_name("cpython_worker.py")

ASK = """\
import json, os, platform, sys, sysconfig
print(json.dumps({"version": platform.python_version(), "short": "%d.%d" % sys.version_info[:2], "build": sys.version,
    "prefix": sys.base_prefix, "executable": os.path.realpath(sys.executable), "stdlib": sysconfig.get_path("stdlib"),
    "packages": sysconfig.get_path("purelib")}))
"""


class SetupError(Exception):
    """The installation under test cannot be made."""


@dataclass(frozen=True)
class Installation:
    """The interpreter under test, and the archive of its standard library, or a snapshot of what runs the tests."""

    python: Path
    stdlib: Path
    archive: Path
    version: str
    short: str
    modules: int
    skipped: tuple[str, ...]
    """Modules that are not in the archive, with reasons."""
    fingerprint: str
    """Of what plain runs depend on: the interpreter and the worker."""
    snapshot: Snapshot | None = None

    @property
    def way(self) -> str:
        """What is compared with plain runs."""
        return "served" if self.snapshot is None else "restored"


def clean_environment() -> dict[str, str]:
    """This process's environment without what steers Python or PyCDS."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYCDS", "COV_"))}


def prepare(python: Path, wheel: Path, directory: Path, libraries: Path | None = None) -> Installation:
    """Copy (once), install the wheel, dump the archive; with ``libraries`` make a snapshot.  Raises SetupError."""
    facts = json.loads(_run([str(python), "-I", "-c", ASK]))
    regrtest = Path(facts["stdlib"]) / "test" / "libregrtest"
    if not any((regrtest / name).is_file() for name in ("single.py", "runtest.py")):
        raise SetupError(f"{python}: CPython's tests are not installed")
    root = directory / "installation"
    copied = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    stamp = root / ".copied"
    if not stamp.is_file() or stamp.read_text() != copied:
        shutil.rmtree(root, ignore_errors=True)
        _copy(Path(facts["prefix"]), root, facts["short"])
        _add_missing(root / "lib" / f"python{facts['short']}" / "test")
        stamp.write_text(copied)
    stdlib = root / "lib" / f"python{facts['short']}"
    executable = root / "bin" / f"python{facts['short']}"
    found = json.loads(_run([str(executable), "-I", "-c", ASK]))
    # Within the library; Debian's have it elsewhere.
    packages = Path(found["packages"])
    if Path(found["prefix"]) != root or Path(found["stdlib"]) != stdlib or root not in packages.parents:
        raise SetupError(f"the copy of {python} does not run from its own place: {found}")
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    _unpack(wheel, packages)
    shutil.copy(WORKER, packages)
    modules, skipped, snapshot = 0, (), None
    if libraries is None:
        modules, skipped = _dump(executable, stdlib, directory)
    else:
        snapshot = place_for(packages, directory)
        # A plain run would do it, and change a directory of the search path.
        _run([str(executable), "-m", "compileall", "-q", "-l", str(packages)])
        _run(snapshot.creation(executable, libraries), snapshot.home)
    parts = [copied, WORKER.read_text(), PROGRAM.read_text() if snapshot else ""]
    return Installation(
        executable,
        stdlib,
        directory / "stdlib.pycds",
        facts["version"],
        facts["short"],
        modules,
        skipped,
        hashlib.sha256("".join(parts).encode()).hexdigest()[:16],
        snapshot,
    )


def _unpack(wheel: Path, packages: Path) -> None:
    """As an installer does: programs are executable."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if mode & 0o111:
                (packages / member.filename).chmod(mode & 0o777)


def standard_modules(stdlib: Path) -> Iterator[str]:
    """The names of all modules under a standard library that have a source, the tests' own as well."""
    for path in sorted(stdlib.rglob("*.py")):
        parts = list(path.relative_to(stdlib).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        if parts and parts[0] not in ("site-packages", "lib-dynload") and all(map(str.isidentifier, parts)):
            yield ".".join(parts)


def _copy(prefix: Path, root: Path, short: str) -> None:
    """Copy an installation, times included, without packages and scripts."""

    def unwanted(directory: str, names: list[str]) -> list[str]:
        where = Path(directory).relative_to(prefix)
        if where == Path("lib", f"python{short}", "site-packages"):
            return names
        if where == Path("bin"):
            return [name for name in names if not name.startswith("python")]
        if where == Path("lib"):
            return [name for name in names if not name.startswith(("libpython", f"python{short}", "pkgconfig"))]
        return []

    for name in ("bin", "include", "lib"):
        shutil.copytree(prefix / name, root / name, symlinks=True, ignore=unwanted)


def _add_missing(tests: Path) -> None:
    """Some versions install what test_multiprocessing_fork and its kin are made of, and not these files themselves."""
    if not (tests / "_test_multiprocessing.py").is_file():
        return
    for method in ("fork", "forkserver", "spawn"):
        package = tests / f"test_multiprocessing_{method}"
        if package.is_dir():
            continue
        package.mkdir()
        (package / "__init__.py").write_text(
            "import os\nfrom test import support\n"
            "def load_tests(*arguments):\n"
            "    return support.load_package_tests(os.path.dirname(__file__), *arguments)\n"
        )
        (package / "test_all.py").write_text(
            "from test._test_multiprocessing import install_tests_in_module_dict\n"
            f"install_tests_in_module_dict(globals(), {method!r})\n"
        )


def _dump(executable: Path, stdlib: Path, directory: Path) -> tuple[int, tuple[str, ...]]:
    """Dump every module of the standard library; how many there are in the archive, and what was left out."""
    trace_list, archive = directory / "stdlib.lst", directory / "stdlib.pycds"
    trace_list.write_text("".join(f"{name}\n" for name in standard_modules(stdlib)), encoding="utf-8")
    return _dump_list(executable, trace_list, archive)


def dump_with_memo(installation: Installation, traced: Path, archive: Path) -> None:
    """Dump the standard library once more, with the regular expressions and texts of a trace.  Raises SetupError."""
    names = [f"{name}\n" for name in standard_modules(installation.stdlib)]
    lines = (
        traced.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
        if traced.exists()
        else []
    )
    trace_list = archive.with_suffix(".lst")
    memo = [line for line in lines if line.startswith(("@regex ", "@code "))]
    trace_list.write_text("".join(names + memo), encoding="utf-8", errors="surrogateescape")
    _dump_list(installation.python, trace_list, archive)


def _dump_list(executable: Path, trace_list: Path, archive: Path) -> tuple[int, tuple[str, ...]]:
    script = (
        "import json, sys\nif sys.path[0] == '': del sys.path[0]\nfrom pycds import dumper\n"
        "done = dumper.dump(sys.argv[1], sys.argv[2])\n"
        "print(json.dumps([done.modules, [f'{name}: {reason}' for name, reason in done.skipped]]))\n"
    )
    # In the search path that the tests will have: no script directory, no working directory.
    output = _run([str(executable), "-W", "ignore", "-c", script, str(trace_list), str(archive)])
    modules, skipped = json.loads(output)
    return modules, tuple(skipped)


def _run(command: list[str], home: Path | None = None) -> str:
    environment = {**clean_environment(), **({"HOME": str(home)} if home else {})}
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"{' '.join(command[:1])} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout

"""Fixtures for tests of an installed PyCDS: fresh interpreters, small programs, tiny archives.

``python`` runs the interpreter under test (the one that runs pytest) in a clean environment; ``program`` is a
directory with a small program of every kind of module; ``make_archive`` traces a program and dumps it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import textwrap
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, TypeVar

import pytest
from hypothesis import HealthCheck, settings

# Examples are the same in each run of a version of the tests: a failure is there for the next one to see.
settings.register_profile("quick", max_examples=60, deadline=None, derandomize=True)
settings.register_profile(
    "thorough",
    max_examples=2000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# What was started in the background ignores these, and so would every program that a test starts.
for _number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)

Result = subprocess.CompletedProcess
T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rows",
        default="1/1",
        metavar="PART/PARTS",
        help="of long tables (validation_rows.py) only the rows of one part: 2/4 is the second quarter",
    )
    parser.addoption(
        "--cases", default="1/1", metavar="PART/PARTS", help="the same for shorter tables, of programs to be compared"
    )
    parser.addoption("--files", default="1/1", metavar="PART/PARTS", help="the same for whole files of tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the rows, cases and files of other parts.  Which part one is of depends on its name alone."""
    chosen = {name: tuple(map(int, config.getoption(f"--{name}s").split("/"))) for name in ("row", "case", "file")}

    def is_of_another(item: pytest.Item) -> bool:
        kinds = {"file": item.path.name if hasattr(item, "path") else item.fspath.basename}
        kinds.update(dict.fromkeys(getattr(getattr(item, "callspec", None), "params", ()), item.name))
        return any(
            zlib.crc32(kinds[kind].encode()) % parts != part % parts
            for kind, (part, parts) in chosen.items()
            if kind in kinds
        )

    left_out = [item for item in items if is_of_another(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_of_another(item)]


SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
"""Whether the core is built with the sanitizers, whose library ``./dev asan`` preloads."""

LOOPS_FOR_EVER = "in 3.8 two threads' circular imports may keep a third in an endless loop, archive or not (bpo-38091)"


def clean_environment(**extra: str) -> dict[str, str]:
    """This process's environment without anything that steers Python or PyCDS, and ``extra``."""
    steering = ("PYTHON", "PYCDS", "COV_")
    kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(steering)}
    # Sanitizer builds need these.
    kept.update({name: os.environ[name] for name in ("PYTHONMALLOC",) if name in os.environ})
    return {**kept, **extra}


@dataclass
class Python:
    """The interpreter under test."""

    executable: str
    directory: Path
    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *arguments: str | os.PathLike[str],
        code: int | None = 0,
        cwd: str | os.PathLike[str] | None = None,
        stdin: str | None = None,
        timeout: float = 120,
        env: Mapping[str, str] | None = None,
    ) -> Result[str]:
        """Run it with ``arguments`` to the end.  Fails unless it ends with ``code`` (None: with any)."""
        done = subprocess.run(
            [self.executable, *map(os.fspath, arguments)],
            cwd=cwd or self.directory,
            env=clean_environment(**{"PYCDS_HOME": str(self.home), **self.environ, **(env or {})}),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )
        if code is not None and done.returncode != code:
            pytest.fail(
                f"{arguments} ended with {done.returncode}, not {code}\n"
                f"--- stdout\n{done.stdout[-4000:]}\n--- stderr\n{done.stderr[-4000:]}"
            )
        return done

    def pycds(self, *arguments: str | os.PathLike[str], **options: Any) -> Result[str]:
        """Run ``python -m pycds``."""
        return self("-m", "pycds", *arguments, **options)

    def traced(self, trace_list: Path, *arguments: str | os.PathLike[str], **options: Any) -> Result[str]:
        """Run a program under PYCDSMODE=TRACE."""
        env = {"PYCDSMODE": "TRACE", "PYCDSLIST": str(trace_list), **options.pop("env", {})}
        return self(*arguments, env=env, **options)

    def served(self, archive: Path, *arguments: str | os.PathLike[str], **options: Any) -> Served:
        """Run a program under PYCDSMODE=SHARE; what it printed, and its statistics if it left any."""
        statistics = self.directory / f"statistics-{len(list(self.directory.glob('statistics-*')))}.json"
        env = {
            "PYCDSMODE": "SHARE",
            "PYCDSARCHIVE": str(archive),
            "PYCDSSTATS": str(statistics),
            **options.pop("env", {}),
        }
        done = self(*arguments, env=env, **options)
        return Served(done, json.loads(statistics.read_text()) if statistics.exists() else {})


@dataclass
class Served:
    """A served run."""

    done: Result[str]
    statistics: dict[str, Any]

    @property
    def stdout(self) -> str:
        return self.done.stdout

    @property
    def stderr(self) -> str:
        return self.done.stderr

    @property
    def returncode(self) -> int:
        return self.done.returncode

    @property
    def names(self) -> list[str]:
        """The modules that came from the archive, in order."""
        return [name for archive in self.statistics.get("archives", []) for name in archive["served"]]


@pytest.fixture(scope="session")
def passed_self_checks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What the self-check leaves behind where the interpreter under test has passed it: once for all tests."""
    home = tmp_path_factory.mktemp("self-checked")
    command = [sys.executable, "-c", "from pycds import self_check; self_check.ensure()"]
    subprocess.run(command, env=clean_environment(PYCDS_HOME=str(home)), cwd=home, check=True)
    return list(home.iterdir())


@pytest.fixture
def python(tmp_path: Path, passed_self_checks: list[Path]) -> Python:
    """The interpreter under test, running in a directory of the test's own."""
    directory = tmp_path / "work"
    directory.mkdir()
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for marker in passed_self_checks:
        shutil.copy(marker, home)
    return Python(sys.executable, directory, home)


def archive_of(
    python: Python, program: str | os.PathLike[str], *arguments: str | os.PathLike[str], **options: Any
) -> Path:
    """What a traced run of a program leads to, whatever its end."""
    trace_list, archive = python.directory / "list", python.directory / "archive"
    trace_list.unlink(missing_ok=True)
    python.traced(trace_list, program, *arguments, code=None, **options)
    python.pycds("dump", trace_list, archive)
    return archive


def served_as_plain(python: Python, archive: Path, *arguments: str | os.PathLike[str]) -> Served:
    """A served run, which must print what a plain one does, and end as it."""
    plain, served = python(*arguments, code=None), python.served(archive, *arguments, code=None)
    assert (served.stdout, served.stderr, served.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    return served


def write_files(directory: Path, files: Mapping[str, str]) -> Path:
    """Write text files, given with their paths, under a directory."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return directory


def while_the_library_stays(make: Callable[[], T]) -> T:
    """What ``make`` gives, done again where a directory of the interpreter's library has changed meanwhile.

    An archive has their times, and other tests that run beside this one may be the first to import a module: then its
    .pyc comes to be.
    """
    for _attempt in range(20):
        before = _library()
        made = make()
        if _library() == before:
            return made
    raise AssertionError("the interpreter's library has changed each time")


def _library() -> dict[str, int]:
    directories = {path for path in sysconfig.get_paths().values() if os.path.isdir(path)}
    walked = (place for path in directories for place, _, _ in os.walk(path))
    return {place: os.stat(place).st_ctime_ns for place in walked}


PROGRAM = {
    "app.py": """\
        import sys
        import plain
        import package
        import package.inner.leaf
        import spread.part.deep
        import plain
        print("result", plain.answer(), package.NAME, package.inner.leaf.names("b"), spread.part.deep.HERE)
        sys.exit(int(sys.argv[1]) if sys.argv[1:] else 0)
    """,
    "plain.py": """\
        '''A plain module.'''
        CHOICES = frozenset()
        def answer(of="all"):
            return 42 if of in {"all", "some", "none"} else 0
    """,
    "package/__init__.py": "NAME = __name__\n",
    "package/__main__.py": "import package.inner\nprint('main of', __spec__.name)\n",
    "package/inner/__init__.py": "",
    "package/inner/leaf.py": "def names(key):\n    return ('a', 'b', 'c').index(key)\n",
    # namespace packages, one within another
    "spread/part/deep.py": "HERE = __name__\n",
}
"""A program with a plain module, packages and nested namespace packages."""

PROGRAM_MODULES = ["plain", "package", "package.inner", "package.inner.leaf", "spread.part.deep"]
"""What ``app.py`` imports of its own from files, in order."""


@pytest.fixture
def program(python: Python) -> Path:
    """A small program, ``app.py``, in the directory in which ``python`` runs."""
    return write_files(python.directory, PROGRAM) / "app.py"


@dataclass
class Made:
    """A trace list and the archive dumped from it."""

    trace_list: Path
    archive: Path
    dumped: Result[str]


MakeArchive = Callable[..., Made]


@pytest.fixture
def make_archive(python: Python, tmp_path: Path) -> MakeArchive:
    """Make an archive: ``make_archive(*program_arguments, flags=(), name="app")``."""

    def make(*arguments: str | os.PathLike[str], flags: Sequence[str] = (), name: str = "app", **options: Any) -> Made:
        trace_list, archive = tmp_path / f"{name}.lst", tmp_path / f"{name}.pycds"
        python.traced(trace_list, *flags, *arguments, **options)
        dumped = python(*flags, "-m", "pycds", "dump", trace_list, archive, cwd=options.get("cwd"))
        return Made(trace_list, archive, dumped)

    return make


def module_names(trace_list: Path) -> list[str]:
    """The names in a trace list, in order."""
    lines = trace_list.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [line.split("\t")[0] for line in lines if line and line[0] not in "#@"]


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment with a copy of the PyCDS under test."""
    from enabled_environment import make_environment

    return make_environment(tmp_path_factory.mktemp("environment") / "venv")


@pytest.fixture
def environment(python: Python, executable: Path) -> Any:
    """That environment, PyCDS switched on, with an empty store: an ``enabled_environment.Environment``."""
    from enabled_environment import Environment

    found = Environment(python, executable)
    found.pycds("enable")
    return found

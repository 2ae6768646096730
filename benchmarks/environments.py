"""The virtual environments that the applications run in, and what is installed there.

Two of them, with the same applications at the same versions: one has PyCDS, the
other the original PyCDS (``code-data-share``), because both are the package ``cds``.
Plain Python and the oracle use the first one, with PyCDS switched off.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalogue import HERE, applications, constraints

REPOSITORY = HERE.parent
ORIGINAL = "code-data-share==0.1.0"
PYCDS_SOURCES = ("CMakeLists.txt", "pyproject.toml", "src", "pycds", "cds", "cmake")


class SetupError(Exception):
    """An environment cannot be made; ``str()`` says what failed."""


@dataclass(frozen=True)
class Interpreter:
    """The Python that is measured."""

    executable: Path
    version: str  # "3.11.7"
    soabi: str  # "cpython-311-x86_64-linux-gnu"
    include: str  # directory of Python.h

    @property
    def label(self) -> str:
        """Name for files: the version, and the build where it is not one of its own prefix."""
        return f"cpython-{self.version}" + ("-system" if str(self.executable).startswith("/usr/bin/") else "")


def interpreter(executable: str) -> Interpreter:
    """Ask ``executable`` what it is.  Raises SetupError when it does not run."""
    question = (
        "import sys, sysconfig; print(sys.executable, '%d.%d.%d' % sys.version_info[:3],"
        " sysconfig.get_config_var('SOABI'), sysconfig.get_path('include'), sep='\\n')"
    )
    try:
        answer = subprocess.run([executable, "-I", "-c", question], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{executable} does not run as Python: {error}") from error
    path, version, soabi, include = answer.stdout.splitlines()
    return Interpreter(Path(path), version, soabi, include)


@dataclass(frozen=True)
class Bench:
    """Where everything of one interpreter lies."""

    root: Path
    python: Interpreter
    which: str = "apps"  # the set of applications

    @property
    def applications(self) -> Path:
        """Interpreter of the environment with the applications and PyCDS."""
        return self.root / "applications" / "bin" / "python"

    @property
    def original(self) -> Path:
        """Interpreter of the environment with the applications and the original PyCDS."""
        return self.root / "original" / "bin" / "python"

    def directory(self, name: str) -> Path:
        """A directory for made things, created when missing."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def bench_directory() -> Path:
    """Where all benches lie: ``$PYCDS_BENCH_DIR`` or ``build/bench``."""
    return Path(os.environ.get("PYCDS_BENCH_DIR") or REPOSITORY / "build" / "bench").resolve()


def bench(python: str, which: str = "apps") -> Bench:
    """The bench of an interpreter and a set of applications.  Raises SetupError when the interpreter does not run."""
    found = interpreter(python)
    return Bench(bench_directory() / (found.label if which == "apps" else f"{found.label}-{which}"), found, which)


def clean_environment(**more: str) -> dict[str, str]:
    """The environment of every measured process: nothing of the caller's but PATH, and ``more``."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}


def _run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise SetupError(f"{' '.join(map(str, command[:6]))} … failed: " + "\n".join(lines[-12:]))


def pip(bench: Bench, venv_python: Path, *arguments: str | Path) -> None:
    """Run pip for an environment of the bench.  Raises SetupError."""
    # That of one environment works on the others, so the measured ones stay without pip and its .pth files.  It has to
    # be the interpreter's own: no version of pip runs on all of them.
    installer = bench.root / "installer" / "bin" / "python"
    if not installer.exists():
        _run(bench.python.executable, "-m", "venv", installer.parent.parent)
    _run(installer, "-m", "pip", "--python", venv_python, "--disable-pip-version-check", "-q", *arguments)


def _fingerprint(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix != ".pyc") if path.is_dir() else [path]
        for file in files:
            if file.exists():
                digest.update(f"{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()


class _Stamp:
    """What an environment was made of, in a file of its own: nothing is installed twice."""

    def __init__(self, venv_python: Path, name: str, value: str) -> None:
        self.path, self.value = venv_python.parent.parent / f"{name}.stamp", value

    def current(self) -> bool:
        return self.path.exists() and self.path.read_text() == self.value

    def set(self) -> None:
        self.path.write_text(self.value)


def make_environment(bench: Bench, venv_python: Path, content: list[Path | str]) -> None:
    """Make an environment of these wheels and requirements, unless it is there already.  Raises SetupError."""
    files = [part for part in content if isinstance(part, Path)]
    stamp = _Stamp(venv_python, "content", " ".join([_fingerprint(files), *map(str, content)]))
    if not stamp.current():
        _run(bench.python.executable, "-m", "venv", "--clear", "--without-pip", venv_python.parent.parent)
        pip(bench, venv_python, "install", "--no-compile", *content)
        stamp.set()


def install_applications(bench: Bench, venv_python: Path) -> dict[str, str]:
    """Make the environment and install all applications, unless that was done with the same pins.

    Returns {application: why it cannot be installed} for those that have no wheel for this interpreter.
    """
    pins = constraints(bench.python.version, bench.which)
    packages = [package for app in applications(which=bench.which) for package in app.packages]
    stamp = _Stamp(venv_python, "applications", pins.read_text() + " ".join(packages))
    without = venv_python.parent.parent / "not-installable.json"
    if stamp.current():
        return dict(json.loads(without.read_text()))
    print(f"installing {len(packages)} applications into {venv_python.parent.parent.name} …", flush=True)
    _run(bench.python.executable, "-m", "venv", "--clear", "--without-pip", venv_python.parent.parent)
    # Not compiled: each module that is imported is, in the runs before the measured ones.
    install = ("install", "--no-compile", "--only-binary", ":all:", "-c", pins)
    reasons: dict[str, str] = {}
    try:
        pip(bench, venv_python, *install, *packages)
    except SetupError:
        for app in applications(which=bench.which):
            try:
                pip(bench, venv_python, *install, *app.packages) if app.packages else None
            except SetupError as error:
                reasons[app.name] = str(error).splitlines()[-1]
                print(f"  {app.name} cannot be installed: {reasons[app.name]}", flush=True)
    without.write_text(json.dumps(reasons))
    stamp.set()
    return reasons


def _build_wheel(bench: Bench) -> Path:
    directory = bench.directory("wheels")
    for old in directory.glob("pycds-*.whl"):
        old.unlink()
    pip(bench, bench.applications, "wheel", "--no-deps", "-w", directory, REPOSITORY)
    return next(directory.glob("pycds-*.whl"))


def install_pycds(bench: Bench, wheel: Path | None) -> str:
    """Install PyCDS from ``wheel``, else built from this repository; the fingerprint of what is installed."""
    sources = [wheel] if wheel else [REPOSITORY / name for name in PYCDS_SOURCES]
    stamp = _Stamp(bench.applications, "pycds", _fingerprint(sources))
    if not stamp.current():
        print("installing PyCDS …", flush=True)
        wheel = wheel or _build_wheel(bench)
        pip(bench, bench.applications, "install", "--force-reinstall", "--no-deps", wheel)
        pip(
            bench, bench.applications, "install", "-c", constraints(bench.python.version, bench.which), wheel
        )  # and what its commands need
        stamp.set()
    return stamp.value


def idle_environments(bench: Bench, wheel: Path | None) -> tuple[Path, Path]:
    """Two environments with nothing in them, but PyCDS in the second: what its start-up hook costs while off."""
    bare, hook = (bench.root / name / "bin" / "python" for name in ("bare", "hook"))
    stamp = _Stamp(hook, "pycds", install_pycds(bench, wheel))
    if not stamp.current():
        for python in (bare, hook):
            _run(bench.python.executable, "-m", "venv", "--clear", "--without-pip", python.parent.parent)
        pip(bench, hook, "install", "--no-deps", wheel or next((bench.root / "wheels").glob("pycds-*.whl")))
        stamp.set()
    return bare, hook


def install_original(bench: Bench) -> None:
    """Make the original's environment.  Raises SetupError where there is no wheel for this interpreter."""
    stamp = _Stamp(bench.original, "original", ORIGINAL)
    if not stamp.current():
        pip(bench, bench.applications, "install", "--dry-run", "--only-binary", ":all:", "--no-deps", ORIGINAL)
    install_applications(bench, bench.original)
    if not stamp.current():
        pip(bench, bench.original, "install", "--only-binary", ":all:", "--no-deps", ORIGINAL)
        stamp.set()


def build_oracle(bench: Bench) -> Path:
    """Compile the oracle for the interpreter; the directory that holds it."""
    source = HERE / "oracle" / "oracle.c"
    directory = bench.directory("oracle")
    extension = directory / f"_oracle.{bench.python.soabi}.so"
    if not extension.exists() or extension.stat().st_mtime < source.stat().st_mtime:
        compiler = os.environ.get("CC", "cc")
        flags = ("-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-I", bench.python.include)
        _run(compiler, *flags, source, "-o", extension)
    for name in ("preload.py", "launch.py"):  # beside the extension, so that one path entry is enough
        text = (HERE / "oracle" / name).read_bytes()
        if not (directory / name).exists() or (directory / name).read_bytes() != text:
            (directory / name).write_bytes(text)
    return directory


def report_python() -> Path:
    """An interpreter that has what the plots need; its environment is made when missing."""
    directory = bench_directory() / "report"
    python = directory / "bin" / "python"
    stamp = _Stamp(python, "report", (HERE / "requirements.txt").read_text())
    if not stamp.current():
        _run(sys.executable, "-m", "venv", "--clear", "--without-pip", directory)
        _run(sys.executable, "-m", "pip", "--python", python, "-q", "install", "-r", HERE / "requirements.txt")
        stamp.set()
    return python

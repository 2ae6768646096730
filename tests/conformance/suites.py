"""The packages whose own tests are run, ``packages.toml``, and where: a virtual environment, the tests' files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIST = Path(__file__).with_name("packages.toml")
CONSTRAINTS = Path(__file__).with_name("packages-constraints.txt")
"""The version of everything that is installed for the tests."""


@dataclass(frozen=True)
class Suite:
    """A package and its own tests."""

    name: str
    version: str
    modules: Sequence[str]
    """Its top-level modules: some must come from the archive."""
    quick: bool = False
    sdist: str = ""
    """The SHA-256 of its source distribution.  Empty: the tests are in the installed package."""
    files: Sequence[str] = ()
    """What of the source distribution the tests need; never the package itself, which is installed."""
    requires: Sequence[str] = ()
    plugins: Sequence[str] = ()
    tests: Sequence[str] = ("tests",)
    """Files and directories for pytest, or with ``--pyargs`` among the options the packages."""
    options: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    minutes: float = 10
    """How long one run may take."""
    accepted: Mapping[str, str] = field(default_factory=dict)
    """Tests that may differ, with the reason."""


def read(path: Path = LIST) -> list[Suite]:
    """The suites of ``packages.toml``, in order."""
    with open(path, "rb") as file:
        return [Suite(name, **table) for name, table in tomllib.load(file).items()]


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel and the packages, and a directory for each suite beside it."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "venv" / "bin" / "python"

    def directory(self, suite: Suite) -> Path:
        """Where the suite's files are and its tests run."""
        return self.root / "suites" / suite.name

    def results(self, suite: Suite) -> Path:
        """Where trace list, archive and results of the suite are kept."""
        return self.root / "results" / suite.name


def make(root: Path, python: Path, wheel: Path, suites: Sequence[Suite]) -> Environment:
    """Make the environment, or bring it up to date.  What an earlier run has installed with the same pins is kept."""
    environment = Environment(root)
    root.mkdir(parents=True, exist_ok=True)
    stamp = root / "installed.json"
    pins = [str(python), CONSTRAINTS.read_text(encoding="utf-8")]
    had = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else {}
    names = {
        "pytest",
        *(f"{suite.name}=={suite.version}" for suite in suites),
        *(r for s in suites for r in s.requires),
    }
    if had.get("pins") != pins:
        shutil.rmtree(root / "venv", ignore_errors=True)
        subprocess.run([python, "-m", "venv", root / "venv"], check=True)
        had = {"names": []}
    if not names <= set(had["names"]):
        _pip(environment, "install", "--constraint", str(CONSTRAINTS), *sorted(names), str(wheel))
        stamp.write_text(json.dumps({"pins": pins, "names": sorted(names.union(had["names"]))}), encoding="utf-8")
    _pip(environment, "install", "--force-reinstall", "--no-deps", str(wheel))
    for suite in suites:
        _lay_out(environment, suite)
    return environment


def _pip(environment: Environment, *arguments: str) -> None:
    subprocess.run([environment.python, "-m", "pip", "--disable-pip-version-check", *arguments, "--quiet"], check=True)


def _lay_out(environment: Environment, suite: Suite) -> None:
    """Put the suite's files into its directory, as they are in the source distribution."""
    directory = environment.directory(suite)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    if not suite.sdist:
        # An end to the search for a configuration, which would otherwise find this project's.
        (directory / "pytest.ini").write_text("[pytest]\n")
        return
    with tarfile.open(_source_distribution(environment, suite)) as archive:
        members = []
        for member in archive.getmembers():
            _, _, inner = member.name.partition("/")
            if any(inner == name or inner.startswith(name + "/") for name in suite.files):
                member.name = inner
                members.append(member)
        archive.extractall(directory, members, filter="data")
    missing = [name for name in suite.files if not (directory / name).exists()]
    if missing:
        raise SystemExit(f"{suite.name} {suite.version}: not in the source distribution: {', '.join(missing)}")


def _source_distribution(environment: Environment, suite: Suite) -> Path:
    """The source distribution, downloaded once."""
    downloads = environment.root.parent / "sdists"
    path = downloads / f"{suite.name}-{suite.version}.tar.gz"
    if not path.exists():
        # pip builds the metadata to check the name, in an environment of its own, from wheels.
        requirement = f"{suite.name}=={suite.version}"
        _pip(environment, "download", "--no-deps", "--no-binary", suite.name, "--dest", str(downloads), requirement)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != suite.sdist:
        os.unlink(path)
        raise SystemExit(f"{path.name} has the SHA-256 {digest}, not {suite.sdist}")
    return path

"""An archive belongs to the interpreter that made it: any other leaves it alone and says why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pycds
from conftest import MakeArchive, Python, clean_environment

ROOT = Path(__file__).parents[2]


def other_environments() -> Iterator[Path]:
    """The Pythons of the environments that ./dev build has made for other interpreters (see CONTRIBUTING.md)."""
    here = Path(sys.executable).resolve()
    for python in sorted((ROOT / ".venvs").glob("*/bin/python")):
        has_pycds = any(python.parents[1].glob("lib/python*/site-packages/pycds/_core.*.so"))
        if has_pycds and python.resolve() != here and "-asan" not in str(python):
            yield python


OTHERS = list(other_environments())


@pytest.mark.skipif(not OTHERS, reason="no environment of another interpreter was built")
@pytest.mark.parametrize("other", OTHERS, ids=[path.parents[1].name for path in OTHERS])
def test_another_interpreter_leaves_the_archive_alone(
    python: Python, program: Path, make_archive: MakeArchive, other: Path
) -> None:
    made = make_archive(program)
    statistics = python.directory / "other.json"
    settings = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(made.archive), "PYCDSSTATS": str(statistics)}

    def run(**environ: str) -> subprocess.CompletedProcess[str]:
        env = clean_environment(PYCDS_HOME=str(python.home), **environ)
        command = [str(other), str(program)]
        return subprocess.run(
            command, env=env, cwd=python.directory, capture_output=True, text=True, check=False, timeout=60
        )

    plain, served, strict = run(), run(**settings), run(PYCDSPOLICY="on", **settings)
    assert (served.returncode, served.stdout, served.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert plain.returncode == 0
    refused = json.loads(statistics.read_text())["refused"]
    assert [refusal["reason"] for refusal in refused] == ["interpreter"]
    assert strict.returncode == 3
    assert strict.stdout == ""
    assert strict.stderr.count("\n") == 1
    assert str(made.archive) in strict.stderr


DEBUG_INTERPRETER = shutil.which(os.path.realpath(sys.executable) + "-dbg")


@pytest.mark.skipif(DEBUG_INTERPRETER is None, reason="this interpreter has no debug build beside it (Debian's has)")
@pytest.mark.parametrize("policy", ["auto", "on"])
def test_a_debug_interpreter_is_refused(python: Python, program: Path, make_archive: MakeArchive, policy: str) -> None:
    """It loads the same extension module, and would assert on strings that it did not make."""
    assert DEBUG_INTERPRETER is not None
    made = make_archive(program)
    installed = Path(pycds.__file__).parents[1]
    statistics = python.directory / "debug.json"
    code = (
        "import runpy, sys; from pycds._startup import start; start(); "
        "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    env = clean_environment(
        PYTHONPATH=str(installed),
        PYCDSMODE="SHARE",
        PYCDSARCHIVE=str(made.archive),
        PYCDSPOLICY=policy,
        PYCDSSTATS=str(statistics),
    )
    command = [DEBUG_INTERPRETER, "-c", code, str(program)]
    done = subprocess.run(
        command, env=env, cwd=python.directory, capture_output=True, text=True, check=False, timeout=60
    )
    if policy == "on":
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
        return
    assert done.returncode == 0, done.stderr
    assert "result 42" in done.stdout
    refused = json.loads(statistics.read_text())["refused"]
    assert [refusal["reason"] for refusal in refused] == ["unsupported"]


def test_what_identifies_this_interpreter() -> None:
    from pycds._core import identity

    found = identity()
    assert found["version"] == sys.hexversion
    assert found["optimize"] == sys.flags.optimize
    assert str(found["abi"]).startswith(str(sys.implementation.cache_tag))
    assert len(found["build"]) >= 3
    # A debug build is refused outright; without one here, only that this is none can be seen.
    assert found["debug"] == hasattr(sys, "gettotalrefcount")


@pytest.mark.parametrize("moved", ["symlink", "venv"])
def test_the_same_interpreter_by_another_name(
    python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path, moved: str
) -> None:
    """What counts is the runtime, not the path of its executable."""
    made = make_archive(program)
    environment = tmp_path / "environment"
    if moved == "venv":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        executable = environment / "bin" / "python"
    else:
        shutil.copytree(Path(sys.prefix) / "bin", environment / "bin", symlinks=True)
        shutil.copy(Path(sys.prefix) / "pyvenv.cfg", environment)
        executable = environment / "bin" / "python"
    library = environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library.mkdir(parents=True, exist_ok=True)
    site_packages = library / "site-packages"
    shutil.rmtree(site_packages, ignore_errors=True)
    site_packages.symlink_to(next(path for path in sys.path if path.endswith("site-packages")))
    elsewhere = Python(os.fspath(executable), python.directory, python.home)
    served = elsewhere.served(made.archive, program)
    assert served.stdout == python(program).stdout
    assert served.statistics["refused"] == []
    assert "plain" in served.names

"""Interpreters without a core: the wheel without it, and environments that look like another platform's.

An environment of this interpreter gets the pure wheel and a ``.pth`` that runs before ``pycds.pth`` and changes what
PyCDS looks at: the implementation's name, the processor, the C library.  The programs in it are real, and so is all
of PyCDS but these answers.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

DISGUISES = {
    "PyPy": "sys.implementation.name = 'pypy'",
    "GraalPy": "sys.implementation.name = 'graalpy'",
    "darwin": "sys.platform = 'darwin'",
    "32 bits": "sys.maxsize = 2**31 - 1",
    "aarch64": "u = os.uname(); os.uname = lambda: os.uname_result((*u[:4], 'aarch64'))",
    "musl": "os.confstr = lambda name: (_ for _ in ()).throw(ValueError(name))",
    "free-threaded": "sys.abiflags += 't'",
    "pre-release": (
        "sys.hexversion = sys.hexversion & ~0xFF | 0xA1; "
        "import types; v = sys.version_info; sys.version_info = type('V', (tuple,), dict(releaselevel='alpha', "
        "major=v[0], minor=v[1], micro=v[2], serial=1))(v)"
    ),
    "no core for it": "",
}
"""A word of the refusal, and what makes this interpreter look that way."""


def source_copy(target: Path) -> Path:
    """The project's files as a fresh clone has them: building must not write into the tree that is tested."""
    kept_out = shutil.ignore_patterns(
        ".git", ".venvs", "build", "dist", "vendor", "__pycache__", ".*_cache", ".hypothesis"
    )
    return shutil.copytree(ROOT, target, ignore=kept_out, symlinks=True)


def make_sdist(directory: Path) -> Path:
    """A source distribution, by the project's own build backend."""
    source = source_copy(directory / "source")
    code = "import sys; sys.path.insert(0, 'tools'); import pycds_build; print(pycds_build.build_sdist(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", code, directory], cwd=source, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert not (source / "vendor").exists()
    return directory / made.stdout.splitlines()[-1]


def pip(*arguments: str | os.PathLike[str], python: str | os.PathLike[str] = sys.executable, **environ: str) -> str:
    """Run pip to the end; what it said."""
    command = [os.fspath(python), "-m", "pip", "--disable-pip-version-check", *map(os.fspath, arguments)]
    env = {**os.environ, **environ}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def make_pure_wheel(directory: Path) -> Path:
    """The wheel without the core, as a release has it for every interpreter that has no other."""
    source = source_copy(directory / "source")
    pip(
        "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", directory, "--config-settings",
        "wheel.cmake=false", source,
    )  # fmt: skip
    (wheel,) = directory.glob("*.whl")
    return wheel


def make_environment(wheel: Path, directory: Path, disguise: str) -> Path:
    """An environment with a wheel of PyCDS, and this one's other packages; the path of its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    (site_packages,) = directory.glob("lib/python*/site-packages")
    pip("install", "--quiet", "--no-deps", "--target", site_packages, wheel)
    click = importlib.util.find_spec("click")
    assert click is not None and click.origin is not None
    # Behind its own: a .pth that is only on the path does not run.
    (site_packages / "others.pth").write_text(f"{Path(click.origin).parents[1]}\n")
    (site_packages / "disguise.pth").write_text("import disguise\n")
    (site_packages / "disguise.py").write_text(f"import os, sys\n{disguise}\n")
    return directory / "bin" / "python"

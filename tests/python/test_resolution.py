"""Where extension modules are: found without a search, as a plain import finds them, and loaded by their loader."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import Any

import pytest

from conftest import Python, Served, archive_of, clean_environment, served_as_plain

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
DYNLOAD = Path(next((entry for entry in sys.path if entry.endswith("/lib-dynload")), "/nowhere"))
NAMES = [name for name in ("_json", "_bisect", "_heapq", "_csv", "_lsprof", "_queue", "_zoneinfo", "_testcapi")
         if (DYNLOAD / f"{name}{SUFFIX}").exists()]  # fmt: skip

pytestmark = pytest.mark.skipif(not NAMES, reason="this interpreter has no extension modules in files")

LOOK = """
    import sys
    def look(module):
        spec = module.__spec__
        return [module.__name__, module.__file__, module.__package__, getattr(module, "__cached__", "none"), type(module.__loader__),
                module.__loader__ is spec.loader, sorted((name, str(value).partition(" object at")[0]) for name, value in vars(spec).items()),
                spec.cached, spec.has_location, spec.parent, sorted(vars(spec.loader).items()), repr(module)]
    """


@pytest.fixture
def package(python: Python) -> Path:
    """A package with a copy of an extension module of the standard library: pkg.NAME."""
    directory = python.directory / "site"
    (directory / "pkg").mkdir(parents=True)
    (directory / "pkg" / "__init__.py").write_text("")
    shutil.copy(DYNLOAD / f"{NAMES[0]}{SUFFIX}", directory / "pkg")
    return directory


def write(package: Path, text: str) -> Path:
    script = package / "script.py"
    script.write_text(textwrap.dedent(LOOK) + textwrap.dedent(text).replace("NAME", NAMES[0]))
    return script


def counts(served: Served) -> Any:
    archive = served.statistics["archives"][0]
    return archive["resolved"], archive["places"]


@pytest.mark.parametrize(
    "statement",
    [
        "import pkg.NAME as module",
        "from pkg import NAME as module",
        "import importlib; module = importlib.import_module('pkg.NAME')",
        "import importlib.util as u, sys; spec = u.find_spec('pkg.NAME'); module = sys.modules[spec.name] = u.module_from_spec(spec); spec.loader.exec_module(module)",
    ],
)
def test_it_is_the_module_of_a_plain_import(python: Python, package: Path, statement: str) -> None:
    script = write(
        package,
        f"{statement}\nprint(look(module), sorted(vars(module)))\nprint(sorted(name for name in sys.modules if 'pkg' in name))\n",
    )
    archive = archive_of(python, script)
    resolved, known = counts(served_as_plain(python, archive, script))
    assert resolved >= 1 and known >= resolved


def test_those_of_the_standard_library(python: Python, package: Path) -> None:
    script = write(package, f"for name in {NAMES!r}: print(look(__import__(name)))\n")
    archive = archive_of(python, script)
    resolved, _ = counts(served_as_plain(python, archive, script))
    assert resolved >= len(NAMES)


@pytest.mark.parametrize(
    "change",
    [
        "gone",
        "another suffix",
        "a package before it",
        "a source beside it",
        "earlier on the path",
        "a directory",
        "replaced",
    ],
)
def test_what_has_changed_is_seen(python: Python, package: Path, change: str) -> None:
    script = write(
        package,
        """
        import sys
        sys.path.insert(0, sys.path[0] + "/earlier")
        try:
            import pkg.NAME as module
            print(look(module))
        except ImportError as error:
            print(type(error), error, error.name, error.path)
        """,
    )
    (package / "earlier").mkdir()
    archive = archive_of(python, script)
    file = package / "pkg" / f"{NAMES[0]}{SUFFIX}"
    if change == "gone":
        file.unlink()
    elif change == "another suffix":
        shutil.copy(file, package / "pkg" / f"{NAMES[0]}.abi3.so")
        file.unlink()
    elif change == "a package before it":
        (package / "pkg" / NAMES[0]).mkdir()
        (package / "pkg" / NAMES[0] / "__init__.py").write_text("")
    elif change == "a source beside it":
        (package / "pkg" / f"{NAMES[0]}.py").write_text("")
    elif change == "earlier on the path":
        shutil.copytree(package / "pkg", package / "earlier" / "pkg")
    elif change == "a directory":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(b"no library")
    served_as_plain(python, archive, script)


def test_a_changed_loader_is_asked(python: Python, package: Path) -> None:
    script = write(
        package,
        """
        from importlib.machinery import ExtensionFileLoader
        make = ExtensionFileLoader.create_module
        ExtensionFileLoader.create_module = lambda self, spec: (print("created", spec.name), make(self, spec))[1]
        import pkg.NAME as module
        print(look(module))
        """,
    )
    archive = archive_of(python, script)
    served_as_plain(python, archive, script)


def test_it_is_found_again(python: Python, package: Path) -> None:
    script = write(
        package,
        """
        import importlib.util
        import pkg.NAME as first
        del sys.modules["pkg.NAME"], sys.modules["pkg"]
        import pkg.NAME as second
        print(look(second), first.__file__ == second.__file__, importlib.util.find_spec("pkg.NAME") == second.__spec__)
        """,
    )
    archive = archive_of(python, script)
    resolved, _ = counts(served_as_plain(python, archive, script))
    assert resolved >= 2


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_its_directory_is_not_listed(python: Python, package: Path) -> None:
    script = write(package, "import pkg.NAME\n")
    archive = archive_of(python, script)
    log = python.directory / "strace"
    subprocess.run(
        ["strace", "-f", "-e", "trace=open,openat", "-o", log, python.executable, script],
        env=clean_environment(PYCDSMODE="SHARE", PYCDSARCHIVE=str(archive), PYCDSPOLICY="on"),
        check=True,
    )
    assert f'"{package}/pkg", ' not in log.read_text()
    assert str(package / "pkg" / NAMES[0]) in log.read_text()


def test_inspect_and_verify_know_of_them(python: Python, package: Path) -> None:
    script = write(package, "import pkg.NAME\n")
    archive = archive_of(python, script)
    found = python("-c", f"from pycds._core import Image; print(Image({str(archive)!r}).places())").stdout
    assert f"pkg.{NAMES[0]}" in found
    assert "no problems" in python.pycds("verify", archive).stdout


def test_a_name_is_added_once() -> None:
    from pycds._core import Plan

    plan = Plan([sys.prefix])
    plan.add_place("extension", "a", "/a.so", "/", None)
    with pytest.raises(ValueError, match="added already"):
        plan.add_place("extension", "a", "/a.so", "/", None)

"""The Python interface: record, dump, open, attach, statistics."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pycds
from conftest import MakeArchive, Python, module_names


def test_importing_pycds_imports_nothing_else(python: Python) -> None:
    code = "import sys; before = set(sys.modules); import pycds; print(set(sys.modules) - before)"
    assert python("-c", code).stdout == "{'pycds'}\n"


def test_every_public_name_is_there() -> None:
    for name in pycds.__all__:
        found = getattr(pycds, name)
        assert found.__doc__, name
        assert name in dir(pycds)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pycds.nothing  # type: ignore[attr-defined]


def test_submodules_do_not_hide_functions(python: Python) -> None:
    code = """\
import pycds, pkgutil, importlib
for module in pkgutil.walk_packages(pycds.__path__, 'pycds.'):
    if not module.name.endswith('__main__'):
        importlib.import_module(module.name)
print(all(callable(getattr(pycds, n)) for n in pycds.__all__))
"""
    assert python("-c", code).stdout == "True\n"


def test_record_dump_attach(python: Python, program: Path) -> None:
    code = """\
import pycds
with pycds.record("a.lst"):
    import plain
import package
summary = pycds.dump("a.lst", "a.pycds")
print(summary.modules > 0, summary.skipped, summary.one_line().startswith(summary.archive))
"""
    assert python("-c", code).stdout == "True [] True\n"
    names = module_names(python.directory / "a.lst")
    assert "plain" in names
    assert "package" not in names
    code = """\
import pycds
print(pycds.attach("a.pycds"), pycds.attach("a.pycds"))
import plain, package
counted = pycds.statistics()
print(counted["hits"], counted["archives"][0]["served"], "package" in counted["archives"][0]["unarchived"])
print(len(counted["archives"]), counted["refused"], counted["link_ns"] > 0)
"""
    assert python("-c", code).stdout.splitlines() == ["True True", "1 ['plain'] True", "1 [] True"]


def test_a_recording_left_open_is_closed_at_exit(python: Python, program: Path) -> None:
    python("-c", "import pycds; pycds.record('a.lst'); import plain")
    assert "plain" in module_names(python.directory / "a.lst")


def test_recording_adds_or_overwrites(python: Python, program: Path) -> None:
    python("-c", "import pycds\nwith pycds.record('a.lst', loaded=False): import plain")
    python("-c", "import pycds\nwith pycds.record('a.lst', loaded=False): import package")
    assert module_names(python.directory / "a.lst") == ["plain", "package"]
    python("-c", "import pycds\nwith pycds.record('a.lst', loaded=False, overwrite=True): import package")
    assert module_names(python.directory / "a.lst") == ["package"]


def test_recording_while_served(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    code = "import pycds\nwith pycds.record('a.lst', loaded=False): import plain\nprint(plain.answer())"
    served = python.served(made.archive, "-c", code)
    assert "plain" in served.names
    assert module_names(python.directory / "a.lst") == ["plain"]


def test_attaching_what_cannot_be_used(python: Python, program: Path) -> None:
    code = """\
import pycds
print(pycds.attach("app.py", "auto"), pycds.attach("app.py", "off"))
print(pycds.statistics()["refused"][0]["reason"])
for policy in ("on", "sometimes"):
    try:
        pycds.attach("app.py", policy)
    except (pycds.Refusal, ValueError) as error:
        print(type(error).__name__, getattr(error, "reason", None))
import plain
"""
    assert python("-c", code).stdout.splitlines() == ["False False", "foreign", "Refusal foreign", "ValueError None"]


def test_statistics_without_an_archive() -> None:
    counted = pycds.statistics()
    assert (counted["hits"], counted["misses"]) == (0, {})


def test_an_archive_is_open_for_looking(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    image = pycds.open(str(made.archive))
    assert image.header["modules"] == len(image.modules())
    assert {"plain", "package.inner.leaf"} <= {module["name"] for module in image.modules()}
    assert image.verify() == []
    assert image.header["identity"] == pycds.identity()


def test_errors_say_what_to_do(python: Python) -> None:
    code = "import pycds\ntry: pycds.dump('nowhere.lst', 'a')\nexcept pycds.PycdsError as e: print(e.exit_code, e)"
    assert python("-c", code).stdout.startswith("4 cannot read the trace list nowhere.lst")


def test_the_package_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is in the tools' environment only")
    user = tmp_path / "user.py"
    user.write_text(
        "import pycds\n"
        "def f(path: str) -> int:\n"
        "    with pycds.record(path, overwrite=True):\n        pass\n"
        "    summary: pycds.DumpSummary = pycds.dump(path, path)\n"
        "    ok: bool = pycds.attach(path, 'auto')\n"
        "    return summary.modules + len(pycds.open(path).verify()) + ok\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(user)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout

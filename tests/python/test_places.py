"""Namespace packages, and names that are nowhere: found, or not found, without a search, as a plain import does."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import re
import shutil
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest

from conftest import Python, Served, archive_of, served_as_plain, write_files


def counts(served: Served) -> Any:
    """How often what has no code was found without a search, or found to be nowhere; and of how much that is known."""
    archive = served.statistics["archives"][0]
    return archive["resolved"], archive["places"]


ATTEMPT = """
    import importlib, sys
    def attempt(name):
        try:
            module = __import__(name, fromlist=["x"])
        except ImportError as error:
            frames, traceback = [], error.__traceback__
            while traceback is not None:
                frames.append((traceback.tb_frame.f_code.co_name, traceback.tb_lineno))
                traceback = traceback.tb_next
            print(name, type(error).__name__, error, error.name, error.path, frames, error.__context__, error.__cause__,
                  repr(error), error.__reduce__())
        else:
            spec = module.__spec__
            print(name, str(module).partition(" at 0x")[0], repr(spec).partition(" object at 0x")[0], spec.name, sorted(vars(module)), list(getattr(module, "__path__", ())), type(spec.loader).__name__,
                  type(module.__loader__).__name__, spec.origin, spec.has_location, type(spec.submodule_search_locations).__name__)
        print(sorted((key, type(value).__name__) for key, value in sys.path_importer_cache.items() if "/app" in key))
    """


@pytest.fixture
def site(python: Python) -> Path:
    """A directory with a script's neighbours: a namespace package of two portions, a package, a further entry."""
    directory = python.directory / "app"
    for path, text in {
        "one/space/inner/leaf.py": "value = 1\n",
        "two/space/other.py": "value = 2\n",
        "one/pkg/__init__.py": "",
        "one/space/deep/er/leaf.py": "value = 3\n",
        "three/readme.txt": "",
    }.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return directory


def attempts(site: Path, *names: str, before: str = "", between: str = "") -> Path:
    """A script that imports ``names``, twice."""
    path = [str(site / part) for part in ("one", "two", "three")]
    script = site / "script.py"
    tries = "".join(f"attempt({name!r})\n" for name in names)
    script.write_text(
        f"{textwrap.dedent(ATTEMPT)}\nsys.path[1:1] = {path!r}\n{before}\n{tries}{between}\n{tries}", encoding="utf-8"
    )
    return script


def test_names_that_are_nowhere(python: Python, site: Path) -> None:
    script = attempts(site, "nowhere", "pkg.nowhere", "nowhere.at.all", "json.nowhere", "space.nowhere")
    archive = archive_of(python, script)
    resolved, places = counts(served_as_plain(python, archive, script))
    assert places >= 4
    assert resolved >= 8
    kinds = python(
        "-c",
        f"from pycds._core import Image; print(sorted((p['name'], p['contested']) for p in Image({str(archive)!r}).places() if p['kind'] == 'absent'))",
    ).stdout
    assert "('nowhere', False)" in kinds and "('pkg.nowhere', False)" in kinds
    assert "no problems" in python.pycds("verify", archive).stdout


def test_namespace_packages(python: Python, site: Path) -> None:
    names = ("space", "space.inner", "space.inner.leaf", "space.other", "space.deep.er.leaf", "space.deep")
    script = attempts(
        site, *names, between="for name in [n for n in sys.modules if 'space' in n]: del sys.modules[name]"
    )
    archive = archive_of(python, script)
    resolved, places = counts(served_as_plain(python, archive, script))
    assert places >= 3
    assert resolved >= 2


NEW_THINGS = {
    "a module": ("three/nowhere.py", "here = True\n"),
    "a module in a package": ("one/pkg/nowhere.py", "here = True\n"),
    "a package": ("two/nowhere/__init__.py", "here = True\n"),
    "a namespace": ("three/nowhere/leaf.py", "here = True\n"),
    "a third portion": ("three/space/third.py", "here = True\n"),
    "a module of the namespace's name": ("three/space.py", "here = True\n"),
    "a module of its name before it": ("one/space.py", "here = True\n"),
    "an __init__ in its first portion": ("one/space/__init__.py", "here = True\n"),
    "an __init__ in its last portion": ("two/space/__init__.py", "here = True\n"),
}


@pytest.mark.parametrize("moment", ["before", "later", "told"])
@pytest.mark.parametrize("thing", NEW_THINGS)
def test_what_comes_is_found(python: Python, site: Path, thing: str, moment: str) -> None:
    file, text = NEW_THINGS[thing]
    path = site / file
    made = f"import os; os.makedirs({str(path.parent)!r}, exist_ok=True); open({str(path)!r}, 'w').write({text!r})"
    # Later by the clock of the file system, or told: only then does a plain import look again.
    made += {"later": "; import time; time.sleep(0.02)", "told": "; importlib.invalidate_caches()"}.get(moment, "")
    if moment == "later":
        made = f"import time; time.sleep(0.02); {made}"
    forgotten = "for name in [n for n in sys.modules if 'space' in n or 'nowhere' in n]: del sys.modules[name]"
    plain_script = attempts(site, "nowhere", "pkg.nowhere", "space", "space.other", between=forgotten)
    archive = archive_of(python, plain_script)
    if moment == "before":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        assert counts(served_as_plain(python, archive, plain_script))[0] > 0  # the others are where they were
        return
    script = attempts(site, "nowhere", "pkg.nowhere", "space", "space.other", between=f"{forgotten}\n{made}")
    plain = python(script, code=None)
    assert "here" in plain.stdout
    path.unlink()
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
    served = python.served(archive, script, code=None)
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    assert counts(served)[0] > 0


@pytest.mark.parametrize("which", ["one/space", "two/space", "two", "one/space/inner"])
def test_what_goes_is_missed(python: Python, site: Path, which: str) -> None:
    script = attempts(site, "space", "space.inner", "space.inner.leaf", "space.other", "nowhere")
    archive = archive_of(python, script)
    shutil.rmtree(site / which)
    served_as_plain(python, archive, script)


def test_a_link_to_a_directory_becomes_a_module(python: Python, site: Path) -> None:
    (site / "target").mkdir()
    (site / "three" / "nowhere.py").symlink_to(site / "target")
    (site / "three" / "__pycache__").mkdir()  # which is not to come
    script = attempts(site, "nowhere")
    archive = archive_of(python, script)
    served_as_plain(python, archive, script)
    (site / "target").rmdir()
    (site / "target").write_text("here = True\n")
    assert "here" in served_as_plain(python, archive, script).stdout


@pytest.mark.parametrize("link", ["three/nowhere.py", "one/nowhere", "two/space/__init__.py", "one/space.py"])
def test_a_link_to_nothing_becomes_one(python: Python, site: Path, link: str) -> None:
    """No directory on the path changes when that happens."""
    target = site / "target"
    (site / link).symlink_to(target)
    script = attempts(site, "nowhere", "space", "space.other")
    archive = archive_of(python, script)
    served_as_plain(python, archive, script)
    if link == "one/nowhere":
        target.mkdir()
    else:
        target.write_text("here = True\n")
    printed = served_as_plain(python, archive, script).stdout
    assert "nowhere ModuleNotFoundError" not in printed if link == "one/nowhere" else "here" in printed


@pytest.mark.parametrize(
    "finder",
    [
        "sys.meta_path.insert(0, Finder())",
        "sys.meta_path.append(Finder())",
        "sys.path_hooks.insert(0, lambda path: Finder()); sys.path_importer_cache.clear()",
        "sys.meta_path[:] = [Finder()]",
        "from importlib.machinery import PathFinder as P; P.find_spec = classmethod(lambda *a, **k: Finder().find_spec(a[1]))",
    ],
)
def test_finders_of_the_program_are_asked(python: Python, site: Path, finder: str) -> None:
    """Those that the traced run did not have."""
    before = """
from importlib.machinery import ModuleSpec
class Finder:
    def create_module(self, spec): return None
    def exec_module(self, module): module.here = True
    def find_spec(self, name, path=None, target=None):
        print("asked for", name)
        return ModuleSpec(name, self) if "nowhere" in name or name == "space" else None
"""
    archive = archive_of(python, attempts(site, "nowhere", "space"))
    served_as_plain(python, archive, attempts(site, "nowhere", "space", before=f"{before}{finder}\n"))


IMPORTERS = {
    "a subclass of dict": "class D(dict): pass\nsys.path_importer_cache = D(sys.path_importer_cache)",
    "None": "sys.path_importer_cache = None",
    "a finder of another directory": """
from importlib.machinery import *
details = (ExtensionFileLoader, EXTENSION_SUFFIXES), (SourceFileLoader, SOURCE_SUFFIXES), (SourcelessFileLoader, BYTECODE_SUFFIXES)
sys.path_importer_cache[sys.path[3]] = FileFinder(sys.path[0] + "/elsewhere", *details)""",
    "of another zip file": "import zipimport; sys.path_importer_cache[sys.path[3]] = zipimport.zipimporter(sys.path[0] + '/some.zip')",
    "of a zip file that is no path": "import zipimport; sys.path.insert(1, '/virtual'); sys.path_importer_cache['/virtual'] = zipimport.zipimporter(sys.path[0] + '/some.zip')",
    "of a directory in a zip file": "sys.path.insert(1, sys.path[0] + '/some.zip/inner')",
    "of one more suffix": """
import importlib.machinery
importlib.machinery.SOURCE_SUFFIXES.append(".foo")
sys.path.insert(1, sys.path[0] + "/suffix")""",
}


@pytest.mark.parametrize("which", IMPORTERS)
def test_importers_of_the_program_are_asked(python: Python, site: Path, which: str) -> None:
    script = attempts(site, "nowhere", "space", "pkg")
    archive = archive_of(python, script)
    write_files(site, {"elsewhere/nowhere.py": "here = True\n", "suffix/nowhere.foo": "here = True\n"})
    with zipfile.ZipFile(site / "some.zip", "w") as file:
        file.writestr("nowhere.py", "here = True\n")
        file.writestr("inner/nowhere.py", "here = True\n")
        file.writestr("inner/pkg/__init__.py", "here = True\n")
    program = attempts(site, "nowhere", "space", "pkg", before=IMPORTERS[which]).read_text()
    # What is cached there is not the point here, and a cache may be None.
    script.write_text(re.sub(r"^    print\(sorted.*", "", program, flags=re.MULTILINE))
    if which == "None":  # a TypeError, whose traceback lacks importlib's frames
        plain, served = python(script, code=1), python.served(archive, script, code=1)
        assert served.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]
        return
    assert "here" in served_as_plain(python, archive, script).stdout or "dict" in which


def test_a_class_that_changes_under_way(python: Python, site: Path) -> None:
    """By an audit hook, which from 3.15 on is called when an import is the core's already."""
    before = """
from importlib.machinery import FileFinder
def hook(event, arguments):
    if event == "import" and arguments[0] in ("pkg", "space"):
        FileFinder.changed = arguments[0]
sys.addaudithook(hook)
"""
    archive = archive_of(python, attempts(site, "nowhere", "pkg", "space"))
    served_as_plain(python, archive, attempts(site, "nowhere", "pkg", "space", before=before))


def test_verbose_searches(python: Python, site: Path) -> None:
    script = attempts(site, "nowhere", "space", "space.inner")
    archive = archive_of(python, script)
    plain, served = python("-v", script), python.served(archive, "-v", script)
    said = [
        [line for line in run.stderr.splitlines() if "space" in line and "import" not in line]
        for run in (plain, served)
    ]
    assert said[0] == said[1] != []


def test_a_path_of_another_order(python: Python, site: Path) -> None:
    names = ("space", "space.other", "nowhere")
    archive = archive_of(python, attempts(site, *names))
    for change in ("sys.path.reverse()", "del sys.path[1]", "sys.path.append('relative')", "sys.path.insert(0, '')"):
        served_as_plain(python, archive, attempts(site, *names, before=change))


def test_a_found_module_is_not_absent(python: Python, site: Path) -> None:
    """What one process has not found and another has is archived."""
    script = attempts(site, "late")
    trace_list, archive = python.directory / "list", python.directory / "archive"
    python.traced(trace_list, script, code=None)
    assert "@absent late" in trace_list.read_text()
    (site / "three" / "late.py").write_text("here = True\n")
    python.traced(trace_list, script, code=None)
    assert "@absent late" not in trace_list.read_text()
    python.pycds("dump", trace_list, archive)
    assert served_as_plain(python, archive, script).statistics["hits"] >= 1


def test_what_was_absent_counts_as_lacking(python: Python, site: Path) -> None:
    script = attempts(site, "late")
    archive = archive_of(python, script)
    (site / "three" / "late.py").write_text("here = True\n")
    served = served_as_plain(python, archive, script)
    assert "late" in served.statistics["archives"][0]["unarchived"]

"""Collecting: each module's code is what a plain import would execute, found without importing anything."""

from __future__ import annotations

import importlib.util
import marshal
import os
import py_compile
import sys
import sysconfig
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import PROGRAM, Python, write_files
from pycds import collect, marshal_stream
from pycds.trace_list import TracedModule


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """The small program's directory; nothing of it stays behind in this process."""
    before = set(sys.modules)
    yield write_files(tmp_path / "place", PROGRAM)
    assert not [name for name in set(sys.modules) - before if name.split(".")[0] in ("plain", "package", "spread")]


def get(place: Path, module: TracedModule | str, *more_path: str) -> collect.Collected:
    if isinstance(module, str):
        module = TracedModule(module)
    with collect.collecting([str(place), *more_path]) as collector:
        return collector.collect(module)


def test_a_module_and_how_it_was_found(place: Path) -> None:
    found = get(place, "plain")
    source = place / "plain.py"
    assert found.loader == "source"
    assert (found.origin, found.search_entry, found.locations) == (str(source), str(place), None)
    assert found.cached == importlib.util.cache_from_source(str(source))
    status = source.stat()
    assert found.stamp == (status.st_mtime_ns, status.st_ctime_ns, status.st_size)
    assert (found.pyc, found.pyc_elsewhere) == (found.cached, False)
    assert found.code.co_filename == str(source)


def test_a_package_and_its_submodule(place: Path) -> None:
    found = get(place, "package.inner")
    assert found.locations == [str(place / "package" / "inner")]
    assert found.search_entry == str(place / "package")


def test_the_main_module_of_a_package(place: Path) -> None:
    found = get(place, "package.__main__")
    assert found.origin == str(place / "package" / "__main__.py")
    assert found.locations is None


def test_a_module_in_nested_namespace_packages(place: Path) -> None:
    found = get(place, "spread.part.deep")
    assert found.search_entry == str(place / "spread" / "part")
    with pytest.raises(collect.NoCode) as namespace:
        get(place, "spread.part")
    assert namespace.value.kind == "namespace"


def test_a_namespace_package_over_two_entries(place: Path, tmp_path: Path) -> None:
    other = write_files(tmp_path / "other", {"spread/part/wide.py": "x = 1\n"})
    assert get(place, "spread.part.wide", str(other)).origin == str(other / "spread" / "part" / "wide.py")


@pytest.mark.parametrize("name", ["sys", "_frozen_importlib", "zipimport", "builtins"])
def test_modules_of_the_interpreter_have_no_code(place: Path, name: str) -> None:
    with pytest.raises(collect.NoCode):
        get(place, name)


def test_extension_modules_have_no_code(place: Path) -> None:
    extension = place / f"native{sysconfig.get_config_var('EXT_SUFFIX')}"
    extension.write_bytes(b"")
    with pytest.raises(collect.NoCode) as reason:
        get(place, "native")
    assert reason.value.kind == "extension"


def test_a_stale_pyc_is_not_used(place: Path) -> None:
    source = place / "plain.py"
    py_compile.compile(str(source))
    source.write_text("answer = 'new and longer'\n")
    assert "new and longer" in get(place, "plain").code.co_consts


def test_a_pyc_moved_with_its_source_gets_the_right_file_name(place: Path, tmp_path: Path) -> None:
    py_compile.compile(str(place / "plain.py"), dfile="/somewhere/else.py")
    found = get(place, "plain")
    inner = next(c for c in found.code.co_consts if isinstance(c, CodeType))
    assert found.code.co_filename == inner.co_filename == str(place / "plain.py")


def test_a_sourceless_module(place: Path) -> None:
    py_compile.compile(str(place / "plain.py"), str(place / "bare.pyc"))
    found = get(place, "bare")
    assert (found.loader, found.search_entry, found.cached) == ("sourceless", str(place), str(place / "bare.pyc"))
    assert found.stamp_path == str(place / "bare.pyc")


def test_a_module_in_a_zip_file(place: Path) -> None:
    path = place / "lib.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zipped/__init__.py", "CHOICES = {'a', 'b'} \ndef f(x): return x in {'p', 'q', 'r'}\n")
        archive.writestr("zipped/inner.py", "x = 1\n")
    if sys.version_info < (3, 10):
        with pytest.raises(collect.Skipped, match="zipimport asks for no code"):
            get(place, "zipped.inner", str(path))
        return
    found = get(place, "zipped.inner", str(path))
    assert (found.loader, found.stamp_path, found.search_entry) == ("zip", str(path), None)
    assert found.stamp[2] == path.stat().st_size
    assert found.origin == str(path / "zipped" / "inner.py")
    assert set(get(place, "zipped", str(path)).frozenset_orders) == {frozenset("pqr")}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("wrong", b"def f(:\n", "syntax error: "),
        ("null", b"x = '\0'\n", "syntax error: |null bytes|loader raised"),
        ("latin", b"x = '\xe9'\n", "syntax error: |undecodable"),
        ("codec", b"# -*- coding: nowhere -*-\n", "syntax error: "),
    ],
)
def test_what_cannot_be_compiled_is_skipped(place: Path, name: str, text: bytes, reason: str) -> None:
    (place / f"{name}.py").write_bytes(text)
    with pytest.raises(collect.Skipped, match=reason):
        get(place, name)


def test_a_module_that_is_not_there_is_skipped(place: Path) -> None:
    for name in ("nowhere", "nowhere.inner", "plain.inner", "package.nowhere"):
        with pytest.raises(collect.Skipped, match="not found"):
            get(place, name)
    with pytest.raises(collect.Skipped, match=r"not found \(it was /gone/away.py\)"):
        get(place, TracedModule("away", "source", "/gone/away.py", "/gone"))


def test_a_broken_pyc_is_skipped(place: Path) -> None:
    py_compile.compile(str(place / "plain.py"), str(place / "bare.pyc"))
    whole = (place / "bare.pyc").read_bytes()
    (place / "bare.pyc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(collect.Skipped, match="loader raised EOFError"):
        get(place, "bare")


def test_a_package_that_changed_its_path_at_run_time(place: Path, tmp_path: Path) -> None:
    hidden = write_files(tmp_path / "hidden", {"extra.py": "x = 1\n"})
    recorded = TracedModule("package.extra", "source", str(hidden / "extra.py"), str(hidden), "PathFinder")
    found = get(place, recorded)
    assert (found.origin, found.search_entry) == (str(hidden / "extra.py"), None)


def test_no_entry_is_claimed_where_the_search_finds_another_file(place: Path, tmp_path: Path) -> None:
    other = write_files(tmp_path / "other", {"plain.py": "other = 1\n"})
    recorded = TracedModule("plain", "source", str(other / "plain.py"), str(other), "PathFinder")
    found = get(place, recorded, str(other))
    assert (found.origin, found.search_entry) == (str(other / "plain.py"), None)


class AddingFinder:
    """As the finders of editable installs: maps names to files."""

    def __init__(self, name: str, file: Path) -> None:
        self.name, self.file = name, file

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_file_location(name, self.file) if name == self.name else None


def test_an_editable_installs_finder(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_files(tmp_path / "source", {"edit.py": "x = 1\n"}) / "edit.py"
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, AddingFinder("edit", file)])
    found = get(place, "edit")
    assert (found.origin, found.search_entry, found.loader) == (str(file), None, "source")


def test_a_finder_that_raises_costs_one_module(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Raising:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "plain":
                raise RuntimeError("two\nlines")

    monkeypatch.setattr(sys, "meta_path", [Raising(), *sys.meta_path])
    with pytest.raises(collect.Skipped, match="Raising raised RuntimeError: two lines"):
        get(place, "plain")
    assert get(place, "package").name == "package"


def test_a_loader_that_may_change_the_code_is_skipped(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.machinery import SourceFileLoader

    class Rewriting(SourceFileLoader):
        def source_to_code(self, data: Any, path: Any, *more: Any, _optimize: int = -1) -> CodeType:
            return compile("rewritten = 1", path, "exec")

    class Lazy(SourceFileLoader):
        def exec_module(self, module: Any) -> None:
            pass

    class Finder:
        loader: type = Rewriting

        def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
            spec = PathFinder.find_spec(name, path) if name == "plain" else None
            if spec is not None:
                spec.loader = self.loader(spec.name, spec.origin)
            return spec

    finder = Finder()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    with pytest.raises(collect.Skipped, match="Rewriting may give other code"):
        get(place, "plain")
    finder.loader = Lazy
    assert get(place, "plain").loader == "other"


def test_the_search_path_is_put_back(place: Path) -> None:
    before = sys.path[:]
    with pytest.raises(collect.Skipped):
        get(place, "nowhere")
    assert sys.path == before


def test_nothing_is_executed(place: Path) -> None:
    write_files(place, {"loud/__init__.py": "raise SystemExit('executed')\n", "loud/inner.py": "1 / 0\n"})
    assert get(place, "loud.inner").name == "loud.inner"


def test_the_whole_standard_library(python: Python) -> None:
    """Each module's code is the one that its loader gives, in an interpreter that has imported next to nothing."""
    done = python("-c", STANDARD_LIBRARY)
    assert int(done.stdout.split()[-1]) > 400


STANDARD_LIBRARY = r"""
import marshal, os, re, sys
from importlib.machinery import SourceFileLoader
from pycds import collect
from pycds.trace_list import TracedModule
root = os.path.dirname(os.__file__)
count = 0
with collect.collecting([]) as collector:
    for directory, subdirectories, files in os.walk(root):
        subdirectories[:] = sorted(
            d for d in subdirectories if d.isidentifier() and d not in ("__pycache__", "test", "tests", "distutils"))
        for file in sorted(files):
            path = os.path.join(directory, file)
            name = re.sub(r"\.__init__$", "", os.path.relpath(path, root)[:-3].replace("/", "."))
            if not file.endswith(".py") or not file[:-3].isidentifier() or not name.replace(".", "").isidentifier():
                continue
            if not os.path.exists(path):  # a link into /etc, of a Debian interpreter that was not installed there
                continue
            try:
                found = collector.collect(TracedModule(name))
            except collect.NoCode as reason:
                assert reason.kind == "built-in or frozen", (name, reason)
                continue
            except collect.Skipped as reason:
                assert "syntax error" in str(reason), (name, reason)
                continue
            assert found.origin == path, (found.origin, path)
            assert found.code == SourceFileLoader(name, path).get_code(name), name
            for key, order in found.frozenset_orders.items():
                assert frozenset(order) == key and len(order) == len(key)
            count += 1
print(count)
"""

# --- the marshal stream ---------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(exclude_categories=[]))
    | st.binary()
    | st.just(...)
)
constants = st.recursive(
    scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=6), max_leaves=12
)


def all_frozensets(value: Any) -> Iterator[frozenset[Any]]:
    if isinstance(value, (tuple, frozenset)):
        for item in value:
            yield from all_frozensets(item)
    if isinstance(value, frozenset):
        yield value


@given(constants, st.sampled_from([2, 3, 4]))
def test_the_order_in_the_stream_is_the_order_of_insertion(value: Any, version: int) -> None:
    """Inserting in stream order gives a set that iterates as the one that unmarshalling gives."""
    data = marshal.dumps(value, version)
    loaded = marshal.loads(data)
    orders = marshal_stream.frozenset_orders(data)
    expected = list(all_frozensets(loaded))
    # Fewer than there are, where one object stands in several places.
    assert not Counter(map(len, orders)) - Counter(map(len, expected))
    assert {frozenset(order) for order in orders} == set(expected)
    for order in orders:
        twins = [known for known in expected if known == frozenset(order)]
        assert all(list(known) == list(frozenset(order)) or len(twins) > 1 for known in twins)


def test_sets_in_code_are_found() -> None:
    source = "def f(x):\n  class C:\n    y = x in {3, 'a', (1, None)}\n  return lambda z: z in {1.5, b'q'}\n"
    code = compile(source, "f.py", "exec")
    assert marshal_stream.holds_frozenset(code)
    orders = marshal_stream.frozenset_orders(marshal.dumps(code))
    assert {frozenset(order) for order in orders} == {frozenset({3, "a", (1, None)}), frozenset({1.5, b"q"})}
    assert not marshal_stream.holds_frozenset(compile("x = {1, 2}", "f.py", "exec"))


@given(st.binary())
def test_a_stream_of_rubbish_is_refused_or_read(data: bytes) -> None:
    try:
        marshal_stream.frozenset_orders(data)
    except marshal_stream.MarshalError:
        pass


@given(st.integers(0, 400))
def test_a_cut_stream_is_refused(size: int) -> None:
    data = marshal.dumps(compile("def f(x): return x in {'aa', 'bb', 1 << 70, 2.5}", "f.py", "exec"))
    if size < len(data):
        with pytest.raises(marshal_stream.MarshalError):
            marshal_stream.frozenset_orders(data[:size])


@pytest.mark.slow
def test_the_whole_library_is_read(tmp_path: Path) -> None:
    """Each .pyc of the standard library that is there is read to its end."""
    root = Path(os.__file__).parent
    seen = 0
    for path in sorted(root.glob("*.py")) + sorted(root.glob("email/*.py")):
        data = marshal.dumps(compile(path.read_bytes(), str(path), "exec"))
        stream = marshal_stream._Stream(data)
        stream.object()
        assert stream.position == len(data)
        seen += 1
    assert seen > 100

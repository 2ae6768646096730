"""A row of the tables of validation: a small tree, an archive dumped from it, a change, and a run, plain and served.

``Row.check`` builds the tree, traces and dumps a program, makes the change, and then runs the program served, plain and
served again, each in a fresh process and from the same state: before each run but the first the tree is put back at its
path, times to the nanosecond.  (What cannot be put back is the ctime and the inode number.  Plain Python looks at
neither; the first served run sees those of the dump, the second sees others.)  All three must print the same.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import json
import marshal
import os
import shutil
import subprocess
import textwrap
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import pytest

from conftest import Python, Result, clean_environment

MAIN = "app/main.py"

PRELUDE = """\
import importlib, importlib.machinery, importlib.util, os, re, sys
def show(*values):
    print(*(re.sub(" at 0x[0-9a-f]+", "", str(value)) for value in values), flush=True)
def describe(module):
    spec, loader = module.__spec__, module.__loader__
    if spec is None:
        return show(module.__name__, "has no spec")
    locations = spec.submodule_search_locations
    names = ("__name__", "VERSION", "__file__", "__cached__", "__package__")
    show(*(getattr(module, name, None) for name in names), type(loader).__module__, type(loader).__qualname__)
    show("  ", spec.origin, spec.cached, spec.has_location, spec.parent, None if locations is None else list(locations))
    show("  ", *(getattr(loader, name, None) for name in ("name", "path", "archive")))
    if hasattr(module, "where"):
        code = module.where.__code__
        show("  ", module.where(), code.co_filename, code.co_firstlineno, module.where.__doc__)
def imports(names):
    for name in names.split():
        try:
            module = importlib.import_module(name)
        except Exception as error:
            show(name, type(error).__name__, error, getattr(error, "path", None))
        else:
            describe(module)
def forget(names):
    for name in names.split():
        sys.modules.pop(name, None)
ROOT = {root!r}
def path(name):
    return os.path.join(ROOT, name)
def write(name, version, ns=None):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(source(name, version))
    if ns is not None:
        os.utime(path(name), ns=(ns, ns))
def source(name, version):
    return SOURCE.replace("NAME", name).replace("VERSION_TEXT", version)
SOURCE = {source!r}
"""
"""What every program begins with: ways to import and to say what came, and to write modules."""

EPILOGUE = """\
if "ROW_STATISTICS" in os.environ:
    # Not imported, but executed: the core serves without it, and a program that changes finders sees an import.
    startup = {"__name__": "pycds._startup"}
    if "pycds._startup" in sys.modules:
        startup = vars(sys.modules["pycds._startup"])
    else:
        with open(os.path.join(os.path.dirname(sys.modules["pycds._core"].__file__), "_startup.py")) as file:
            exec(file.read(), startup)
    with open(os.environ["ROW_STATISTICS"], "w", encoding="utf-8") as file:
        file.write(repr(startup["statistics"]()))
"""
"""How every program ends.  PYCDSSTATS would import modules, too."""

SOURCE = """\
VERSION = "VERSION_TEXT of NAME"
def where():
    "VERSION_TEXT"
    return VERSION
"""

STANDARD = "alpha pack pack.inner pack.other space.part_one both local beta space.part_two"
"""The modules of the standard tree, in the order in which its program imports them."""

FILES = (
    "app/local.py one/alpha.py one/both.py one/pack/__init__.py one/pack/inner.py one/pack/other.py"
    " one/space/part_one.py two/beta.py two/both.py two/space/part_two.py"
)

TIME = 1_700_000_000_123_456_789
"""The files of a tree were written some time after this, in nanoseconds."""


@dataclass(frozen=True)
class Way:
    """How a program is started.  ``{root}`` stands for the tree's directory."""

    flags: str = ""
    path: str | None = "{root}/zero:{root}/one:{root}/two"
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "work"
    arguments: tuple[str, ...] = ("{root}/app/main.py",)
    prefix: tuple[str, ...] = ()
    python: str | None = None

    def environ(self, root: Path) -> dict[str, str]:
        env = {name: value.replace("{root}", str(root)) for name, value in self.env.items()}
        if self.path is not None:
            env["PYTHONPATH"] = self.path.replace("{root}", str(root))
        return env

    def start(self, python: Python, root: Path, *arguments: str, **env: str) -> Result[str]:
        """Run the interpreter to its end."""
        executable = (self.python or python.executable).replace("{root}", str(root))
        command = [*self.prefix, executable, *self.flags.split(), *(arguments or self.arguments)]
        return subprocess.run(
            [word.replace("{root}", str(root)) for word in command],
            cwd=root / self.cwd,
            env=clean_environment(**{"PYCDS_HOME": str(python.home), **self.environ(root), **env}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@dataclass
class Tree:
    """The files of a row, while it is set up and changed."""

    root: Path

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    @staticmethod
    def source(name: str, version: str) -> str:
        return SOURCE.replace("NAME", name).replace("VERSION_TEXT", version)

    def write(self, name: str, version: str = "v2", *, ns: int | None = None, text: str | None = None) -> Path:
        """Write a module (or ``text``); its size is the same for versions of the same length."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.source(name, version) if text is None else text, encoding="utf-8")
        if ns is not None:
            os.utime(path, ns=(ns, ns))
        return path

    def edit_in_place(self, name: str, version: str = "v2") -> None:
        """Another version with the same size and the same modification time, in the same file."""
        before = (self.root / name).stat()
        self.write(name, version, ns=before.st_mtime_ns)
        assert (self.root / name).stat().st_size == before.st_size

    def replace(self, name: str, version: str = "v2", *, same_time: bool = False) -> None:
        """Rename a new file over a module."""
        path = self.root / name
        ns = path.stat().st_mtime_ns if same_time else None
        os.replace(self.write(name + ".new", ns=ns, text=self.source(name, version)), path)

    def pyc(self, name: str, optimization: str = "") -> Path:
        return Path(importlib.util.cache_from_source(str(self.root / name), optimization=optimization))

    def zip(self, name: str, *modules: str, version: str = "v1") -> Path:
        """Write a zip file of modules; renamed into place."""
        target = self.root / name
        with zipfile.ZipFile(target.with_suffix(".new"), "w") as zipped:
            for module in modules:
                zipped.writestr(zipfile.ZipInfo(module), self.source(f"{name}/{module}", version))
        os.replace(target.with_suffix(".new"), target)
        return target

    def compile(
        self,
        name: str,
        version: str | None = None,
        *,
        to: str | None = None,
        kind: str = "timestamp",
        over: bool = False,
    ) -> Path:
        """Write the .pyc of a module as it is, or with the code of another version under the header of this one.

        A new file is renamed into place; with ``over`` the old one is written over.
        """
        path = self.root / name
        source = path.read_bytes() if path.exists() else self.source(name, "v1").encode()
        code_of = source if version is None else self.source(name, version).encode()
        data = self.header(path, source, kind) + marshal.dumps(compile(code_of, str(path), "exec", dont_inherit=True))
        target = self.root / to if to else self.pyc(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        written = target if over else target.with_suffix(".new")
        written.write_bytes(data)
        os.replace(written, target)
        return target

    @staticmethod
    def header(path: Path, source: bytes, kind: str) -> bytes:
        """The 16 bytes before the code in a .pyc (see ``importlib._bootstrap_external._code_to_timestamp_pyc``)."""
        if kind == "timestamp":
            status = path.stat() if path.exists() else None
            seconds, size = (int(status.st_mtime), status.st_size) if status else (0, 0)
            rest = b"".join((number & 0xFFFFFFFF).to_bytes(4, "little") for number in (0, seconds, size))
        else:
            flags = {"checked": 0b11, "unchecked": 0b01}[kind]
            rest = flags.to_bytes(4, "little") + importlib.util.source_hash(source)
        return importlib.util.MAGIC_NUMBER + rest

    def settle(self) -> None:
        """Give every file and directory a modification time in the past, of its own and always the same."""
        for path in sorted(self.root.rglob("*"), key=lambda path: -len(path.parts)):
            ns = TIME + zlib.crc32(os.fsencode(path.relative_to(self.root))) % 10**7 * 1_000_000_000
            os.utime(path, ns=(ns, ns), follow_symlinks=False)


Change = Callable[[Tree], object]


def nothing(tree: Tree) -> None:
    """No change."""


def steps(*changes: Change) -> Change:
    """One change after the other."""

    def make(tree: Tree) -> None:
        for change in changes:
            change(tree)

    return make


def unlink(name: str) -> Change:
    return lambda tree: (tree / name).unlink()


def remove(name: str) -> Change:
    return lambda tree: shutil.rmtree(tree / name)


def rename(name: str, to: str) -> Change:
    return lambda tree: os.rename(tree / name, tree / to)


def write(name: str, version: str = "v2", **how: Any) -> Change:
    return lambda tree: tree.write(name, version, **how)


def compile_pyc(name: str, version: str | None = None, **how: Any) -> Change:
    return lambda tree: tree.compile(name, version, **how)


def zip_file(name: str, *modules: str, version: str = "v1") -> Change:
    return lambda tree: tree.zip(name, *modules, version=version)


def link(name: str, target: str) -> Change:
    """Make a symbolic link, in place of one (or a file) that may be there."""

    def make(tree: Tree) -> None:
        made = tree / (name + ".new")
        made.parent.mkdir(parents=True, exist_ok=True)
        made.symlink_to(target)
        os.replace(made, tree / name)

    return make


RUNS = ("as dumped", "copied")
"""The served runs: from the very files of the dump, and from a copy of them."""


@dataclass(frozen=True)
class Row:
    """One line of a table.

    ``hits`` and ``misses`` say what is expected of the served runs: modules that must come from the archive, and
    modules that must not, each with a word of the reason ("" for modules that have no reason, because the archive was
    not asked or does not hold them).  ``refused``: the reason for which the archive as a whole is left alone.
    ``like_before``: those of the RUNS that must print what a plain run printed before the change, and not what it
    prints after it: where it is documented that serving differs.
    """

    change: Change = nothing
    setup: Change = nothing
    files: str = FILES
    program: str = f"imports({STANDARD!r})"
    traced: str | None = None  # the program of the traced run, where it is another one
    at_dump: Way = Way()
    at_run: Way = Way()
    hits: str = ""
    misses: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    validation: str = ""
    like_before: tuple[str, ...] = ()
    code: int = 0
    archive: Callable[[Path], object] | None = None  # what is done to the archive
    exits: bool = False  # the program ends without its last lines: ask for statistics at exit

    def check(self, python: Python, directory: Path) -> None:
        root = directory / "tree"
        tree, archive = self.build(root), self.dump(python, root, directory / "kept")
        before = self.at_run.start(python, root) if self.like_before else None
        self.change(tree)
        if self.archive:
            self.archive(archive)
        kept = directory / "snapshot"
        put(root, kept)
        plain: Result[str] | None = None
        for which in RUNS:
            served, statistics = self.served(python, root, archive, directory / f"statistics, {which}")
            put(kept, root)
            if plain is None:
                plain = self.at_run.start(python, root)
                put(kept, root)
            expected = before if before and which in self.like_before else plain
            self.compare(expected, served, which, statistics)
            self.judge(statistics, which)

    def build(self, root: Path) -> Tree:
        """The tree as it is when the archive is dumped."""
        tree = Tree(root)
        for name in ("app", "work", "zero", "one", "two"):
            (root / name).mkdir(parents=True)
        for name in self.files.split():
            tree.write(name, "v1")
        tree.write(MAIN, text=self.main(root, self.program if self.traced is None else self.traced))
        self.setup(tree)
        tree.settle()
        return tree

    def main(self, root: Path, body: str) -> str:
        text = PRELUDE.replace("{root!r}", repr(str(root))).replace("{source!r}", repr(SOURCE))
        return text + textwrap.dedent(body) + "\n" + EPILOGUE

    def dump(self, python: Python, root: Path, place: Path) -> Path:
        place.mkdir()
        trace_list, archive = place / "row.lst", place / "row.pycds"
        traced = self.at_dump.start(python, root, PYCDSMODE="TRACE", PYCDSLIST=str(trace_list))
        assert (traced.returncode, traced.stderr) == (0, ""), traced.stderr
        dump = "import pycds, sys; pycds.dump(*sys.argv[1:])"  # in an environment there may be no command line
        dumped = self.at_dump.start(python, root, "-c", dump, str(trace_list), str(archive))
        assert dumped.returncode == 0, dumped.stderr + dumped.stdout
        if self.traced is not None:
            Tree(root).write(MAIN, text=self.main(root, self.program))
        return archive

    def served(self, python: Python, root: Path, archive: Path, place: Path) -> tuple[Result[str], dict[str, Any]]:
        env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive)}
        env["PYCDSSTATS" if self.exits else "ROW_STATISTICS"] = str(place)
        if self.validation:
            env["PYCDSVALIDATION"] = self.validation
        place.touch()
        place.chmod(0o666)  # the program may run as another user
        done = self.at_run.start(python, root, **env)
        text = place.read_text() or "{}"
        return done, json.loads(text) if self.exits else ast.literal_eval(text)

    def compare(self, plain: Result[str], served: Result[str], which: str, statistics: dict[str, Any]) -> None:
        seen = [[f"ended with {done.returncode}", done.stdout, done.stderr] for done in (plain, served)]
        if seen[0] != seen[1]:
            lines = ["\n".join(told).splitlines() for told in seen]
            difference = "\n".join(difflib.unified_diff(*lines, "plain", f"served ({which})", n=0, lineterm=""))
            pytest.fail(f"plain and served differ\n{difference}\n{summary(statistics)}", pytrace=False)
        assert plain.returncode == self.code, plain.stderr

    def judge(self, statistics: dict[str, Any], which: str) -> None:
        """Whether serving did what the row says."""
        assert self.hits or self.misses or self.refused, "the row says nothing of serving"
        assert statistics, "the program left no statistics"
        told = f"served ({which}): {summary(statistics)}"
        refused = [refusal["reason"] for refusal in statistics["refused"]]
        assert refused == ([self.refused] if self.refused else []), told
        served = {name for archive in statistics["archives"] for name in archive["served"]}
        missed = {name: reason for archive in statistics["archives"] for name, reason in archive["missed"]}
        assert set(self.hits.split()) <= served, f"not served: {set(self.hits.split()) - served}; {told}"
        for name, word in self.misses.items():
            assert name not in served, f"{name} was served; {told}"
            assert word in missed.get(name, ""), f"{name} was not missed for {word!r}; {told}"


def put(source: Path, target: Path) -> None:
    """Make ``target`` what ``source`` is: the same files, links and times."""
    if target.exists():
        shutil.rmtree(target)
    subprocess.run(["cp", "-a", os.fspath(source), os.fspath(target)], check=True)


def summary(statistics: dict[str, Any]) -> str:
    found = [(archive["served"], archive["missed"]) for archive in statistics.get("archives", [])]
    return f"served and missed: {found}, refused: {statistics.get('refused')}"


def without(*names: str, of: str = STANDARD) -> str:
    """The standard modules but these."""
    return " ".join(name for name in of.split() if name not in names)

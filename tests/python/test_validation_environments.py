"""Validation: flags and variables of the interpreter, where .pyc files are kept, and other interpreters."""

# ruff: noqa: E501 - the tables are easier to read with a row a line
from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Python
from test_bad_input import BUILD_OFFSET, VERSION_OFFSET, patched
from validation_rows import STANDARD, Change, Row, Tree, Way, remove, without, write

# --- flags and variables ----------------------------------------------------------------------------------

TELLING = '''\
"""What the flags change in code."""
def check():
    "Of the function."
    try:
        assert print("asserted")
    except AssertionError:
        pass
    return __debug__, check.__doc__
def position():
    return list(getattr(position.__code__, "co_positions", list)())[-3:]
def member(item):
    return item in {"one", "two", "three", "four", "five", "six", "seven", "eight"}
def order():
    literal = {"one", "two", "three", "four", "five", "six", "seven", "eight"}
    constant = [const for const in member.__code__.co_consts if isinstance(const, frozenset)]
    return list(literal), [list(items) for items in constant]
VERSION = (__doc__, check(), position())
'''

TELL = f"imports('telling {STANDARD}')\n"
ORDER = TELL + "import telling\nshow(telling.order())\n"
SORTED = TELL + "import telling\nshow([sorted(items) for items in (telling.order()[0], *telling.order()[1])])\n"


def flagged(flags: str = "", *, dumped: str = "", hits: str = f"telling {STANDARD}", **fields: object) -> Row:
    """A run under flags, ``NAME=value`` among them for the environment; ``dumped``: those of the dump."""
    return Row(
        program=str(fields.pop("program", TELL)),
        setup=write("one/telling.py", text=TELLING),
        at_dump=way_of(dumped),
        at_run=way_of(flags),
        hits="" if fields.get("refused") else hits,
        **fields,  # type: ignore[arg-type]
    )


def way_of(words: str) -> Way:
    variables = [word for word in words.split() if word[:1].isupper() and "=" in word]
    flags = " ".join(word for word in words.split() if word not in variables)
    return Way(flags, env=dict(word.split("=", 1) for word in variables))


PREFIX = "PYTHONPYCACHEPREFIX={root}/cache"

FLAGS_OF_3_11 = "flags" if sys.version_info >= (3, 11) else ""
"""Before 3.11 these flags are taken and change nothing."""

FLAGS = {
    "none": flagged(),
    "-B": flagged("-B"),
    "-B, and at the dump": flagged("-B", dumped="-B"),
    "-B at the dump alone": flagged(dumped="-B"),
    "PYTHONDONTWRITEBYTECODE": flagged("PYTHONDONTWRITEBYTECODE=1"),
    "-O": flagged("-O", refused="flags"),
    "-OO": flagged("-OO", refused="flags"),
    "-O, and at the dump": flagged("-O", dumped="-O"),
    "-OO, and at the dump": flagged("-OO", dumped="-OO"),
    "-O, and -OO at the dump": flagged("-O", dumped="-OO", refused="flags"),
    "-O at the dump alone": flagged(dumped="-O", refused="flags"),
    "PYTHONOPTIMIZE": flagged("PYTHONOPTIMIZE=1", refused="flags"),
    "PYTHONOPTIMIZE, and -O at the dump": flagged("PYTHONOPTIMIZE=1", dumped="-O"),
    "PYTHONOPTIMIZE without effect": flagged("-E PYTHONOPTIMIZE=2", hits="telling", traced="imports('telling')", program="sys.path.insert(0, path('one'))\nimports('telling')"),
    "-X no_debug_ranges": flagged("-X no_debug_ranges", refused=FLAGS_OF_3_11),
    "-X no_debug_ranges, and at the dump": flagged("-X no_debug_ranges", dumped="-X no_debug_ranges"),
    "-X no_debug_ranges at the dump alone": flagged(dumped="-X no_debug_ranges", refused=FLAGS_OF_3_11),
    "PYTHONNODEBUGRANGES": flagged("PYTHONNODEBUGRANGES=1", refused=FLAGS_OF_3_11),
    "-X frozen_modules=off": flagged("-X frozen_modules=off", refused=FLAGS_OF_3_11),
    "-X frozen_modules=off, and at the dump": flagged("-X frozen_modules=off", dumped="-X frozen_modules=off"),
    "-X frozen_modules=on": flagged("-X frozen_modules=on"),
    "-X frozen_modules": flagged("-X frozen_modules"),
    "-X dev": flagged("-X dev"),
    "-X dev, and at the dump": flagged("-X dev", dumped="-X dev"),
    "PYTHONDEVMODE": flagged("PYTHONDEVMODE=1"),
    "-X utf8": flagged("-X utf8"),
    "-X int_max_str_digits": flagged("-X int_max_str_digits=0"),
    "-X tracemalloc": flagged("-X tracemalloc"),
    "-X faulthandler": flagged("-X faulthandler"),
    "-X warn_default_encoding": flagged("-X warn_default_encoding", program="imports('telling')", hits="telling"),
    "-bb": flagged("-bb"),
    "-W error": flagged("-W error"),
    "-u": flagged("-u"),
    "-d": flagged("-d"),
    "PYTHONMALLOC=debug": flagged("PYTHONMALLOC=debug"),
    "PYTHONMALLOC=malloc": flagged("PYTHONMALLOC=malloc"),
    "another locale": flagged("LC_ALL=C"),
    "a locale whose file names are ASCII": flagged("-X utf8=0 LC_ALL=C PYTHONCOERCECLOCALE=0", refused="unsupported"),
    # the order of sets: of the hashes of this run, whatever they were at the dump
    "hash seed 0": flagged("PYTHONHASHSEED=0", program=ORDER),
    "hash seed 1": flagged("PYTHONHASHSEED=1", program=ORDER),
    "hash seed 4294967295": flagged("PYTHONHASHSEED=4294967295", program=ORDER),
    "hash seed 0 at the dump, 1 at the run": flagged("PYTHONHASHSEED=1", dumped="PYTHONHASHSEED=0", program=ORDER),
    "hash seed 1 at both": flagged("PYTHONHASHSEED=1", dumped="PYTHONHASHSEED=1", program=ORDER),
    "hash seed random": flagged("PYTHONHASHSEED=random", program=SORTED),
    "hash seed 0 at the dump, random at the run": flagged("PYTHONHASHSEED=random", dumped="PYTHONHASHSEED=0", program=SORTED),
    # where .pyc files are kept
    "PYTHONPYCACHEPREFIX": flagged(PREFIX),
    "PYTHONPYCACHEPREFIX at the dump alone": flagged(dumped=PREFIX),
    "PYTHONPYCACHEPREFIX at both": flagged(PREFIX, dumped=PREFIX),
    "PYTHONPYCACHEPREFIX, another at the dump": flagged(PREFIX, dumped=PREFIX + "2"),
    "-X pycache_prefix": flagged("-X pycache_prefix={root}/cache"),
    "PYTHONPYCACHEPREFIX, relative": flagged("PYTHONPYCACHEPREFIX=cache"),
}  # fmt: skip


def in_prefix(tree: Tree, name: str, version: str) -> None:
    """Code of another version, under a header that fits, where the prefix leads."""
    pyc = tree.pyc(name)
    tree.compile(name, version, to=f"cache{pyc.parent.parent}/{pyc.name}")


def prefixed(*, dumped: str = "", run: str = PREFIX, misses: str = "alpha", change: Change | None = None) -> Row:
    return Row(
        at_dump=way_of(dumped), at_run=way_of(run), hits=without(*misses.split()) if not misses or dumped == run else "",
        misses=dict.fromkeys(misses.split(), ""), change=change or (lambda tree: in_prefix(tree, "one/alpha.py", "v2")),
    )  # fmt: skip


PREFIXES = {
    "other code there": prefixed(),
    "other code there, which had this one's at the dump": prefixed(dumped=PREFIX),
    "other code there, but not looked at": Row(change=lambda tree: in_prefix(tree, "one/alpha.py", "v2"), hits=STANDARD),
    "the same code there": Row(
        at_run=way_of(PREFIX), change=lambda tree: in_prefix(tree, "one/alpha.py", "v1"), hits="beta local"
    ),
    "the source edited with its size and time": prefixed(
        dumped=PREFIX, change=lambda tree: tree.edit_in_place("one/alpha.py")
    ),
    "the source edited with its size and time, the prefix new": prefixed(
        change=lambda tree: tree.edit_in_place("one/alpha.py")
    ),
    "the prefix removed": Row(at_dump=way_of(PREFIX), at_run=way_of(PREFIX), change=remove("cache"), hits="beta local"),
}  # fmt: skip

# --- interpreters -----------------------------------------------------------------------------------------


def forged(offset: int, value: bytes) -> Callable[[Path], object]:
    """The archive as another interpreter would have made it."""
    return lambda archive: archive.write_bytes(patched(archive.read_bytes(), offset, value))


INTERPRETERS = {
    "upgraded: another version": Row(archive=forged(VERSION_OFFSET, b"\xf0\x08\x0b\x03"), refused="interpreter"),
    "upgraded: another build of this version": Row(archive=forged(BUILD_OFFSET, b"0123456789"), refused="interpreter"),
}


@pytest.mark.parametrize("row", FLAGS)
def test_flags_and_variables(python: Python, tmp_path: Path, row: str) -> None:
    FLAGS[row].check(python, tmp_path)


@pytest.mark.parametrize("row", PREFIXES)
def test_a_cache_prefix(python: Python, tmp_path: Path, row: str) -> None:
    PREFIXES[row].check(python, tmp_path)


@pytest.mark.parametrize("row", INTERPRETERS)
def test_another_interpreter(python: Python, tmp_path: Path, row: str) -> None:
    INTERPRETERS[row].check(python, tmp_path)

"""Validation: sources that changed since the dump, and what became of their .pyc files."""

# ruff: noqa: E501 - the tables are easier to read with a row a line

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Python
from validation_rows import (
    RUNS,
    STANDARD,
    TIME,
    Change,
    Row,
    Tree,
    Way,
    compile_pyc,
    link,
    remove,
    rename,
    steps,
    unlink,
    without,
    write,
)

FUTURE = 4_000_000_000_000_000_000
OTHERS = without("alpha")


def alone(change: Change, reason: str, **fields: object) -> Row:
    """A row in which ``alpha`` must be missed for ``reason``, and all others come from the archive."""
    return Row(change=change, hits=OTHERS, misses={"alpha": reason}, **fields)  # type: ignore[arg-type]


def without_pyc(change: Change, name: str = "one/alpha.py") -> Change:
    def both(tree: Tree) -> None:
        tree.pyc(name).unlink()
        change(tree)

    return both


def edit_in_place(tree: Tree) -> None:
    tree.edit_in_place("one/alpha.py")


def replace_with_same_time(tree: Tree) -> None:
    tree.replace("one/alpha.py", same_time=True)


def make_directory(tree: Tree, *, package: bool = False) -> None:
    (tree / "one/alpha.py").unlink()
    (tree / "one/alpha.py").mkdir()
    if package:
        tree.write("one/alpha.py/__init__.py")


def links(tree: Tree) -> None:
    """Before the dump: the module and the package are links to versions elsewhere."""
    for version in ("v1", "v2"):
        tree.write(f"store/{version}/alpha.py", version)
        for name in ("__init__", "inner", "other"):
            tree.write(f"store/{version}/pack/{name}.py", version)
    (tree / "one/alpha.py").unlink()
    shutil.rmtree(tree / "one/pack")
    link("one/alpha.py", "../store/v1/alpha.py")(tree)
    link("one/pack", "../store/v1/pack")(tree)


SOURCES = {
    "nothing changed": Row(hits=STANDARD),
    "edited, another size": alone(lambda tree: tree.write("one/alpha.py", "version 2"), "source has changed"),
    "edited, same size, another time": alone(lambda tree: tree.write("one/alpha.py"), "source has changed"),
    # A plain import then takes the old code from the .pyc, whose header fits (SourceLoader.get_code).
    "edited, same size, time set back": alone(edit_in_place, "source has changed"),
    "edited, same size, time set back, no .pyc": alone(without_pyc(edit_in_place), "source has changed"),
    "edited, same size, another nanosecond of the same second": alone(
        lambda tree: tree.write("one/alpha.py", ns=(tree / "one/alpha.py").stat().st_mtime_ns + 1), "source has changed"
    ),
    "edited, time in the future": alone(lambda tree: tree.write("one/alpha.py", ns=FUTURE), "source has changed"),
    "a package's own code edited": Row(
        change=write("one/pack/__init__.py"),
        hits=without("pack"), misses={"pack": "source has changed"},
    ),
    "a submodule edited": Row(
        change=write("one/pack/inner.py"),
        hits=without("pack.inner"), misses={"pack.inner": "source has changed"},
    ),
    "a module of a namespace package edited": Row(
        change=write("two/space/part_two.py"),
        hits=without("space.part_two"), misses={"space.part_two": "source has changed"},
    ),
    "the script's neighbour edited": Row(
        change=write("app/local.py"),
        hits=without("local"), misses={"local": "source has changed"},
    ),
    "touched, the content as it was": Row(change=lambda tree: os.utime(tree / "one/alpha.py", (9, 9)), hits=OTHERS),
    "appended to, and cut to its size again": Row(
        change=lambda tree: (tree / "one/alpha.py").write_text(Tree.source("one/alpha.py", "v1")), hits=OTHERS
    ),
    "replaced by a rename": alone(lambda tree: tree.replace("one/alpha.py"), "source has changed"),
    "replaced by a rename, same size and time": alone(replace_with_same_time, "source has changed"),
    "replaced by a rename, same size and time, no .pyc": alone(
        without_pyc(replace_with_same_time), "source has changed"
    ),
    "replaced by one with a syntax error": alone(
        write("one/alpha.py", text="def broken(:\n"), "source has changed"
    ),
    "replaced by one that no codec reads": alone(
        lambda tree: (tree / "one/alpha.py").write_bytes(b"# \xff\xfe\n"), "source has changed"
    ),
    "emptied": alone(write("one/alpha.py", text=""), "source has changed"),
    "removed": alone(unlink("one/alpha.py"), ""),
    "removed, another stands later on the path": Row(
        change=unlink("one/both.py"), hits=without("both"), misses={"both": "found elsewhere"}
    ),
    "removed, and its .pyc": alone(without_pyc(unlink("one/alpha.py")), ""),
    "a package's __init__ removed": Row(
        change=unlink("one/pack/__init__.py"), hits=without("pack"), misses={"pack": ""}
    ),
    "a package removed": Row(
        change=remove("one/pack"), hits=without("pack", "pack.inner", "pack.other"),
        misses={"pack": "", "pack.inner": "", "pack.other": ""},
    ),
    "made a directory": alone(make_directory, ""),
    "made a directory that is a package": alone(lambda tree: make_directory(tree, package=True), ""),
    "made a link into the void": alone(
        link("one/alpha.py", "nowhere.py"), ""
    ),
    "made a link to the same content": Row(
        change=steps(rename("one/alpha.py", "elsewhere"), link("one/alpha.py", "../elsewhere")),
        hits=OTHERS,
    ),
    "a link to the file, retargeted": alone(
        link("one/alpha.py", "../store/v2/alpha.py"), "source has changed", setup=links
    ),
    "a link to the file, its target edited": alone(
        write("store/v1/alpha.py"), "source has changed", setup=links
    ),
    "a link to the package, retargeted": Row(
        setup=links, change=link("one/pack", "../store/v2/pack"), hits=without("pack", "pack.inner", "pack.other"),
        misses={"pack": "", "pack.inner": "", "pack.other": ""},
    ),
    "links, nothing changed": Row(setup=links, hits=STANDARD),
}  # fmt: skip

SEALED = {
    # Without checks, on explicit request: the archive's code whatever has become of the files.
    "edited": Row(change=write("one/alpha.py", "version 2")),
    "edited, size and time as before": Row(change=without_pyc(edit_in_place)),
    "touched": Row(change=lambda tree: os.utime(tree / "one/alpha.py", (9, 9))),
    "its .pyc is another's": Row(change=compile_pyc("one/alpha.py", "v2")),
}


# --- .pyc files -------------------------------------------------------------------------------------------


def stale_header(tree: Tree) -> None:
    """The .pyc of an older source: a plain import compiles anew."""
    ns = (tree / "one/alpha.py").stat().st_mtime_ns
    os.utime(tree / "one/alpha.py", ns=(1, 1))
    tree.compile("one/alpha.py", "v2")
    os.utime(tree / "one/alpha.py", ns=(ns, ns))


def rewrite_pyc(change: Callable[[bytes], bytes], *, over: bool = False) -> Change:
    def make(tree: Tree) -> None:
        pyc = tree.pyc("one/alpha.py")
        target = pyc if over else pyc.with_suffix(".new")
        target.write_bytes(change(pyc.read_bytes()))
        os.replace(target, pyc)

    return make


def other_code_alike(tree: Tree) -> None:
    before = tree.pyc("one/alpha.py").stat()
    after = tree.compile("one/alpha.py", "v2")
    os.utime(after, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert after.stat().st_size == before.st_size


def legacy(tree: Tree) -> None:
    """Before the dump: ``alpha`` has no source, and its .pyc stands where the source would."""
    tree.compile("one/alpha.py", to="one/alpha.pyc")
    (tree / "one/alpha.py").unlink()


def over_with_time(name: str, *, over: bool = True) -> Change:
    """Other code in place of a sourceless module, at the same time and in the same file, or in another."""

    def make(tree: Tree) -> None:
        before = (tree / name).stat()
        tree.compile("one/alpha.py", "v2", to=name, over=over)
        os.utime(tree / name, ns=(before.st_mtime_ns, before.st_mtime_ns))
        assert (tree / name).stat().st_size == before.st_size

    return make


# A directory of .pyc files prepared before the dump takes the place of the one that was there.
swapped_cache = steps(rename("one/__pycache__", "one/old"), rename("one/prepared", "one/__pycache__"))


def prepared_cache(tree: Tree) -> None:
    tree.settle()  # the header holds the source's time
    tree.compile("one/alpha.py", "v2", to=f"one/prepared/{tree.pyc('one/alpha.py').name}")
    tree.compile("one/both.py", to=f"one/prepared/{tree.pyc('one/both.py').name}")


def linked_cache(tree: Tree) -> None:
    prepared_cache(tree)
    tree.compile("one/alpha.py", to=f"one/first/{tree.pyc('one/alpha.py').name}")
    (tree / "one/__pycache__").symlink_to("first")


PYCS = {
    "newer": Row(change=lambda tree: os.utime(tree.pyc("one/alpha.py")), hits=STANDARD),
    "older": Row(change=lambda tree: os.utime(tree.pyc("one/alpha.py"), (9, 9)), hits=STANDARD),
    "removed": Row(change=lambda tree: tree.pyc("one/alpha.py").unlink(), hits=OTHERS),
    "the whole __pycache__ removed": Row(
        change=lambda tree: shutil.rmtree(tree / "one/__pycache__"), hits="local beta space.part_two pack.inner"
    ),
    "none at the dump": Row(at_dump=Way("-B"), hits=STANDARD),
    "none at the dump, one of the same source later": Row(
        at_dump=Way("-B"), change=compile_pyc("one/alpha.py"), hits=OTHERS
    ),
    "none at the dump, one of other code later": alone(
        compile_pyc("one/alpha.py", "v2"), "", at_dump=Way("-B")
    ),
    "written anew, the same code": Row(change=compile_pyc("one/alpha.py"), hits=OTHERS),
    "replaced by other code under a fitting header": alone(compile_pyc("one/alpha.py", "v2"), ""),
    "replaced by other code, its time set back": alone(
        lambda tree: os.utime(tree.compile("one/alpha.py", "v2"), ns=(TIME, TIME)), ""
    ),
    "replaced by other code, its size and time as they were": alone(other_code_alike, ""),
    "replaced together with its directory": Row(
        setup=prepared_cache, change=swapped_cache, hits=without("alpha", "both"), misses={"alpha": ""}
    ),
    "its directory is a link, retargeted": Row(
        setup=linked_cache, change=link("one/__pycache__", "prepared"), hits=without("alpha", "both"), misses={"alpha": ""}
    ),
    "its directory is made a file": Row(
        change=steps(remove("one/__pycache__"), write("one/__pycache__", text="")), hits="beta"
    ),
    "of an older source": Row(change=stale_header, hits=OTHERS),
    "of another version of Python": Row(change=rewrite_pyc(lambda data: b"\x00\x00\r\n" + data[4:]), hits=OTHERS),
    "emptied": Row(change=rewrite_pyc(lambda data: b""), hits=OTHERS),
    "cut within its header": Row(change=rewrite_pyc(lambda data: data[:11]), hits=OTHERS),
    # SourceLoader.get_code lets the EOFError through.
    "cut within its code": alone(rewrite_pyc(lambda data: data[:-20]), ""),
    "cut after its header": alone(rewrite_pyc(lambda data: data[:16]), ""),
    "no code under a fitting header": alone(rewrite_pyc(lambda data: data[:16] + b"i\x01\x00\x00\x00"), ""),
    "flags that no version knows": Row(change=rewrite_pyc(lambda data: data[:4] + b"\xff\0\0\0" + data[8:]), hits=OTHERS),
    "legacy position, beside its source": Row(
        change=compile_pyc("one/alpha.py", "v2", to="one/alpha.pyc"), hits=STANDARD
    ),
    "legacy position, its source gone": alone(
        steps(compile_pyc("one/alpha.py", "v2", to="one/alpha.pyc"), unlink("one/alpha.py")), ""
    ),
    "sourceless": Row(setup=legacy, hits=STANDARD),
    "sourceless, replaced": alone(
        compile_pyc("one/alpha.py", "v2", to="one/alpha.pyc"), "changed", setup=legacy
    ),
    "sourceless, replaced, its time set back": alone(
        over_with_time("one/alpha.pyc", over=False), "changed", setup=legacy,
    ),
    "sourceless, in place with size and time": alone(
        over_with_time("one/alpha.pyc"), "changed", setup=legacy,
    ),
    "sourceless, removed": alone(unlink("one/alpha.pyc"), "", setup=legacy),
    "sourceless, its source appears": alone(write("one/alpha.py"), "", setup=legacy),
    "sourceless, its code cut": alone(
        lambda tree: (tree / "one/alpha.pyc").write_bytes((tree / "one/alpha.pyc").read_bytes()[:-9]),
        "changed", setup=legacy,
    ),
    "a .pyc in place of the package's source": Row(
        change=steps(
            compile_pyc("one/pack/__init__.py", "v2", to="one/pack/__init__.pyc"), unlink("one/pack/__init__.py")
        ),
        hits=without("pack"), misses={"pack": ""},
    ),
}  # fmt: skip


IN_PLACE = {
    # The one case in which "exact" runs other code than a plain import: no directory tells of it, and no .pyc is read.
    "other code": lambda tree: tree.compile("one/alpha.py", "v2", over=True),
    "cut within its code": rewrite_pyc(lambda data: data[:-20], over=True),
}


def hash_based(kind: str) -> Change:
    """Before the dump: ``alpha`` has a hash-based .pyc of its source, ``beta`` one of other code.

    The hash in the header is that of the source as it is, so neither is stale.  ``both`` has a stale one.
    """

    def make(tree: Tree) -> None:
        tree.compile("one/alpha.py", kind=kind)
        tree.compile("two/beta.py", "v3", kind=kind)
        tree.compile("one/both.py", kind=kind)
        tree.write("one/both.py", "v4")
        tree.compile("app/local.py", kind=kind)

    return make


def edit_local(tree: Tree) -> None:
    tree.write("app/local.py", "v5")


def made_hash_based(kind: str, version: str | None = None) -> Change:
    return compile_pyc("one/alpha.py", version, kind=kind)


CHECKS = ("default", "always", "never")
UNHASHED = "pack pack.inner pack.other space.part_one space.part_two"

HASH_BASED = {
    **{
        f"{kind}, {at_dump} at the dump, {at_run} at the run": Row(
            setup=hash_based(kind), change=edit_local, misses={"local": "source has changed"},
            at_dump=Way(f"--check-hash-based-pycs {at_dump}"), at_run=Way(f"--check-hash-based-pycs {at_run}"),
            hits=UNHASHED + (" alpha" if at_dump == at_run else ""),
        )
        for kind in ("checked", "unchecked") for at_dump in CHECKS for at_run in CHECKS
    },
    **{
        f"{kind}, the source with the same size and time": alone(
            edit_in_place, "source has changed", setup=hash_based(kind)
        )
        for kind in ("checked", "unchecked")
    },
    "unchecked, of other code, made after the dump": alone(made_hash_based("unchecked", "v2"), ""),
    "checked, of other code, made after the dump": alone(made_hash_based("checked", "v2"), ""),
    "checked, made after the dump": Row(change=made_hash_based("checked"), hits=OTHERS),
    "unchecked, made after the dump, checked by none": Row(
        change=made_hash_based("unchecked"), at_run=Way("--check-hash-based-pycs never"), hits=OTHERS
    ),
    "unchecked, removed": Row(
        setup=hash_based("unchecked"), change=lambda tree: tree.pyc("one/alpha.py").unlink(), hits=UNHASHED
    ),
    "unchecked and of other code, removed": Row(
        setup=hash_based("unchecked"), change=lambda tree: tree.pyc("two/beta.py").unlink(), hits=UNHASHED + " alpha",
        misses={"beta": ""},
    ),
    "checked, sourceless": Row(
        setup=steps(compile_pyc("one/alpha.py", to="one/alpha.pyc", kind="checked"), unlink("one/alpha.py")),
        hits=STANDARD,
    ),
}  # fmt: skip


@pytest.mark.parametrize("validation", ["exact", "digest"])
@pytest.mark.parametrize("row", SOURCES)
def test_a_source(python: Python, tmp_path: Path, row: str, validation: str) -> None:
    dataclasses.replace(SOURCES[row], validation=validation).check(python, tmp_path)


@pytest.mark.parametrize("row", SEALED)
def test_a_sealed_archive(python: Python, tmp_path: Path, row: str) -> None:
    dataclasses.replace(SEALED[row], validation="sealed", like_before=RUNS, hits=STANDARD).check(python, tmp_path)


@pytest.mark.parametrize("validation", ["exact", "digest"])
@pytest.mark.parametrize("row", PYCS)
def test_a_pyc(python: Python, tmp_path: Path, row: str, validation: str) -> None:
    dataclasses.replace(PYCS[row], validation=validation).check(python, tmp_path)


@pytest.mark.parametrize("validation", ["exact", "digest"])
@pytest.mark.parametrize("row", IN_PLACE)
def test_a_pyc_overwritten_in_place(python: Python, tmp_path: Path, row: str, validation: str) -> None:
    made = alone(IN_PLACE[row], "its .pyc has changed", validation="digest")
    if validation == "exact":
        made = Row(change=IN_PLACE[row], hits=OTHERS, validation="exact", like_before=RUNS[:1])
    made.check(python, tmp_path)


@pytest.mark.parametrize("row", HASH_BASED)
def test_a_hash_based_pyc(python: Python, tmp_path: Path, row: str) -> None:
    HASH_BASED[row].check(python, tmp_path)

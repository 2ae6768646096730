"""Validation: what comes to stand earlier on the search path, and another search path than at the dump."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import Python
from validation_rows import (
    FILES,
    STANDARD,
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
    zip_file,
)

EXTENSION = "_posixshmem"
"""An extension module that every build has as a file, and nothing else here imports."""

SUFFIX = importlib.machinery.EXTENSION_SUFFIXES[0]
OTHERS = without("alpha")
PACK = "pack pack.inner pack.other"


def extension(name: str) -> Change:
    """An extension module at ``name``."""

    def make(tree: Tree) -> None:
        spec = importlib.util.find_spec(EXTENSION)
        assert spec is not None and spec.origin is not None
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(spec.origin, tree / name)

    return make


def shadowed(change: Change, module: str = "alpha", reason: str = "", **fields: object) -> Row:
    """A row in which ``module`` (and what is within it) must be missed, and all others come from the archive."""
    names = [name for name in STANDARD.split() if name == module or name.startswith(module + ".")]
    misses = {module: reason} if module != "space" else {}
    return Row(change=change, hits=without(*names), misses=misses, **fields)  # type: ignore[arg-type]


def with_extension(change: Change) -> Row:
    """A row in which a module of Python gives way to an extension module of its name."""
    return Row(
        files=f"{FILES} one/{EXTENSION}.py",
        program=f"imports('{EXTENSION} {STANDARD}')",
        change=change,
        hits=STANDARD,
        misses={EXTENSION: ""},
    )


def directory(name: str) -> Change:
    return lambda tree: (tree / name).mkdir(parents=True)


def relink_one(tree: Tree) -> None:
    """Before the dump: the entry of the path is a link; a sibling with the same files, times and sizes waits."""
    os.rename(tree / "one", tree / "first")
    shutil.copytree(tree / "first", tree / "second")
    for path in sorted((tree / "second").rglob("*.py")):
        tree.write(str(path.relative_to(tree.root)), text=path.read_text().replace("v1", "v2"))
    link("one", "first")(tree)


EARLIER = {
    "a module": shadowed(write("zero/alpha.py"), reason="found elsewhere"),
    "a package": shadowed(write("zero/alpha/__init__.py"), reason="found elsewhere"),
    "a package for a package": shadowed(write("zero/pack/__init__.py"), "pack", "found elsewhere"),
    "a module for a package": shadowed(write("zero/pack.py"), "pack", "found elsewhere"),
    # Portions lose against a module later on the path (PathFinder._get_spec).
    "a directory without __init__": Row(change=write("zero/alpha/data.py"), hits=STANDARD),
    "an empty directory": Row(change=directory("zero/alpha"), hits=STANDARD),
    "a directory named as a source": Row(change=directory("zero/alpha.py"), hits=STANDARD),
    "a file that is no module": Row(change=write("zero/alpha.txt"), hits=STANDARD),
    "a sourceless module": shadowed(compile_pyc("one/alpha.py", "v2", to="zero/alpha.pyc"), reason="found elsewhere"),
    "a .pyc in its __pycache__ alone": Row(
        change=lambda tree: tree.compile("one/alpha.py", "v2", to=str(tree.pyc("zero/alpha.py"))), hits=STANDARD
    ),
    "an extension module": with_extension(extension(f"zero/{EXTENSION}{SUFFIX}")),
    "an extension module of the stable ABI": with_extension(extension(f"zero/{EXTENSION}.abi3.so")),
    "an extension module without a tag": with_extension(extension(f"zero/{EXTENSION}.so")),
    "an extension module of another version's tag": Row(
        change=extension("zero/alpha.cpython-27m-x86_64-linux-gnu.so"), hits=STANDARD
    ),
    "an extension module that is a package": with_extension(extension(f"zero/{EXTENSION}/__init__{SUFFIX}")),
    "an extension module that does not load": shadowed(write(f"zero/alpha{SUFFIX}", text="nothing")),
    "an extension module beside it": with_extension(extension(f"one/{EXTENSION}{SUFFIX}")),
    "an extension module without a tag beside it": with_extension(extension(f"one/{EXTENSION}.so")),
    "a package beside it": shadowed(write("one/alpha/__init__.py")),
    "a directory without __init__ beside it": Row(change=directory("one/alpha"), hits=STANDARD),
    "a sourceless module beside it": Row(change=compile_pyc("one/alpha.py", "v2", to="one/alpha.pyc"), hits=STANDARD),
    "a package beside a submodule": shadowed(write("one/pack/inner/__init__.py"), "pack.inner"),
    "an extension module beside a submodule": shadowed(write(f"one/pack/inner{SUFFIX}", text=""), "pack.inner"),
    "an extension module in the package's __init__": shadowed(write(f"one/pack/__init__{SUFFIX}", text=""), "pack"),
    "the directory stood there, and gets an __init__": shadowed(
        write("zero/alpha/__init__.py"), setup=write("zero/alpha/data.py")
    ),
    "the directory stood there, and gets an __init__.pyc": shadowed(
        compile_pyc("one/alpha.py", "v2", to="zero/alpha/__init__.pyc"), setup=directory("zero/alpha")
    ),
    "the directory stood there, and gets an extension for an __init__": shadowed(
        write(f"zero/alpha/__init__{SUFFIX}", text=""), setup=directory("zero/alpha")
    ),
    "the directory stood beside it, and gets an __init__": shadowed(
        write("one/alpha/__init__.py"), setup=write("one/alpha/data.txt")
    ),
    "the directory stood beside the submodule, and gets an __init__": shadowed(
        write("one/pack/inner/__init__.py"), "pack.inner", setup=directory("one/pack/inner")
    ),
    "the directory stood there for a package, and gets an __init__": shadowed(
        write("zero/pack/__init__.py"), "pack", setup=directory("zero/pack")
    ),
    "the directory stood in the script's own, and gets an __init__": shadowed(
        write("app/beta/__init__.py"), "beta", setup=directory("app/beta")
    ),
    "a linked directory whose target gets an __init__": shadowed(
        write("store/alpha/__init__.py"), setup=steps(directory("store/alpha"), link("zero/alpha", "../store/alpha"))
    ),
    "an __init__ that was a directory": shadowed(
        steps(remove("zero/alpha/__init__.py"), write("zero/alpha/__init__.py")),
        setup=directory("zero/alpha/__init__.py"),
    ),
    "a link into the void, whose target appears": shadowed(
        write("store/alpha.py"), setup=steps(directory("store"), link("zero/alpha.py", "../store/alpha.py"))
    ),
    "a link into the void, whose target appears as a package": shadowed(
        write("store/alpha/__init__.py"), setup=steps(directory("store"), link("zero/alpha", "../store/alpha"))
    ),
    "a link into the void for an __init__": shadowed(
        write("store/init.py"),
        setup=steps(directory("store"), directory("zero/alpha"), link("zero/alpha/__init__.py", "../../store/init.py")),
    ),
    "a link into the void in the package": shadowed(
        write("store/inner/__init__.py"), "pack.inner",
        setup=steps(directory("store"), link("one/pack/inner", "../../store/inner")),
    ),
    "a directory that was a file": shadowed(
        steps(unlink("zero/alpha"), write("zero/alpha/__init__.py")), setup=write("zero/alpha")
    ),
    "a file where a directory was listed": shadowed(
        steps(remove("zero/alpha.py"), write("zero/alpha.py")), setup=directory("zero/alpha.py")
    ),
    "in the script's directory": shadowed(write("app/alpha.py"), reason="found elsewhere"),
    "in the script's directory, for a module of the library": Row(
        program=f"imports('colorsys {STANDARD}')", change=write("app/colorsys.py"), hits=STANDARD,
        misses={"colorsys": "found elsewhere"},
    ),
    "a path entry that was absent": shadowed(
        steps(rename("zero.away", "zero"), write("zero/alpha.py")), setup=rename("zero", "zero.away")
    ),
    "a path entry that was absent, at once complete": shadowed(
        rename("zero.away", "zero"), setup=steps(write("zero/alpha.py"), rename("zero", "zero.away"))
    ),
    "a path entry that was a link into the void": shadowed(
        rename("store.away", "store"),
        setup=steps(write("store.away/alpha.py"), lambda tree: (tree / "zero").rmdir(), link("zero", "store")),
    ),
    "a path entry that was a file": shadowed(
        steps(unlink("zero"), write("zero/alpha.py")),
        setup=steps(lambda tree: (tree / "zero").rmdir(), write("zero", text="")),
    ),
    "a path entry that is a link, retargeted": Row(
        setup=relink_one, change=link("one", "second"), hits="local beta",
        misses=dict.fromkeys(("alpha", "pack", "pack.inner", "pack.other", "space.part_one", "both"), ""),
    ),
    "a path entry swapped for another directory": Row(
        setup=steps(relink_one, unlink("one"), rename("first", "one")),
        change=steps(rename("one", "first"), rename("second", "one")), hits="local beta",
        misses=dict.fromkeys(("alpha", "pack", "pack.inner", "pack.other", "space.part_one", "both"), ""),
    ),
    "a zip file": shadowed(
        zip_file("early.zip", "alpha.py", version="v2"), at_dump=Way(path="{root}/early.zip:{root}/one:{root}/two"),
        at_run=Way(path="{root}/early.zip:{root}/one:{root}/two"),
    ),
    "a zip file that was there": shadowed(
        zip_file("early.zip", "alpha.py", "other.py", version="v2"), setup=zip_file("early.zip", "other.py"),
        at_dump=Way(path="{root}/early.zip:{root}/one:{root}/two"),
        at_run=Way(path="{root}/early.zip:{root}/one:{root}/two"),
    ),
    "a zip file in place of a directory": shadowed(
        steps(lambda tree: (tree / "zero").rmdir(), zip_file("zero", "alpha.py", version="v2"))
    ),
    "a file that is no zip file": Row(
        change=write("early.zip", text="nothing"), hits=STANDARD,
        at_dump=Way(path="{root}/early.zip:{root}/one:{root}/two"),
        at_run=Way(path="{root}/early.zip:{root}/one:{root}/two"),
    ),
}  # fmt: skip

NAMESPACES = {
    "a portion is added": Row(change=write("zero/space/part_zero.py"), hits=STANDARD),
    "a portion is added that has the module": Row(
        change=write("zero/space/part_one.py"), hits=without("space.part_one"), misses={"space.part_one": ""}
    ),
    "a portion in the middle, with a module": Row(
        change=write("one/space/part_two.py"), hits=without("space.part_two"), misses={"space.part_two": ""}
    ),
    "a portion is removed": Row(
        change=remove("two/space"), hits=without("space.part_two"), misses={"space.part_two": ""}
    ),
    "all portions are removed": Row(
        change=steps(remove("one/space"), remove("two/space")), hits=without("space.part_one", "space.part_two")
    ),
    "a portion becomes a package": Row(
        change=write("one/space/__init__.py"), hits=without("space.part_two"), misses={"space.part_two": ""}
    ),
    "a later portion becomes a package": Row(
        change=write("two/space/__init__.py"), hits=without("space.part_one"), misses={"space.part_one": ""}
    ),
    "a module appears for the namespace": Row(
        change=write("zero/space.py"), hits=without("space.part_one", "space.part_two"),
        misses={"space.part_one": "", "space.part_two": ""},
    ),
    "a package becomes a namespace": Row(
        change=unlink("one/pack/__init__.py"), hits=without("pack"), misses={"pack": ""}
    ),
    "a package becomes one portion of two": Row(
        change=steps(unlink("one/pack/__init__.py"), write("zero/pack/inner.py")), hits=without(*PACK.split()),
        misses={"pack": "", "pack.inner": ""},
    ),
    "a submodule becomes a directory": Row(
        change=steps(unlink("one/pack/inner.py"), write("one/pack/inner/data.py")), hits=without("pack.inner"),
        misses={"pack.inner": ""},
    ),
    "a portion's link is retargeted": Row(
        setup=steps(rename("two/space", "store"), link("two/space", "../store"), write("other/part_two.py", "v2")),
        change=link("two/space", "../other"), hits=without("space.part_two"), misses={"space.part_two": ""},
    ),
}  # fmt: skip

RUNNABLE = steps(write("one/run/__init__.py", "v1"), rename("app/main.py", "one/run/__main__.py"))
PLAIN_WAY = "{root}/zero:{root}/one:{root}/two"
COMMAND = ("-c", "exec(compile(open({main!r}).read(), {main!r}, 'exec'))".replace("{main!r}", "'{root}/app/main.py'"))
TWICE = f"imports('colorsys sched {STANDARD}')"
LIBRARY = FILES + " app/colorsys.py"


def another_path(path: str, hits: str = STANDARD, misses: dict[str, str] | None = None, **fields: object) -> Row:
    return Row(at_run=Way(path=path), hits=hits, misses=misses or {}, **fields)  # type: ignore[arg-type]


def both_ways(way: Way, **fields: object) -> Row:
    return Row(at_dump=way, at_run=way, **fields)  # type: ignore[arg-type]


PATHS = {
    "shorter by an empty entry": another_path("{root}/one:{root}/two"),
    "shorter by the last": another_path(
        "{root}/zero:{root}/one", without("beta", "space.part_two"), {"beta": "not found", "space.part_two": ""}
    ),
    "shorter by the first with modules": another_path(
        "{root}/two", "beta local space.part_two",
        {"alpha": "not found", "pack": "not found", "both": "found elsewhere"},
    ),
    "empty": Row(at_run=Way(path=None), hits="local", misses={"alpha": "not found", "pack": "", "beta": "not found"}),
    "longer in front": another_path(
        "{root}/three:" + PLAIN_WAY, without("alpha", "pack.inner"), {"alpha": "found elsewhere"},
        setup=write("three/alpha.py"), program=f"imports({without('pack.inner')!r})",
    ),
    "longer in front, nothing in it": another_path("{root}/three:" + PLAIN_WAY, setup=directory("three")),
    "longer in front, absent": another_path("{root}/nowhere:" + PLAIN_WAY),
    "longer behind": another_path(PLAIN_WAY + ":{root}/three", setup=write("three/alpha.py")),
    "longer in the middle": another_path(
        "{root}/one:{root}/three:{root}/two", without("beta"), {"beta": "found elsewhere"}, setup=write("three/beta.py")
    ),
    "reordered": another_path(
        "{root}/two:{root}/one", without("both", "space.part_one", "space.part_two"), {"both": "found elsewhere"}
    ),
    "an entry twice": another_path("{root}/two:{root}/one:{root}/two", without("both"), {"both": "found elsewhere"}),
    "relative": another_path("../zero:../one:../two"),
    "relative at the dump": Row(at_dump=Way(path="../zero:../one:../two"), hits=STANDARD),
    "relative, from another directory": Row(
        at_dump=Way(path="../zero:../one:../two"), at_run=Way(path="../zero:../one:../two", cwd="far/away"),
        setup=write("far/one/alpha.py"), change=directory("far/away"), hits="local",
        misses={"alpha": "found elsewhere", "beta": "not found", "pack": "not found"},
    ),
    "empty entries, which are the current directory": Row(
        at_run=Way(path=":" + PLAIN_WAY, cwd="here"), setup=write("here/alpha.py"), hits=OTHERS,
        misses={"alpha": "found elsewhere"},
    ),
    "with a stroke at the end": another_path("{root}/zero/:{root}/one//:{root}/two/."),
    "by way of a link": Row(
        at_run=Way(path="{root}/zero:{root}/link:{root}/two"), setup=link("link", "one"),
        hits="local beta", misses={"alpha": "", "pack": ""},
    ),
    "another working directory": Row(at_run=Way(cwd="elsewhere"), change=write("elsewhere/alpha.py"), hits=STANDARD),
    "-c": Row(at_dump=Way(arguments=COMMAND), at_run=Way(arguments=COMMAND), hits=without("local")),
    "-c, a shadow in the working directory": Row(
        at_dump=Way(arguments=COMMAND), at_run=Way(arguments=COMMAND), change=write("work/alpha.py"),
        hits=without("alpha", "local"), misses={"alpha": ""},
    ),
    "-c, from a directory with a shadow": Row(
        at_dump=Way(arguments=COMMAND), at_run=Way(arguments=COMMAND, cwd="shadow"), setup=write("shadow/alpha.py"),
        hits=without("alpha", "local"), misses={"alpha": "found elsewhere"},
    ),
    "-c, from the directory with the modules": Row(
        at_dump=Way(arguments=COMMAND, cwd="one", path="{root}/two"),
        at_run=Way(arguments=COMMAND, cwd="one", path="{root}/two"), hits=without("local"),
    ),
    "-c, dumped from another directory": Row(
        at_dump=Way(arguments=COMMAND, cwd="one", path="{root}/two"),
        at_run=Way(arguments=COMMAND, cwd="far", path="{root}/two"), setup=write("far/alpha.py"),
        hits="beta", misses={"alpha": "", "pack": ""},
    ),
    "-m": both_ways(Way(arguments=("-m", "main"), cwd="app"), hits=STANDARD),
    "-m, a shadow in the working directory": both_ways(
        Way(arguments=("-m", "main"), cwd="app"), change=write("app/alpha.py"), hits=OTHERS, misses={"alpha": ""}
    ),
    "-m, the main module edited": both_ways(
        Way(arguments=("-m", "main"), cwd="app"), hits=STANDARD, misses={"main": "source has changed"},
        change=lambda tree: tree.write("app/main.py", text=(tree / "app/main.py").read_text() + "show('edited')\n"),
    ),
    "-m, a package": both_ways(
        Way(arguments=("-m", "run")), setup=RUNNABLE,
        hits=without("local") + " run run.__main__",
    ),
    "-m, a package's __main__ edited": both_ways(
        Way(arguments=("-m", "run")), setup=RUNNABLE,
        change=write("one/run/__main__.py", text="print('edited')\n"), hits="run",
        misses={"run.__main__": "source has changed"}, exits=True,
    ),
    "a directory with a __main__": both_ways(
        Way(arguments=("{root}/app",)), setup=rename("app/main.py", "app/__main__.py"), hits=STANDARD
    ),
    "a zip file with a __main__": both_ways(
        Way(arguments=("{root}/app.zip",)),
        setup=lambda tree: (tree.zip("app.zip", "local.py"), add_to_zip(tree, "app.zip", "__main__.py")),
        hits=STANDARD if sys.version_info >= (3, 10) else without("local"),  # see ZIPPED in sample_program.py
    ),
}  # fmt: skip


def add_to_zip(tree: Tree, name: str, member: str) -> None:
    with zipfile.ZipFile(tree / name, "a") as zipped:
        zipped.writestr(member, (tree / "app/main.py").read_text())


def flagged(way: Way, hits: str, misses: dict[str, str] | None = None, **fields: object) -> Row:
    """``colorsys`` stands beside the script as well as in the library."""
    return Row(at_run=way, files=LIBRARY, program=TWICE, hits=hits, misses=misses or {}, **fields)  # type: ignore[arg-type]


ISOLATED = {"colorsys": "found elsewhere", "alpha": "not found", "local": "not found"}
FLAGS = {
    "-I": flagged(Way("-I"), "sched", ISOLATED),
    "-I, and at the dump": flagged(Way("-I"), "sched colorsys", at_dump=Way("-I")),
    "-I at the dump alone": flagged(Way(), "sched", {"colorsys": "found elsewhere", "alpha": ""}, at_dump=Way("-I")),
    "-E": flagged(Way("-E"), "sched colorsys local", {"alpha": "not found"}),
    "-E, and at the dump": flagged(Way("-E"), "sched colorsys local", at_dump=Way("-E")),
    "-s": flagged(Way("-s"), f"sched colorsys {STANDARD}"),
    "PYTHONNOUSERSITE": flagged(Way(env={"PYTHONNOUSERSITE": "1"}), f"sched colorsys {STANDARD}"),
}  # fmt: skip

SAFE_PATH = {
    "-P": flagged(Way("-P"), f"sched {without('local')}", {"colorsys": "found elsewhere", "local": "not found"}),
    "-P, and at the dump": flagged(Way("-P"), f"sched colorsys {without('local')}", at_dump=Way("-P")),
    "-P at the dump alone": flagged(
        Way(), f"sched {without('local')}", {"colorsys": "found elsewhere", "local": ""}, at_dump=Way("-P")
    ),
    "PYTHONSAFEPATH": flagged(
        Way(env={"PYTHONSAFEPATH": "1"}), f"sched {without('local')}",
        {"colorsys": "found elsewhere", "local": "not found"},
    ),
    "PYTHONSAFEPATH, and at the dump": flagged(
        Way(env={"PYTHONSAFEPATH": "1"}), f"sched colorsys {without('local')}", at_dump=Way(env={"PYTHONSAFEPATH": "1"})
    ),
}  # fmt: skip

if sys.version_info >= (3, 11):
    FLAGS.update(SAFE_PATH)

CODE_IN_PTH = "import sys; sys.path.insert(0, sys.path[-1].rpartition('/')[0] + '/three')\n"
SITE = "import site\nsite.addsitedir(path('site'))\n"


def with_pth(change: Change, *, hits: str, misses: dict[str, str], **fields: object) -> Row:
    """``alpha`` and ``pack`` are found by way of a .pth file, which names ``one``."""
    return Row(
        program=SITE + f"imports({STANDARD!r})",
        setup=steps(directory("site"), write("site/one.pth", text="# a comment\n../one\n\n../zero\n")),
        at_dump=Way(path="{root}/two"),
        at_run=Way(path="{root}/two"),
        change=change,
        hits=hits,
        misses=misses,
        **fields,  # type: ignore[arg-type]
    )


PTH = {
    "as it was": with_pth(lambda tree: None, hits=STANDARD, misses={}),
    "names another directory": with_pth(
        steps(write("three/alpha.py"), write("site/one.pth", text="../three\n")), hits="beta local",
        misses={"alpha": "found elsewhere", "pack": "not found"},
    ),
    "names another directory first": with_pth(
        steps(write("three/alpha.py"), write("site/one.pth", text="../three\n../one\n")), hits=OTHERS,
        misses={"alpha": "found elsewhere"},
    ),
    "another .pth file comes before": with_pth(
        steps(write("three/alpha.py"), write("site/a.pth", text="../three\n")), hits=OTHERS,
        misses={"alpha": "found elsewhere"},
    ),
    "runs code that puts a directory in front": with_pth(
        steps(write("three/beta.py"), write("site/z.pth", text=CODE_IN_PTH)),
        hits=without("beta"), misses={"beta": "found elsewhere"},
    ),
    "removed": with_pth(unlink("site/one.pth"), hits="beta local", misses={"alpha": "not found", "pack": "not found"}),
    "a module in the site directory itself": with_pth(write("site/alpha.py"), hits=OTHERS, misses={"alpha": ""}),
}  # fmt: skip


@pytest.mark.parametrize("row", EARLIER)
def test_earlier_on_the_path(python: Python, tmp_path: Path, row: str) -> None:
    EARLIER[row].check(python, tmp_path)


@pytest.mark.parametrize("row", NAMESPACES)
def test_a_namespace(python: Python, tmp_path: Path, row: str) -> None:
    NAMESPACES[row].check(python, tmp_path)


@pytest.mark.parametrize("row", PATHS)
def test_another_path(python: Python, tmp_path: Path, row: str) -> None:
    PATHS[row].check(python, tmp_path)


@pytest.mark.parametrize("row", FLAGS)
def test_flags_of_the_path(python: Python, tmp_path: Path, row: str) -> None:
    FLAGS[row].check(python, tmp_path)


@pytest.mark.parametrize("row", PTH)
def test_a_pth_file(python: Python, tmp_path: Path, row: str) -> None:
    PTH[row].check(python, tmp_path)

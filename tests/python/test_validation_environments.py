"""Validation: flags and variables of the interpreter, other interpreters, virtual environments, what pip does."""

# ruff: noqa: E501 - the tables are easier to read with a row a line
from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import textwrap
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Python, clean_environment
from test_bad_input import BUILD_OFFSET, VERSION_OFFSET, patched
from validation_rows import STANDARD, Change, Row, Tree, Way, remove, rename, steps, without, write

OTHERS = without("alpha")

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
    return list(position.__code__.co_positions())[-3:]
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
        hits="" if "refused" in fields else hits,
        **fields,  # type: ignore[arg-type]
    )


def way_of(words: str) -> Way:
    variables = [word for word in words.split() if word[:1].isupper() and "=" in word]
    flags = " ".join(word for word in words.split() if word not in variables)
    return Way(flags, env=dict(word.split("=", 1) for word in variables))


PREFIX = "PYTHONPYCACHEPREFIX={root}/cache"

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
    "-X no_debug_ranges": flagged("-X no_debug_ranges", refused="flags"),
    "-X no_debug_ranges, and at the dump": flagged("-X no_debug_ranges", dumped="-X no_debug_ranges"),
    "-X no_debug_ranges at the dump alone": flagged(dumped="-X no_debug_ranges", refused="flags"),
    "PYTHONNODEBUGRANGES": flagged("PYTHONNODEBUGRANGES=1", refused="flags"),
    "-X frozen_modules=off": flagged("-X frozen_modules=off", refused="flags"),
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

# --- interpreters and virtual environments ----------------------------------------------------------------


def site_packages(environment: Path) -> Path:
    return next(environment.glob("lib/python3.*/site-packages"))


def make_environment(tree: Tree, name: str, *, copies: bool = False, version: str = "v1") -> Path:
    """A virtual environment with PyCDS and the module ``tiny`` in it, as the wheel would install them."""
    place = tree / name
    venv.EnvBuilder(symlinks=not copies).create(place)
    target = site_packages(place)
    found = importlib.metadata.distribution("pycds")
    for file in found.files or ():
        if file.parts[0] in ("pycds", "cds") or file.name == "pycds.pth":
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(str(found.locate_file(file))), target / file)
    for module in ("tiny.py", "tinier.py", "tidy/__init__.py", "tidy/inner.py"):
        tree.write(str((target / module).relative_to(tree.root)), text=tree.source(module, version))
    return place


INSTALLED = "tiny tinier tidy tidy.inner"
TINY = f"imports('{INSTALLED} {STANDARD}')\nshow(sys.prefix, sys.executable)\n"
LOST = dict.fromkeys(INSTALLED.split(), "")


def environment(**how: bool) -> Change:
    return lambda tree: make_environment(tree, "venv", **how)


def in_environment(
    *, at_run: str = "venv", hits: str = STANDARD, misses: dict[str, str] | None = None, **fields: object
) -> Row:
    fields.setdefault("setup", environment())
    fields.setdefault("program", TINY)
    return Row(
        at_dump=Way(python="{root}/venv/bin/python"),
        at_run=Way(python=f"{{root}}/{at_run}/bin/python"),
        hits=hits,
        misses=misses or {},
        **fields,  # type: ignore[arg-type]
    )


def copy_environment(tree: Tree) -> None:
    subprocess.run(["cp", "-a", str(tree / "venv"), str(tree / "copy")], check=True)


def installed(name: str, version: str = "v2", *, at: str = "venv") -> Change:
    """A module written into site-packages, its size and time as they were where it was there."""

    def make(tree: Tree) -> None:
        path = site_packages(tree / at) / name
        ns = path.stat().st_mtime_ns if path.exists() else None
        tree.write(str(path.relative_to(tree.root)), text=tree.source(name, version), ns=ns)

    return make


def another_version(tree: Tree) -> None:
    """Another environment takes the place of the first: the same names, sizes and times."""
    copy_environment(tree)
    for name in ("tiny.py", "tinier.py", "tidy/__init__.py", "tidy/inner.py"):
        installed(name, at="copy")(tree)
    for pyc in site_packages(tree / "copy").rglob("*.pyc"):
        if "pycds" not in str(pyc):
            pyc.unlink()
    rename("venv", "old")(tree)
    rename("copy", "venv")(tree)


SITE = "import sysconfig\nsite = sysconfig.get_path('purelib')[len(ROOT) + 1:]\n"

ENVIRONMENTS = {
    "as it was": in_environment(hits=f"{INSTALLED} {STANDARD}"),
    "moved": in_environment(change=rename("venv", "moved"), at_run="moved", misses=LOST),
    "copied": in_environment(change=copy_environment, at_run="copy", misses=LOST),
    "copied, the first run": in_environment(change=copy_environment, hits=f"{INSTALLED} {STANDARD}"),
    "copied and the first removed": in_environment(change=steps(copy_environment, remove("venv")), at_run="copy", misses=LOST),
    "moved and moved back": in_environment(
        change=steps(rename("venv", "moved"), rename("moved", "venv")), hits=f"{INSTALLED} {STANDARD}"
    ),
    "replaced by one of other versions, the same sizes and times": in_environment(change=another_version, misses=LOST),
    "by way of a link": in_environment(
        change=lambda tree: (tree / "link").symlink_to("venv"), at_run="link", misses={"tiny": "", "tidy": ""}
    ),
    "its interpreter copied": in_environment(setup=environment(copies=True), hits=f"{INSTALLED} {STANDARD}"),
    "another, whose interpreter is a copy": in_environment(
        setup=steps(environment(), lambda tree: make_environment(tree, "other", copies=True, version="v2")), at_run="other",
        misses=LOST,
    ),
    "another interpreter without what is installed": Row(
        setup=environment(), at_dump=Way(python="{root}/venv/bin/python"), program=TINY, hits=STANDARD,
        misses=dict.fromkeys(("tiny", "tinier", "tidy"), "not found"),
    ),
    "an archive of the environment that runs the tests": Row(setup=environment(), at_run=Way(python="{root}/venv/bin/python"), hits=STANDARD),
    "an installed module edited": in_environment(
        change=installed("tiny.py", "version 2"), hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": "source has changed"}
    ),
    "an installed module edited, its size and time as they were": in_environment(
        change=installed("tiny.py"), hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": "source has changed"}
    ),
    "a package beside an installed module": in_environment(
        change=installed("tiny/__init__.py"), hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": ""}
    ),
    "a .pth file appears": in_environment(
        change=steps(write("extra/tiny.py"), lambda tree: (site_packages(tree / "venv") / "a.pth").write_text(str(tree / "extra"))),
        hits=f"{INSTALLED} {STANDARD}",
    ),
    "a .pth file that puts a directory in front appears": in_environment(
        change=steps(
            write("extra/tiny.py"),
            lambda tree: (site_packages(tree / "venv") / "a.pth").write_text(f"import sys; sys.path.insert(0, {str(tree / 'extra')!r})\n"),
        ),
        hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": "found elsewhere"},
    ),
    "sitecustomize appears, with a finder": in_environment(
        change=lambda tree: (site_packages(tree / "venv") / "sitecustomize.py").write_text(FINDS_TINY),
        hits=f"tinier tidy tidy.inner {STANDARD}",
    ),
    "made while it runs": in_environment(
        program=SITE + "imports('tinier')\nwrite(site + '/tiny/__init__.py', 'v2')\n" + TINY, traced=TINY,
        hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": ""},
    ),
    "made while it runs, after invalidate_caches": in_environment(
        program=SITE + "imports('tinier')\nwrite(site + '/tiny/__init__.py', 'v2')\nimportlib.invalidate_caches()\n" + TINY,
        traced=TINY, hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": ""},
    ),
    "made while it runs, in a package": in_environment(
        program=SITE + "imports('tidy tinier')\nwrite(site + '/tidy/inner/__init__.py', 'v2')\n" + TINY, traced=TINY,
        hits=f"tiny tinier tidy {STANDARD}", misses={"tidy.inner": ""},
    ),
    "made while it runs, some time after an import": in_environment(
        program=SITE + "import time\nimports('tinier')\ntime.sleep(0.1)\nwrite(site + '/tiny/__init__.py', 'v2')\n" + TINY,
        traced=TINY, hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": ""},
    ),
    "edited while it runs": in_environment(
        program=SITE + "imports('tinier')\nwrite(site + '/tiny.py', 'version 2')\n" + TINY, traced=TINY,
        hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": "source has changed"},
    ),
    "removed while it runs": in_environment(
        program=SITE + "imports('tinier')\nos.remove(path(site + '/tiny.py'))\n" + TINY, traced=TINY,
        hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": ""},
    ),
}  # fmt: skip

FINDS_TINY = """\
import sys
class Finds:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "tiny":
            from importlib.util import spec_from_loader
            return spec_from_loader(name, cls(), origin="sitecustomize")
    def create_module(self, spec): return None
    def exec_module(self, module): module.VERSION = "of sitecustomize"
sys.meta_path.insert(0, Finds)
"""


def forged(offset: int, value: bytes) -> Callable[[Path], object]:
    """The archive as another interpreter would have made it."""
    return lambda archive: archive.write_bytes(patched(archive.read_bytes(), offset, value))


INTERPRETERS = {
    "upgraded: another version": Row(archive=forged(VERSION_OFFSET, b"\xf0\x08\x0b\x03"), refused="interpreter"),
    "upgraded: another build of this version": Row(archive=forged(BUILD_OFFSET, b"0123456789"), refused="interpreter"),
}

# --- pip --------------------------------------------------------------------------------------------------


def pip(tree: Tree, *arguments: str) -> None:
    """Run pip for the environment ``venv`` of the tree, without a network."""
    command = pip_command(tree, *arguments)
    done = subprocess.run(command, env=PIP_ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def pip_command(tree: Tree, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--python", str(tree / "venv/bin/python"), *arguments, "--no-index", "--quiet"]


# Backends are found where pip itself is: the environment is an empty one.
PIP_ENVIRONMENT = clean_environment(
    PYTHONPATH=os.pathsep.join(sys.path[1:]), PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore"
)


def wheel(tree: Tree, version: str) -> Path:
    """A wheel of the project ``wheeled`` with a module, a package and, from version 2 on, one more module."""
    made = tree / f"wheels/wheeled-{version}-py3-none-any.whl"
    made.parent.mkdir(exist_ok=True)
    modules = ["wheeled.py", "wheels_in/__init__.py", "wheels_in/leaf.py", "wheels_in/other.py"]
    texts = {name: tree.source(name, f"v{version}") for name in modules}
    if version == "2":
        texts["wheels_in/leaf/__init__.py"] = tree.source("wheels_in/leaf/__init__.py", "v2")
        del texts["wheels_in/leaf.py"]
    information = f"wheeled-{version}.dist-info"
    texts[f"{information}/METADATA"] = f"Metadata-Version: 2.1\nName: wheeled\nVersion: {version}\n"
    texts[f"{information}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},,\n" for name in (*texts, f"{information}/RECORD"))
    with zipfile.ZipFile(made, "w") as zipped:
        for name, text in {**texts, f"{information}/RECORD": record}.items():
            zipped.writestr(zipfile.ZipInfo(name), text)
    return made


WHEELED = "wheeled wheels_in wheels_in.leaf wheels_in.other"
USES_WHEEL = f"imports('{WHEELED} tiny alpha')\n"


def with_wheel(tree: Tree) -> None:
    make_environment(tree, "venv")
    wheel(tree, "2")
    pip(tree, "install", str(wheel(tree, "1")))


def upgrade(tree: Tree) -> None:
    pip(tree, "install", "--upgrade", str(tree / "wheels/wheeled-2-py3-none-any.whl"))


def upgrade_while_it_runs(before: str) -> str:
    """A program that imports some, has pip upgrade the project, and imports all."""
    command = pip_command(Tree(Path("ROOT")), "install", "--upgrade", "ROOT/wheels/wheeled-2-py3-none-any.whl")
    return f"""
import subprocess
imports({before!r})
subprocess.run([word.replace("ROOT", ROOT) for word in {command!r}], env={PIP_ENVIRONMENT!r}, check=True)
{USES_WHEEL}
"""


def with_pip(hits: str, misses: str = "", **fields: object) -> Row:
    fields.setdefault("setup", with_wheel)
    fields.setdefault("program", USES_WHEEL)
    return in_environment(hits=hits, misses=dict.fromkeys(misses.split(), ""), **fields)  # type: ignore[arg-type]


PIP = {
    "installed": with_pip(f"{WHEELED} tiny alpha"),
    "upgraded": with_pip("tiny alpha", WHEELED, change=upgrade),
    "upgraded and downgraded": with_pip(
        f"{WHEELED} tiny alpha", change=steps(upgrade, lambda tree: pip(tree, "install", str(tree / "wheels/wheeled-1-py3-none-any.whl")))
    ),
    "installed again": with_pip(
        f"{WHEELED} tiny alpha",
        change=lambda tree: pip(tree, "install", "--force-reinstall", str(tree / "wheels/wheeled-1-py3-none-any.whl")),
    ),
    "uninstalled": with_pip("tiny alpha", WHEELED, change=lambda tree: pip_uninstall(tree)),
    "another copy in a directory in front": with_pip(
        "tiny alpha", "wheeled wheels_in",
        change=lambda tree: pip(tree, "install", "--target", str(tree / "zero"), str(tree / "wheels/wheeled-2-py3-none-any.whl")),
    ),
    "upgraded while it runs, before the first import": with_pip("alpha", WHEELED, traced=USES_WHEEL, program=upgrade_while_it_runs("alpha")),
    "upgraded while it runs, between two imports": with_pip(
        "alpha wheeled wheels_in", "wheels_in.leaf wheels_in.other", traced=USES_WHEEL, program=upgrade_while_it_runs("alpha wheeled wheels_in")
    ),
}  # fmt: skip


def pip_uninstall(tree: Tree) -> None:
    command = [word for word in pip_command(tree, "uninstall", "--yes", "wheeled") if word != "--no-index"]
    subprocess.run(command, env=PIP_ENVIRONMENT, capture_output=True, check=True)


# --- editable installs ------------------------------------------------------------------------------------

PROJECTS = {
    "setuptools": """\
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"
        [project]
        name = "edited"
        version = "1"
        [tool.setuptools]
        packages = ["edited", "edited.sub"]
        py-modules = ["edited_too"]
        package-dir = {"" = "src"}
    """,
    "scikit-build-core": """\
        [build-system]
        requires = ["scikit-build-core"]
        build-backend = "scikit_build_core.build"
        [project]
        name = "edited"
        version = "1"
        [tool.scikit-build]
        wheel.cmake = false
        wheel.packages = ["src/edited"]
    """,
}
EDITED = "edited edited.sub edited.sub.leaf"


def editable(backend: str, *settings: str) -> Change:
    def make(tree: Tree) -> None:
        make_environment(tree, "venv")
        tree.write("project/pyproject.toml", text=textwrap.dedent(PROJECTS[backend]))
        for name in ("edited/__init__.py", "edited/sub/__init__.py", "edited/sub/leaf.py", "edited_too.py"):
            tree.write(f"project/src/{name}", "v1")
        options = [f"--config-settings={setting}" for setting in settings]
        pip(tree, "install", "--no-build-isolation", *options, "--editable", str(tree / "project"))

    return make


STYLES = {
    "a path": editable("setuptools", "editable_mode=compat"),
    "a finder": editable("setuptools", "editable_mode=lenient"),
    "a finder, with links": editable("setuptools", "editable_mode=strict"),
    "a finder in front": editable("scikit-build-core"),
}

EDITABLE = {
    f"{style}, {what}": in_environment(
        setup=setup, change=change, program=f"imports('{EDITED} edited.fresh tiny alpha')\n",
        traced=f"imports('{EDITED} tiny alpha')\n", hits=f"{hits} tiny alpha",
        misses=dict.fromkeys((name for name in EDITED.split() if name not in hits.split()), ""),
    )
    for style, setup in STYLES.items()
    for what, hits, change in (
        ("nothing edited", EDITED if style != "a finder in front" else "", lambda tree: None),
        ("one edited", "edited edited.sub" if style != "a finder in front" else "", write("project/src/edited/sub/leaf.py")),
        ("one edited with its size and time", "edited edited.sub" if style != "a finder in front" else "",
         lambda tree: tree.edit_in_place("project/src/edited/sub/leaf.py")),
        ("one added", EDITED if style != "a finder in front" else "", write("project/src/edited/fresh.py")),
        ("a package beside a module", "edited edited.sub" if style != "a finder in front" else "", write("project/src/edited/sub/leaf/__init__.py")),
        ("a copy in front", "", steps(write("zero/edited/__init__.py"), write("zero/edited/sub/__init__.py"), write("zero/edited/sub/leaf.py"))),
    )
}  # fmt: skip


@pytest.mark.parametrize("row", FLAGS)
def test_flags_and_variables(python: Python, tmp_path: Path, row: str) -> None:
    FLAGS[row].check(python, tmp_path)


@pytest.mark.parametrize("row", PREFIXES)
def test_a_cache_prefix(python: Python, tmp_path: Path, row: str) -> None:
    PREFIXES[row].check(python, tmp_path)


@pytest.mark.parametrize("row", INTERPRETERS)
def test_another_interpreter(python: Python, tmp_path: Path, row: str) -> None:
    INTERPRETERS[row].check(python, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("row", ENVIRONMENTS)
def test_a_virtual_environment(python: Python, tmp_path: Path, row: str) -> None:
    ENVIRONMENTS[row].check(python, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("row", PIP)
def test_what_pip_does(python: Python, tmp_path: Path, row: str) -> None:
    PIP[row].check(python, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("row", EDITABLE)
def test_an_editable_install(python: Python, tmp_path: Path, row: str) -> None:
    EDITABLE[row].check(python, tmp_path)

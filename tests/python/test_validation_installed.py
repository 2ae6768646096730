"""Validation: virtual environments and what is installed in them, by hand, by pip, and editable."""

# ruff: noqa: E501 - the tables are easier to read with a row a line
from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import shutil
import subprocess
import sys
import textwrap
import venv
import zipfile
from pathlib import Path

import pytest

from conftest import Python, clean_environment
from validation_rows import STANDARD, Change, Row, Tree, Way, nothing, remove, rename, steps, write

pytestmark = pytest.mark.slow

# --- virtual environments ---------------------------------------------------------------------------------


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


# What is made within 10 ms of a look at its directory, if that is one of the installation, may go unseen: docs/differences.md.
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
    "made while it runs, after invalidate_caches": in_environment(
        program=SITE + "imports('tinier')\nwrite(site + '/tiny/__init__.py', 'v2')\nimportlib.invalidate_caches()\n" + TINY,
        traced=TINY, hits=f"tinier tidy tidy.inner {STANDARD}", misses={"tiny": ""},
    ),
    "made while it runs, in a package": in_environment(
        program=SITE + "import time\nimports('tidy tinier')\ntime.sleep(0.1)\nwrite(site + '/tidy/inner/__init__.py', 'v2')\n" + TINY,
        traced=TINY, hits=f"tiny tinier tidy {STANDARD}", misses={"tidy.inner": ""},
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


def compiled_anew(change: Change) -> Row:
    """The sources are again what they were, and pip has compiled what an import had compiled before the dump.

    Up to 3.10, marshal marks an interned string as one to be referred to only if something else holds it
    (python/cpython#78214): an import compiles the docstring "v1" while modules that were imported before have it,
    pip does not, and the bytes differ.  The first of the modules has it alone both times.  From 3.15 on it marks the
    module's own code object so where an import writes it, and not where compileall does.
    """
    names = WHEELED.split()
    same = 0 if sys.version_info >= (3, 15) else len(names) if sys.version_info >= (3, 11) else 1
    row = with_pip(" ".join([*names[:same], "tiny", "alpha"]), change=change)
    return dataclasses.replace(row, misses=dict.fromkeys(names[same:], "its .pyc has changed"))


PIP = {
    "installed": with_pip(f"{WHEELED} tiny alpha"),
    "upgraded": with_pip("tiny alpha", WHEELED, change=upgrade),
    "upgraded and downgraded": compiled_anew(steps(upgrade, lambda tree: pip(tree, "install", str(tree / "wheels/wheeled-1-py3-none-any.whl")))),
    "installed again": compiled_anew(lambda tree: pip(tree, "install", "--force-reinstall", str(tree / "wheels/wheeled-1-py3-none-any.whl"))),
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

LEAF_EDITED = "edited edited.sub"
EDITS = {
    "nothing edited": (EDITED, nothing),
    "one edited": (LEAF_EDITED, write("project/src/edited/sub/leaf.py")),
    "one edited with its size and time": (
        LEAF_EDITED,
        lambda tree: tree.edit_in_place("project/src/edited/sub/leaf.py"),
    ),
    "one added": (EDITED, write("project/src/edited/fresh.py")),
    "a package beside a module": (LEAF_EDITED, write("project/src/edited/sub/leaf/__init__.py")),
    "a copy in front": (
        "",
        steps(*(write(f"zero/edited/{name}.py") for name in ("__init__", "sub/__init__", "sub/leaf"))),
    ),
}


def edited(style: str, edit: str) -> Row:
    hits, change = EDITS[edit]
    if style == "a finder in front":
        hits = ""  # what it finds, the archive is not asked for
    elif (style, edit) == ("a finder, with links", "a package beside a module"):
        hits = EDITED  # the links are those of the installation
    return in_environment(
        setup=STYLES[style], change=change, program=f"imports('{EDITED} edited.fresh tiny alpha')\n",
        traced=f"imports('{EDITED} tiny alpha')\n", hits=f"{hits} tiny alpha",
        misses=dict.fromkeys((name for name in EDITED.split() if name not in hits.split()), ""),
    )  # fmt: skip


EDITABLE = {f"{style}, {edit}": edited(style, edit) for style in STYLES for edit in EDITS}


@pytest.mark.parametrize("row", ENVIRONMENTS)
def test_a_virtual_environment(python: Python, tmp_path: Path, row: str) -> None:
    ENVIRONMENTS[row].check(python, tmp_path)


@pytest.mark.parametrize("row", PIP)
def test_what_pip_does(python: Python, tmp_path: Path, row: str) -> None:
    PIP[row].check(python, tmp_path)


@pytest.mark.parametrize("row", EDITABLE)
def test_an_editable_install(python: Python, tmp_path: Path, row: str) -> None:
    EDITABLE[row].check(python, tmp_path)

"""Validation: times that lie, copies, other users, read-only and overlay file systems."""

# ruff: noqa: E501 - the tables are easier to read with a row a line

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from conftest import Python
from validation_rows import (
    STANDARD,
    TIME,
    Change,
    Row,
    Tree,
    Way,
    link,
    remove,
    rename,
    steps,
    without,
    write,
)

OTHERS = without("alpha")
IN_ONE = "alpha pack pack.inner pack.other space.part_one both"
FUTURE = 4_000_000_000_000_000_000


def everything(tree: Tree) -> list[Path]:
    """All files and directories, the innermost first."""
    return [*sorted(tree.root.rglob("*"), key=lambda path: -len(path.parts)), tree.root]


def times(new: Callable[[int], int], *, pycs: bool = True) -> Change:
    """Every modification time as a function of the old one."""

    def make(tree: Tree) -> None:
        for path in everything(tree):
            if pycs or path.suffix != ".pyc":
                ns = new(path.lstat().st_mtime_ns)
                os.utime(path, ns=(ns, ns), follow_symlinks=False)

    return make


def rewritten(tree: Tree) -> None:
    """As a fresh checkout: every source a new file of now."""
    for path in sorted(tree.root.rglob("*.py")):
        text = path.read_bytes()
        path.unlink()
        path.write_bytes(text)


def copied(*options: str) -> Change:
    """A copy moved into the place of the tree."""

    def make(tree: Tree) -> None:
        copy = tree.root.with_name("copy")
        subprocess.run(["cp", *options, str(tree.root), str(copy)], check=True)
        shutil.rmtree(tree.root)
        os.rename(copy, tree.root)

    return make


def through_tar(tree: Tree) -> None:
    """Packed and unpacked, as the layers of a container image are: whole seconds."""
    packed = tree.root.with_name("tree.tar")
    subprocess.run(["tar", "--format=ustar", "-C", str(tree.root), "-cf", str(packed), "."], check=True)
    for path in tree.root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    subprocess.run(["tar", "-C", str(tree.root), "-xpf", str(packed)], check=True)
    packed.unlink()


def hard_links(tree: Tree) -> None:
    """As a store that keeps equal files once: other inodes of the same content."""
    store = tree.root / "inodes"
    store.mkdir()
    for number, path in enumerate(sorted(tree.root.rglob("*.py"))):
        shutil.copy2(path, store / str(number))
        path.unlink()
        os.link(store / str(number), path)


def earlier_and_older(tree: Tree) -> None:
    """The clock was set back: what is new has times before those of the dump."""
    tree.write("one/alpha.py", ns=TIME - 10**15)


TIMES = {
    "truncated to seconds": Row(change=times(lambda ns: ns // 10**9 * 10**9), hits=STANDARD),
    "rounded to two seconds": Row(change=times(lambda ns: ns // (2 * 10**9) * 2 * 10**9), hits=STANDARD),
    "zeroed": Row(change=times(lambda ns: 0), hits=STANDARD),
    "zeroed at the dump": Row(at_dump=Way("-B"), change=times(lambda ns: 0), hits=STANDARD),
    "before the epoch": Row(change=times(lambda ns: -(10**11)), hits=STANDARD),
    # FileFinder takes the -1 for its own mark that it has not looked yet, and never looks.
    "one second before the epoch": Row(change=times(lambda ns: -(10**9)), misses={"alpha": "", "beta": "", "local": ""}),
    "one for all": Row(change=times(lambda ns: 499162500 * 10**9), hits=STANDARD),
    "in the future": Row(change=times(lambda ns: FUTURE), hits=STANDARD),
    "an hour later": Row(change=times(lambda ns: ns + 3600 * 10**9), hits=STANDARD),
    "of the .pyc files as they were, of the others zeroed": Row(change=times(lambda ns: 0, pycs=False), hits=STANDARD),
    "as they were, set again": Row(change=times(lambda ns: ns), hits=STANDARD),
    "zeroed, and one edited with its size": Row(
        change=steps(write("one/alpha.py"), times(lambda ns: 0)), hits=OTHERS, misses={"alpha": "source has changed"}
    ),
    "zeroed, one edited with its size, no .pyc files": Row(
        change=steps(remove("one/__pycache__"), write("one/alpha.py"), times(lambda ns: 0)), hits="beta local",
        misses={"alpha": "source has changed"},
    ),
    "zeroed, and a shadow": Row(
        change=steps(write("zero/alpha.py"), times(lambda ns: 0)), hits=OTHERS, misses={"alpha": "found elsewhere"}
    ),
    "set back, and a shadow": Row(
        change=lambda tree: restore_times(tree, write("zero/alpha.py")), hits=OTHERS, misses={"alpha": "found elsewhere"}
    ),
    "set back, and a shadow that is a package": Row(
        change=lambda tree: restore_times(tree, write("zero/alpha/__init__.py")), hits=OTHERS, misses={"alpha": ""}
    ),
    "set back, and a portion that has the module": Row(
        change=lambda tree: restore_times(tree, write("zero/space/part_two.py")), hits=without("space.part_two"),
        misses={"space.part_two": ""},
    ),
    "set back, and an extension module": Row(
        change=lambda tree: restore_times(tree, write("one/pack/inner.abi3.so", text="")), hits=without("pack.inner"),
        misses={"pack.inner": ""},
    ),
    "older than at the dump, edited": Row(change=earlier_and_older, hits=OTHERS, misses={"alpha": "source has changed"}),
    "in the future at the dump, edited now": Row(
        at_dump=Way("-B"), change=steps(times(lambda ns: FUTURE), write("one/alpha.py")), hits=OTHERS,
        misses={"alpha": "source has changed"},
    ),
    "by touch -r, the content another": Row(
        change=lambda tree: touched_like(tree, "one/alpha.py"), hits=OTHERS, misses={"alpha": "source has changed"}
    ),
}  # fmt: skip


def restore_times(tree: Tree, change: Change) -> None:
    """Make a change and give every directory the time that it had."""
    before = [(path, path.stat().st_mtime_ns) for path in everything(tree) if path.is_dir()]
    change(tree)
    for path, ns in before:
        os.utime(path, ns=(ns, ns))


def touched_like(tree: Tree, name: str) -> None:
    shutil.copy2(tree / name, tree / "reference")
    tree.write(name)
    subprocess.run(["touch", "-r", str(tree / "reference"), str(tree / name)], check=True)


COPIES = {
    "cp -a": Row(change=copied("-a"), hits=STANDARD),
    "cp -r": Row(change=copied("-r"), hits=STANDARD),
    "cp -a, then one edited": Row(
        change=steps(copied("-a"), write("one/alpha.py")), hits=OTHERS, misses={"alpha": "source has changed"}
    ),
    "cp -a, then one edited with its size and time": Row(
        change=steps(copied("-a"), lambda tree: tree.edit_in_place("one/alpha.py")), hits=OTHERS,
        misses={"alpha": "source has changed"},
    ),
    "cp -a, then a shadow": Row(
        change=steps(copied("-a"), write("zero/alpha.py")), hits=OTHERS, misses={"alpha": "found elsewhere"}
    ),
    "tar": Row(change=through_tar, hits=STANDARD),
    "tar, then one edited with its size": Row(
        change=steps(through_tar, write("one/alpha.py")), hits=OTHERS, misses={"alpha": "source has changed"}
    ),
    "a fresh checkout": Row(change=rewritten, hits=STANDARD),
    "a fresh checkout of another version": Row(
        change=steps(rewritten, write("one/alpha.py")), hits=OTHERS, misses={"alpha": "source has changed"}
    ),
    "hard links": Row(change=hard_links, hits=STANDARD),
}  # fmt: skip


def store(*, pycs: bool, link_to: str = "env") -> Change:
    """Two versions of an environment with the same names, sizes and times, and a link to the first."""

    def make(tree: Tree) -> None:
        os.rename(tree / "one", tree / "v1")
        shutil.copytree(tree / "v1", tree / "v2")
        for path in sorted((tree / "v2").rglob("*.py")):
            tree.write(str(path.relative_to(tree.root)), text=path.read_text().replace('"v1', '"v2'))
        for path in sorted(tree.root.rglob("*.py")):
            os.utime(path, (1, 1))
            name = str(path.relative_to(tree.root))
            if pycs and name.startswith(("v1/", "v2/")):
                tree.compile(name)
        link("one", "v1")(tree)

    return make


def normalised(*changes: Change) -> Change:
    """As a store does: one time for every file, before the dump and after the change."""
    return steps(*changes, times(lambda ns: 10**9, pycs=True))


@lru_cache(maxsize=None)
def may_mount() -> bool:
    """Whether this process may make mounts in a name space of its own."""
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return done.returncode == 0


def mounted(script: str) -> tuple[str, ...]:
    """The prefix of a command that runs after ``script``, in a name space of mounts of its own."""
    return ("unshare", "-m", "sh", "-ec", script + '\ncd "{root}/work"\nexec "$@"', "sh")


READ_ONLY = mounted('mount --bind "{root}" "{root}"\nmount -o remount,bind,ro "{root}"')


def overlay(script: str = "", lower: str = "{root}") -> tuple[str, ...]:
    """Run on an overlay over the tree: other device and inode numbers; ``script`` changes the upper layer."""
    return mounted(f"""
        mkdir -p "{{root}}.over"
        mount -t tmpfs tmpfs "{{root}}.over"
        mkdir "{{root}}.over/upper" "{{root}}.over/work"
        mount -t overlay overlay -o "lowerdir={lower},upperdir={{root}}.over/upper,workdir={{root}}.over/work" "{{root}}"
        cd "{{root}}"
        {script}
        """)  # fmt: skip


def on(prefix: tuple[str, ...], hits: str = STANDARD, reason: str = "", **fields: object) -> Row:
    """A row whose program runs where ``prefix`` leads; ``alpha`` is missed if there is a reason."""
    misses = {} if hits == STANDARD else {"alpha": reason}
    return Row(at_run=Way(prefix=prefix), hits=hits, misses=misses, **fields)  # type: ignore[arg-type]


MOUNTS = {
    "read-only": on(READ_ONLY),
    "read-only, no .pyc files": on(READ_ONLY, at_dump=Way("-B")),
    "read-only, one edited before": on(READ_ONLY, OTHERS, "source has changed", change=write("one/alpha.py")),
    "read-only, a shadow": on(READ_ONLY, OTHERS, "found elsewhere", change=write("zero/alpha.py")),
    "overlay": on(overlay()),
    "overlay, everything copied up": on(overlay('find . -name "*.py" -exec touch -a {} +\nfind . -type d -exec chmod 0755 {} +')),
    "overlay, touched in the upper layer": on(overlay("touch one/alpha.py")),
    "overlay, edited in the upper layer": on(overlay("sed -i s/v1/v2/ one/alpha.py"), OTHERS, "source has changed"),
    "overlay, edited in the upper layer, the time set back": on(
        overlay("cp -p one/alpha.py kept; sed -i s/v1/v2/ one/alpha.py; touch -r kept one/alpha.py"), OTHERS, "source has changed"
    ),
    "overlay, removed in the upper layer": on(overlay("rm one/alpha.py"), OTHERS),
    "overlay, a shadow in the upper layer": on(overlay("sed s/v1/v2/ one/alpha.py > zero/alpha.py"), OTHERS, "found elsewhere"),
    "overlay, a package in the upper layer": on(overlay("mkdir one/alpha; cp one/alpha.py one/alpha/__init__.py"), OTHERS),
    "overlay, a directory of the lower layer gets an __init__": on(
        overlay("cp one/alpha.py zero/alpha/__init__.py"), OTHERS, setup=write("zero/alpha/data.txt")
    ),
    "overlay, another layer with the same times and sizes": on(
        overlay(lower="{root}.layer:{root}"), OTHERS, "source has changed",
        change=lambda tree: tree.write("../tree.layer/one/alpha.py", ns=(tree / "one/alpha.py").stat().st_mtime_ns,
                                       text=tree.source("one/alpha.py", "v2")),
    ),
    "a directory mounted over an entry of the path": on(
        mounted('mount --bind "{root}/three" "{root}/zero"'), OTHERS, "found elsewhere", setup=write("three/alpha.py")
    ),
    "a directory mounted over a package": Row(
        at_run=Way(prefix=mounted('mount --bind "{root}/other" "{root}/one/pack"')),
        setup=steps(write("other/__init__.py"), write("other/inner.py"), write("other/other.py")),
        hits=without("pack", "pack.inner", "pack.other"), misses={"pack": "", "pack.inner": "", "pack.other": ""},
    ),
    "a file mounted over a module": on(
        mounted('mount --bind "{root}/three/alpha.py" "{root}/one/alpha.py"'), OTHERS, "source has changed",
        setup=write("three/alpha.py"),
    ),
    "a file with the same size and time mounted over a module": on(
        mounted('mount --bind "{root}/three/alpha.py" "{root}/one/alpha.py"'), OTHERS, "source has changed",
        change=lambda tree: tree.write("three/alpha.py", ns=(tree / "one/alpha.py").stat().st_mtime_ns,
                                       text=tree.source("one/alpha.py", "v2")),
    ),
}  # fmt: skip

NOBODY = 65534
# The interpreter and the tree may lie in directories that only root can enter: the right to read is kept.
AS_NOBODY = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",
)  # fmt: skip


def owned_by(user: int) -> Callable[[Path], object]:
    return lambda archive: os.chown(archive, user, user)


USERS = {
    "nobody, everything is root's": on(AS_NOBODY),
    "nobody, one edited": on(AS_NOBODY, OTHERS, "source has changed", change=write("one/alpha.py")),
    "nobody, no .pyc files": on(AS_NOBODY, at_dump=Way("-B")),
    "nobody, a shadow": on(AS_NOBODY, OTHERS, "found elsewhere", change=write("zero/alpha.py")),
    "nobody, its own archive": on(AS_NOBODY, archive=owned_by(NOBODY)),
    "nobody, the archive is another's": Row(at_run=Way(prefix=AS_NOBODY), archive=owned_by(1234), refused="untrusted"),
    "root, the archive is nobody's": Row(archive=owned_by(NOBODY), refused="untrusted"),
    "root, others may write the archive": Row(archive=lambda archive: archive.chmod(0o666), refused="untrusted"),
    "root, others may write to its directory": Row(
        archive=lambda archive: archive.parent.chmod(0o777), refused="untrusted"
    ),
}  # fmt: skip

ENV = {"alpha": "", "pack": "", "pack.inner": "", "both": ""}
STORES = {
    "switched": Row(setup=store(pycs=False), change=normalised(link("one", "v2")), hits="local beta", misses=ENV),
    "switched, with .pyc files": Row(setup=store(pycs=True), change=normalised(link("one", "v2")), hits="local beta", misses=ENV),
    "switched, dumped and run without writing": Row(
        setup=store(pycs=False), change=normalised(link("one", "v2")), hits="local beta", misses=ENV,
        at_dump=Way("-B"), at_run=Way("-B"),
    ),
    "not switched": Row(setup=store(pycs=True), change=normalised(), hits=STANDARD),
    "switched and back": Row(setup=store(pycs=True), change=normalised(link("one", "v2"), link("one", "v1")), hits=STANDARD),
    "renamed over": Row(
        setup=store(pycs=True), change=normalised(rename("one", "old"), rename("v2", "one")), hits="local beta", misses=ENV
    ),
    "a package alone is a link, switched": Row(
        setup=steps(
            rename("one/pack", "pack1"), link("one/pack", "../pack1"), write("pack2/__init__.py"), write("pack2/inner.py"),
            write("pack2/other.py"), normalised(),
        ),
        change=normalised(link("one/pack", "../pack2")), hits=without("pack", "pack.inner", "pack.other"),
        misses={"pack": "", "pack.inner": "", "pack.other": ""},
    ),
}  # fmt: skip


@pytest.mark.parametrize("validation", ["exact", "digest"])
@pytest.mark.parametrize("row", TIMES)
def test_modification_times(python: Python, tmp_path: Path, row: str, validation: str) -> None:
    import dataclasses

    dataclasses.replace(TIMES[row], validation=validation).check(python, tmp_path)


@pytest.mark.parametrize("row", COPIES)
def test_a_copy(python: Python, tmp_path: Path, row: str) -> None:
    COPIES[row].check(python, tmp_path)


@pytest.mark.parametrize("row", STORES)
def test_an_environment_of_a_store(python: Python, tmp_path: Path, row: str) -> None:
    STORES[row].check(python, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0 or not may_mount(), reason="needs the right to mount")
@pytest.mark.parametrize("row", MOUNTS)
def test_a_mount(python: Python, tmp_path: Path, row: str) -> None:
    MOUNTS[row].check(python, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as another user")
@pytest.mark.parametrize("row", USERS)
def test_another_user(python: Python, tmp_path: Path, row: str) -> None:
    USERS[row].check(python, tmp_path)

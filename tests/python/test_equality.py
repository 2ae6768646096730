"""Equality: the code that is served is the code that would have been unmarshalled, in everything that can be seen."""

from __future__ import annotations

import _imp
import json
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

import code_equality
from conftest import Python

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))

# fmt: off
QUICK = [
    "_pydecimal", "argparse", "asyncio", "asyncio.base_events", "contextlib", "dataclasses", "difflib", "enum",
    "email.headerregistry", "encodings.punycode", "html.entities", "json", "json.decoder", "pickletools", "smtplib",
    "pydoc_data.topics", "ssl", "tarfile", "turtle", "typing", "unittest.mock", "uuid", "xml.dom.minidom", "zipfile",
]
# fmt: on
"""Of every kind: large tables, classes in functions, comprehensions, coroutines, frozensets, exception groups."""

NEWER = [
    *(["_pyrepl.reader"] if sys.version_info >= (3, 13) else []),
    *(["pathlib._abc"] if sys.version_info[:2] == (3, 13) else []),
    *(["annotationlib", "pathlib._os", "string.templatelib"] if sys.version_info >= (3, 14) else []),
]
"""What only newer versions have."""


def modules_below(root: Path, *, skip: Iterable[str] = ()) -> Iterator[str]:
    """Names of all modules in files below a directory of packages, parents before children."""
    for path in sorted(root.iterdir()):
        if path.name in skip or not (path.stem if path.suffix == ".py" else path.name).isidentifier():
            continue
        if path.suffix == ".py":
            # Compiled by mypyc or Cython: the extension module is what an import finds.
            if not any((root / f"{path.stem}{suffix}").exists() for suffix in EXTENSION_SUFFIXES):
                yield path.stem
        elif (path / "__init__.py").is_file():
            yield path.name
            yield from (f"{path.name}.{name}" for name in modules_below(path, skip=[*skip, "__init__.py"]))


def standard_library() -> list[str]:
    # setuptools puts a finder of its own in front of distutils, which imports much of the library when it is asked.
    skip = ["site-packages", "dist-packages", "lib-dynload", "test", "tests", "distutils"]
    return list(modules_below(STANDARD_LIBRARY, skip=skip))


def sampled_tests() -> list[str]:
    """Every fifth of CPython's own tests, where they are installed: the strangest code there is."""
    names = [name for name in modules_below(STANDARD_LIBRARY, skip=["site-packages"]) if name.startswith("test.")]
    return ["test"] * bool(names) + [name for name in names if name.count(".") == 1][::5]


def compare(python: Python, names: Iterable[str], *options: str, **environ: str) -> dict[str, Any]:
    """Dump the modules, then compare each as served with itself as read, in a fresh process."""
    listed = python.directory / "names"
    archive = python.directory / "compared.pycds"
    listed.write_text("\n".join(names) + "\n")
    python("-m", "pycds", "dump", listed, archive, env=environ, timeout=500)
    compared = python(code_equality.__file__, archive, listed, *options, env=environ, timeout=500)
    report: dict[str, Any] = json.loads(compared.stdout)
    assert report["different"] == {}
    return report


def test_a_sample_of_the_standard_library(python: Python) -> None:
    names = [*QUICK, *NEWER]
    report = compare(python, names, "--no-dis")
    assert report["compared"] == len(names), report["not_served"]


def test_disassembly_of_a_sample(python: Python) -> None:
    names = ["contextlib", "asyncio", "asyncio.streams", "json.decoder", "dataclasses", "bisect", "heapq"]
    if sys.version_info >= (3, 11):
        names.append("asyncio.taskgroups")
    assert compare(python, names)["compared"] == len(names)


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_under_a_hash_seed(python: Python, seed: str) -> None:
    """Frozensets iterate as in a plain import under the same seed, whatever the seed at the dump."""
    names = ["_pydecimal", "turtle", "typing", "tokenize", "xml.dom.minidom", "tarfile", "smtplib"]
    listed = python.directory / "names"
    archive = python.directory / "compared.pycds"
    listed.write_text("\n".join(names) + "\n")
    python("-m", "pycds", "dump", listed, archive, env={"PYTHONHASHSEED": "99"})
    done = python(code_equality.__file__, archive, listed, "--no-dis", env={"PYTHONHASHSEED": seed})
    report = json.loads(done.stdout)
    assert report == {"compared": len(names), "not_served": [], "different": {}}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_the_whole_standard_library(python: Python, part: int) -> None:
    names = standard_library()[part::4]
    report = compare(python, names)
    left_out = set(report["not_served"])
    print(f"{report['compared']} modules equal, {len(left_out)} not served of {len(names)}")
    assert report["compared"] > 125
    # Frozen modules have no file; nothing else may be missing.
    frozen = {name for name in left_out if name.partition(".")[0].startswith("__") or _imp.is_frozen(name)}
    assert left_out <= frozen


@pytest.mark.slow
def test_a_sample_of_the_tests_of_python(python: Python) -> None:
    names = sampled_tests()
    if len(names) < 60:
        pytest.skip("this interpreter was installed without its tests, or with a few only (Debian's)")
    report = compare(python, names)
    assert report["compared"] > 50, report["not_served"]


def with_longer_lines(code: Any) -> Any:
    if sys.version_info >= (3, 10):
        return code.replace(co_linetable=code.co_linetable + b"\x80\x00")
    return code.replace(co_lnotab=code.co_lnotab + b"\x00\x01")


def test_the_comparison_finds_differences() -> None:
    """The means of this file are worth something: each kind of change is seen."""

    def compiled(source: str) -> Any:
        return compile(source, "file.py", "exec", dont_inherit=True)

    plain = compiled("def f(a, b=-0.0):\n    return a + b, 'text here', (1, 2)\n")
    assert list(code_equality.differences(plain, plain)) == []
    function = next(constant for constant in plain.co_consts if hasattr(constant, "co_consts"))
    constants = function.co_consts
    unequal = [
        plain.replace(co_filename="other.py"),
        plain.replace(co_firstlineno=2),
        with_longer_lines(plain),
        plain.replace(co_stacksize=plain.co_stacksize + 1),
        compiled("def f(a, b=0.0):\n    return a + b, 'text here', (1, 2)\n"),
        compiled("def f(a, b=-0):\n    return a + b, 'text here', (1, 2)\n"),
    ]
    uninterned = str(b"text here", "ascii")
    for changed in ((*constants, None), (*constants[:-1], uninterned), (*constants[:-1], (1, True))):
        other = function.replace(co_consts=changed)
        unequal.append(plain.replace(co_consts=tuple(other if c is function else c for c in plain.co_consts)))
    for code in unequal:
        assert list(code_equality.differences(code, plain)), code

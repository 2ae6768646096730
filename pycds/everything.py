"""Everything importable: the names of the modules that lie in the directories of a path.  Nothing is imported."""

from __future__ import annotations

import os
import sys
from fnmatch import fnmatchcase
from importlib.machinery import all_suffixes
from itertools import accumulate
from typing import Iterable, Iterator, List, Sequence, Set, Tuple

LEFT_OUT = (
    "test", "*.test", "*.tests", "*.idle_test", "idlelib", "turtledemo", "lib2to3", "ensurepip._bundled",
    "__hello__", "__phello__", "antigravity", "this", "pycds",
)  # fmt: skip
"""What of the standard library is only archived for who asks for it: tests, demonstrations, what prints."""

_SUFFIXES = tuple(sorted(all_suffixes(), key=len, reverse=True))


def path() -> List[str]:
    """``sys.path`` as every program of the environment has it, without the directory of the one that runs."""
    has_own = not (sys.flags.isolated or getattr(sys.flags, "safe_path", False))
    return [entry for entry in sys.path[has_own:] if os.path.isabs(entry)]


def names(path: Sequence[str], only: Sequence[str], exclude: Sequence[str]) -> List[str]:
    """Modules and packages that imports could find in the directories of ``path``."""
    found: Set[str] = set()
    for entry in path:
        is_library = entry == os.path.dirname(os.__file__)
        inside = {name for leaf in _below(entry, "", ()) for name in _with_parents(leaf)}
        found.update(select(inside, only, (*exclude, *(LEFT_OUT if is_library and not only else LEFT_OUT[-1:]))))
    return sorted(found)


def select(names: Iterable[str], only: Sequence[str], exclude: Sequence[str]) -> Iterator[str]:
    """Names that match one of ``only``, if there are any, and none of ``exclude``.

    These are patterns; a package that matches stands for all that is in it.
    """
    return (name for name in names if (not only or _matches(name, only)) and not _matches(name, exclude))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(whole, pattern) for whole in _with_parents(name) for pattern in patterns)


def _with_parents(name: str) -> Iterator[str]:
    return accumulate(name.split("."), "{}.{}".format)


def _below(directory: str, prefix: str, above: Tuple[str, ...]) -> Iterator[str]:
    """Modules in a directory and those below it; ``above`` are the directories that led here: links go in circles."""
    if os.path.islink(directory) and os.path.realpath(directory) in map(os.path.realpath, above):
        return
    try:
        entries = os.listdir(directory)
    except OSError:  # no directory, or one that imports do not see either
        return
    for entry in entries:
        stem = _stem(entry)
        if stem == "__init__" and prefix:
            yield prefix[:-1]
        elif stem.isidentifier():
            yield prefix + stem
        elif entry.isidentifier() and entry != "__pycache__":
            yield from _below(f"{directory}/{entry}", f"{prefix}{entry}.", (*above, directory))


def _stem(file: str) -> str:
    """The last part of the name of the module that a file holds; empty where it holds none."""
    return next((file[: -len(end)] for end in _SUFFIXES if file.endswith(end)), "") if file.endswith(_SUFFIXES) else ""

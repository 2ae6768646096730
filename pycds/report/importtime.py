"""What ``python -X importtime`` writes on stderr, as the tree of imports that it was.

A line is written when an import has ended, so what a module imports stands before it, indented by two more blanks;
also for imports that fail, and for modules from an archive.  There is none for what ``importlib.import_module``
imports: that is part of the time of the module that calls it.
"""

from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Tuple

# Not only at the beginning of a line: the program may have written there without ending its own.
_LINE = re.compile(r"import time: *(\d+) \| *(\d+) \| ( *)(.*)")


class Import(NamedTuple):
    """One import, and those within it in the order in which they ended.  Times are microseconds."""

    name: str
    self_us: int
    total_us: int  # with all within it; their sum, so that the tree adds up
    size: int  # how many they are, and itself
    within: Tuple[Import, ...]


class Imports(NamedTuple):
    """Those of one run."""

    roots: Tuple[Import, ...]
    doubtful: int  # of how many the interpreter's own total is another one than the sum

    @property
    def total_us(self) -> int:
        """Of all of them."""
        return sum(root.total_us for root in self.roots)


def parse(text: str) -> Imports:
    """The imports that a process has told of on stderr; other lines are passed over.

    Imports that had not ended when the process did have no line: what is within them stands in their place.
    """
    waiting: List[List[Import]] = [[]]  # by level, those whose parents have not ended yet
    doubtful = 0
    for found in _LINE.finditer(text):
        self_us, told_us, level = int(found[1]), int(found[2]), len(found[3]) // 2
        within = tuple(each for deeper in waiting[level + 1 :] for each in deeper)
        del waiting[level + 1 :]
        total_us = self_us + sum(each.total_us for each in within)
        size = 1 + sum(each.size for each in within)
        # Each figure is rounded by itself; more is missing where threads or other processes write into the same list.
        doubtful += abs(total_us - told_us) > size
        while len(waiting) <= level:
            waiting.append([])
        waiting[level].append(Import(found[4].strip(), self_us, total_us, size, within))
    return Imports(tuple(each for level_ in waiting for each in level_), doubtful)


def walk(roots: Tuple[Import, ...]) -> Iterator[Tuple[int, Import]]:
    """Every import with its level, 0 for ``roots``; each before those within it."""
    ahead = [(0, root) for root in reversed(roots)]
    while ahead:
        level, found = ahead.pop()
        yield level, found
        ahead += [(level + 1, each) for each in reversed(found.within)]


def of_start_up(roots: Tuple[Import, ...]) -> int:
    """How many of the roots are imports of the interpreter itself, which end with ``site``."""
    names = [root.name for root in roots]
    return names.index("site") + 1 if "site" in names else 0

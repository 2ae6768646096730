"""Answers from copies of an archive's memo entries that are damaged one after the other, within one process.

A script for test_memo.py: ``damaged_memo.py ARCHIVE COPY STEP``.  Each STEP-th byte of what belongs to memo entries is
changed, before the archive is opened and while it is in use; each time the regular expressions of the archive are
compiled.  Prints JSON: how many trials there were, how many answers came and did not come from the archive, and what
was wrong.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys

from pycds import _core, tracer
from pycds.trace_list import parse

MODULES = ("re", *tracer.REGEX_MODULES)


def places(archive: str) -> list[int]:
    """Each byte of the segments of memo entries, and of all records of entries."""
    image = _core.Image(archive)
    found = []
    for entry in image.memo():
        found += range(entry["segment_offset"], entry["segment_offset"] + entry["segment_size"])
    entries = next(section for section in image.sections() if section["name"] == "entries")
    return found + list(range(entries["offset"], entries["offset"] + entries["size"]))


def compiler_from(finder: _core.Finder) -> object:
    """The compiler of regular expressions, imported anew."""
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("re")
        return sys.modules[tracer.REGEX_MODULES[-1]]
    finally:
        sys.meta_path.remove(finder)


def main(archive: str, copy: str, step: int) -> None:
    with open(archive, "rb") as file:
        whole = file.read()
    with open(copy, "wb") as file:
        file.write(whole)
    regexes = [(pattern, flags) for _kind, flags, pattern in parse(sys.stdin.buffer.read(), "stdin").regexes]
    kept = {name: sys.modules[name] for name in MODULES}
    expected = [re.compile(pattern, flags) for pattern, flags in regexes]
    trials, served, lost, wrong = 0, 0, 0, []
    descriptor = os.open(copy, os.O_RDWR)
    for place in places(archive)[::step]:
        for in_use in (False, True):
            trials += 1
            damaged = bytes([whole[place] ^ 1 << trials % 8])
            if not in_use:
                os.pwrite(descriptor, damaged, place)
            finder = _core.Finder(copy)
            compiler = compiler_from(finder)
            os.pwrite(descriptor, damaged, place)
            found = [compiler.compile(pattern, flags) for pattern, flags in regexes]  # type: ignore[attr-defined]
            if found != expected or [one.groupindex for one in found] != [one.groupindex for one in expected]:
                wrong.append(place)
            counted = finder.statistics()["regexes"]
            served += counted["served"]
            lost += len(regexes) - counted["served"]
            os.pwrite(descriptor, whole[place : place + 1], place)
    os.close(descriptor)
    sys.modules.update(kept)
    print(json.dumps({"trials": trials, "served": served, "lost": lost, "wrong": wrong}))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

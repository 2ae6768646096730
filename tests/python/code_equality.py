"""How a served code object may differ from the one unmarshalled: not at all.

Imported by tests, and run as a script in a fresh interpreter: ``code_equality.py ARCHIVE NAMES [--no-dis]`` looks up
modules of an archive through the finder, takes its code from the loader twice (the first time it is served, the second
time it is read as ever), compares the two and prints the differences as JSON.  No module is executed.
"""

from __future__ import annotations

import dis
import io
import json
import marshal
import re
import struct
import sys
import warnings
from collections.abc import Iterator
from types import CodeType
from typing import Any

ATTRIBUTES = [name for name in dir(CodeType) if name.startswith(("co_", "_co_")) and name != "co_consts"]
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def differences(served: CodeType, plain: CodeType, *, disassemble: bool = True) -> Iterator[str]:
    """Everything that tells ``served`` from ``plain``, one line each."""
    comparison = _Comparison(disassemble)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # co_lnotab
        yield from comparison.code(served, plain, plain.co_name)
    yield from comparison.identities()
    copy = _unmarshalled_again(plain)  # with a NaN in it not even that is equal
    if copy is None:
        return
    if (served == plain) != (copy == plain):
        yield "the code objects are not =="
    if hash(served) != hash(plain) and hash(copy) == hash(plain):
        yield "their hashes differ"


def _unmarshalled_again(code: CodeType) -> CodeType | None:
    try:
        copy: CodeType = marshal.loads(marshal.dumps(code))
        return copy
    except ValueError:  # marshal has no slices before 3.14, and they make code objects unequal
        return None


class _Comparison:
    def __init__(self, disassemble: bool) -> None:
        self.disassemble = disassemble
        self.pairs: list[tuple[Any, Any, str]] = []

    def code(self, served: CodeType, plain: CodeType, where: str) -> Iterator[str]:
        for name in ATTRIBUTES:
            mine, theirs = getattr(served, name), getattr(plain, name)
            if callable(mine):
                mine, theirs = list(mine()), list(theirs())
            yield from self.value(mine, theirs, f"{where}.{name}")
        if served.__sizeof__() != plain.__sizeof__():
            yield f"{where}: sizes {served.__sizeof__()} and {plain.__sizeof__()}"
        yield from self.value(served.co_consts, plain.co_consts, f"{where}.co_consts")
        if self.disassemble and disassembly(served) != disassembly(plain):
            yield f"{where}: dis differs"

    def value(self, served: Any, plain: Any, where: str) -> Iterator[str]:
        if type(served) is not type(plain):
            yield f"{where}: types {type(served).__name__} and {type(plain).__name__}"
            return
        self.pairs.append((served, plain, where))
        if isinstance(plain, CodeType):
            yield from self.code(served, plain, f"{where}.{plain.co_name}")
        elif isinstance(plain, (tuple, frozenset, list)):
            # A frozenset's order of iteration can be seen by the program, so it counts.
            if len(served) != len(plain):
                yield f"{where}: lengths {len(served)} and {len(plain)}"
                return
            for index, (mine, theirs) in enumerate(zip(served, plain)):
                yield from self.value(mine, theirs, f"{where}[{index}]")
            if isinstance(plain, frozenset) and not all(item in served for item in plain):
                yield f"{where}: a member is not found"
        elif isinstance(plain, slice):
            for name in ("start", "stop", "step"):
                yield from self.value(getattr(served, name), getattr(plain, name), f"{where}.{name}")
        elif bits(served) != bits(plain):
            yield f"{where}: {served!r} and {plain!r}"
        elif isinstance(plain, str) and is_interned(served) != is_interned(plain):
            yield f"{where}: {plain!r} is interned in one of them only"
        elif served.__sizeof__() != plain.__sizeof__():
            yield f"{where}: sizes {served.__sizeof__()} and {plain.__sizeof__()}"

    def identities(self) -> Iterator[str]:
        """What is one object in a plain import must be one in a served one."""
        one: dict[int, Any] = {}
        for served, plain, where in self.pairs:
            if ".co_consts" in where and one.setdefault(id(plain), served) is not served:
                yield f"{where}: one object in a plain import, two when served"


def bits(value: Any) -> Any:
    """What tells equal-looking scalars apart: the sign of zero, the payload of a NaN, the type."""
    if isinstance(value, float):
        return struct.pack("d", value)
    if isinstance(value, complex):
        return struct.pack("dd", value.real, value.imag)
    return value


def is_interned(text: str) -> bool:
    """Whether ``text`` is the canonical object for its value, without making it so."""
    copy = text[:1] + text[1:]
    copy = "".join(copy) if copy is text else copy
    if copy is text:  # one character or none: the runtime has just one
        return True
    return sys.intern(copy) is text


def disassembly(code: CodeType) -> str:
    text = io.StringIO()
    if sys.version_info >= (3, 11):
        for adaptive in (False, True):
            dis.dis(code, file=text, depth=0, show_caches=True, adaptive=adaptive)
    else:
        dis.dis(code, file=text, depth=0)
    return _ADDRESS.sub("", text.getvalue())


def served_and_plain(archive: str, names: list[str]) -> Iterator[tuple[str, CodeType | None, CodeType | None]]:
    """Each module, its served code (None where it was not served) and its ordinary one; parents before children."""
    from pycds._core import Finder

    finder = Finder(archive)
    locations: dict[str, Any] = {"": None}
    for name in names:
        sys.meta_path.insert(0, finder)
        try:
            spec = find(name, locations)
        finally:
            sys.meta_path.remove(finder)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "get_code"):
            yield name, None, None
            continue
        hits = finder.statistics()["hits"]
        try:
            served = spec.loader.get_code(name)
        except SyntaxError:  # some of CPython's own tests are no valid source, on purpose
            yield name, None, None
            continue
        if finder.statistics()["hits"] == hits:
            print(f"{name}: {finder.statistics()['missed'][-1:]}", file=sys.stderr)
            served = None
        yield name, served, spec.loader.get_code(name)


def find(name: str, locations: dict[str, Any]) -> Any:
    """The spec of a module, found as an import would but without importing its parents."""
    parent = name.rpartition(".")[0]
    if parent not in locations and find(parent, locations) is None:
        return None
    for finder in sys.meta_path:
        spec = finder.find_spec(name, locations[parent])
        if spec is not None:
            locations[name] = spec.submodule_search_locations
            return spec
    return None


def main(archive: str, names: str, *options: str) -> None:
    """Compare the modules named in a file, one a line."""
    report: dict[str, Any] = {"compared": 0, "not_served": [], "different": {}}
    with open(names, encoding="utf-8") as file:
        listed = [line.strip() for line in file]
    for name, served, plain in served_and_plain(archive, listed):
        if served is None or plain is None:
            report["not_served"].append(name)
            continue
        report["compared"] += 1
        found = list(differences(served, plain, disassemble="--no-dis" not in options))
        if found:
            report["different"][name] = found[:10]
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

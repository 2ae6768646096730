"""What the self-check does in its own process: dump, serve, compare and run the specimens.

Prints ``PASSED`` in the end; anything else it prints last is what is wrong.
"""

from __future__ import annotations

import gc
import os
import struct
import sys
import tempfile
import types
import warnings
from typing import Any, Iterator, List, Sequence, Tuple

from pycds.self_check import PASSED

PACKAGE = "pycds.self_check.specimens"
MODULES = ("values", "functions", "classes", "control")
RUNS = 40
"""How often a specimen's functions run: enough for the interpreter to specialise or cache what it runs."""


class Failed(Exception):
    """Something is not as in a plain import: ``str()`` says what."""


def main(arguments: Sequence[str]) -> int:
    """Examine this interpreter.  No arguments."""
    from pycds._core import Refusal

    try:
        with tempfile.TemporaryDirectory(prefix="pycds-self-check-") as directory:
            examine(os.path.join(directory, "specimens.pycds"))
    except (Failed, Refusal) as error:
        print(error)
        return 1
    print(PASSED)
    return 0


def examine(archive: str) -> None:
    """Raises Failed, or Refusal where this interpreter cannot use archives at all."""
    from pycds._core import Finder

    names = [f"{PACKAGE}.{name}" for name in MODULES]
    _dump(names, archive)
    finder = Finder(archive, "sealed")
    plain = {name: _code(name, None) for name in names}
    served = {name: _code(name, finder) for name in names}
    unserved = [name for name in names if name not in finder.statistics()["served"]]
    if unserved:
        raise Failed(f"not served: {finder.statistics()['missed'] or unserved}")
    for name in names:
        for difference in differences(served[name], plain[name], name):
            raise Failed(f"what was served differs from what was compiled: {difference}")
    for name in names:
        _compare_runs(name, served[name], plain[name])
    gc.collect()
    for name in names:  # running leaves nothing behind that could be seen
        for difference in differences(served[name], plain[name], name):
            raise Failed(f"after running, what was served differs: {difference}")


def _dump(names: List[str], archive: str) -> None:
    import pycds
    from pycds.dumper import write_archive
    from pycds.trace_list import TracedModule, TraceList

    trace = TraceList()
    trace.path = [os.path.dirname(path) for path in pycds.__path__]  # whatever else is called so
    for name in names:
        trace.add(TracedModule(name))
    summary = write_archive(trace, "the specimens", archive)
    if summary.skipped:
        raise Failed("{} could not be archived: {}".format(*summary.skipped[0]))


def _code(name: str, finder: Any) -> types.CodeType:
    """The code of a module: from its loader, or through the archive's finder.  The module is not imported."""
    from importlib.machinery import PathFinder

    parent = sys.modules[PACKAGE] if PACKAGE in sys.modules else __import__(PACKAGE, None, None, ["specimens"])
    if finder is not None:
        sys.meta_path.insert(0, finder)
    try:
        spec = (finder or PathFinder).find_spec(name, parent.__path__)
    finally:
        if finder is not None:
            sys.meta_path.remove(finder)
    loader: Any = spec.loader if spec is not None else None
    code = loader.get_code(name) if loader is not None else None
    if not isinstance(code, types.CodeType):
        raise Failed(f"{name} has no code")
    return code


def _compare_runs(name: str, served: types.CodeType, plain: types.CodeType) -> None:
    results = []
    for code in (served, plain):
        module = types.ModuleType(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(code, module.__dict__)
        run = module.__dict__["run"]
        results.append([run() for _ in range(RUNS)])
        lines: List[int] = []
        sys.settrace(lambda frame, event, argument, lines=lines: lines.append(frame.f_lineno))  # type: ignore[misc]
        try:
            results[-1].append(run())
        finally:
            sys.settrace(None)
        results[-1].append(lines)
    if results[0] != results[1]:
        raise Failed(f"{name} gives other results when served")


def differences(served: object, plain: object, where: str) -> Iterator[str]:
    """What tells two constants apart, code objects among them."""
    if type(served) is not type(plain):
        yield f"{where} is of type {type(served).__name__}, not {type(plain).__name__}"
    elif isinstance(plain, types.CodeType):
        for attribute in dir(plain):
            if attribute.startswith("co_") and attribute not in ("co_lnotab",):
                one, other = getattr(served, attribute), getattr(plain, attribute)
                place = f"{where}.{plain.co_name}.{attribute}"
                if not callable(other):
                    yield from differences(one, other, place)
                elif list(one()) != list(other()):  # lines and columns
                    yield f"{place}() gives something else"
    elif isinstance(plain, (tuple, frozenset)):
        items: Tuple[Any, Any] = served, plain
        if isinstance(plain, frozenset):  # in what order they were put in is the file's, not the interpreter's
            items = sorted(items[0], key=repr), sorted(items[1], key=repr)
        if len(items[0]) != len(items[1]):
            yield f"{where} has {len(items[0])} items, not {len(items[1])}"
        for one, other in zip(*items):
            yield from differences(one, other, where)
    elif isinstance(plain, slice):
        yield from differences(served.__reduce__()[1], plain.__reduce__()[1], where)
    elif _bits(served) != _bits(plain) or hash(served) != hash(plain):
        yield f"{where} is {served!r}, not {plain!r}"


def _bits(value: object) -> object:
    """A zero has a sign, and a NaN equals nothing."""
    return struct.pack("d", value) if isinstance(value, float) else repr(value)

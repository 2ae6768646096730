"""A code object through an archive and back, within this process: Plan, write, Finder, loader."""

from __future__ import annotations

import itertools
import marshal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import CodeType
from typing import Any

_numbers = itertools.count()


def round_trip(
    directory: Path, codes: Mapping[str, CodeType], *, unmarshalled: bool = True
) -> dict[str, tuple[CodeType, CodeType]]:
    """Archive the codes as modules of these names and serve them again: for each the served and the plain code.

    The plain one was unmarshalled, as an import does it, unless that is not wanted.
    """
    from pycds._core import Finder, Plan

    number = next(_numbers)
    root = directory / f"root{number}"
    root.mkdir()
    plan = Plan()
    plain = {}
    for name, code in codes.items():
        plain[name], orders = _unmarshalled(code) if unmarshalled else (code, {})
        source = root / f"{name}.py"
        source.write_text("")
        status = source.stat()
        plan.add(
            name,
            plain[name],
            loader="source",
            origin=str(source),
            cached=None,
            search_entry=str(root),
            locations=None,
            stamp_path=str(source),
            stamp=(status.st_mtime_ns, status.st_ctime_ns, status.st_size),
            pyc=None,
            pyc_elsewhere=False,
            marshalled=b"",
            frozenset_orders=orders,
            random_hashes=False,
        )
    archive = directory / f"archive{number}.pycds"
    plan.write(str(archive))
    finder = Finder(str(archive))
    sys.meta_path.insert(0, finder)
    try:
        served = {name: _get_code(finder.find_spec(name, [str(root)]), name) for name in codes}
    finally:
        sys.meta_path.remove(finder)
    assert finder.statistics()["served"] == list(codes), finder.statistics()
    return {name: (served[name], plain[name]) for name in codes}


def _unmarshalled(code: CodeType) -> tuple[CodeType, dict[frozenset[Any], tuple[Any, ...]]]:
    from pycds.marshal_stream import frozenset_orders

    try:
        data = marshal.dumps(code)
    except ValueError:  # slices, before 3.14
        return code, {}
    return marshal.loads(data), {frozenset(items): items for items in frozenset_orders(data)}


def _get_code(spec: Any, name: str) -> CodeType:
    code: CodeType = spec.loader.get_code(name)
    return code

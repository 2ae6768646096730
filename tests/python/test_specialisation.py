"""Specialisation: once warm, served code is rewritten by the interpreter as code from a ``.pyc`` is (PEP 659)."""

from __future__ import annotations

import json
import sys
from typing import Dict, List

import pytest

from conftest import MakeArchive, Python, write_files

if sys.version_info < (3, 11):
    pytest.skip("instructions are rewritten from 3.11 on; before, the caches cannot be seen", allow_module_level=True)

MODULE = """\
    import math

    FACTOR = 3

    class Point:
        kind = "point"
        def __init__(self, x, y):
            self.x = x
            self.y = y
        def length(self):
            return math.sqrt(self.x * self.x + self.y * self.y)
        @property
        def doubled(self):
            return self.x * 2.0

    def add(a, b):
        return a + b

    def default(a, b=2, *, c=3):
        return add(add(a, b), c)

    def numbers(n):
        total = 0
        for i in range(n):
            total += i * FACTOR
            if total > 10_000_000:
                total = 0
        return total

    def attributes(points):
        length = 0.0
        for point in points:
            length += point.length() + point.x + len(point.kind) + point.doubled
            point.y = point.x
        return length

    def items(table, words, pair):
        first, second = pair
        found = []
        for word in words:
            found.append(table[word])
            if word == "b" and word in table:
                found[0] = words[1]
        return [w.upper() for w in words] + [str(first), second, isinstance(first, int)]

    def closure(n):
        def inner(m):
            return n + m
        return inner(1) + inner(2)

    def generate(n):
        for i in range(n):
            yield i, (i, i)

    def consume(n):
        return sum(first for first, (second, third) in generate(n) if second == third)

    def run(times):
        for _ in range(times):
            default(1); default(1, 3, c=4); numbers(50); closure(3); consume(20)
            attributes([Point(1.0, 2.0), Point(3.0, 4.0)])
            items({"a": 1, "b": 2}, ["a", "b"], (1, "x"))
"""

PROGRAM = """\
    import dis, json, sys, types
    import busy
    busy.run(int(sys.argv[1]))
    def codes(code):
        yield code
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from codes(constant)
    rewritten = {}
    functions = [value for value in vars(busy).values() if isinstance(value, types.FunctionType)]
    functions += [value for value in vars(busy.Point).values() if isinstance(value, types.FunctionType)]
    functions.append(busy.Point.doubled.fget)
    for function in functions:
        for code in codes(function.__code__):
            rewritten[f"{code.co_qualname} {code.co_firstlineno}"] = [
                instruction.opname for instruction in dis.get_instructions(code, adaptive=True)
            ]
    print(json.dumps(rewritten))
"""


def rewritten(output: str) -> Dict[str, List[str]]:
    """The instructions of each function.

    3.14 tells loading a constant that is immortal from loading another: those of an archive all are, and loading them
    is the faster for it.
    """
    names: Dict[str, List[str]] = json.loads(output)
    loads = {"LOAD_CONST_IMMORTAL": "LOAD_CONST", "LOAD_CONST_MORTAL": "LOAD_CONST"}
    return {code: [loads.get(name, name) for name in instructions] for code, instructions in names.items()}


@pytest.mark.parametrize("times", [1, 30, 2000])
def test_warm_code_is_specialised_as_in_a_plain_import(python: Python, make_archive: MakeArchive, times: int) -> None:
    write_files(python.directory, {"busy.py": MODULE, "app.py": PROGRAM})
    archive = make_archive("app.py", "1")
    served = python.served(archive.archive, "app.py", str(times))
    assert "busy" in served.names
    plain = rewritten(python("app.py", str(times)).stdout)
    assert rewritten(served.stdout) == plain
    if times > 1000:
        all_names = {name for names in plain.values() for name in names}
        # The call of one Python function by another is guarded by the version of its code.
        assert any(name.startswith("CALL_PY_") for name in all_names), all_names
        assert any(name.startswith("LOAD_ATTR_") for name in all_names), all_names
        assert any(name.startswith("BINARY_OP_") for name in all_names), all_names

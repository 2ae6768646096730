"""Where a program's preparations end: its source in two pieces, to be executed one after the other."""

import ast
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple, Union

_FUTURE = 0x1FF0000
"""Bits of co_flags that a ``from __future__ import`` sets: Include/cpython/code.h, CO_FUTURE_MASK."""


def split(source: "Union[str, bytes]", filename: str) -> "Optional[Tuple[CodeType, CodeType]]":
    """The code before and after the checkpoint; None where nothing comes before.  Raises SyntaxError."""
    tree = ast.parse(source, filename)
    place = _end_of_preparations(tree.body)
    if place == 0:
        return None
    first = _compiled(tree.body[:place], filename, 0)
    return first, _compiled(tree.body[place:], filename, first.co_flags & _FUTURE)


def _compiled(body: "List[ast.stmt]", filename: str, flags: int) -> CodeType:
    code = compile(ast.Module(body, []), filename, "exec", flags=flags, dont_inherit=True)
    assert isinstance(code, CodeType)
    return code


def _end_of_preparations(body: "List[ast.stmt]") -> int:
    """How many statements only prepare.

    Those before ``if __name__ == "__main__":``, since they are executed by who imports the program, too.  Without it:
    the imports and definitions at the beginning.
    """
    for place, statement in enumerate(body):
        if isinstance(statement, ast.If) and _compares_name(statement.test):
            return place
    for place, statement in enumerate(body):
        if not _only_prepares(statement):
            return place
    return len(body)


def _compares_name(test: ast.expr) -> bool:
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = [test.left, test.comparators[0]]
    names = [side for side in sides if isinstance(side, ast.Name) and side.id == "__name__"]
    texts = [side for side in sides if isinstance(side, ast.Constant) and side.value == "__main__"]
    return bool(names and texts)


def _only_prepares(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return True
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)

"""Code compiled from texts, for a dump: what CPython's compiler makes of each, computed afresh.

``exec``, ``eval`` and ``compile`` of a program that is served take it instead of compiling.  See
``src/serve/code_memo.hpp``.
"""

from __future__ import annotations

import dis
import marshal
import warnings
from types import CodeType
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional, Set, Union

from pycds import memo

if TYPE_CHECKING:
    from pycds.memo import Entry
    from pycds.trace_list import Code

MOST = 5000
"""Entries of an archive."""
MOST_CHARACTERS = 8_000_000
"""Characters of all their texts."""

_MOST_DIGITS = 600
"""Longer numbers are an error where ``sys.set_int_max_str_digits()`` says so; its least limit is 640 digits."""


class Unsteady(Exception):
    """A text must be compiled each time; ``str()`` is the reason."""


def compute(code: Code) -> Optional[Entry]:
    """What is kept of a text; None where it must be compiled each time."""
    from pycds._core import compilation_key

    mode, flags, optimize, filename, source = code
    name = compilation_key(mode, flags, optimize, filename, source)
    if name is None:
        return None
    try:
        made = compile_steadily(source, filename, mode, flags, optimize)
    except Unsteady:
        return None
    if _holds_sets(made.co_consts):
        return None
    return memo.entry(name, (source, filename), made)


def compile_steadily(
    source: Union[str, bytes], filename: str, mode: str, flags: int = 0, optimize: int = -1
) -> CodeType:
    """The code of a text that gives the same code in each process, whatever its settings.  Raises Unsteady."""
    if _has_a_long_number(source if isinstance(source, str) else source.decode("latin-1")):
        raise Unsteady("a number that is so long that a process may refuse it")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            # A class in a function: its qualified name is a constant, which the first compilation of all interns, and
            # later ones do not, as an equal string is interned by then.  So two later ones are compared.
            made, again, once_more = (compile(source, filename, mode, flags, True, optimize) for _ in range(3))
    except Exception as error:  # a text of another version, or of a list made by hand
        raise Unsteady(f"it cannot be compiled: {type(error).__name__}: {error}") from error
    if told:
        raise Unsteady(f"compiling it warns: {told[0].message}")
    if marshal.dumps(again) != marshal.dumps(once_more):
        raise Unsteady("each compilation gives another code")
    assert isinstance(made, CodeType)
    if not _is_steady(made):
        raise Unsteady("it goes through a set of constants, whose order is another one in each process")
    return made


def _is_steady(code: CodeType) -> bool:
    """Whether what a program does with code is the same wherever it is compiled.

    The order of a frozenset depends on the hash seed, and on which of its strings the process has interned before
    (``intern_constants`` in Objects/codeobject.c).  That is of no account where only its members are asked for.
    """
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return (not _holds_sets(code.co_consts, deeply=False) or _only_asks_for_members(code)) and all(
        map(_is_steady, inner)
    )


def _holds_sets(constant: Any, *, deeply: bool = True) -> bool:
    """Whether there is a frozenset that has an order; ``deeply``: of inner code objects too."""
    if deeply and isinstance(constant, CodeType):
        return _holds_sets(constant.co_consts)
    if type(constant) is frozenset:
        return len(constant) > 1 or any(_holds_sets(item, deeply=deeply) for item in constant)
    if type(constant) is slice:  # from 3.14 on
        constant = (constant.start, constant.stop, constant.step)
    return type(constant) is tuple and any(_holds_sets(item, deeply=deeply) for item in constant)


def _only_asks_for_members(code: CodeType) -> bool:
    """Whether each frozenset is the right side of ``in`` or ``not in``."""
    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
    behind = steps[1:]
    asks = [step.opname == "CONTAINS_OP" or step.argval in ("in", "not in") for step in behind] + [False]
    loads = [step.opname.startswith("LOAD_CONST") and _holds_sets(step.argval, deeply=False) for step in steps]
    return any(loads) and all(is_asked for is_load, is_asked in zip(loads, asks) if is_load)


def _has_a_long_number(source: str) -> bool:
    """Whether there is one that may be too long; it need not be left among the constants."""
    digits = 0
    for character in source:
        digits = digits + 1 if character in "0123456789_" else 0
        if digits > _MOST_DIGITS:
            return True
    return False


def entries(codes: Dict[Code, None]) -> Iterator[Entry]:
    """What is kept of a list's texts."""
    room = MOST_CHARACTERS
    names: Set[str] = set()
    for code in codes:
        entry = compute(code)
        if entry is None or entry.name in names:
            continue
        room -= len(code[-1])
        if room < 0 or len(names) == MOST:
            return
        names.add(entry.name)
        yield entry

"""Code compiled from texts, for a dump: what CPython's compiler makes of each, computed afresh.

``exec``, ``eval`` and ``compile`` of a program that is served take it instead of compiling.  See
``src/serve/code_memo.hpp``.
"""

from __future__ import annotations

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
    if not all(map(_is_steady, made.co_consts)):
        raise Unsteady("a frozenset among its constants, whose order is another one in each process")
    assert isinstance(made, CodeType)
    return made


def _is_steady(constant: Any) -> bool:
    """Whether a constant is the same wherever it is made: the order of a frozenset depends on the hash seed."""
    if isinstance(constant, CodeType):
        return all(map(_is_steady, constant.co_consts))
    if type(constant) is tuple:
        return all(map(_is_steady, constant))
    if type(constant) is frozenset:
        return len(constant) < 2 and all(map(_is_steady, constant))
    if type(constant) is slice:  # from 3.14 on
        return all(map(_is_steady, (constant.start, constant.stop, constant.step)))
    return True


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

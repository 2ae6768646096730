"""Code compiled from texts, for a dump: what CPython's compiler makes of each, computed afresh.

``exec``, ``eval`` and ``compile`` of a program that is served take it instead of compiling.  See
``src/serve/code_memo.hpp``.
"""

from __future__ import annotations

import dis
import marshal
import warnings
from types import CodeType
from typing import TYPE_CHECKING, Any, Dict, FrozenSet, Iterator, NamedTuple, Optional, Set, Tuple, Union

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

_GOES_THROUGH_A_SET = "it goes through a set of constants, whose order is another one in each process"


class Unsteady(Exception):
    """A text must be compiled each time; ``str()`` is the reason."""


class Script(NamedTuple):
    """The code of a main script."""

    code: CodeType
    random_hashes: bool
    """It goes through sets of strings, in whatever order: it is the script's only where the hash seed is chance."""
    frozenset_orders: Dict[FrozenSet[Any], Tuple[Any, ...]]
    """The order in which the items of each frozenset are to be put into it."""


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
    made = _compile(source, filename, mode, flags, optimize)
    if any(True for _ in _ordered_sets(made)):
        raise Unsteady(_GOES_THROUGH_A_SET)
    return made


def compile_script(source: bytes, filename: str) -> Script:
    """The code of a main script.  Raises Unsteady."""
    made = _compile(source, filename, "exec", 0, -1)
    random_hashes = False
    for items in _ordered_sets(made):
        has_text = any(map(_has_text, items))
        if not all(map(_has_steady_hash, items)) or not (has_text or _is_in_steady_order(items)):
            raise Unsteady(_GOES_THROUGH_A_SET)
        random_hashes |= has_text
    return Script(made, random_hashes, {items: _order(items) for items in _sets(made.co_consts)})


def _compile(source: Union[str, bytes], filename: str, mode: str, flags: int, optimize: int) -> CodeType:
    """The code that each compilation gives; the order of its sets is to be looked at.  Raises Unsteady."""
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
    return made


def _ordered_sets(code: CodeType) -> Iterator[FrozenSet[Any]]:
    """The frozensets whose order a program can see.

    It depends on the hash seed, and on which of its strings the process has interned before (``intern_constants`` in
    Objects/codeobject.c).  That is of no account where only the members are asked for.
    """
    own = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
    if not _only_asks_for_members(code):
        yield from (items for items in _sets(own) if len(items) > 1)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _ordered_sets(constant)


def _sets(constants: Any) -> Iterator[FrozenSet[Any]]:
    """All frozensets among constants, in them, and in inner code objects."""
    for constant in constants:
        if type(constant) is frozenset:
            yield constant
        if isinstance(constant, CodeType):
            yield from _sets(constant.co_consts)
        elif type(constant) is slice:  # from 3.14 on
            yield from _sets((constant.start, constant.stop, constant.step))
        elif type(constant) in (tuple, frozenset):
            yield from _sets(constant)


def _has_text(item: Any) -> bool:
    """Whether the hash of a constant depends on the seed."""
    return type(item) in (str, bytes) or (type(item) is tuple and any(map(_has_text, item)))


def _has_steady_hash(item: Any) -> bool:
    """Whether the hash of a constant depends on nothing but the seed; that of None and of a NaN may on the address."""
    return (type(item) in (str, bytes, int, float, complex, bool) and item == item) or (
        type(item) is tuple and all(map(_has_steady_hash, item))
    )


def _is_in_steady_order(items: FrozenSet[Any]) -> bool:
    """Whether a frozenset that is made of the items, one after the other, has them in this order, too."""
    return list(map(repr, frozenset(tuple(items)))) == list(map(repr, items))


def _order(items: FrozenSet[Any]) -> Tuple[Any, ...]:
    """As they are; where chance has put them so, the same in each dump."""
    return tuple(sorted(items, key=repr) if any(map(_has_text, items)) else items)


def _holds_sets(constants: Any) -> bool:
    """Whether there is a frozenset that has an order."""
    return any(len(items) > 1 for items in _sets(constants))


def _only_asks_for_members(code: CodeType) -> bool:
    """Whether each frozenset is the right side of ``in`` or ``not in``."""
    steps = [step for step in dis.get_instructions(code) if step.opname != "CACHE"]
    behind = steps[1:]
    asks = [step.opname == "CONTAINS_OP" or step.argval in ("in", "not in") for step in behind] + [False]
    loads = [
        step.opname.startswith("LOAD_CONST") and not isinstance(step.argval, CodeType) and _holds_sets((step.argval,))
        for step in steps
    ]
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

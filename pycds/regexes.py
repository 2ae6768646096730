"""Regular expressions of a dump: what CPython's compiler makes of each, computed afresh.

The compiler is that of the dumping process, which must be the one that is archived: a served process uses what is kept
only if each module of its compiler came from the same archive.  See ``src/serve/regex_memo.hpp``.
"""

from __future__ import annotations

import sys
import warnings
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Set, Tuple

from pycds import memo, tracer

if TYPE_CHECKING:
    from pycds.collect import Collected
    from pycds.memo import Entry
    from pycds.trace_list import Regex

MOST = 5000
"""Entries of an archive."""
LARGEST_WORDS = 100_000
"""Words of one compiled expression; one with a table for every character has some 8,000."""
MOST_WORDS = 4_000_000
"""Words of all of them."""

_LOCALE = 4


class Compiler:
    """The compiler of this process."""

    def __init__(self) -> None:
        modules = tracer.REGEX_MODULES
        import re  # noqa: F401 - for what it brings

        self._modules = [sys.modules[name] for name in modules]
        self._module: Any = self._modules[-1]
        self._arguments: List[Tuple[Any, ...]] = []
        # The same function, but the last step is told to us.
        function: Any = self._module.compile
        surroundings = {**vars(self._module), "_sre": self}
        self._pure = FunctionType(function.__code__, surroundings, function.__name__, function.__defaults__)

    def compile(self, *arguments: Any) -> None:
        """Stand for ``_sre.compile``."""
        self._arguments.append(arguments)

    def is_archived(self, collected: Dict[str, Collected]) -> bool:
        """Whether the archive has this very compiler."""
        return all(
            module.__name__ in collected and _is_code_of(collected[module.__name__].code, module)
            for module in self._modules
        )

    def compute(self, regex: Regex) -> Optional[Entry]:
        """What is kept of a regular expression; None where it must be compiled each time."""
        from pycds._core import regex_key

        _kind, flags, pattern = regex
        name = regex_key(pattern, flags)
        if name is None or _names_a_character(pattern):
            return None
        loaded = set(sys.modules)
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                self._arguments.clear()
                self._pure(pattern, flags)
                self._pure(pattern, flags)
                plain = self._module.compile(pattern, flags)
        except Exception:  # noqa: BLE001 - a pattern of another version, or of a list made by hand
            return None
        if told or set(sys.modules) != loaded or len(self._arguments) != 2 or self._arguments[0] != self._arguments[1]:
            return None
        given, final, words, groups, names, by_number = self._arguments[0]
        rebuilt = self._module._sre.compile(given, final, list(words), groups, dict(names), by_number)
        if given is not pattern or final & _LOCALE or rebuilt != plain or len(words) > LARGEST_WORDS:
            return None
        packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
        flat = tuple(part for item in names.items() for part in item)
        data = (
            str(pattern) if isinstance(pattern, str) else bytes(pattern),
            int(final),
            packed,
            groups,
            flat,
            by_number,
        )
        return memo.entry(name, data)


def entries(regexes: Dict[Regex, None], collected: Dict[str, Collected]) -> Iterator[Entry]:
    """What is kept of a list's regular expressions, if the archive has the compiler of this process."""
    if not regexes:
        return
    compiler = Compiler()
    if not compiler.is_archived(collected):
        return
    names: Set[str] = set()
    room = MOST_WORDS
    for regex in regexes:
        entry = compiler.compute(regex)
        if entry is None or entry.name in names:
            continue
        room -= len(entry.code.co_consts[0][2]) // 4
        if room < 0 or len(names) == MOST:
            return
        names.add(entry.name)
        yield entry


def _names_a_character(pattern: str | bytes) -> bool:
    r"""Whether there may be a ``\N{...}``, which imports unicodedata."""
    return isinstance(pattern, str) and "\\N" in pattern


def _is_code_of(code: CodeType, module: ModuleType) -> bool:
    """Whether a module, executed in this process, came of equal code."""
    if code.co_filename != getattr(module, "__file__", None):
        return False
    known = {const.co_name: const for const in code.co_consts if isinstance(const, CodeType)}
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, FunctionType) and not (name in known and _same(value.__code__, known[name])):
            return False
        if isinstance(value, type) and name in known:
            body = {const.co_name: const for const in known[name].co_consts if isinstance(const, CodeType)}
            for method in vars(value).values():
                if isinstance(method, FunctionType) and not _same(method.__code__, body.get(method.__name__)):
                    return False
    return True


def _same(one: CodeType, other: Optional[CodeType]) -> bool:
    """Equal as far as execution goes; what the interpreter has made of the instructions meanwhile does not count."""
    if other is None or len(one.co_consts) != len(other.co_consts):
        return False
    fields = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount", "co_name")
    return all(getattr(one, field) == getattr(other, field) for field in fields) and all(
        _same(mine, its)
        if isinstance(mine, CodeType) and isinstance(its, CodeType)
        else (type(mine), mine) == (type(its), its)
        for mine, its in zip(one.co_consts, other.co_consts)
    )

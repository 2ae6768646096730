"""A small program of every kind of module and of constant, and what it computes: test_damage.py serves it from archives
that are damaged.  Light, since hundreds of processes run it."""

from __future__ import annotations

import importlib.util
import struct
import sys
from types import CodeType
from typing import Any

MODULES = [
    "plain", "shapes", "shapes.circle", "shapes.sub", "shapes.sub.leaf", "circular_a", "circular_b", "spaces.inner",
    "spaces.deep.end", "hidden", "zipped", "zipped_package", "zipped_package.inside", "failing", "failing.works",
    "constants", "sharing",
]  # fmt: skip

ATTRIBUTES = [
    name
    for name in (
        "co_name", "co_qualname", "co_filename", "co_firstlineno", "co_flags", "co_argcount", "co_posonlyargcount",
        "co_kwonlyargcount", "co_nlocals", "co_stacksize", "co_code", "co_linetable", "co_lnotab", "co_exceptiontable",
        "co_names", "co_varnames", "co_freevars", "co_cellvars", "_co_code_adaptive",
    )
    if hasattr(CodeType, name) and not (name == "co_lnotab" and hasattr(CodeType, "co_linetable"))
]  # fmt: skip
"""What of a code object is compared besides its constants, as far as this version has it."""

NAMESPACES = ["spaces", "spaces.deep"]

MATCHED = (
    """
            match value:
                case {"a": (1 | 2) as found, **rest}:
                    return found, rest
                case [first, *_] if first:
                    return lambda: (first, value)
"""
    if sys.version_info >= (3, 10)
    else """
            if isinstance(value, dict) and value.get("a") in (1, 2):
                return value["a"], {key: value[key] for key in value if key != "a"}
            if isinstance(value, list) and value:
                return lambda: (value[0], value)
"""
)

FILES = {
    "constants.py": '''\
        """Constants of every kind."""

        TEXT = "größe \\U0001f40d", "a b", b"\\x00\\xff", "", "x"
        NUMBERS = 0, -6, 10**30, -(10**30), 2.5, -0.0, 1j, 3 - 4.5j, True, None, ...
        NESTED = (("shared", 1.25, (2, (3, b"deep"))), "only here")


        def member(of):
            return of in {"one", 2, 3.5, None, ("four", 5)}


        async def steps(*places, key="k", **others):
            async for place in places[0]:
                yield place, key, [other for other in others if other != key]


        def matched(value):'''
    + MATCHED
    + """\
            try:
                return value[1:2], f"{value!r:>10}"
            except (TypeError, KeyError) as error:
                return type(error).__name__
            finally:
                del value
    """,
    "sharing.py": """\
        import constants

        NESTED = (("shared", 1.25, (2, (3, b"deep"))), "and here")


        def member(of):
            return constants.member(of) or of in {"one", 2, 3.5, None, ("four", 5)}


        class Base:
            '''A class with a docstring.'''

            __slots__ = ("a", "b")

            def __init__(self):
                self.a, self.b = NESTED
    """,
}
"""Modules that are there besides those of the sample: all kinds of constants, some of them shared."""


def fingerprint(value: Any) -> Any:
    """A value that is equal for code objects that cannot be told apart; to be taken before they run."""
    if isinstance(value, CodeType):
        return (*(getattr(value, name) for name in ATTRIBUTES), fingerprint(value.co_consts))
    if isinstance(value, (tuple, frozenset)):  # in their order of iteration
        return (type(value), *map(fingerprint, value))
    if isinstance(value, float):
        return (float, struct.pack("d", value))
    if isinstance(value, complex):
        return (complex, struct.pack("dd", value.real, value.imag))
    return (type(value), value)


def result() -> str:
    """What the program computes, from all of its modules."""
    import circular_a
    import constants
    import failing.works
    import hidden
    import plain
    import shapes
    import sharing
    import spaces.deep.end
    import spaces.inner
    import zipped
    import zipped_package.inside

    base = sharing.Base()
    return repr(
        (
            plain.answer("some"), plain.deep(3), list(plain.numbers(2)), plain.PATTERN, 4 in plain.CHOICES,
            plain.__doc__, shapes.Circle(2).area(), shapes.Circle(2) == shapes.Circle(2.0), shapes.LEAF,
            circular_a.both(), spaces.inner.HERE, spaces.deep.end.DEEP, hidden.HIDDEN, zipped.NAME,
            zipped_package.inside.NAME, failing.works.WORKS, constants.TEXT, constants.NUMBERS, constants.NESTED,
            [constants.member(of) for of in ("one", 2, 3.5, None, ("four", 5), "no")], constants.steps.__kwdefaults__,
            [constants.matched(value) for value in ({"a": 2, "b": 3}, "text", 5, {})], constants.matched([4, 5])(),
            sharing.member(2), base.a, base.b, base.__doc__,
        )
    )  # fmt: skip


def forget() -> None:
    """Take the program's modules out of this process."""
    for name in (*MODULES, *NAMESPACES):
        sys.modules.pop(name, None)


def load() -> dict[str, Any]:
    """Load all modules in order, through the finders that are there; the fingerprint of each one's code."""
    codes = {}
    for name in MODULES:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None, name
        code = spec.loader.get_code(name)  # type: ignore[attr-defined]
        codes[name] = fingerprint(code)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        exec(code, module.__dict__)
        parent, _, tail = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], tail, module)
    return codes


if __name__ == "__main__":
    print(result())

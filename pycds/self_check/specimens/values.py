"""Constants of every type, and of the sizes at which their layout changes."""

from typing import List

NUMBERS = (0, 1, -5, -6, 256, 257, 1024, 1025, -(2**15), 2**30 - 1, 2**30, -(2**30), 2**60, 2**64 + 1, 3**200, -(7**99))
FLOATS = (0.0, -0.0, 1.5, 1e308 * 10, -2.25e-310)
COMPLEXES = (1j, -0.0j, 2.5 + 1j)
STRINGS = ("", "a", "é", "€", "𝄞", "name_like", "not name-like", "a" * 300, "é" * 300, "€uro" * 50, "\ud800", "\0")
BYTES = (b"", b"a", b"\xff", b"longer than one", b"\0" * 200)
NESTED = ((), ((),), (1, (2.5, ("x", (b"y", None, True, False, ..., (3**50,))))), ((1, 1.0, True), (0.0, -0.0)))


def in_sets(word: object) -> List[bool]:
    """Membership tests in constants that the compiler makes frozensets."""
    return [
        word in {"alpha", "beta", "gamma", "delta"},
        word in {1, 2, 3, 2**40},
        word in {("pair", 1), ("pair", 2), b"bytes", None},
        word in {"é", "€", "𝄞"},
    ]


def slices(items: List[int]) -> List[object]:
    """Slices of constants."""
    return [items[1:3], items[::2], items[-2:], items[:-1:2]]


def run() -> object:
    """All of it, in text and in hashes."""
    constants = (NUMBERS, FLOATS, COMPLEXES, STRINGS, BYTES, NESTED)
    return (
        repr(constants),
        hash(constants) == hash((NUMBERS, FLOATS, COMPLEXES, STRINGS, BYTES, NESTED)),
        [in_sets(word) for word in ("alpha", 2, 2**40, ("pair", 2), "€", "none of them", None)],
        slices([1, 2, 3, 4, 5]),
    )

"""Compiled code that cannot be told that it is in another process now: found by what its files have in them."""

import mmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Optional, Tuple

_GENERATORS = (b"rands/drbg.c", b"rand/drbg_lib.c", b"fipsmodule/rand", b"crypto/rand_extra", b"BCMPersonalization")
"""What copies of OpenSSL and BoringSSL have in them: names of source files, a text of the latter's test of itself."""

_ALLOCATORS = (b"<jemalloc>: ",)
"""How its messages begin."""


_LATER = "; load it behind the checkpoint"


def obstacle() -> "Optional[str]":
    """A mapped file with code within that no restored process can have, and why; None where there is none.

    Copies of OpenSSL that are libraries of their own get fresh bytes: src/snapshot/reseed.cpp.
    """
    for path in _mapped_code():
        if "libcrypto" not in path and _has_trace(path, _GENERATORS):
            return f"{path} has a generator of random numbers that cannot be seeded anew{_LATER}"
        if _has_trace(path, _ALLOCATORS):
            return f"{path} has jemalloc, which counts on zeros where it has given memory back{_LATER}"
    return None


def _mapped_code() -> "Iterator[str]":
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as lines:
        fields = [line.rstrip("\n").split(None, 5) for line in lines]
    found = [field[5] for field in fields if len(field) == 6 and "x" in field[1] and field[5].startswith("/")]
    yield from dict.fromkeys(found)


def _has_trace(path: str, traces: "Tuple[bytes, ...]") -> bool:
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(trace) >= 0 for trace in traces)
    except (OSError, ValueError):
        return False

"""Generators of random numbers in compiled code that cannot be given fresh bytes where a snapshot is restored."""

import mmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Optional

_TRACES = (b"rands/drbg.c", b"rand/drbg_lib.c", b"fipsmodule/rand", b"crypto/rand_extra")
"""Names of source files that copies of OpenSSL and BoringSSL have in them."""


def unseedable() -> "Optional[str]":
    """A mapped file with a copy of OpenSSL or BoringSSL within; None where there is none.

    Those that are libraries of their own get fresh bytes: src/snapshot/reseed.cpp.
    """
    for path in _mapped_code():
        if "libcrypto" not in path and _has_trace(path):
            return path
    return None


def _mapped_code() -> "Iterator[str]":
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as lines:
        fields = [line.rstrip("\n").split(None, 5) for line in lines]
    found = [field[5] for field in fields if len(field) == 6 and "x" in field[1] and field[5].startswith("/")]
    yield from dict.fromkeys(found)


def _has_trace(path: str) -> bool:
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(trace) >= 0 for trace in _TRACES)
    except (OSError, ValueError):
        return False

"""The standard streams: the same objects, since modules hold them, made again from the descriptors that are there."""

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def refresh() -> None:
    """As Python makes them when it starts: Python/pylifecycle.c, create_stdio()."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, f"__{name}__")
        if type(stream) is not io.TextIOWrapper:
            continue  # the program has put another one there for good
        if _is_open(number):
            _make_again(stream, number)
            continue
        if getattr(sys, name) is stream:
            setattr(sys, name, None)
        setattr(sys, f"__{name}__", None)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _make_again(stream: "Any", number: int) -> None:
    mode, name, encoding, errors = stream.mode, stream.name, stream.encoding, stream.errors
    unbuffered, buffer = stream.write_through, stream.buffer
    raw: Any = io.FileIO(number, "rb" if number == 0 else "wb", closefd=False)  # one that exists keeps what it knew
    raw.name = name
    if isinstance(buffer, io.RawIOBase):  # under -u
        buffer = raw
    else:
        type(buffer).__init__(buffer, raw, raw._blksize)
    line_buffering = not unbuffered and (number == 2 or raw.isatty())
    newline = None if number == 0 else "\n"
    type(stream).__init__(stream, buffer, encoding, errors, newline, line_buffering, unbuffered)
    stream.mode = mode

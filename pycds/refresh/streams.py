"""The standard streams: the same objects, since modules hold them, made again from the descriptors that are there."""

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional


_LATER = "; let it do so behind the checkpoint"


def obstacle() -> "Optional[str]":
    """What the program has done to a stream before the checkpoint that cannot be done again; None: nothing."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, f"__{name}__")
        if type(stream) is not io.TextIOWrapper:
            continue
        try:
            closed = stream.closed
        except ValueError:
            return f"the program has taken sys.{name} apart (detach){_LATER}"
        if closed:
            return f"the program has closed sys.{name}{_LATER}"
    return None


def refresh() -> None:
    """As Python makes them when it starts: Python/pylifecycle.c, create_stdio().

    What the program has set before the checkpoint stays: encoding, error handler, and whether lines are passed on.
    """
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


def _size_of_buffer(raw: "Any") -> int:
    """Modules/_io/_iomodule.c, _io_open_impl(): from 3.14 on, with a larger default, that is the least."""
    size: int = raw._blksize
    return size if io.DEFAULT_BUFFER_SIZE == 8192 else max(min(size, 8 << 20), io.DEFAULT_BUFFER_SIZE)


def _make_again(stream: "Any", number: int) -> None:
    mode, name, encoding, errors = stream.mode, stream.name, stream.encoding, stream.errors
    passes_on, buffer = stream.write_through, stream.buffer
    buffered = not isinstance(buffer, io.RawIOBase)  # as under -u
    was_made_so = stream.line_buffering == (buffered and number == 2)  # with no terminal about
    raw: Any = io.FileIO(number, "rb" if number == 0 else "wb", closefd=False)  # one that exists keeps what it knew
    raw.name = name
    if buffered:
        type(buffer).__init__(buffer, raw, _size_of_buffer(raw))
    else:
        buffer = raw
    as_made = buffered and (number == 2 or raw.isatty())
    line_buffering = as_made if was_made_so else stream.line_buffering
    newline = None if number == 0 else "\n"
    type(stream).__init__(stream, buffer, encoding, errors, newline, line_buffering, passes_on)
    stream.mode = mode

"""Opening an archive for a command, and showing figures of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycds.errors import ARCHIVE_UNUSABLE, PycdsError

if TYPE_CHECKING:
    from pycds._core import Image


def open_archive(path: str) -> Image:
    """An archive for reading.  Raises PycdsError with code 3."""
    from pycds._core import Image, Refusal

    try:
        return Image(path)
    except Refusal as refusal:
        raise PycdsError(refusal.message, ARCHIVE_UNUSABLE) from refusal


def size(count: int) -> str:
    """Bytes for people."""
    if count < 10_000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 10_000_000 else f"{count / 1e6:.1f} MB"


def milliseconds(nanoseconds: int) -> str:
    """Nanoseconds for people."""
    return f"{nanoseconds / 1e6:.2f} ms"

"""What may be written over: an archive by an archive, a trace list by a trace list, and nothing else; what can be read.

Names are easily mixed up (``pycds trace app.py -- app.py``), and what is replaced is gone.  This file is used while
a program is being traced: it imports nothing.
"""

import os
from stat import S_ISDIR, S_ISREG

from pycds.errors import UsageError, refuse_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

ARCHIVE_MAGIC = b"\x89PyCDS\r\n"
"""The first bytes of every archive; see ``docs/format.md``."""

_LIST_HEADS = (b"# pycds trace ", b"\xef\xbb\xbf# pycds trace ")


def archive_to_write(path: str) -> str:
    """The file that an archive at ``path`` goes into, symbolic links resolved.

    Raises UsageError where there is something that is not an archive.
    """
    refuse_empty(path, "the archive")
    foreign = _obstacle(path)
    if foreign is None and not is_archive(path) and not _is_empty(path):
        foreign = "is no archive of PyCDS, and is not written over"
    if foreign is not None:
        raise UsageError(f"{path} {foreign}; give another name for the archive")
    return os.path.realpath(path)


def list_to_write(path: str) -> str:
    """The file that a trace list at ``path`` goes into, symbolic links resolved.

    Raises UsageError where there is something that is not a trace list.
    """
    foreign = _obstacle(path)
    if foreign is None and is_archive(path):
        foreign = "is an archive, not a trace list"
    if foreign is None and not _is_empty(path) and not _is_list(path):
        foreign = "is no trace list, and is not written over"
    if foreign is not None:
        raise UsageError(f"{path} {foreign}; give another name for the trace list")
    return os.path.realpath(path)


def distrust_of_place(path: str) -> "Optional[str]":
    """Why an archive at ``path`` would not be trusted, whatever it is: others may write to its directory.

    None where nothing is wrong, and where the directory does not exist yet.  The core judges the same when it opens an
    archive (``src/image/trust.cpp``).
    """
    directory = os.path.dirname(os.path.realpath(path))
    try:
        status = os.stat(directory)
    except OSError:
        return None
    if status.st_uid not in (0, os.geteuid()):
        return f"{directory} belongs to another user"
    if status.st_mode & 0o022:
        return f"others may write to {directory}"
    return None


def is_archive(path: str) -> bool:
    """Whether there is a file that begins as an archive does, sound or not."""
    if not os.path.isfile(path):  # reading from a FIFO would wait, and take away
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(ARCHIVE_MAGIC)) == ARCHIVE_MAGIC
    except OSError:
        return False


def is_endless(path: str) -> bool:
    """Whether reading from ``path`` could wait for ever, or find no end: it is a FIFO or a device.

    Not so /dev/null, and what is open already, as ``<(COMMAND)`` of a shell is.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if S_ISREG(mode) or S_ISDIR(mode) or path.startswith(("/dev/fd/", "/dev/stdin")):
        return False
    return os.path.realpath(path) != os.devnull


def _obstacle(path: str) -> "Optional[str]":
    """What stands in the way of a file at ``path``, whatever the file; None where there is nothing or a file."""
    if path.endswith(os.sep):
        return "is the name of a directory"
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None  # nothing there, or out of reach: writing will tell
    if S_ISDIR(mode):
        return "is a directory"
    return None if S_ISREG(mode) else "is not a regular file"


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except FileNotFoundError:
        return True
    except OSError:  # out of reach: writing will fail, and say why
        return True


def _is_list(path: str) -> bool:
    """Whether a file is a trace list: it says so in its first line, or all of it is names, one a line."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if head.startswith(_LIST_HEADS):
                return True
            data = head + file.read()
    except OSError:
        return False
    if path.endswith((".py", ".pyw")):
        return False  # `pass` and `x` are programs, too
    from pycds import trace_list

    trace = trace_list.parse(data, path)
    if any("is listed twice" not in warning for warning in trace.warnings):
        return False
    return bool(trace.modules) and all(map(_is_plain, trace.modules))


def _is_plain(name: str) -> bool:
    """Whether each part of a name is one that people give to modules; JSON, say, has lines such as ``{``."""
    return all(part.replace("-", "_").isidentifier() for part in name.split("."))

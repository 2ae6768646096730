"""Console scripts that are restored: their first line names a restorer beside them, their last lines what else to run.

What stands between is as it was, so that the plain program is the same, down to its numbers of lines.  The restorer is
a copy of the package's: where that is uninstalled, or the snapshot is gone, the script runs plainly, as it did before.

Also in builds without snapshots, which have to know such a script, and to make it plain again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import List, Optional, Tuple

from pycds.errors import NOTHING_DUMPED, PycdsError, UsageError

RESTORER = ".pycds-restorer"
"""The restorer's name beside such scripts: a copy, which stays when PyCDS is uninstalled."""

# src/snapshot/restore/words.cpp reads them.
_INTERPRETER = b"# pycds interpreter: "
_SNAPSHOT = b"# pycds snapshot: "
_MOST_OF_FIRST_LINE = 127
"""Bytes of it that every kernel reads (BINPRM_BUF_SIZE before Linux 5.1), without the newline."""


def interpreter_line(script: str) -> Optional[bytes]:
    """What stood in the first line of a script behind "#!"; None where it is not restored.  Raises OSError."""
    with open(script, "rb") as file:
        parts = _parts(file.read())
    return parts[1] if parts is not None else None


def put_restorer(script: str, snapshot: str) -> None:
    """Have a script restored from a snapshot.  Raises PycdsError, and OSError."""
    with open(script, "rb") as file:
        content = file.read()
    plain = _plain(content)
    first, newline, rest = plain.partition(b"\n")
    restorer = os.path.join(os.path.dirname(script), RESTORER)
    line = b"#!" + os.fsencode(restorer) + b" --script"
    if not first.startswith(b"#!") or first[2:] != first[2:].strip() or not newline:
        raise UsageError(f"{script} does not begin as a script of Python does; it cannot be restored")
    if first.startswith(b"#!/bin/sh") or len(line) > _MOST_OF_FIRST_LINE or b" " in os.fsencode(restorer):
        why = "its path is too long for a first line, or has a blank in it"
        raise PycdsError(f"{script}: {why}; it cannot be restored", NOTHING_DUMPED)
    _put_copy(restorer)
    tail = _INTERPRETER + first[2:] + b"\n" + _SNAPSHOT + os.fsencode(snapshot)
    # A script without a newline at its end has none then, either.
    restored = line + b"\n" + (rest + tail + b"\n" if rest.endswith(b"\n") else rest + b"\n" + tail)
    if restored != content:
        write(script, restored)


def _put_copy(restorer: str) -> None:
    import filecmp
    import shutil

    from pycds import snapshot

    if os.path.isfile(restorer) and filecmp.cmp(snapshot.RESTORER, restorer, shallow=False):
        return
    shutil.copyfile(snapshot.RESTORER, restorer + ".new")
    os.chmod(restorer + ".new", 0o755)
    os.replace(restorer + ".new", restorer)


def take_restorer(script: str) -> bool:
    """Make a script a plain one again; whether it was none.  The restorer goes with the last one.  Raises OSError."""
    with open(script, "rb") as file:
        content = file.read()
    plain = _plain(content)
    if plain == content:
        return False
    write(script, plain)
    directory = os.path.dirname(script)
    if not any(map(_is_restored, os.scandir(directory))):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, RESTORER))
    return True


def write(script: str, content: bytes) -> None:
    """Replace a script by one of the same owner and permissions.  Raises OSError."""
    script = os.path.realpath(script)
    status = os.stat(script)
    temporary = f"{script}.{os.getpid()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            os.fchmod(file.fileno(), status.st_mode & 0o7777)
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
        os.replace(temporary, script)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _plain(content: bytes) -> bytes:
    parts = _parts(content)
    if parts is None:
        return content
    body, interpreter = parts
    return b"#!" + interpreter + b"\n" + body


def _parts(content: bytes) -> Optional[Tuple[bytes, bytes]]:
    """Of a restored script: what stands between, and its interpreter; None where it is not one, or no more whole."""
    first, _, rest = content.partition(b"\n")
    words = first.split()
    if len(words) != 2 or words[1] != b"--script" or not words[0].endswith(b"/" + RESTORER.encode()):
        return None
    lines: List[bytes] = rest.split(b"\n")
    kept = [line for line in lines if not line.startswith((_INTERPRETER, _SNAPSHOT))]
    interpreters = [line[len(_INTERPRETER) :] for line in lines if line.startswith(_INTERPRETER)]
    return (b"\n".join(kept), interpreters[-1]) if interpreters else None


def _is_restored(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_file() or entry.stat().st_size > 1 << 20:
            return False
        with open(entry.path, "rb") as file:
            return _parts(file.read()) is not None
    except OSError:
        return True  # it cannot be known

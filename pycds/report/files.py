"""Files that a report is written to: new ones, or such as ``pycds report`` has written."""

from __future__ import annotations

import os

from pycds.commands.programs import refuse_directory
from pycds.errors import PycdsError, UsageError, refuse_empty

PAGE_HEAD = "<!DOCTYPE html>\n<!-- pycds report -->\n"
PROFILE_HEAD = '{"exporter": "pycds@'


def check(path: str, head: str, what: str) -> None:
    """Raises PycdsError if nothing can be written at ``path``, or if there is a file of someone else: one that does not
    begin with ``head``.
    """
    refuse_empty(path, f"the {what}")
    refuse_directory(path if os.path.isdir(path) else os.path.realpath(path), what)
    if not os.path.exists(path):
        return
    if not os.path.isfile(path):
        raise UsageError(f"{path} is not a regular file; give another name for the {what}")
    if not os.access(path, os.R_OK | os.W_OK):
        raise UsageError(f"{path} cannot be written to; give another file for the {what}")
    with open(path, "rb") as file:
        found = file.read(len(head))
    if found not in (b"", head.encode()):
        raise UsageError(f"{path} is no {what} of pycds report, and is not written over; give another name")


def write(path: str, text: str, what: str) -> None:
    """All of it or nothing: what was there stays until the new one is complete.  Links are followed.

    Raises PycdsError.
    """
    target = os.path.realpath(path)
    temporary = f"{target}.{os.getpid()}.tmp"
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
                os.replace(temporary, target)
            except BaseException:
                os.unlink(temporary)
                raise
    except OSError as error:
        raise PycdsError(f"{path} could not be written: {error.strerror or error}; give another {what} file") from error

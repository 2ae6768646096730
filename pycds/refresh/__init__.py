"""What a restored process must not have of the one that was written down."""

import os
import sys

from pycds.refresh import process, streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Mapping, Optional, Sequence

prepare = process.prepare
obstacle = streams.obstacle


def refresh(
    program: str,
    arguments: "Sequence[bytes]",
    variables: "Sequence[bytes]",
    changes: "Mapping[str, Optional[str]]",
    command: "Sequence[str]",
) -> None:
    """Make this process one that has just begun.

    ``variables``: "NAME=VALUE" of its environment; ``changes``: what the program has made of it before the checkpoint
    (None: removed).  ``command``: what would have started the program otherwise.
    """
    _environment(variables, changes)
    own = [os.fsdecode(argument) for argument in arguments]
    sys.argv[:] = [program, *own]
    if hasattr(sys, "orig_argv"):  # from 3.10 on
        sys.orig_argv[:] = [*command, *own]
    streams.refresh()
    process.refresh()


def _environment(variables: "Sequence[bytes]", changes: "Mapping[str, Optional[str]]") -> None:
    """In os.environ alone: the C library has the process's own already."""
    data: Dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # not in its type, but in all versions
    data.clear()
    for variable in variables:
        name, _, value = variable.partition(b"=")
        data.setdefault(name, value)
    for changed, text in changes.items():
        if text is not None:
            os.environ[changed] = text
        else:
            os.environ.pop(changed, None)

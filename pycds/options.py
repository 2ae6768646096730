"""Options of a run: what it may ask for besides its archive.

This is on the start-up path of a program that asks for one.
"""

import sys

from pycds._startup import is_main_interpreter, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional


def apply(names: "List[str]") -> None:
    """Switch on "startup-gc" and "fast-exit" for this interpreter, where that can be."""
    line = _obstacle()
    if line is not None:
        note(f"no {' and no '.join(names)}: {line}", 1)
        return
    if "startup-gc" in names:
        from pycds import startup_gc

        startup_gc.enable()
    if "fast-exit" in names:
        from pycds import fast_exit

        fast_exit.enable()


def _obstacle() -> "Optional[str]":
    """Why nothing can be done for this interpreter."""
    if "pycds._core" not in sys.modules:  # no archive is attached
        from pycds import unsupported

        line = unsupported.reason()
        if line is not None:
            return line
    if hasattr(sys, "gettotalrefcount"):
        return "this is a debug build"
    if not is_main_interpreter():
        return "this is a subinterpreter"
    return None

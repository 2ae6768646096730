"""Why a module is not served: each reason that the core counts, in words, and what to do.

The same table stands in ``docs/guides/troubleshooting.md``; a test compares the two, and the reasons with the core's.
"""

from __future__ import annotations

from typing import Dict, NamedTuple


class Meaning(NamedTuple):
    """What a reason means, and what to do about it ("" for nothing)."""

    meaning: str
    advice: str = ""


_DUMP_AGAIN = "dump again"

MISSES: Dict[str, Meaning] = {
    "source has changed": Meaning("its file is another one than when it was dumped", _DUMP_AGAIN),
    "source is gone": Meaning("its file does not exist any more", _DUMP_AGAIN),
    "its .pyc has changed": Meaning(
        "an ordinary import would load a .pyc of other bytes, compiled anew perhaps, than the one known", _DUMP_AGAIN
    ),
    "its .pyc is gone": Meaning("its code came from an unchecked hash-based .pyc, which is not there now", _DUMP_AGAIN),
    "another --check-hash-based-pycs": Meaning(
        "whether its hash-based .pyc is compared with the source is decided otherwise than when it was dumped",
        "dump under the same option",
    ),
    "found elsewhere": Meaning(
        "an ordinary import finds another file than the one recorded, or finds it as another kind of module",
        _DUMP_AGAIN,
    ),
    "not found any more": Meaning("an ordinary import finds nothing", _DUMP_AGAIN),
    "the finders were wrapped": Meaning(
        "the program has put finders of its own, that are not all alike, in the place of those in sys.meta_path, "
        "PyCDS's among them"
    ),
    "imported again": Meaning(
        "a second import in one process (it left sys.modules, or was reloaded); the archive serves a module once"
    ),
    "import classes were changed": Meaning("the program has replaced a method of importlib's own classes"),
    "the hash seed is fixed": Meaning(
        "a main script goes through a set of strings, and under PYTHONHASHSEED their order is not left to chance"
    ),
    "the source could not be checked": Meaning("its file cannot be read, or looking at it failed"),
    "imported while another module was linked": Meaning(
        "it was imported by a finalizer or another thread, just while the collector ran within the linking of a module"
    ),
    "out of memory": Meaning("there was no memory to link it"),
    "damaged": Meaning("its part of the archive is broken", "dump again; `pycds verify` shows what is wrong"),
    "truncated": Meaning("the archive has become shorter while in use", _DUMP_AGAIN),
    "unreadable": Meaning("the archive could not be read at that moment"),
}


def explain(reason: str) -> str:
    """A reason in words, with what to do; the reason itself where nothing more is known."""
    known = MISSES.get(reason)
    if known is None:
        return reason
    return f"{known.meaning}; {known.advice}" if known.advice else known.meaning

"""What a dump keeps of pure work: an entry of the archive that no import finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import CodeType


class Entry(NamedTuple):
    """What is kept: the arguments of ``Plan.add_memo``."""

    name: str
    code: CodeType


def entry(name: str, *constants: object) -> Entry:
    """Keep ``constants`` under a name.

    An image is made of code: this one is never executed, its constants are what is wanted.
    """
    return Entry(name, compile("0", "<memo>", "eval").replace(co_consts=constants))

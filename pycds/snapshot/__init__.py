"""Snapshots: a program that has been imported, written down once and restored at each start."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

RESTORER = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "restorer")
"""The program that restores snapshots: what the kernel calls the executable of a restored process."""


def initial_environment() -> "Dict[str, str]":
    """What this process began with: in a C locale Python sets LC_CTYPE (PEP 538), which no restorer would find."""
    with open("/proc/self/environ", "rb") as file:
        pairs = (os.fsdecode(variable).partition("=") for variable in file.read().split(b"\0"))
        return {name: value for name, equals, value in pairs if equals}


def refusals(file: str) -> "List[str]":
    """Why the restorer ran the plain program since the snapshot was made: the words of fault.hpp, one for each time."""
    try:
        with open(file + ".refusals", encoding="ascii", errors="replace") as lines:
            return lines.read().split()
    except OSError:
        return []

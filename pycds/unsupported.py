"""Interpreters that PyCDS does not serve: what is said of them, and what stands in for the core there.

This is loaded by the commands and where the core cannot be loaded, never on the way to a served program; and by the
build (``tools/pycds_build.py``), which leaves the core out for these interpreters.  It must run on whatever Python
pip lets in, and imports nothing that is not loaded at start-up anyway.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, NoReturn, Optional

_NAMES = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}

REMEDY = "programs run as without PyCDS; archives need CPython, with its GIL, on 64-bit x86 Linux with glibc"


class Interpreter:
    """What decides whether there is a core for an interpreter."""

    def __init__(
        self, name: str, version: str, system: str, machine: str, bits: int, has_glibc: bool, has_gil: bool,
        is_final: bool,
    ) -> None:  # fmt: skip
        self.name = name
        self.version = version
        self.system = system
        self.machine = machine
        self.bits = bits
        self.has_glibc = has_glibc
        self.has_gil = has_gil
        self.is_final = is_final
        """Whether its bytecode does not change any more: not so in alphas and betas."""


def this_interpreter() -> Interpreter:
    """The one that runs this."""
    uname = getattr(os, "uname", None)
    return Interpreter(
        name=sys.implementation.name,
        version=sys.version.split()[0].rstrip("+"),
        system=sys.platform,
        machine=uname().machine if uname is not None else "",
        bits=64 if sys.maxsize > 2**32 else 32,
        has_glibc=_has_glibc(),
        has_gil="t" not in getattr(sys, "abiflags", ""),
        is_final=sys.version_info.releaselevel in ("candidate", "final"),
    )


def _has_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):  # no confstr, no such name, no value
        return False


def obstacle(interpreter: Interpreter) -> "Optional[str]":
    """One line saying why there can be no core for an interpreter and what to do, or None."""
    who = f"{_NAMES.get(interpreter.name, interpreter.name)} {interpreter.version}"
    if interpreter.name != "cpython":
        why = "an archive holds the objects of CPython itself"
    elif interpreter.system != "linux":
        who += f" on {interpreter.system}"
        why = "PyCDS knows Linux alone"
    elif interpreter.bits != 64:
        who += f" ({interpreter.bits} bits)"
        why = "an archive holds objects of 64 bits"
    elif interpreter.machine not in ("x86_64", "AMD64"):
        who += f" on {interpreter.machine or 'an unknown processor'}"
        why = "PyCDS knows x86-64 processors alone"
    elif not interpreter.has_glibc:
        who += " without glibc (musl?)"
        why = "PyCDS is made and tested with glibc alone"
    elif not interpreter.has_gil:
        who += " (free-threaded)"
        why = "its objects belong to threads, and those of an archive to none"
    elif not interpreter.is_final:
        why = "the bytecode of a pre-release is not final"
    else:
        return None
    return f"{who} is not supported: {why}; {REMEDY}"


def without_core(error: ImportError) -> str:
    """One line saying why the core could not be loaded and what to do."""
    here = this_interpreter()
    line = obstacle(here)
    if line is not None:
        return line
    if isinstance(error, ModuleNotFoundError) and error.name == "pycds._core":
        return (
            f"CPython {here.version} is not supported by this installation: it has no core for it; programs run as "
            "without PyCDS; a newer PyCDS, installed by an up-to-date pip, may have one"
        )
    return f"the core of PyCDS cannot be loaded: {error}; install PyCDS for this Python again"


def reason() -> "Optional[str]":
    """One line saying why this interpreter cannot use archives and what to do; None if it can."""
    line = obstacle(this_interpreter())
    if line is None:
        try:
            __import__("pycds._core")
        except ImportError as error:
            line = without_core(error)
    return line


def as_refusal(error: ImportError) -> Exception:
    """What ``except pycds.Refusal`` catches, for a core that could not be loaded."""
    from pycds import Refusal as refusal_class

    refusal = refusal_class(without_core(error))
    refusal.reason = "unsupported"
    refusal.message = str(refusal)
    return refusal


def require_core() -> None:
    """Raise PycdsError where this interpreter cannot use archives."""
    line = reason()
    if line is not None:
        from pycds.errors import ARCHIVE_UNUSABLE, PycdsError

        raise PycdsError(line, ARCHIVE_UNUSABLE)


# --- what `pycds` offers in place of the core's classes and functions ----------------------------------------


class Refusal(Exception):
    """An archive cannot be used by this interpreter."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.reason = "unsupported"
        self.message = message


class Unarchivable(Exception):
    """A module's code cannot be archived; never raised here."""


def _refuse() -> "NoReturn":
    raise Refusal(reason() or "PyCDS was installed while this process ran; start it again")


class Image:
    """An archive, which cannot be looked into here."""

    def __init__(self, path: str) -> None:
        _refuse()


def identity() -> "Dict[str, object]":
    """What an archive made by this interpreter would record: there is none.  Raises Refusal."""
    _refuse()

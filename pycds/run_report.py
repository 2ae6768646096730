"""What a served process leaves behind: its statistics (PYCDSSTATS), and what the archive lacked (PYCDSREFRESH)."""

import os

from pycds import _startup, enabled, missed, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


def at_exit(statistics: "Dict[str, Any]", statistics_path: "Optional[str]", missed_path: "Optional[str]") -> None:
    """Write both; a file that cannot be written is told in one line and changes nothing for the program."""
    try:
        if missed_path:
            missed.note(statistics, missed_path)
            enabled.note_run(store.runs_of(missed_path[: -len(store.missed_of(""))]), statistics)
        if statistics_path:
            save(statistics, statistics_path.replace("%p", str(os.getpid())))
    except OSError as error:
        _startup.warn(f"cannot write {error.filename or statistics_path}: {error.strerror}")


def save(statistics: "Dict[str, Any]", path: str) -> None:
    """Write statistics as JSON, into a file in one step.  Raises OSError.

    Links are followed; what is no regular file (a terminal, a FIFO) is written to and stays.
    """
    data = to_json(statistics).encode("ascii") + b"\n"
    target = os.path.realpath(path)
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            # Not waiting for a reader of a FIFO: without one, it fails.
            descriptor = os.open(target, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            with open(descriptor, "wb", buffering=0) as stream:
                stream.write(data)
            return
        temporary = f"{target}.{os.getpid()}.tmp"
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, target)
    except OSError as error:  # the name that the user knows
        raise OSError(error.errno, error.strerror, path) from error


def to_json(value: "Any") -> str:
    """JSON text of what statistics are made of, in ASCII.

    The json module is not imported at the program's end: what its import runs makes the interpreter forget that a
    KeyboardInterrupt is what the program ends by.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",\n".join(f"{_quoted(key)}: {to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(to_json, value)) + "]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        units = text.encode("utf-16-be", "surrogatepass")
        codes = [units[i] << 8 | units[i + 1] for i in range(0, len(units), 2)]
        text = "".join(
            chr(code) if 0x20 <= code < 0x7F and code not in (0x22, 0x5C) else f"\\u{code:04x}" for code in codes
        )
    return f'"{text}"'

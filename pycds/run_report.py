"""What a served process leaves behind: its statistics (PYCDSSTATS), and what the archive lacked (PYCDSREFRESH)."""

import os

from pycds import _startup, missed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


def at_exit(statistics: "Dict[str, Any]", statistics_path: "Optional[str]", missed_path: "Optional[str]") -> None:
    """Write both; a file that cannot be written is told in one line and changes nothing for the program."""
    try:
        if missed_path:
            missed.note(statistics, missed_path)
        if statistics_path:
            save(statistics, statistics_path.replace("%p", str(os.getpid())))
    except OSError as error:
        _startup.warn(f"cannot write {error.filename or statistics_path}: {error.strerror}")


def save(statistics: "Dict[str, Any]", path: str) -> None:
    """Write statistics as JSON, in one step.  Raises OSError."""
    import json

    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(statistics, file, indent=1)
        file.write("\n")
    os.replace(temporary, path)

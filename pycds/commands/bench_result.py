"""The JSON of ``pycds bench``: written for other programs."""

from __future__ import annotations

import gzip
import json
from typing import Any, Callable, Dict, Optional

import click

from pycds.errors import PycdsError

FORMAT = 1
"""Of the JSON; raised when a key changes its meaning."""

STDOUT = "-"


def deliver(result: Dict[str, Any], json_path: Optional[str], show: Callable[[Dict[str, Any]], None]) -> None:
    """Tables on stdout, unless the JSON goes there."""
    text = json.dumps(result, indent=1) + "\n"
    if json_path == STDOUT:
        click.echo(text, nl=False)
        return
    show(result)  # first: what was measured is not lost where it cannot be written
    if json_path is not None:
        write(json_path, text)


def write(path: str, text: str, compressed: bool = False) -> None:
    """Replaces what is there.  Raises PycdsError."""
    try:
        with (gzip.open if compressed else open)(path, "wt", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise PycdsError(f"{path} could not be written: {error.strerror or error}; give another file") from error

"""The JSON of ``pycds bench``: written for other programs, and read again by ``--compare``."""

from __future__ import annotations

import gzip
import json
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import click

from pycds import pairs, targets
from pycds.errors import PycdsError, refuse_empty

FORMAT = 1
"""Of the JSON; raised when a key changes its meaning."""

STDOUT = "-"

MOST_NS = 2**63
"""No run takes three centuries; and the ratio of what is between 1 and this is a number."""


class Measured(NamedTuple):
    """Of a file that --json has written, what a comparison needs.  Lists of times are of the same pairs."""

    file: str
    program: List[str]
    python: str
    codes: Dict[str, List[int]]  # by contender, as the times
    ended_otherwise: bool
    wall_ns: Dict[str, List[float]]


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


def load(path: str) -> Measured:
    """Raises PycdsError if that is no result."""
    refuse_empty(path, "a result")
    if targets.is_endless(path):
        raise PycdsError(f"{path} is not a regular file; give a file written by pycds bench --json=FILE")
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read())
        return _measured(path, data)
    except OSError as error:
        raise PycdsError(f"{path}: {error.strerror}; give a file written by pycds bench --json=FILE") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise PycdsError(f"{path} is no result of pycds bench --json=FILE; measure again, or give another") from error


def _measured(path: str, data: Any) -> Measured:
    """Raises KeyError, TypeError or ValueError."""
    (found,) = _list_of(int, [data["format"]])
    if found != FORMAT:
        raise PycdsError(f"{path} has format {found}, and this PyCDS reads {FORMAT}; measure again with this one")
    contenders = pairs.CONTENDERS
    made = Measured(
        file=path,
        program=_list_of(str, data["program"]),
        python=data["python"],
        codes={name: _list_of(int, data["codes"][name]) for name in contenders},
        ended_otherwise=data["ended_otherwise"],
        wall_ns={name: _list_of((int, float), data["wall_ns"][name]["values"]) for name in contenders},
    )
    if not isinstance(made.python, str) or not isinstance(made.ended_otherwise, bool):
        raise TypeError(path)
    plain, pycds = (made.wall_ns[name] for name in contenders)
    if len(plain) != len(pycds) or not all(1 <= time < MOST_NS for time in plain + pycds):
        raise ValueError(path)
    return made


def _list_of(kind: Any, values: Any) -> List[Any]:
    if not isinstance(values, list) or not values:
        raise TypeError("no list")
    if not all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
        raise TypeError("a list of something else")
    return values

"""The applications that are measured: ``apps.toml`` and ``others.toml`` beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "apps"


@dataclass(frozen=True)
class Application:
    """One program and the packages it is about."""

    name: str
    program: Path
    packages: tuple[str, ...]
    quick: bool


SETS = ("apps", "others")
"""The applications that PyCDS was made faster with, and those that it was not tried on before it was measured."""


def constraints(version: str, which: str = "apps") -> Path:
    """The pins for an interpreter: those of its minor version, where it cannot have the common ones."""
    if which != "apps":
        return HERE / f"constraints-{which}.txt"
    own = HERE / f"constraints-{'.'.join(version.split('.')[:2])}.txt"
    return own if own.exists() else HERE / "constraints.txt"


def applications(names: list[str] | None = None, *, quick: bool = False, which: str = "apps") -> list[Application]:
    """All applications of a set, those named, or the quick ones, in the order of the file.

    Raises ValueError for a name that the file does not have.
    """
    with (HERE / f"{which}.toml").open("rb") as file:
        table = tomllib.load(file)
    known = [
        Application(name, PROGRAMS / entry["program"], tuple(entry["packages"]), entry.get("quick", False))
        for name, entry in table.items()
    ]
    if unknown := set(names or ()) - table.keys():
        raise ValueError(f"no application {', '.join(sorted(unknown))} in {which}.toml; it has {', '.join(table)}")
    if names:
        return [app for app in known if app.name in names]
    return [app for app in known if app.quick or not quick]

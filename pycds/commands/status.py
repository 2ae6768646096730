"""``pycds status``: whether PyCDS serves the programs of this environment, and from what."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any, Dict, List

import click

from pycds import __version__, background, configuration, pruning, store, switch, wrapping
from pycds._startup import counted, printable


@click.command(
    "status",
    help="""Show whether PyCDS is enabled in this environment, with which settings, how many archives there are, and
    what was made in the background last, or why nothing is. `pycds doctor` looks for problems; `pycds stats` tells
    what is served to one program.
    """,
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
def command(as_json: bool) -> int:
    """Look and tell."""
    found = _status()
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(_lines(found)))
    return 0


def _status() -> Dict[str, Any]:
    home = store.home()
    settings, wrapped = switch.state()
    kept = pruning.kept(home)
    return {
        "version": __version__,
        "python": platform.python_version(),
        "environment": sys.prefix,
        "hook": switch.path(),
        "enabled": settings is not None,
        "settings": settings or {},
        "wrapped": wrapped,
        "lost": switch.lost() is not None,
        "switched_off_here": os.environ.get("PYCDSENABLED") == "off",
        "configuration": {
            name: {"value": setting.value, "file": setting.file, "used": os.environ.get(name) == setting.value}
            for name, setting in configuration.read(os.environ).items()
        },
        "base": store.bases(),
        "store": home,
        "archives": sum(os.path.isfile(one.archive) and not pruning.is_base(one.archive) for one in kept),
        "bytes": sum(one.bytes for one in kept),
        "limit": pruning.limit(os.environ),
        "obstacle": background.obstacle(os.path.join(home, "any.pycds")),
        "being_made": [one.archive for one in kept if background.is_being_made(one.archive)],
        "background": _last_lines(os.path.join(home, background.LOG), 3),
    }


def _last_lines(path: str, number: int) -> List[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()[-number:]
    except OSError:
        return []


def _lines(found: Dict[str, Any]) -> List[str]:
    settings = found["settings"]
    chosen = ", ".join(wrapping.all_in_words({"PYCDSVALIDATION": "exact", **settings})).replace(" --", ", --")
    enabled = f"on ({chosen.replace('--', '')})" if found["enabled"] else "off; `pycds enable` turns it on"
    if found["lost"]:
        enabled += "; what was on is gone with another pycds.pth, see `pycds doctor`"
    if found["switched_off_here"]:
        enabled += "; but PYCDSENABLED=off here"
    lines = [
        f"PyCDS {found['version']}, Python {found['python']} in {found['environment']}",
        f"enabled:    {enabled}",
        *([f"wrapped:    {', '.join(sorted(found['wrapped']))}; see `pycds list`"] if found["wrapped"] else []),
        f"base:       {', '.join(found['base']) or 'none; `pycds build` archives the whole environment'}",
        f"store:      {found['store']}: {counted(found['archives'], 'archive')}, "
        f"{pruning.in_words(found['bytes'])} of at most {pruning.in_words(found['limit'])}",
    ]
    for number, (name, setting) in enumerate(found["configuration"].items()):
        overridden = "" if setting["used"] else "; the environment has another"
        head = "configured:" if number == 0 else "           "
        lines.append(f"{head} {name}={setting['value']} ({setting['file']}{overridden})")
    if found["obstacle"] is not None:
        lines.append(f"background: nothing is made here: {found['obstacle']}")
    elif not found["background"] and not found["being_made"]:
        lines.append("background: nothing was made yet")
    said = [*found["background"], *(f"{archive}: being made" for archive in found["being_made"])]
    lines += [f"background: {line}" if n == 0 else f"            {line}" for n, line in enumerate(said)]
    return [printable(line) for line in lines]

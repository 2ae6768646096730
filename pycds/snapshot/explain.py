"""``pycds snapshot explain``: what a snapshot holds, what is frozen in it, where it is of use, and where it was not."""

from __future__ import annotations

import json
import mmap
import os
import stat
import struct
import subprocess
from collections import Counter
from typing import Any, Dict

import click

from pycds._startup import counted
from pycds.commands.archives import size, tables
from pycds.snapshot import RESTORER, initial_environment, refusals
from pycds.snapshot.content import header, read, rows
from pycds.snapshot.owners import pages

_ADVICE = {
    "environment": "a variable differs, `verify` names it: --vary, where the program does not ask for it",
    "file-changed kernel processor affinity vdso": "`refresh` it",
    "limits signals directory host": "`refresh` it there, or run it as it was made",
    "streams": "a terminal, and the program asks for one too early; or a directory",
    "descriptors": "a library needs this number: close it",
    "user": "everybody makes his own",
    "switched-off": "by PYCDSENABLED or PYCDSMODE",
    "memory layout thread": "the kernel, or a limit, does not allow it",
    "missing untrusted truncated foreign format-version damaged payload reading": "`create` it, in your own directory",
}  # fmt: skip
ADVICE = {word: advice for words, advice in _ADVICE.items() for word in words.split()}
"""What to do about each reason of src/snapshot/fault.hpp."""

_TITLES = {
    "snapshot": "Snapshot", "restored_with": "Restored where these are the same",
    "frozen": "The same in all restored processes", "watched_files": "Files that must not change",
    "payload": "Bytes in it, by owner", "unmodified": "Bytes of files as they are", "nowhere": "Bytes of no file",
    "refusals": "Why the plain program ran",
}  # fmt: skip
_SIZES = ("payload", "unmodified", "nowhere")
_MOST = 10  # lines of these; no other section has as many


@click.command("explain")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
def explain(as_json: bool, file: str) -> None:
    """Show what FILE holds: what is frozen, where it is of use, whose its pages are, and why it was refused.

    Of environment variables it shows the names.
    """
    told = read(file, _explained)
    path = os.path.abspath(file)
    check = subprocess.run([RESTORER, "--check", path], stdout=subprocess.PIPE, env=initial_environment(), check=False)
    told["snapshot"]["here_and_now"] = os.fsdecode(check.stdout).strip()[len(path) + 2 :]
    told["refusals"] = {
        word: {"times": times, "advice": ADVICE.get(word, "")} for word, times in Counter(refusals(file)).items()
    }
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return
    table = tables()
    for title, values in told.items():
        if title in _SIZES:
            lines = [(name, size(count)) for name, count in values.items()]
            rest = [*values.values()][_MOST:]
            lines[_MOST:] = [(f"{len(rest)} more", size(sum(rest)))] if rest else []
        else:
            lines = [(name.replace("_", " "), _text(value)) for name, value in values.items()]
        if lines:
            table(_TITLES[title], lines, "", "")


def _text(value: object) -> str:
    if isinstance(value, dict) and "advice" in value:
        return f"{counted(value['times'], 'time')}: {value['advice']}"
    if isinstance(value, dict):
        value = [f"{name} ({count})" for name, count in value.items()]
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _explained(content: mmap.mmap) -> Dict[str, Any]:
    told = header(content)
    asked = told["frozen"].pop("asked")
    (mapped,) = struct.unpack_from("<Q", content, 208)
    modes = [mode for (mode,) in rows(content, 1, "<40xI4x")]
    watched = Counter(
        "mapped" if number < mapped
        else "must_not_be_there" if modes[number] == 0
        else "directories" if stat.S_ISDIR(modes[number])
        else "sources" if path.endswith(".py")
        else "others"
        for number, path in enumerate(told["files"])
    )  # fmt: skip
    return {
        "snapshot": {name: told[name] for name in ("size", "creator", "program", "options", "command", "python")},
        "restored_with": {
            **{name: told[name] for name in ("user", "kernel")},
            **{name: told[name] or "any" for name in ("directory", "host")},
            "terminals": "none" if told["terminals"] else "any",
            "variables_asked_for": asked,
            "other_variables": [name for name in told["environment"] if name not in asked],
            "may_differ": told["vary"],
        },
        "frozen": told["frozen"],
        "watched_files": watched,
        **pages(content, told),
    }

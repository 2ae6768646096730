"""``pycds inspect``: what is in an archive."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import click

from pycds.commands.archives import open_archive, size, tables
from pycds.errors import ARCHIVE_UNUSABLE, PycdsError


@click.command("inspect")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--modules",
    "all_modules",
    is_flag=True,
    help="List every module, in order of first use, and the places of those that have no code.",
)
@click.option("--largest", type=click.IntRange(min=0), default=10, show_default=True, metavar="N",
              help="Show the N largest modules.")  # fmt: skip
@click.option("--shared", type=click.IntRange(min=0), default=10, show_default=True, metavar="N",
              help="Show the N constants that sharing saves most with.")  # fmt: skip
@click.argument("archive", metavar="ARCHIVE", type=click.Path(readable=False))
def command(as_json: bool, all_modules: bool, largest: int, shared: int, archive: str) -> int:
    """Show what is in ARCHIVE: whom it is for, its sections, modules and shared constants.

    Nothing of it is loaded into an interpreter; archives of other Pythons can be looked at as well.
    """
    from pycds._core import Refusal

    image = open_archive(archive)
    content: Dict[str, Any] = {"archive": archive, "header": image.header}
    damage = None
    parts = (
        ("sections", image.sections),
        ("modules", image.modules),
        ("places", image.places),
        ("memo", image.memo),
        ("shared_constants", image.shared_constants),
    )
    for name, read in parts:
        try:
            content[name] = read()
        except Refusal as refusal:
            damage, content[name] = refusal.message, []
    if not as_json:  # what is sound is worth seeing
        _show(content, all_modules, largest, shared)
    elif damage is None:
        click.echo(json.dumps(content, indent=1, ensure_ascii=True, default=str))
    if damage is not None:
        raise PycdsError(f"{damage}; `pycds verify` shows what is wrong", ARCHIVE_UNUSABLE)
    return 0


def _show(content: Dict[str, Any], all_modules: bool, largest: int, shared: int) -> None:
    table = tables()
    table("Archive", [[key, value] for key, value in _header_rows(content)], "", "")
    table(
        "Sections",
        [[s["name"], f"{s['offset']:#x}", size(s["size"]), str(s["items"])] for s in content["sections"]],
        "name", "offset:right", "size:right", "items:right",
    )  # fmt: skip
    modules = content["modules"]
    columns = ("name", "loader", "size:right", "code objects:right", "relocations:right", "origin")
    by_size = sorted(modules, key=lambda m: (-m["segment_size"], m["name"]))[:largest]
    if by_size:
        table("Largest modules", [_module_row(module) for module in by_size], *columns)
    if all_modules:
        table("Modules in order of first use", [_module_row(module) for module in modules], *columns)
        if content["places"]:
            rows = [[p["name"], p["kind"], p["origin"] or ", ".join(p["locations"] or ())] for p in content["places"]]
            table("Places of what has no code", rows, "name", "kind", "where")
    constants = sorted(content["shared_constants"], key=lambda c: (-c["size"] * (c["uses"] - 1), c["text"]))[:shared]
    if constants:
        rows = [[c["type"], size(c["size"]), str(c["uses"]), c["text"]] for c in constants]
        table("Shared constants that save most", rows, "type", "size:right", "modules:right", "value")


def _header_rows(content: Dict[str, Any]) -> List[List[str]]:
    header = content["header"]
    identity = header["identity"]
    version = identity["version"]
    python = f"{version >> 24}.{version >> 16 & 255}.{version >> 8 & 255}"
    flags = ["-" + "O" * identity["optimize"]] if identity["optimize"] else []
    flags += [] if identity["debug_ranges"] else ["-X no_debug_ranges"]
    flags += [] if identity["frozen_modules"] else ["-X frozen_modules=off"]
    rows = [
        ["file", content["archive"]],
        ["format", str(header["format_version"])],
        ["made by", str(header["creator"])],
        ["for Python", f"{python} ({identity['abi']}{', debug build' if identity['debug'] else ''})"],
        ["build", identity["build"]],
        ["flags", " ".join(flags) or "none that matter"],
        ["size", size(header["file_size"])],
        ["modules", str(header["modules"])],
        ["places", _counts(content["places"])],
        ["memo entries", str(header["memos"])],
        ["options", ", ".join(header["options"]) or "none"],
    ]
    rows += [
        ["search path" if number == 0 else "", f"{entry['path']} ({entry['kind']})"]
        for number, entry in enumerate(header["search_path"])
    ]
    return rows


def _counts(places: List[Dict[str, Any]]) -> str:
    """How many there are of each kind."""
    kinds = [place["kind"] for place in places]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "none"


def _module_row(module: Dict[str, Any]) -> List[str]:
    return [
        module["name"],
        module["loader"],
        size(module["segment_size"]),
        str(module["code_objects"]),
        str(module["relocations"]),
        module["origin"],
    ]

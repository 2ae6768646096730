"""``pycds stats``: what an archive did for a program."""

from __future__ import annotations

import glob
import json
import os
import tempfile
from typing import Any, Dict, List, Optional, Tuple

import click

from pycds import launch, program, run, targets
from pycds._startup import counted, warn
from pycds.commands.archives import milliseconds, size, tables
from pycds.commands.programs import EVERYTHING, PROGRAM_HELP, archive_of, check_writable, run_program
from pycds.errors import ARCHIVE_UNUSABLE, PycdsError
from pycds.reasons import explain

_SCRIPTS = {
    "served": "from the archive",
    "missed": "compiled; the reason is below",
    "compiled": "compiled, for the archive does not have it: a dump says why",
}


@click.command(
    "stats",
    context_settings=EVERYTHING,
    help=f"""Run a program from its archive and show hits, misses with their reasons, and the time that linking took;
    or show the statistics in FILE, which a run with PYCDSSTATS=FILE has left.

    {PROGRAM_HELP}

    The archive is the one that `pycds run` keeps for the program, or the one given with --archive. Where it cannot be
    used, nothing is run. What is shown goes to stderr, the program's output to stdout.

    \b
    Examples:
      pycds stats -- app.py
      pycds stats --archive app.pycds --json=stats.json -- -m app
      pycds stats stats.json
    """,
)
@click.option("--archive", metavar="FILE", help="Serve from this archive.")
@click.option("--json", "json_path", metavar="FILE", is_flag=False, flag_value="-", default=None,
              help="Write JSON to FILE, without one (or with -) to stdout.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="List every module that was missed, not only the first 20.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, required=True, metavar="FILE | PROGRAM [ARGUMENTS]...")
def command(archive: Optional[str], json_path: Optional[str], everything: bool, words: Tuple[str, ...]) -> int:
    """Measure or show."""
    if json_path not in (None, "-"):
        check_writable(str(json_path), "statistics")
    if targets.is_archive(words[0]):
        raise PycdsError(f"{words[0]} is an archive; which program? pycds stats --archive {words[0]} -- PROGRAM")
    saved = _saved(words[0]) if len(words) == 1 else None
    code = 0
    if saved is None:
        what = program.parse(words)
        own = [f"--archive={archive and os.path.abspath(archive)}"] if archive is not None else []
        own += [f"--json={json_path}"] if json_path else []
        run.adopt_flags(what, "pycds.commands:main", ["stats", *own, *(["--all"] if everything else []), "--"])
        code, saved = _measure(words, _usable(archive_of(what, archive), archive is not None))
    if saved is None:
        return launch.end_as(code)
    if json_path is not None:
        text = json.dumps(saved, indent=1)
        if json_path == "-":
            click.echo(text)
        else:
            try:
                with open(json_path, "w", encoding="utf-8") as file:
                    file.write(text + "\n")
            except OSError as error:
                warn(f"cannot write {json_path}: {error.strerror}")
    else:
        show(saved, everything)
    return launch.end_as(code)


def _saved(path: str) -> Optional[Dict[str, Any]]:
    """The statistics in a file, or None for anything else (then it is a program)."""
    if targets.is_endless(path):
        raise PycdsError(f"{path} is not a regular file; give statistics, or a program")
    is_named_so = path.endswith(".json")
    try:
        with open(path, "rb") as file:
            head = file.read(1)
            if not is_named_so and head != b"{":
                return None
            saved = json.loads(head + file.read())
        return {**saved, "archives": list(saved["archives"]), "hits": int(saved["hits"])}
    except OSError as error:
        if not is_named_so:
            return None
        raise PycdsError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PycdsError(f"{path} holds no statistics of PyCDS: {error}") from error


def _usable(archive: str, is_given: bool) -> str:
    """The archive, which this interpreter can use.  Raises PycdsError with code 3."""
    from pycds._core import Finder, Refusal

    try:
        Finder(archive)
    except Refusal as refusal:
        line = refusal.message
        if refusal.reason == "missing" and not is_given:
            line = "this program has no archive yet: `pycds run` it first, or give --archive FILE"
        raise PycdsError(line, ARCHIVE_UNUSABLE) from refusal
    return archive


def _measure(words: Tuple[str, ...], archive: str) -> Tuple[int, Optional[Dict[str, Any]]]:
    """The program's exit code, and what it has left; None where it failed without leaving anything."""
    with tempfile.TemporaryDirectory(prefix="pycds-stats-") as directory:
        started: List[int] = []
        code = run_program(
            words,
            {
                "PYCDSMODE": "SHARE",
                "PYCDSARCHIVE": archive,
                "PYCDSSTATS": os.path.join(directory, "%p.json"),
            },
            started,
        )
        found = []
        for path in sorted(glob.glob(os.path.join(glob.escape(directory), "*.json")), key=os.path.getmtime):
            with open(path, encoding="utf-8") as file:
                found.append(json.load(file))
    if not found:
        line = "the program left no statistics: it ended without the interpreter's exit, or runs with -S"
        if code == 0:
            raise PycdsError(line)
        warn(line)
        return code, None
    # What the program's children did is told apart.  It may end by os._exit(), or before them.
    found.sort(key=lambda one: one["pid"] in started)
    statistics: Dict[str, Any] = found[-1]
    what = program.parse(words)
    if what.kind == "script" and os.path.isfile(what.target):
        statistics["script"] = _how_it_was_run(what.target, statistics)
    statistics["children"] = [
        {"pid": child["pid"], "hits": child["hits"], "misses": child["misses"], "refused": child["refused"]}
        for child in found[:-1]
    ]
    return code, statistics


def _how_it_was_run(script: str, statistics: Dict[str, Any]) -> str:
    """served, missed, or compiled because no archive has it under the filename that its code has."""
    names = (script, os.path.abspath(script))
    for archive in statistics["archives"]:
        if any(name in names for name in archive["served"]):
            return "served"
        if any(name in names for name, _reason in archive["missed"]):
            return "missed"
    return "compiled"


def show(statistics: Dict[str, Any], everything: bool = False) -> None:
    """Print statistics as tables, on stderr."""
    table = tables(stderr=True)
    misses = statistics.get("misses", {})
    rows = [
        ("hits", str(statistics["hits"])),
        ("misses", str(sum(misses.values()))),
        ("attach", milliseconds(statistics.get("attach_ns", 0))),
        ("link", milliseconds(statistics.get("link_ns", 0))),
    ]
    if "script" in statistics:
        rows.append(("main script", _SCRIPTS.get(statistics["script"], str(statistics["script"]))))
    for kind, title in (("regexes", "regular expressions"), ("codes", "compiled texts")):
        counts = statistics.get(kind, {})
        if any(counts.values()):
            rows.append((title, f"{counts['served']} served, {counts['missed']} not in the archive"))
    missed: List[Tuple[str, str]] = []
    unarchived: List[str] = []
    for archive in statistics["archives"]:
        rows.append(("archive", f"{archive['archive']} ({counted(archive['modules'], 'module')})"))
        rows.append(("linked", f"{size(archive['linked_bytes'])}, {counted(archive['linked_objects'], 'object')}"))
        missed += [(name, reason) for name, reason in archive["missed"]]
        unarchived += archive["unarchived"]
    rows.append(("not in the archive", f"{len(unarchived)} look-ups"))
    rows += [
        (
            f"child {child['pid']}",
            f"{child['hits']} hits, {sum(child['misses'].values())} misses"
            + "".join(f"; archive not used ({refused['reason']})" for refused in child.get("refused", [])),
        )
        for child in statistics.get("children", [])
    ]
    table("Served", rows, "", "")
    if misses:
        explained = [
            (reason, f"{misses[reason]} ({explain(reason)})" if explain(reason) != reason else str(misses[reason]))
            for reason in sorted(misses)
        ]
        table("Misses", explained, "reason", "modules")
        shown = missed if everything else missed[:20]
        table("Modules missed", shown, "module", "reason")
    for refused in statistics.get("refused", []):
        click.echo(f"archive not used ({refused['reason']}): {refused['message']}", err=True)

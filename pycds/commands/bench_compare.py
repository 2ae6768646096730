"""``pycds bench --compare``: whether what an archive brings has become less or more, beyond the noise."""

from __future__ import annotations

import shlex
import statistics
from typing import Any, Dict, List, Sequence

from pycds import estimate
from pycds._startup import counted, printable
from pycds.commands import bench_report, bench_result
from pycds.commands.bench_result import Measured
from pycds.errors import PycdsError

VERDICTS = {
    "worse": "worse: the intervals do not overlap",
    "better": "better: the intervals do not overlap",
    "none": "no significant difference: the intervals overlap",
}


def compare(old: Measured, new: Measured) -> Dict[str, Any]:
    """What is shown, and what --json writes.  Raises PycdsError where one has too few pairs to say anything."""
    sides = {"old": _side(old), "new": _side(new)}
    before, after = (side["ratio"] for side in sides.values())
    return {
        "format": bench_result.FORMAT,
        **sides,
        "same_program": old.program == new.program,
        "same_python": old.python == new.python,
        "change": after["median"] / before["median"],
        "verdict": estimate.change(before, after),
    }


def _side(measured: Measured) -> Dict[str, Any]:
    plain, pycds = measured.wall_ns["plain"], measured.wall_ns["pycds"]
    ratio = estimate.ratio(pycds, plain)
    if ratio["low"] is None:
        found = counted(len(plain), "pair")
        raise PycdsError(f"{measured.file} has {found}, too few for an interval; measure again, at least 6 pairs")
    return {
        "file": measured.file,
        "program": measured.program,
        "python": measured.python,
        "pairs": len(plain),
        "codes": measured.codes,
        "ended_otherwise": measured.ended_otherwise,
        "plain_ns": statistics.median(plain),
        "pycds_ns": statistics.median(pycds),
        "ratio": ratio,
    }


def is_problem(compared: Dict[str, Any]) -> bool:
    """Whether a CI should stop: worse, or not the same program any more when it comes from the archive."""
    return compared["verdict"] == "worse" or bool(compared["new"]["ended_otherwise"])


def show(compared: Dict[str, Any]) -> None:
    """Print a table on stdout, the verdict, and what else a reader of it must know."""
    console = bench_report.console_of_stdout()
    sides = [compared["old"], compared["new"]]
    title = f"PyCDS / plain: {_words(compared['new'])}"
    bench_report.print_table(console, title, ("", "old", "new"), _rows(sides))
    console.print(f"{compared['change']:.3f} times what it was, {VERDICTS[compared['verdict']]}", markup=False)
    for line in _notes(compared, sides):
        console.print(line, markup=False)


def _words(side: Dict[str, Any]) -> str:
    return printable(" ".join(map(shlex.quote, side["program"])))


def _rows(sides: Sequence[Dict[str, Any]]) -> List[Sequence[str]]:
    ratios = [side["ratio"] for side in sides]
    return [
        ("file", *(printable(side["file"]) for side in sides)),
        ("Python", *(printable(side["python"]) for side in sides)),
        ("pairs", *(str(side["pairs"]) for side in sides)),
        ("plain, median", *(f"{bench_report.milliseconds(side['plain_ns'])} ms" for side in sides)),
        ("PyCDS, median", *(f"{bench_report.milliseconds(side['pycds_ns'])} ms" for side in sides)),
        ("PyCDS / plain", *(f"{ratio['median']:.3f}" for ratio in ratios)),
        ("at 95 % confidence", *(f"{ratio['low']:.3f} – {ratio['high']:.3f}" for ratio in ratios)),
    ]


def _notes(compared: Dict[str, Any], sides: Sequence[Dict[str, Any]]) -> List[str]:
    old, new = sides
    notes = []
    if not compared["same_program"]:
        notes.append(f"not the same program: {_words(old)} before, {_words(new)} now")
    if not compared["same_python"]:
        notes.append(f"not the same Python: {printable(old['python'])} before, {printable(new['python'])} now")
    for when, side in (("before", old), ("now", new)):
        if side["ended_otherwise"]:
            plain, pycds = (bench_report.listed(side["codes"][name]) for name in ("plain", "pycds"))
            notes.append(f"the program ended otherwise from the archive {when}: plain with {plain}, PyCDS with {pycds}")
    if old["codes"]["plain"] != new["codes"]["plain"]:
        before, now = (bench_report.listed(side["codes"]["plain"]) for side in sides)
        notes.append(f"the program itself ended with {before} before, with {now} now")
    return notes

"""What ``pycds bench`` shows."""

from __future__ import annotations

import shlex
from typing import Any, Dict, List, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pycds._startup import counted, printable

PHASES = {
    "start": "the interpreter, up to the start-up hook",
    "attach": "PyCDS's start-up hook: attaching the archive",
    "measurement": "setting up what measures all this",
    "import": "the import system itself: locks, specs, module objects",
    "find": "where a module is",
    "read": "whether its code may be used, and its bytes",
    "link": "code objects: unmarshalled (plain), linked (PyCDS)",
    "compile": "sources without a .pyc",
    "exec": "bodies of modules",
    "regex": "compilation of regular expressions",
    "class": "class statements, their bodies included",
    "extension": "extension and built-in modules",
    "gc": "collections of garbage",
    "exit": "after the last atexit function, until the process is gone",
    "rest": "the program, and whatever is none of the others",
}
"""What is counted for each phase, in the order of the core's (``src/observe/phases.hpp``)."""


def console_of_stdout() -> Console:
    """No line is cut: neither on a terminal nor in a file."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 10_000
    return console


def show(result: Dict[str, Any]) -> None:
    """Print tables on stdout."""
    console = console_of_stdout()
    words = " ".join(map(shlex.quote, result["program"]))
    title = f"{printable(words)}: {counted(result['pairs'], 'pair')} of runs, Python {result['python']}"
    print_table(console, title, ("", "plain", "PyCDS"), _times(result))
    console.print(_verdict(result["wall_ns"]["ratio"]), markup=False)
    for line in endings(result):
        console.print(line, markup=False)
    if "explain" in result:
        console.print()
        print_table(
            console, "Where the time goes, in ms", ("", "plain", "PyCDS", "saved", ""), _phases(result["explain"])
        )
        console.print(_overhead(result["explain"]), markup=False)


def print_table(console: Console, title: str, columns: Sequence[str], rows: List[Sequence[str]]) -> None:
    """A column without a title holds text, the others figures."""
    made = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number and column else "left", no_wrap=True)
    for row in rows:
        made.add_row(*map(escape, row))
    console.print(made)


def milliseconds(nanoseconds: float) -> str:
    """Without the unit."""
    return f"{nanoseconds / 1e6:.2f}"


def _times(result: Dict[str, Any]) -> List[Sequence[str]]:
    wall, cpu = result["wall_ns"], result["cpu_ns"]

    def row(title: str, measure: Dict[str, Any], *keys: str) -> Sequence[str]:
        return (
            title,
            *(" – ".join(milliseconds(measure[name][key]) for key in keys) + " ms" for name in ("plain", "pycds")),
        )

    return [
        row("time, median", wall, "median"),
        row("quartiles", wall, "low", "high"),
        row("least", wall, "least"),
        row("processor time, median", cpu, "median"),
    ]


def _verdict(ratio: Dict[str, Any]) -> str:
    line = f"PyCDS / plain: {ratio['median']:.3f}"
    if ratio["low"] is None:
        return f"{line}; too few pairs to say how certain that is"
    line += f" [{ratio['low']:.3f}, {ratio['high']:.3f}] at 95 % confidence, p = {ratio['p']:.2g}: "
    if not ratio["significant"]:
        return line + "no significant difference"
    times = 1 / ratio["median"] if ratio["median"] < 1 else ratio["median"]
    return f"{line}{times:.2f} times as {'fast' if ratio['median'] < 1 else 'slow'}"


def listed(codes: Sequence[int]) -> str:
    """How runs ended."""
    return " or ".join(f"exit code {code}" if code >= 0 else f"signal {-code}" for code in codes)


def endings(result: Dict[str, Any]) -> List[str]:
    """A line where the program ended otherwise from the archive, or never with exit code 0."""
    plain, pycds = (listed(result["codes"][name]) for name in ("plain", "pycds"))
    words = f": {printable(result['last_words'])}" if result["last_words"] else ""
    if result["ended_otherwise"]:
        return [f"the program ended otherwise: plain with {plain}, PyCDS with {pycds}{words}"]
    if result["codes"]["plain"] != [0]:
        return [f"each run ended with {plain}{words}"]
    return []


def _phases(explained: Dict[str, Any]) -> List[Sequence[str]]:
    plain, pycds = (explained[name]["phases"] for name in ("plain", "pycds"))
    rows: List[Sequence[str]] = [
        (phase, milliseconds(plain[phase]), milliseconds(pycds[phase]), milliseconds(plain[phase] - pycds[phase]),
         text)
        for phase, text in PHASES.items()
        if plain[phase] or pycds[phase]
    ]  # fmt: skip
    total = [sum(phases.values()) for phases in (plain, pycds)]
    rows.append(("together", *map(milliseconds, (*total, total[0] - total[1])), ""))
    return rows


def _overhead(explained: Dict[str, Any]) -> str:
    parts = []
    for name, title in (("plain", "plain"), ("pycds", "PyCDS")):
        overhead, total = explained[name]["overhead_ns"], sum(explained[name]["phases"].values())
        median, low, high = (overhead[key] / 1e6 for key in ("median", "low", "high"))
        parts.append(f"{title} {median:+.2f} ms ({median * 1e6 / total:+.1%}; quartiles {low:+.2f}, {high:+.2f})")
    return f"An observed run takes longer than one that is not by: {', '.join(parts)}."

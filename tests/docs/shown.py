"""Whether what a command printed is what a page shows.  The rules:

* Lines are compared in order, each as a whole, without blanks at its end; runs of blanks count as one.
* A line of ``...`` alone stands for any number of lines, also none; ``...`` at the end of a line for the rest of it.
* A command below which nothing is shown may print anything.
* ``/srv/venv``, ``/srv/app`` and ``/home/me`` are the environment, the working directory and the home directory of
  the test: each is put in the place of the true path, nothing else of a path may differ.
* These may have another value, of the same form: times with their unit (``0.12 ms``, ``0.08 s``), sizes in kB, MB, KiB
  or MiB, dates (``2026-11-28 15:25:02``), ratios with two decimals or more (``0.85``), percentages,
  the sixteen hexadecimal digits in an archive's name, and the version of Python behind its name.
* Whole numbers from 10 on may differ by a quarter (modules of another version of CPython), and must stay at 10 or more.
  Whole numbers below 10 must be those that are shown: none is not one.
"""

from __future__ import annotations

import re

# In this order: each takes away what a later one would read otherwise.
_FREE = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "DATE"),
    (re.compile(r"(?<=-)[0-9a-f]{16}(?=\.pycds)"), "HASH"),
    (re.compile(r"(?<=Python )\d+\.\d+\.\d+"), "VERSION"),
    (re.compile(r"\b\d[\d,]*(?:\.\d+)? (ns|µs|ms|s)(?![\w/])"), r"SOME \1"),
    (re.compile(r"\b\d[\d,]*(?:\.\d+)? (?:kB|MB|KiB|MiB)(?![\w/])"), "SIZE"),
    (re.compile(r"\b\d+(?:\.\d+)? ?%"), "SOME %"),
    (re.compile(r"(?<![\d.])\d+\.\d{2,}(?![\d.])"), "RATIO"),
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?![\w.]*\d)")


def same(shown: list[str], printed: list[str]) -> bool:
    """Whether the printed lines are those shown."""
    if not shown:
        return not printed
    first, others = shown[0], shown[1:]
    if first.strip() == "...":
        return any(same(others, printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and same_line(first, printed[0]) and same(others, printed[1:])


def same_line(shown: str, printed: str) -> bool:
    """Whether a printed line is the one shown."""
    shown, printed = _without_free(shown), _without_free(printed)
    if shown.endswith("..."):
        shown = shown[:-3]
        # Cut off where the numbers of the rest cannot be taken for some of the beginning's.
        printed = printed[: _end(shown, printed)]
    if _NUMBER.sub("N", shown) != _NUMBER.sub("N", printed):
        return False
    return all(map(_same_number, _NUMBER.findall(shown), _NUMBER.findall(printed)))


def _without_free(line: str) -> str:
    line = " ".join(line.split())
    for pattern, name in _FREE:
        line = pattern.sub(name, line)
    return line


def _end(shown: str, printed: str) -> int:
    """How much of a printed line the beginning that is shown covers, its numbers perhaps longer or shorter."""
    pattern = "".join(
        r"\d[\d,]*" if part == "N" else re.escape(part) for part in re.split("(N)", _NUMBER.sub("N", shown))
    )
    found = re.match(pattern, printed)
    return found.end() if found else 0


def _same_number(shown: str, printed: str) -> bool:
    here, there = (int(number.replace(",", "")) for number in (shown, printed))
    if here < 10 or there < 10:
        return here == there
    return abs(here - there) * 4 <= here

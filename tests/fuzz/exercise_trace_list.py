"""What may be relied on of any bytes in the place of a trace list and of the part files beside it.

The target of trace_list_fuzzer.py, and of the test that replays the corpus on every interpreter.
"""

from __future__ import annotations

import os
from pathlib import Path

from pycds import journal, trace_list
from pycds.trace_list import TraceList

SEPARATOR = b"\x1e"
"""Between the list and the parts that ended processes have left beside it."""

ENDED = 2**22 + 1
"""A process id that Linux never gives."""


def exercise(data: bytes, directory: Path) -> None:
    """Raises AssertionError where a list is not read as it should be; any other exception is a bug as well."""
    first, *parts = data.split(SEPARATOR)
    check_list(trace_list.parse(first, "a.lst"))
    if parts:
        check_parts(first, parts, directory)


def check_list(trace: TraceList) -> None:
    """What was made of a list can be written, and is then read without a complaint and as the same."""
    for name, module in trace.modules.items():
        assert module.name == name
        assert name
        assert not set(name) & set("/\0\t\n\r ")
        assert all(name.split("."))
        assert module.kind is None or module.kind in trace_list.KINDS
        assert module.first_use >= 0
    assert len(set(trace.path)) == len(trace.path)
    for warning in trace.warnings:
        assert warning.startswith("a.lst")
    text = trace_list.format_list(trace)
    again = trace_list.parse(trace_list.encode(text), "a.lst")
    assert again.warnings == [], again.warnings
    assert list(again.modules.values()) == list(trace.modules.values())
    assert again.path == trace.path
    assert again.directives == trace.directives
    assert list(again.regexes) == list(trace.regexes)
    assert trace_list.format_list(again) == text


def check_parts(first: bytes, parts: list[bytes], directory: Path) -> None:
    """Parts are taken up, once, and the list is then whole by itself."""
    path = str(directory / "a.lst")
    (directory / "a.lst").write_bytes(first)
    places = [journal.part_path(path, start, ENDED + start) for start in range(len(parts[:3]))]
    for place, part in zip(places, parts):
        Path(place).write_bytes(part)
    trace = journal.load(path)
    assert not any(map(os.path.exists, places))
    names = set(trace_list.parse(first, path).modules)
    for part in parts[:3]:
        # The last line may be cut short, where a process was killed.
        names |= set(trace_list.parse(part[: part.rfind(b"\n") + 1], path).modules)
    assert set(trace.modules) == names
    kept = journal.load(path)
    assert kept.warnings == []
    assert list(kept.modules.values()) == list(trace.modules.values())
    assert kept.path == trace.path
    assert os.listdir(directory) == ["a.lst"]

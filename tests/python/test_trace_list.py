"""The trace list's format: what is written is what is read, and what makes no sense is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycds import trace_list
from pycds.trace_list import TracedModule, TraceList

texts = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=30)
names = st.lists(
    st.text(st.characters(categories=["L", "N"], include_characters="_-"), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
).map(".".join)
modules = st.builds(
    TracedModule,
    names,
    st.sampled_from(trace_list.KINDS),
    st.none() | texts,
    st.none() | texts,
    st.none() | texts,
    st.integers(0, 2**63),
)


def parse(text: str) -> TraceList:
    return trace_list.parse(text.encode("utf-8", "surrogateescape"), "a.lst")


@given(st.text(st.characters()))
def test_escaping_is_undone(text: str) -> None:
    escaped = trace_list.escape(text)
    assert not set(escaped) & set("\t\n\r")
    escaped.encode("utf-8", "surrogateescape")
    assert trace_list.unescape(escaped) == text


@given(st.text(st.sampled_from("\\tnru\td8\n") | st.characters(), max_size=12))
def test_unescaping_refuses_or_gives_text(text: str) -> None:
    try:
        plain = trace_list.unescape(text)
    except ValueError:
        return
    assert trace_list.unescape(trace_list.escape(plain)) == plain


@given(modules)
def test_a_module_line_is_read_as_written(module: TracedModule) -> None:
    line = trace_list.format_module(module)
    assert "\n" not in line
    read = trace_list.parse_module(line)
    assert read == module
    assert read.first_use == module.first_use


@given(
    st.lists(modules, max_size=8, unique_by=lambda m: m.name),
    st.lists(texts, max_size=5, unique=True),
    st.lists(names, max_size=4),
)
def test_a_list_is_read_as_written(listed: list[TracedModule], path: list[str], absent: list[str]) -> None:
    trace = TraceList()
    for module in listed:
        trace.add(TracedModule(*module.fields()))  # type: ignore[arg-type]
    trace.put_path_first(path)
    trace.directives["python"] = "3.11.7"
    trace.absent = dict.fromkeys(absent)
    read = trace_list.parse(trace_list.encode(trace_list.format_list(trace)), "a.lst")
    assert read.warnings == []
    assert list(read.modules.values()) == list(trace.modules.values())
    assert read.path == path
    assert read.directives == trace.directives
    assert list(read.absent) == [name for name in trace.absent if name not in trace.modules]


@given(st.binary())
def test_no_bytes_are_fatal(data: bytes) -> None:
    trace_list.parse(data, "a.lst")


def test_the_originals_format_is_read() -> None:
    trace = parse("json\nemail.message\n\nxml.dom\n")
    assert list(trace.modules) == ["json", "email.message", "xml.dom"]
    assert trace.modules["json"].kind is None
    assert trace.warnings == []


def test_line_ends_of_dos_and_a_byte_order_mark_are_borne() -> None:
    trace = parse("\ufeff# pycds trace 1\r\n@path /lib\r\njson\r\n\r\nwave\tsource\t/lib/wave.py\t/lib\tPathFinder\r\n")
    assert list(trace.modules) == ["json", "wave"]
    assert trace.path == ["/lib"]
    assert trace.modules["wave"].finder == "PathFinder"
    assert trace.warnings == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("json", "listed twice"),
        ("json\tsource\t/x.py", "listed twice"),
        ("a b", "not the name of a module"),
        ("a..b", "not the name of a module"),
        (".a", "not the name of a module"),
        ("/etc/passwd", "not the name of a module"),
        ("x\tmagic\t/x.py", "unknown kind 'magic'"),
        ("x\tsource\t/x\\q.py", "unknown escape"),
        ("x\tsource\t/x\\", "single backslash"),
        ("x\tsource\t/x\t/\tPathFinder\tsoon", "not a number"),
        ("x" + "\t" * 8, "9 fields"),
        ("@path", "without a path"),
        ("@magic yes", "unknown directive @magic"),
        ("@absent", "'' is not the name of a module"),
        ("@absent a b", "'a b' is not the name of a module"),
        ("caf\udce9", "not UTF-8"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_read(line: str, problem: str) -> None:
    trace = parse(f"json\n{line}\nwave\n")
    (warning,) = trace.warnings
    assert warning.startswith("a.lst:2: ")
    assert problem in warning
    assert list(trace.modules) == ["json", "wave"]


def test_names_beyond_ascii_are_names() -> None:
    trace = parse("größe.模块\n")
    assert list(trace.modules) == ["größe.模块"]
    assert trace.warnings == []


def test_a_newer_lists_version_is_named() -> None:
    trace = parse("# pycds trace 7\njson\n")
    assert "newer PyCDS" in trace.warnings[0]
    assert list(trace.modules) == ["json"]


def test_the_latest_path_of_a_process_comes_first() -> None:
    trace = parse("@path-again\n@path /a\n@path /b\njson\n@path-again\n@path /c\n@path /a\nwave\n")
    assert trace.path == ["/c", "/a", "/b"]

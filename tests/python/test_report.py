"""``pycds report``: what the page and the profile say, and what is refused.  Nothing here asserts on times."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conftest import Python, write_files
from pycds import pairs
from pycds.errors import UsageError
from pycds.report import files, importtime, page, speedscope
from pycds.report.measurement import median_of

NESTED = """\
import time: self [us] | cumulative | imported package
import time:       165 |        165 |   _io
import time:        49 |         49 |     _codecs
half a lineimport time:       335 |        384 |   codecs
import time:       686 |       1235 | encodings
a line of the program
import time:        20 |         20 |   os
import time:       100 |        120 | site
import time:         5 |          5 | one two.<b>
import time: cached    | cached     | one
"""

EVENTS = {
    "type": "object",
    "required": ["type", "frame", "at"],
    "properties": {"type": {"enum": ["O", "C"]}, "frame": {"type": "integer", "minimum": 0}, "at": {"type": "number"}},
}
PROFILE = {
    "type": "object",
    "required": ["type", "name", "unit", "startValue", "endValue", "events"],
    "properties": {
        "type": {"const": "evented"},
        "name": {"type": "string"},
        "unit": {"enum": ["bytes", "microseconds", "milliseconds", "nanoseconds", "none", "seconds"]},
        "startValue": {"type": "number"},
        "endValue": {"type": "number"},
        "events": {"type": "array", "items": EVENTS},
    },
}
SPEEDSCOPE = {
    "type": "object",
    "required": ["$schema", "shared", "profiles"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "activeProfileIndex": {"type": "integer", "minimum": 0},
        "exporter": {"type": "string"},
        "name": {"type": "string"},
        "profiles": {"type": "array", "minItems": 1, "items": PROFILE},
        "shared": {
            "type": "object",
            "required": ["frames"],
            "properties": {
                "frames": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "file": {"type": "string"},
                            "line": {"type": "integer"},
                            "col": {"type": "integer"},
                        },
                    },
                }
            },
        },
    },
}
"""The constraints of FileFormat.File in src/lib/file-format-spec.ts of https://github.com/jlfwong/speedscope, for
evented profiles."""

HOSTILE = "</script><script>alert(1)</script><!--"


class Elements(HTMLParser):
    """What a browser would take a page for: its elements, and the text of the scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] += data

    @property
    def data(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.scripts[0])
        return content


def elements(path: Path) -> Elements:
    return Elements(path.read_text(encoding="utf-8"))


def report(python: Python, *words: str | os.PathLike[str], **options: Any) -> Elements:
    """The page of one round."""
    done = python.pycds("report", "--runs=1", "-o", "r.html", *words, **options)
    assert done.stderr == ""
    return elements(python.directory / "r.html")


def depth_first(tree: dict[str, Any], names: list[str]) -> list[tuple[str, ...]]:
    """Each import of a tree of the page, as the names from the outermost to it."""
    stack: list[str] = []
    found = []
    for number, level, own in tree["rows"]:
        assert own >= 0 and 0 <= level <= len(stack)
        stack[level:] = [names[number]]
        found.append(tuple(stack))
    return found


# --- the tree ------------------------------------------------------------------------------------


def test_lines_become_a_tree() -> None:
    imports = importtime.parse(NESTED)
    assert [(level, each.name, each.self_us, each.total_us) for level, each in importtime.walk(imports.roots)] == [
        (0, "encodings", 686, 1235), (1, "_io", 165, 165), (1, "codecs", 335, 384), (2, "_codecs", 49, 49),
        (0, "site", 100, 120), (1, "os", 20, 20), (0, "one two.<b>", 5, 5),
    ]  # fmt: skip
    assert (imports.total_us, imports.doubtful) == (1360, 0)
    assert importtime.of_start_up(imports.roots) == 2


def test_what_was_within_imports_that_never_ended_is_kept() -> None:
    imports = importtime.parse(
        "import time: 1 | 1 | a\nimport time: 2 | 2 |     deep\nimport time: 3 | 9 |   less\n"
        "import time: 4 | 4 |     b\n"
    )
    assert [(level, each.name) for level, each in importtime.walk(imports.roots)] == [
        (0, "a"), (0, "less"), (1, "deep"), (0, "b"),
    ]  # fmt: skip
    assert imports.doubtful == 1  # for `less` the interpreter told 9, and they are 5 together
    assert importtime.of_start_up(imports.roots) == 0


def test_rounding_is_no_doubt() -> None:
    assert importtime.parse("import time: 1 | 1 |   a\nimport time: 1 | 1 |   b\nimport time: 1 | 1 | c").doubtful == 0
    assert importtime.parse("import time: 1 | 1 |   a\nimport time: 1 | 1 |   b\nimport time: 5 | 1 | c").doubtful == 1


def test_a_deep_tree_is_walked() -> None:
    lines = [f"import time: 1 | {5000 - level} | {'  ' * level}m{level}" for level in reversed(range(5000))]
    imports = importtime.parse("\n".join(lines))
    assert (imports.total_us, len(imports.roots), imports.doubtful) == (5000, 1, 0)
    assert [level for level, _ in importtime.walk(imports.roots)] == list(range(5000))


def test_no_lines_are_no_imports() -> None:
    assert importtime.parse("import time: nothing\n") == importtime.Imports((), 0)


def test_the_run_with_the_median_is_taken() -> None:
    runs = [importtime.parse(f"import time: {us} | {us} | a") for us in (5, 1, 9, 7)]
    assert median_of(runs).total_us == 5
    assert median_of(runs[:3]).total_us == 5
    assert median_of(runs[:1]).total_us == 5


# --- the page ------------------------------------------------------------------------------------


def test_the_page_has_what_was_measured(python: Python, program: Path) -> None:
    done = python.pycds("report", "--runs=2", "-o", "r.html", "--", "app.py")
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"2 rounds: plain [\d.]+ ms, PyCDS [\d.]+ ms; \d+ hits, 0 misses", lines[0])
    assert lines[1:] == ["written: r.html"]
    data = elements(python.directory / "r.html").data
    assert (data["result"]["pairs"], data["result"]["program"]) == (2, ["app.py"])
    assert data["result"]["codes"] == {"plain": [0], "pycds": [0]}
    assert set(data["result"]["explain"]["plain"]["phases"]) <= set(data["phases"])
    assert sorted(data["trees"]) == sorted(pairs.CONTENDERS)
    for tree in data["trees"].values():
        paths = depth_first(tree, data["names"])
        start, own = paths[: tree["start"]], paths[tree["start"] :]
        assert ("site",) in start and ("encodings",) in start
        assert own[:1] == [("plain",)]
        assert ("package.inner.leaf", "package.inner") in own
        assert tree["doubtful"] == 0
        assert tree["above_ns"]["low"] <= tree["above_ns"]["median"] <= tree["above_ns"]["high"]
    (archive,) = data["served"]["archives"]
    assert {"plain", "package", "package.inner.leaf"} <= set(archive["served"])
    assert data["served"]["misses"] == {}
    assert all(len(meaning) == 2 for meaning in data["reasons"].values())


def test_the_totals_are_those_of_the_interpreter(python: Python, program: Path) -> None:
    """A plain run's imports in the same order as ``python -X importtime`` tells them, under the same parents."""
    tree = report(python, "--", "app.py").data
    told = importtime.parse(python("-X", "importtime", "app.py").stderr)
    stack: list[str] = []
    expected = []
    for level, each in importtime.walk(told.roots):
        stack[level:] = [each.name]
        expected.append(tuple(stack))
    # What the hook imports where PYCDSMODE is unset, or what site-packages brings, is the same in both.
    assert depth_first(tree["trees"]["plain"], tree["names"]) == expected


def test_misses_have_their_reasons(python: Python, program: Path) -> None:
    write_files(python.directory, {"twice.py": "import sys, plain\ndel sys.modules['plain']\nimport plain\n"})
    data = report(python, "--", "twice.py").data
    (archive,) = data["served"]["archives"]
    assert archive["missed"] == [["plain", "imported again"]]
    assert data["reasons"]["imported again"][0].startswith("a second import")
    assert data["served"]["misses"] == {"imported again": 1}


def test_the_program_may_write_to_stderr(python: Python) -> None:
    code = "import sys\nsys.stderr.write('no end of line'); import wave\nsys.stderr.write('import time: x | y\\n')"
    data = report(python, "-c", code).data
    for tree in data["trees"].values():
        assert any(path[0] == "wave" for path in depth_first(tree, data["names"]))
        assert tree["doubtful"] == 0


def test_a_program_that_imports_nothing(python: Python) -> None:
    write_files(python.directory, {"nothing.py": "pass\n"})  # from 3.13 on, -c has the interpreter import linecache
    data = report(python, "--", "nothing.py").data
    for tree in data["trees"].values():
        assert tree["start"] == len(tree["rows"]) > 0


def test_no_name_breaks_out_of_the_page(python: Python) -> None:
    hostile = python.directory / "a&b<script>{{data}}\u2028\x1b.py"
    text = f"try: __import__({HOSTILE!r})\nexcept ImportError: pass\n"
    write_files(python.directory, {hostile.name: text})
    found = report(python, "--", hostile)
    assert [attributes for tag, attributes in found.found if tag == "script"] == [
        {"type": "application/json", "id": "data"}, {},
    ]  # fmt: skip
    assert HOSTILE in found.data["names"]
    assert found.data["result"]["program"] == [str(hostile)]
    assert "alert" not in found.scripts[1]
    text = (python.directory / "r.html").read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "\x1b" not in text
    assert text.partition("<main")[0].count("{{data}}") == 2  # the program's name, in title and heading


@pytest.mark.parametrize("value", [HOSTILE, "<!--", "-->", "&lt;", "\u2028", "\udc80", "]]>"])
def test_texts_in_the_script_element(value: str) -> None:
    text = page.in_script({"a": value})
    assert json.loads(text) == {"a": value}
    assert not set("<>&") & set(text)
    assert text.isascii()


def test_the_page_asks_for_nothing(python: Python, program: Path) -> None:
    found = report(python, "--", "app.py")
    for tag, attributes in found.found:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "source")
        assert not {"src", "href", "action", "data", "srcset", "style", "onclick", "onload"} & set(attributes)
    (policy,) = [
        attributes["content"]
        for _, attributes in found.found
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "http" not in policy
    text = (python.directory / "r.html").read_text(encoding="utf-8")
    assert "@import" not in text and "url(" not in text and "fetch(" not in text


def test_a_program_that_left_no_statistics(python: Python, program: Path) -> None:
    data = report(python, "-c", "import os, plain; os._exit(0)").data
    assert data["served"] is None
    for tree in data["trees"].values():
        assert ("plain",) in depth_first(tree, data["names"])


def test_flags_that_change_code(python: Python, program: Path) -> None:
    data = report(python, "--", "-O", "app.py").data
    assert data["result"]["codes"] == {"plain": [0], "pycds": [0]}
    assert data["served"]["misses"] == {}


def test_a_module_and_an_archive_elsewhere(python: Python, program: Path) -> None:
    data = report(python, "--archive", "given.pycds", "--", "-m", "package").data
    assert data["result"]["archive"] == str(python.directory / "given.pycds")
    paths = depth_first(data["trees"]["pycds"], data["names"])
    assert ("runpy",) in paths
    assert any(path[-1] == "package.inner" for path in paths)


# --- how the program ends ------------------------------------------------------------------------


def test_a_program_that_fails_is_measured(python: Python, program: Path) -> None:
    done = python.pycds("report", "--runs=1", "-o", "r.html", "--", "app.py", "3")
    assert "each run ended with exit code 3\n" in done.stdout
    done = python.pycds("report", "--runs=1", "-o", "r.html", "-c", "import os, plain; os.kill(os.getpid(), 9)")
    assert "each run ended with signal 9\n" in done.stdout
    data = elements(python.directory / "r.html").data
    assert data["result"]["codes"] == {"plain": [-9], "pycds": [-9]}
    assert data["served"] is None


def test_a_program_that_ends_otherwise_from_the_archive(python: Python, program: Path) -> None:
    words = ["-c", "import os, sys, plain; sys.exit('PYCDSARCHIVE' in os.environ and 'served')"]
    done = python.pycds("report", "--runs=1", "-o", "r.html", *words, code=1)
    assert "the program ended otherwise: plain with exit code 0, PyCDS with exit code 1" in done.stdout
    assert elements(python.directory / "r.html").data["result"]["ended_otherwise"]


# --- the profile ---------------------------------------------------------------------------------


def check_profile(profile: dict[str, Any]) -> None:
    """As speedscope's importer does: each event within the last open one, times never backwards."""
    jsonschema.validate(profile, SPEEDSCOPE)
    frames = profile["shared"]["frames"]
    for each in profile["profiles"]:
        stack: list[int] = []
        last = each["startValue"]
        for event in each["events"]:
            assert last <= event["at"] <= each["endValue"]
            last = event["at"]
            assert event["frame"] < len(frames)
            if event["type"] == "O":
                stack.append(event["frame"])
            else:
                assert stack.pop() == event["frame"]
        assert stack == []
        assert last == each["endValue"]


def test_the_profile_is_as_speedscope_has_it(python: Python, program: Path) -> None:
    done = python.pycds("report", "--runs=1", "--speedscope=p.json", "--", "app.py")
    assert done.stdout.endswith("written: p.json\n")
    profile = json.loads((python.directory / "p.json").read_text())
    check_profile(profile)
    assert [each["name"] for each in profile["profiles"]] == ["imports, plain", "imports, pycds"]
    assert {"name": "package.inner.leaf"} in profile["shared"]["frames"]


def test_imports_of_a_profile_are_nested() -> None:
    told = {name: importtime.parse(NESTED) for name in pairs.CONTENDERS}
    profile = speedscope.profile("app.py", told)
    check_profile(profile)
    names = [frame["name"] for frame in profile["shared"]["frames"]]
    assert [
        (event["type"], names[event["frame"]], event["at"]) for event in profile["profiles"][0]["events"]
    ] == [
        ("O", "encodings", 0), ("O", "_io", 0), ("C", "_io", 165), ("O", "codecs", 165), ("O", "_codecs", 165),
        ("C", "_codecs", 214), ("C", "codecs", 549), ("C", "encodings", 1235), ("O", "site", 1235), ("O", "os", 1235),
        ("C", "os", 1255), ("C", "site", 1355), ("O", "one two.<b>", 1355), ("C", "one two.<b>", 1360),
    ]  # fmt: skip
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**profile, "profiles": [{**profile["profiles"][0], "unit": "hours"}]}, SPEEDSCOPE)


# --- files and bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["-o", "r.html", "--", "no.py"], 2, "no.py: no such file"),
        (["-o", "r.html", "--", "-"], 2, "standard input"),
        (["--", "app.py"], 2, "nothing to write"),
        (["-o", "", "--", "app.py"], 2, "an empty name was given"),
        (["--speedscope=", "--", "app.py"], 2, "an empty name was given"),
        (["-o", "no/r.html", "--", "app.py"], 2, "does not exist"),
        (["-o", ".", "--", "app.py"], 2, "is a directory"),
        (["-o", "/dev/full", "--", "app.py"], 2, "not a regular file"),
        (["-o", "app.py", "--", "app.py"], 2, "app.py is no report of pycds report"),
        (["--speedscope", "app.py", "--", "app.py"], 2, "app.py is no profile of pycds report"),
        (["-o", "same", "--speedscope", "./same", "--", "app.py"], 2, "cannot be both page and profile"),
        (["-o", "r.html", "--archive", "", "--", "app.py"], 2, "an empty name was given for --archive"),
        (["-o", "r.html", "--", "-S", "app.py"], 3, "-S"),
        (["-o", "r.html", "--archive", "app.py", "--", "app.py"], 2, "app.py"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_told_in_one_line(python: Python, program: Path, words: list[str], code: int, text: str) -> None:
    before = sorted(python.directory.rglob("*")), program.read_text()
    done = python.pycds("report", *words, code=code)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: ")
    assert text in line
    assert (
        sorted(path for path in python.directory.rglob("*") if "__pycache__" not in str(path)),
        program.read_text(),
    ) == before


@pytest.mark.parametrize("words", [["-o", "r.html", "--runs", "0", "app.py"], ["-o", "r.html"]], ids=" ".join)
def test_usage_errors(python: Python, program: Path, words: list[str]) -> None:
    assert python.pycds("report", *words, code=2).stdout == ""


def test_a_report_is_written_over(python: Python, program: Path) -> None:
    first, link = python.directory / "r.html", python.directory / "link.html"
    first.touch()
    report(python, "--", "app.py")
    before = first.read_text()
    assert before.startswith(files.PAGE_HEAD)
    link.symlink_to(first)
    python.pycds("report", "--runs=1", "-o", "link.html", "--speedscope", "p.json", "--", "app.py", "3")
    assert link.is_symlink()
    assert elements(first).data["result"]["program"] == ["app.py", "3"]
    python.pycds("report", "--runs=1", "--speedscope", "p.json", "--", "app.py")
    assert json.loads((python.directory / "p.json").read_text())["name"] == "app.py"
    assert not list(python.directory.glob("*.tmp"))


def test_a_page_is_no_profile_and_a_profile_no_page(tmp_path: Path) -> None:
    ours, other = tmp_path / "r.html", tmp_path / "p.json"
    ours.write_text(files.PAGE_HEAD + "…")
    other.write_text(files.PROFILE_HEAD + '1.0"}')
    files.check(str(ours), files.PAGE_HEAD, "report")
    files.check(str(other), files.PROFILE_HEAD, "profile")
    for path, head in ((other, files.PAGE_HEAD), (ours, files.PROFILE_HEAD)):
        with pytest.raises(UsageError, match="not written over"):
            files.check(str(path), head, "report")
    assert json.dumps(speedscope.profile("", {n: importtime.parse("") for n in pairs.CONTENDERS})).startswith(
        files.PROFILE_HEAD
    )


def test_what_was_there_stays_where_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")

    def fail(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(files.PycdsError, match=r"r\.html could not be written: No space left on device"):
        files.write(str(path), "new", "report")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_template_is_installed_compressed() -> None:
    """For the sake of the wheel's size; the page is the same but for indentation and comments."""
    names = os.listdir(os.path.dirname(page.__file__))
    assert "template.html.gz" in names
    assert "template.html" not in names

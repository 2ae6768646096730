"""The memo: compiled regular expressions from an archive are those that the compiler would have made.

Programs run plain and served, and must print the same; that patterns were served at all is known from the statistics.
"""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import importlib
import json
import re
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any, List, Tuple, Union

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Python, Served, write_files
from pycds import _core, regexes, tracer
from pycds.trace_list import TraceList, format_list, format_regex, parse, regex

HERE = Path(__file__).parent
Regex = Tuple[Union[str, bytes], int]

ORDINARY: List[Regex] = [
    ("", 0), ("a", 0), ("abc", re.I), (r"\d+", 0), (r"\d+", re.A), (rb"\d+", 0), (r"(?P<year>\d{4})-(?P<month>\d\d)", 0),
    (r"(?:a|b|cd)*?", re.M | re.S), (r"^(\w+)\s*=\s*(.*?);?$", re.M), ("[^a-zé-ÿ]", re.I), ("[\u017f\u0130k]", re.I),
    (r"(?i:straße)|ß", 0), ("(?x) a  # comment\n b", 0), (" a b ", re.X), (r"(a)(b)?(?(2)c|d)", 0), (r"(?<=a)b(?!c)", 0),
    ("\u212a", re.I), ("\U0001f600+", 0), ("a\x00b", 0), ("\ud800[\udc80-\udcff]", 0), (b"[\x80-\xff]+", re.I),
    (r"(a)|(b)|(?P<z>c)", 0), (r"a{2,5}?b{3}", 0), (r"(?s:.)\Z", 0), (r"\bfoo\B", re.U), (r"([a-z]+)\1", re.I),
    ("x" * 300, 0), ("|".join(f"word{i}" for i in range(60)), 0), ("[" + "".join(map(chr, range(0x400, 0x500, 2))) + "]", 0),
]  # fmt: skip
"""Patterns that are kept."""

OTHERS: List[Regex] = [
    (rb"\w+", re.L), (rb"(?L)\w", 0), ("[[a]", 0), ("[a||b]", 0), ("a(?i)", 0), ("(", 0), ("[z-a]", 0), (r"\N{BULLET}", 0),
    (r"(?P<n>a)(?P<n>b)", 0), ("a", re.A | re.U), ("*", 0), (r"(?<=a+)b", 0), (r"\N", 0), ("a", 1 << 20),
]  # fmt: skip
"""Patterns of which nothing is kept: errors, warnings, what depends on more."""


def as_json(patterns: List[Regex]) -> str:
    return json.dumps(
        [[list(pattern) if isinstance(pattern, bytes) else pattern, int(flags)] for pattern, flags in patterns]
    )


def archive_of(python: Python, patterns: List[Regex], *more: str) -> Path:
    """An archive of `re` and these patterns."""
    trace = parse("\n".join(["re", "enum", "functools", "copyreg", *more]).encode(), "list")
    for name in tracer.REGEX_MODULES:
        trace.add(parse(name.encode(), "list").modules[name])
    for pattern, flags in patterns:
        trace.regexes[regex(pattern, int(flags))] = None
    path = python.directory / "names"
    path.write_bytes(format_list(trace).encode("ascii"))
    archive = python.directory / "memo.pycds"
    python.pycds("dump", path, archive)
    return archive


def is_ordinary(row: Regex) -> bool:
    """Whether a pattern can be compiled, and without a word of warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(*row)
        except (re.error, ValueError, OverflowError, DeprecationWarning, FutureWarning):
            return False
    return True


def counts(served: Served) -> Any:
    return served.statistics["archives"][0]["regexes"]


def memos(served: Served) -> int:
    """How many memo entries the archive has."""
    return int(served.statistics["archives"][0]["memos"])


def compare(python: Python, archive: Path, patterns: List[Regex]) -> Tuple[Any, int]:
    """Run memo_program plain and served; both must print the same.  The counts of the served run, and of entries."""
    text = as_json(patterns)
    plain = python(HERE / "memo_program.py", stdin=text)
    served = python.served(archive, HERE / "memo_program.py", stdin=text)
    assert served.stdout == plain.stdout
    assert served.stderr == plain.stderr
    return counts(served), memos(served)


def test_served_is_what_the_compiler_makes(python: Python) -> None:
    archive = archive_of(python, ORDINARY + OTHERS)
    found, kept = compare(python, archive, ORDINARY + OTHERS)
    assert kept == len(ORDINARY)
    assert found["served"] >= 2 * len(ORDINARY)  # once more after re.purge()
    assert found["changed"] == found["unreadable"] == 0
    assert json.loads(json.dumps(found["lacking"])) != []  # those of `re` itself and of the warnings
    assert python.pycds("verify", archive).returncode == 0


@pytest.mark.slow
def test_patterns_of_the_tests_of_re(python: Python) -> None:
    patterns: List[Regex] = []
    re_tests = pytest.importorskip("test.re_tests", reason="this interpreter has no tests of CPython")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in re_tests.tests:
            for flags in (0, re.I, re.M, re.X, re.A, re.S | re.I):
                patterns.append((row[0], int(flags)))
                if row[0].isascii():
                    patterns.append((row[0].encode("ascii"), int(flags)))
    archive = archive_of(python, patterns)
    found, kept = compare(python, archive, patterns)
    assert kept == len(set(filter(is_ordinary, patterns))) > 1000
    assert found["served"] > kept  # those that re still had, once more after re.purge()
    assert found["changed"] == found["unreadable"] == 0


CHARACTERS = st.sampled_from(
    [*"abkKsS019_- \n\\.^$*+?{}[]()|:=!<>,&~#PiLmsuxa", "é", "ß", "\u017f", "\u0130", "\ud800", "\U00010400"]
)
PIECES = st.one_of(
    st.text(CHARACTERS, max_size=6),
    st.sampled_from([r"(?P<n>a)", r"(a|b)", "[a-z]", r"[^\s]", r"\d", r"\w+", "(?:x)*", "(?=a)", "(?<!b)", "a{2,3}", "(?i:K)", "(?(1)a|b)", r"\1", "[k-s]"]),
)  # fmt: skip
PATTERNS = st.lists(PIECES, max_size=6).map("".join)
FLAGS = st.sets(st.sampled_from([re.I, re.M, re.S, re.X, re.A])).map(lambda flags: sum(int(flag) for flag in flags))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(PATTERNS, FLAGS), min_size=1, max_size=1, unique=True), st.booleans())
def test_any_pattern_is_computed_as_compiled(patterns: List[Regex], as_bytes: bool) -> None:
    """What a dump keeps, made into a Pattern, is the one that the compiler makes, or nothing is kept."""
    compiler = regexes.Compiler()
    pattern, flags = patterns[0]
    if as_bytes and isinstance(pattern, str):
        pattern = pattern.encode("utf-8", "surrogatepass")
    entry = compiler.compute(regex(pattern, flags))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            plain = compiler._module.compile(pattern, flags)
        except Exception:  # noqa: BLE001 - whatever a pattern is refused for
            assert entry is None
            return
    assert (entry is None) == bool(told or (isinstance(pattern, str) and "\\N" in pattern) or plain.flags & re.L)
    if entry is not None:
        kept, final, words, groups, names, by_number = entry.code.co_consts[0]
        assert (kept, final, groups) == (plain.pattern, plain.flags, plain.groups)
        assert dict(zip(names[::2], names[1::2])) == dict(plain.groupindex)
        codes = [int.from_bytes(words[i : i + 4], sys.byteorder) for i in range(0, len(words), 4)]
        engine = compiler._module._sre
        assert engine.compile(kept, final, codes, groups, dict(plain.groupindex), by_number) == plain


@settings(max_examples=200)
@given(st.text(), st.integers(0, 400), st.booleans())
def test_lines_of_a_trace_list(text: str, flags: int, as_bytes: bool) -> None:
    pattern: Union[str, bytes] = text.encode("utf-8", "surrogatepass") if as_bytes else text
    trace = TraceList()
    trace.regexes[regex(pattern, flags)] = None
    read = parse(format_list(trace).encode("ascii"), "list")
    assert (read.regexes, read.warnings) == (trace.regexes, [])


@pytest.mark.parametrize(
    "line",
    [
        "@regex",
        "@regex str",
        "@regex str 0",
        "@regex int 0 a",
        "@regex str -1 a",
        "@regex str 0 é",
        "@regex bytes 0 \\u0100",
        "@regex str 0 \\x1",
        "@regex str 0 \\d",
        "@regex str 0 \\N{BULLET}",
        "@regex str 0 a\\",
        "@regex str 0 \\\\\\401",
    ],
)
def test_lines_that_make_no_sense(line: str) -> None:
    read = parse(line.encode(), "list")
    assert not read.regexes
    assert len(read.warnings) == 1


def test_a_trace_records_what_is_compiled(python: Python) -> None:
    program = python.directory / "program.py"
    program.write_text(
        "import re\nre.compile('seen', re.I)\nre.search(b'by.search', b'')\nre.compile('a(?P<x>.)').sub('', '')\n"
    )
    trace_list = python.directory / "list"
    python.traced(trace_list, program)
    read = parse(trace_list.read_bytes(), str(trace_list))
    assert read.warnings == []
    assert {regex("seen", 2), regex(b"by.search", 0), regex("a(?P<x>.)", 0)} <= set(read.regexes)
    archive = python.directory / "archive"
    python.pycds("dump", trace_list, archive)
    served = python.served(archive, program)
    assert counts(served)["missed"] == 0
    assert counts(served)["served"] >= 3


def test_tracing_changes_nothing_that_can_be_seen(python: Python) -> None:
    text = as_json(ORDINARY + OTHERS)
    plain = python(HERE / "memo_program.py", stdin=text)
    traced = python.traced(python.directory / "list", HERE / "memo_program.py", stdin=text)
    assert (traced.stdout, traced.stderr) == (plain.stdout, plain.stderr)


def test_what_was_compiled_before_is_recorded(python: Python) -> None:
    python(
        "-c",
        "import re; re.compile('before'); import pycds\nwith pycds.record('list'): re.compile('later')\nre.compile('after')",
    )
    read = parse((python.directory / "list").read_bytes(), "list")
    assert {regex("before", 0), regex("later", 0)} <= set(read.regexes)
    assert regex("after", 0) not in read.regexes


@pytest.mark.parametrize("mode", ["TRACE", "SHARE"])
def test_off(python: Python, mode: str) -> None:
    archive = archive_of(python, ORDINARY)
    off = {"PYCDSMEMO": "off"}
    if mode == "TRACE":
        python.traced(python.directory / "list", "-c", "import re; re.compile('seen')", env=off)
        assert not parse((python.directory / "list").read_bytes(), "list").regexes
    else:
        served = python.served(
            archive, "-c", "import re, sys; re.compile('abc', re.I); print(type(re._compile.__globals__))", env=off
        )
        assert counts(served)["served"] == counts(served)["missed"] == 0
        assert memos(served) == len(ORDINARY)


COMPILER = tracer.REGEX_MODULES[-1]
PARSER = tracer.REGEX_MODULES[1]

CHANGES = {
    "a name": "parser.FLAGS = dict(parser.FLAGS)",
    "a function": "old = parser.parse; parser.parse = lambda *a: (print('asked', a[0]), old(*a))[1]",
    "a function's code": "f = lambda string: True; compiler.isstring.__code__ = f.__code__.replace(co_name='isstring')",
    "a function's defaults": "parser.parse.__defaults__ = (2, None)",
    "a class": "parser.SubPattern.more = 1",
    "a dict": "parser.FLAGS['k'] = 2",
    "a set": "compiler._LITERAL_CODES.add(99)",
    "a name that hides a builtin": "parser.len = len",
    "the engine": "import _sre; old = _sre.compile; _sre.compile = lambda *a: (print('asked', a[0]), old(*a))[1]",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_compiler_that_was_changed_is_asked(python: Python, change: str) -> None:
    archive = archive_of(python, ORDINARY)
    program = python.directory / "program.py"
    program.write_text(
        f"import re, sys\nparser, compiler = sys.modules[{PARSER!r}], sys.modules[{COMPILER!r}]\n"
        f"re.compile('abc', re.I)\n{CHANGES[change]}\nprint(re.compile('a').flags, re.compile(r'\\d+', re.A).flags)\n"
    )
    plain = python(program)
    served = python.served(archive, program)
    assert served.stdout == plain.stdout
    assert counts(served)["changed"] == 2


def test_versions_given_anew_change_nothing(python: Python) -> None:
    archive = archive_of(python, ORDINARY)
    served = python.served(
        archive,
        "-W",
        "ignore",
        "-c",
        "import re, sys; sys._clear_type_cache(); re.compile('a'); re.compile('abc', re.I)",
    )
    assert counts(served)["changed"] == 0
    assert counts(served)["served"] >= 2


def test_an_equal_text_is_no_change(python: Python) -> None:
    archive = archive_of(python, ORDINARY)
    program = (
        f"import re, sys; p = sys.modules[{PARSER!r}]; p.__file__ = p.__file__[:1] + p.__file__[1:]; re.compile('a')"
    )
    served = python.served(archive, "-c", program)
    assert counts(served)["changed"] == 0
    assert counts(served)["served"] >= 1


def test_a_change_that_was_taken_back_counts_no_more(python: Python) -> None:
    archive = archive_of(python, ORDINARY)
    served = python.served(
        archive,
        "-c",
        f"import re, sys; p = sys.modules[{PARSER!r}]; old = p.parse; p.parse = None; p.parse = old; re.compile('a')",
    )
    assert counts(served)["changed"] == 0
    assert counts(served)["served"] >= 1


def test_a_compiler_of_another_content_is_not_answered_for(python: Python) -> None:
    """The program brings a module of that name with it: nothing of the archive fits."""
    archive = archive_of(python, ORDINARY)
    own = python.directory / "own"
    source = Path(importlib.import_module(COMPILER).__file__ or "")
    if "." in COMPILER:
        package = own / "re"
        package.mkdir(parents=True)
        for file in source.parent.glob("*.py"):
            (package / file.name).write_bytes(file.read_bytes())
        target = package / source.name
    else:
        own.mkdir()
        target = own / source.name
    target.write_bytes(source.read_bytes() + b"\nprint('own')\n")
    env = {"PYTHONPATH": str(own)}
    served = python.served(archive, "-c", "import re; re.compile('abc', re.I); print('end')", env=env)
    assert served.stdout == "own\nend\n"
    assert counts(served)["served"] == 0


SEEN = """
    import copy, functools, inspect, pickle, sys, traceback, types, warnings
    import re
    module = sys.modules[COMPILER]
    function = module.compile
    print(repr(function).split(' at ')[0], function.__name__, function.__module__, function.__defaults__, function.__code__.co_name)
    print(inspect.signature(function), inspect.isfunction(function), isinstance(function, types.FunctionType), callable(function))
    print(inspect.getsource(function) == inspect.getsource(function.__code__), inspect.getsourcelines(function)[1])
    print(pickle.loads(pickle.dumps(function)) is function, copy.copy(function) is function, copy.deepcopy(function) is function)
    print(function("a").pattern, function("a", flags=2).flags, function(p="a").flags, function(module._parser.parse("a") if hasattr(module, "_parser") else module.sre_parse.parse("a")).pattern)
    function.note = 1
    print(vars(function), hash(function) == hash(function), function == function)
    for arguments in ((), (1,), ("a", 0, 0), ("a", None), ("a", 1.5), (None, 0)):
        try:
            print(function(*arguments))
        except Exception as error:
            print(type(error), error, [frame.name for frame in traceback.extract_tb(error.__traceback__)])
    class C:
        method = function
    try:
        print(C().method())
    except Exception as error:
        print(type(error))
    class S(str): pass
    s = S("a")
    print(re.compile(s).pattern is s, re.compile("a").pattern, type(re.compile(s).pattern))
    print(re.compile("a", re.DEBUG))
    warnings.simplefilter("always")
    re.compile("[[x]")
    def g(): return re.compile("[a||b]")
    g()
    print(re.Scanner([("a", None), ("b+", lambda s, t: t)]).scan("abba"))
    for bad in ("(", "[", "a**"):
        try:
            re.compile(bad)
        except re.error as error:
            print(error, [(frame.name, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)])
    print(sorted(name for name in sys.modules if name.startswith(("re", "sre", "_sre"))))
    loader = module.__spec__.loader
    print(vars(loader).keys(), module.__loader__ is loader)
    print(sys.getrefcount(re.compile("abc", re.I)))
    """


def test_what_a_program_can_see(python: Python) -> None:
    archive = archive_of(python, ORDINARY, "inspect", "traceback")
    program = python.directory / "program.py"
    program.write_text(f"COMPILER = {COMPILER!r}\n" + textwrap.dedent(SEEN))
    plain = python(program)
    served = python.served(archive, program)
    assert served.stdout == plain.stdout
    assert served.stderr == plain.stderr
    assert counts(served)["served"] > 0
    traced = python.traced(python.directory / "list", program)
    assert (traced.stdout, traced.stderr) == (plain.stdout, plain.stderr)


def test_reload_and_import_anew(python: Python) -> None:
    archive = archive_of(python, ORDINARY)
    program = f"""
        import importlib, re, sys
        print(re.compile("abc", re.I))
        importlib.reload(sys.modules[{COMPILER!r}])
        re.purge()
        print(re.compile("abc", re.I))
        for name in [name for name in sys.modules if name.partition(".")[0] in ("re", "sre_compile", "sre_parse", "sre_constants")]:
            del sys.modules[name]
        import re as other
        print(other is not re, other.compile("abc", re.I), re.compile("a"))
        """
    path = python.directory / "program.py"
    path.write_text(textwrap.dedent(program))
    plain = python(path)
    served = python.served(archive, path)
    assert served.stdout == plain.stdout


def test_threads_compile_the_same(python: Python) -> None:
    archive = archive_of(python, ORDINARY)
    program = """
        import re, sys, threading
        sys.setswitchinterval(1e-6)
        found = []
        def work():
            for _ in range(30):
                re.purge()
                found.append((re.compile("abc", re.I), re.compile(r"\\d+", re.A), re.compile(" a b ", re.X)))
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(found), len(set(found)))
        """
    path = python.directory / "program.py"
    path.write_text(textwrap.dedent(program))
    served = python.served(archive, path)
    assert served.stdout == "180 1\n"
    assert counts(served)["unreadable"] == counts(served)["changed"] == 0


def test_archive_without_the_compiler_has_no_regexes(python: Python) -> None:
    trace = TraceList()
    trace.add(parse(b"re", "list").modules["re"])
    trace.regexes[regex("a", 0)] = None
    path = python.directory / "names"
    path.write_bytes(format_list(trace).encode("ascii"))
    python.pycds("dump", path, "archive")
    assert _core.Image(str(python.directory / "archive")).header["memos"] == 0


def test_memo_entries_are_no_modules(python: Python) -> None:
    archive = archive_of(python, ORDINARY)
    image = _core.Image(str(archive))
    names = [entry["name"] for entry in image.memo()]
    assert len(names) == image.header["memos"] == len(ORDINARY)
    assert not {module["name"] for module in image.modules()} & set(names)
    assert image.header["modules"] == len(image.modules())
    assert all(_core.regex_key(pattern, int(flags)) in names for pattern, flags in ORDINARY)
    served = python.served(
        archive,
        "-c",
        f"import importlib\ntry: importlib.import_module({names[0]!r})\nexcept ImportError as e: print(type(e).__name__)",
    )
    assert served.stdout == "ModuleNotFoundError\n"
    assert _core.Finder(str(archive)).stale() == []
    shown = python.pycds("inspect", archive).stdout
    assert "memo entries" in shown
    assert "re:1:0:" not in shown


def test_same_list_gives_the_same_bytes(python: Python) -> None:
    first = segments(archive_of(python, ORDINARY))
    for seed in ("1", "77"):
        python.environ["PYTHONHASHSEED"] = seed
        assert segments(archive_of(python, ORDINARY)) == first


def segments(archive: Path) -> List[Tuple[str, bytes]]:
    data = archive.read_bytes()
    entries = _core.Image(str(archive)).memo()
    return [(entry["name"], data[entry["segment_offset"] :][: entry["segment_size"]]) for entry in entries]


def test_no_key_for_what_is_never_kept() -> None:
    class Text(str):
        __slots__ = ()

    class Number(int):
        __slots__ = ()

    for pattern, flags in (("a", re.L), ("a", re.DEBUG), ("a", 1), (Text("a"), 0), (bytearray(b"a"), 0), ("a", Number(0)),
                           ("a", None), ("a", -1), ("a", 1 << 70), (None, 0), ("a", True)):  # fmt: skip
        number: Any = int(flags) if isinstance(flags, re.RegexFlag) else flags
        assert _core.regex_key(pattern, number) is None, (pattern, flags)
    assert _core.regex_key("a", 0) != _core.regex_key(b"a", 0) != _core.regex_key("a", 2)


def test_run_takes_them_up_and_drops_them(python: Python) -> None:
    """`pycds run`: what a served run lacks is there after the next, and what no run uses is gone."""
    write_files(python.directory, {"app.py": "import re, sys\nfor pattern in sys.argv[1:]: re.compile(pattern)\n"})

    def kept() -> set[object]:
        lists = list(python.home.rglob("*.list")) or [
            path for path in python.home.rglob("*") if path.is_file() and path.read_bytes().startswith(b"# pycds trace")
        ]
        return {pattern for _kind, _flags, pattern in parse(lists[0].read_bytes(), "list").regexes}

    python.pycds("run", "app.py", "one", "two")
    assert {"one", "two"} <= kept()
    python.pycds("run", "app.py", "one", "three")  # served, lacks "three"
    python.pycds("run", "app.py", "one", "three")  # and again
    assert "three" not in kept()
    python.pycds("run", "app.py", "one", "three")  # made anew
    assert {"one", "three"} <= kept()
    assert "two" not in kept()


def test_format_of_a_line() -> None:
    assert format_regex(regex("a\n\\d\x00é\ud800", 2)) == "@regex str 2 a\\n\\\\d\\x00\\xe9\\ud800"
    assert format_regex(regex(b"\xff ", 0)) == "@regex bytes 0 \\xff "


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 61])
def test_damage_is_found_before_use(python: Python, step: int) -> None:
    """Any byte of a memo entry that changes: the pattern is compiled, or what was read before is used."""
    patterns = [ORDINARY[i] for i in (3, 6, 8, 24)]
    archive = archive_of(python, patterns)
    copy = python.directory / "copy.pycds"
    listed = (python.directory / "names").read_text("ascii")
    done = python(HERE / "damaged_memo.py", archive, copy, str(step), stdin=listed, timeout=600)
    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert report["trials"] > 50
    assert report["lost"] > report["trials"] / 4
    assert report["served"] > report["trials"]


def test_a_trace_within_a_served_run(python: Python) -> None:
    """Both the archive and the trace are told of the compiler."""
    archive = archive_of(python, ORDINARY)
    program = "import pycds\nwith pycds.record('list'):\n import re; re.compile('abc', re.I); re.compile('other')"
    served = python.served(archive, "-c", program)
    assert counts(served)["served"] >= 1
    recorded = parse((python.directory / "list").read_bytes(), "list").regexes
    assert {regex("abc", 2), regex("other", 0)} <= set(recorded)


def test_two_archives(python: Python) -> None:
    first = archive_of(python, ORDINARY[:4])
    second = python.directory / "second.pycds"
    first.rename(second)
    first = archive_of(python, ORDINARY[4:])
    program = f"import pycds; pycds.attach({str(second)!r}); import re; print(re.compile('abc', re.I), re.compile('(?P<z>a)'))"
    served = python.served(first, "-c", program)
    assert served.stdout == python("-c", "import re; print(re.compile('abc', re.I), re.compile('(?P<z>a)'))").stdout

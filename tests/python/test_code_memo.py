"""The memo of compiled texts: what exec, eval and compile give from an archive is what the compiler would have made.

Programs run plain, traced and served, and must print the same; that texts were served at all is known from the
statistics.
"""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import json
import signal
import sys
import textwrap
from pathlib import Path
from typing import Any, Set

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiling_programs import PROGRAMS
from conftest import Python, Served, archive_of
from pycds import codes
from pycds.trace_list import TraceList, format_list, parse

HERE = Path(__file__).parent

NOTHING_KEPT = {"wrong_arguments", "warnings", "system_exit"}
"""What fails, or warns."""


def kept_of(trace_list: Path) -> Set[str]:
    """The names of the entries that a dump keeps of a list's texts."""
    found = map(codes.compute, parse(trace_list.read_bytes(), str(trace_list)).codes)
    return {entry.name for entry in found if entry is not None}


def write(python: Python, text: str) -> Path:
    path = python.directory / "program.py"
    path.write_text(textwrap.dedent(text))
    return path


def counts(served: Served) -> Any:
    return served.statistics["archives"][0]["codes"]


def memos(served: Served) -> int:
    """How many memo entries the archive has."""
    return int(served.statistics["archives"][0]["memos"])


@pytest.mark.parametrize("row", PROGRAMS)
def test_a_program_does_the_same(python: Python, row: str) -> None:
    python.traced(python.directory / "nothing", "-c", "")  # lines of .pth files are texts, too
    program = write(python, PROGRAMS[row])
    plain = python(program, code=None)
    traced = python.traced(python.directory / "list", program, code=None)
    if row != "seen_by_others":  # the recorder is Python code
        assert (traced.returncode, traced.stdout, traced.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    archive = archive_of(python, program)
    keys = kept_of(python.directory / "list") - kept_of(python.directory / "nothing")
    assert bool(keys) == (row not in NOTHING_KEPT)
    for env in ({}, {"PYTHONHASHSEED": "7"}):
        served = python.served(archive, program, code=None, env=env)
        assert (served.returncode, served.stdout, served.stderr) == (plain.returncode, plain.stdout, plain.stderr)
        assert keys <= set(counts(served)["used"])
        assert counts(served)["served"] >= len(keys)
        assert counts(served)["unreadable"] == 0
    assert python.pycds("verify", archive).returncode == 0


EQUAL = """
import json, re, sys
sys.path.insert(0, sys.argv[1])
from code_equality import differences
found = []
for mode, flags, optimize, filename, source in json.load(sys.stdin):
    served = compile(source, filename, mode, flags, True, optimize)
    again = compile(source, filename, mode, flags, True, optimize)
    # A second compilation finds qualified names interned by the first, and leaves its own constants as they are; and
    # the compiler asks for the UTF-8 of some strings, which they then keep.  Neither tells the archive from a compiler.
    found += [line for line in differences(served, again) if not re.search("interned in one|: sizes", line)]
print(json.dumps(found))
"""


def texts_of_the_library(most: int) -> list[tuple[str, int, int, str, str]]:
    """Texts of real modules."""
    directory = Path(json.__file__).parent.parent
    found = []
    for number, path in enumerate(sorted([*directory.glob("*.py"), *directory.glob("email/*.py")])[:most]):
        source = path.read_text(encoding="utf-8", errors="replace")
        if len(source) < 100_000:
            found.append(("exec", 0, number % 4 - 1, f"<{path.name} again>", source))
    return found


@pytest.mark.parametrize("most", [20, pytest.param(400, marks=pytest.mark.slow)])
def test_code_is_what_the_compiler_makes(python: Python, most: int) -> None:
    """Compiled twice in a served process: the first is the archive's, the second the compiler's."""
    texts = texts_of_the_library(most)
    kept = [text for text in texts if codes.compute(text) is not None]
    trace = TraceList()
    trace.codes = dict.fromkeys(texts)
    trace.add(parse(b"json", "list").modules["json"])
    (python.directory / "list").write_bytes(format_list(trace).encode("ascii"))
    archive = python.directory / "archive"
    python.pycds("dump", python.directory / "list", archive)
    script = write(python, EQUAL)
    served = python.served(archive, script, str(HERE), stdin=json.dumps(kept), env={"PYTHONHASHSEED": "0"})
    assert json.loads(served.stdout) == []
    assert counts(served)["served"] == memos(served) == len(kept) > len(texts) // 2
    assert counts(served)["repeated"] == len(kept)


NAMES = st.sampled_from(["a", "b", "f", "x1", "é", "_private", "int"])
ATOMS = st.one_of(
    NAMES,
    st.integers(-(10**30), 10**30).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(max_size=5).map(repr),
    st.binary(max_size=5).map(repr),
    st.sampled_from(["()", "None", "...", "1j", "{1, 2}", "{'k'}", "a in {1}", "f'{a!r:>{b}}'", "lambda x=1: x"]),
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "and", "<", "is not", "**"]), inner).map(lambda t: f"({' '.join(t)})"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(inner, max_size=3).map(lambda items: f"({''.join(item + ', ' for item in items)})"),
        st.tuples(NAMES, inner).map(lambda t: f"[{t[0]} for {t[0]} in {t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}:]"),
    ),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(EXPRESSIONS, st.sampled_from(["exec", "eval"]), st.sampled_from([-1, 0, 2]), st.text(max_size=4))
def test_what_a_dump_keeps(source: str, mode: str, optimize: int, filename: str) -> None:
    """What is kept of a text is what compile() makes of it; of one that it refuses or warns of, nothing is."""
    from code_equality import differences

    entry = codes.compute((mode, 0, optimize, filename, source))
    if entry is None:
        return
    kept_for, code = entry.code.co_consts
    assert kept_for == (source, filename)
    assert list(differences(code, compile(source, filename, mode, 0, True, optimize))) == []


def test_a_class_in_a_function_is_kept() -> None:
    """Whether or not its qualified name, a constant of the function, was interned before: the text is the first to have it."""
    source = "def of_this_test_alone():\n    class Within:\n        pass\n"
    for _ in range(2):
        assert codes.compute(("exec", 0, -1, "<text>", source)) is not None


@pytest.mark.parametrize(
    "source",
    ["a is 1", "'\\d'", "(", "x = {1, 2} if 1 in {1, 2} else 0", "1" * 3000, "x = -" + "9" * 700, "\0", "\ud800"],
)  # fmt: skip
def test_what_is_never_kept(source: str) -> None:
    getattr(sys, "set_int_max_str_digits", lambda limit: None)(0)
    try:
        assert codes.compute(("exec", 0, -1, "f", source)) is None
    finally:
        getattr(sys, "set_int_max_str_digits", lambda limit: None)(4300)


@settings(max_examples=200)
@given(st.text(), st.text(), st.integers(0, 1 << 25), st.sampled_from([-1, 0, 1, 2]), st.sampled_from(["exec", "eval"]))
def test_lines_of_a_trace_list(source: str, filename: str, flags: int, optimize: int, mode: str) -> None:
    trace = TraceList()
    trace.codes[mode, flags, optimize, filename, source] = None
    read = parse(format_list(trace).encode("ascii"), "list")
    assert (read.codes, read.warnings) == (trace.codes, [])


@pytest.mark.parametrize(
    "line",
    [
        "@code", "@code exec", "@code exec 0 -1 f", "@code single 0 -1 f a", "@code exec -1 0 f a", "@code exec 0 3 f a",
        "@code exec 0 -1 é a", "@code exec 0 -1 f \\d", "@code exec 1234567890 -1 f a", "@code exec 0 -1 f \\N{BULLET}",
    ],
)  # fmt: skip
def test_lines_that_make_no_sense(line: str) -> None:
    read = parse(line.encode(), "list")
    assert not read.codes
    assert len(read.warnings) == 1


@pytest.mark.parametrize("mode", ["TRACE", "SHARE"])
def test_off(python: Python, mode: str) -> None:
    program = write(python, "print(eval('1 + 1'))")
    off = {"PYCDSMEMO": "off"}
    if mode == "TRACE":
        python.traced(python.directory / "list", program, env=off)
        assert not parse((python.directory / "list").read_bytes(), "list").codes
    else:
        served = python.served(archive_of(python, program), program, env=off)
        assert served.stdout == "2\n"
        assert counts(served)["served"] == counts(served)["missed"] == 0
        assert memos(served) > 0


def test_what_the_archive_lacks_is_compiled(python: Python) -> None:
    archive = archive_of(python, write(python, "import json\nprint(eval('1 + 1'))"))
    served = python.served(archive, "-c", "print(eval('2 + 2'), compile('3', '<other>', 'eval').co_filename)")
    assert served.stdout == "4 <other>\n"
    lacking = counts(served)["lacking"]
    assert ["eval", 0, -1, "<string>", "2 + 2"] in lacking
    assert ["eval", 0, -1, "<other>", "3"] in lacking


def test_run_takes_up_new_texts_and_drops_unused_ones(python: Python) -> None:
    program = write(python, "import json, sys\nfor word in sys.argv[1:]: print(eval(word))")
    python.pycds("run", "--", program, "1 + 1", "2 + 2")

    def kept() -> set[str]:
        lists = list(python.home.rglob("*.lst"))
        assert len(lists) == 1
        return {source for *_, source in parse(lists[0].read_bytes(), "list").codes}

    assert {"1 + 1", "2 + 2"} <= kept()
    for number in range(3):
        python.pycds("run", "--", program, "2 + 2", f"{number} + 10")  # another one each time
    python.pycds("run", "--", program, "2 + 2", "3 + 3")  # notes what is lacking
    python.pycds("run", "--", program, "2 + 2", "3 + 3")  # and again
    assert "3 + 3" not in kept()
    done = python.pycds("run", "--", program, "2 + 2", "3 + 3")  # made anew
    assert done.stdout == "4\n6\n"
    assert {"2 + 2", "3 + 3"} <= kept()
    assert "1 + 1" not in kept()


def test_a_loop_is_not_asked_for_ever(python: Python) -> None:
    """After a thousand texts that the archive has not, the functions are given back; another archive takes them again."""
    archive = archive_of(python, write(python, "import json\nprint(eval('1 + 1'))"))
    program = f"""
        import pycds
        pycds.attach({str(archive)!r})
        assert eval("1 + 1") == 2
        def counted():
            return sum(pycds.statistics()["codes"].values())
        assert [eval(f"{{n}} * 2") for n in range(3000)] == list(range(0, 6000, 2))
        first = counted()
        assert eval("5") == 5
        print(first, counted() - first)
        copy = {str(archive)!r} + ".copy"
        import shutil
        shutil.copy({str(archive)!r}, copy)
        pycds.attach(copy)
        print(eval("1 + 1"), pycds.statistics()["archives"][1]["codes"]["served"])
    """
    assert python(write(python, program)).stdout == "1001 0\n2 1\n"


def test_two_archives(python: Python) -> None:
    for name, text in (("one", "1 + 1"), ("two", "2 + 2")):
        python.traced(python.directory / f"{name}.lst", "-c", f"import json; eval({text!r})")
        python.pycds("dump", f"{name}.lst", name)
    done = python(
        "-c",
        "import os, pycds\npycds.attach('one'); pycds.attach('two')\nprint(eval('1 + 1'), eval('2 + 2'), eval('3 + 3'))\n"
        "print(sum(archive['codes']['served'] for archive in pycds.statistics()['archives']))",
    )
    assert done.stdout == "2 4 6\n2\n"


def test_functions_are_given_back(python: Python) -> None:
    """When the core goes, so does whatever stands in functions of the interpreter."""
    archive = archive_of(python, write(python, "import json\nprint(eval('1 + 1'))"))
    program = f"""
        import gc, sys
        import pycds, pycds._startup
        pycds.attach({str(archive)!r})
        held = exec, eval, compile
        for name in [name for name in sys.modules if name.split('.')[0] == 'pycds']:
            del sys.modules[name]
        sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != 'pycds._core']
        del pycds
        for _ in range(5):
            gc.collect()
        print(eval("1 + 1"), held[1]("1 + 1"), compile("2", "f", "eval").co_filename)
        exec("print('end')")
    """
    assert python(write(python, program)).stdout == "2 2 f\nend\n"


DAEMON = """
    import re, threading, time
    def work(number):
        while True:
            exec("for _ in range(100): len('a')")
            re.compile(f"a{number}b|" + "[c-z]+(?:x|y)*" * 5); re.purge()
    for number in range(3):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    time.sleep(0.05)
    print(eval("1 + 1"))
"""


@pytest.mark.parametrize("memo", ["off", "on"])
def test_daemon_threads_are_within_at_the_end(python: Python, memo: str) -> None:
    """Threads that the interpreter ends while they are below exec, or below a compiler of regular expressions.

    Without a memo in the archive, all is compiled, below the functions that stand for the compilers.
    """
    program = write(python, DAEMON)
    trace_list, archive = python.directory / "list", python.directory / "archive"
    codes = []
    for _ in range(5):
        traced = python.traced(trace_list, program, code=None)
        assert traced.stderr == ""
        codes.append(traced.returncode)
    if memo == "off":  # but for one text, so that the archive is asked at all
        trace = parse(trace_list.read_bytes(), str(trace_list))
        trace.regexes, trace.codes = {}, {("eval", 0, -1, "<string>", "1 + 1"): None}
        trace_list.write_bytes(format_list(trace).encode("ascii"))
    python.pycds("dump", trace_list, archive)
    for _ in range(5):
        served = python.served(archive, program, code=None)
        assert (served.stdout, served.stderr) == ("2\n", "")
        codes.append(served.returncode)
    # Two of 150 plain runs of 3.10.13 end so, none of 120 of 3.8, 3.9, 3.11 and 3.12.
    by_itself = [-signal.SIGSEGV] if sys.version_info[:2] == (3, 10) else []
    assert codes.count(0) >= 8 and set(codes) <= {0, *by_itself}


SUBINTERPRETER = """
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    print(eval("1 + 1"))
    made = interpreters.create()
    text = "from dataclasses import dataclass\\n@dataclass\\nclass C: x: int = 1\\nassert repr(C()).endswith('C(x=1)')\\nassert eval('1 + 1') == 2"
    run = getattr(interpreters, "exec", None) or interpreters.run_string
    failed = run(made, text)
    assert not failed, failed
    interpreters.destroy(made)
    print(eval("2 + 2"))
"""


def test_a_subinterpreter_has_functions_of_its_own(python: Python) -> None:
    program = write(python, SUBINTERPRETER)
    served = python.served(archive_of(python, program), program)
    assert served.stdout == "2\n4\n"
    assert counts(served)["served"] >= 2


def test_damage_is_compiled_instead(python: Python) -> None:
    """Whatever byte of an entry is wrong: the text is compiled, or the archive refused."""
    from pycds._core import Image

    program = write(python, "import json\nprint(eval('(1, \"two\", [n for n in (3, 4)])'))")
    archive = archive_of(python, program)
    plain = python(program).stdout
    content = archive.read_bytes()
    entries = [entry for entry in Image(str(archive)).memo() if entry["name"].startswith("py:eval")]
    places = [entry["segment_offset"] + entry["segment_size"] * part // 5 for entry in entries for part in range(5)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        archive.write_bytes(bytes(damaged))
        served = python.served(archive, program)
        assert (served.stdout, served.stderr) == (plain, "")
        assert counts(served)["unreadable"] >= 1

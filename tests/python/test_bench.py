"""``pycds bench``: pairs of runs, what they say, and the phases of a run.  Nothing here asserts on times."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import Python, clean_environment, write_files
from pycds import estimate, journal
from pycds._core import PhaseCall, PhaseClock, read_phases

ALWAYS = ["start", "import", "find", "read", "link", "exec", "extension", "exit", "rest"]
"""The phases that every program has which imports modules of all sorts."""

BY_RE_ITSELF = (0, 2)
"""Lib/re/__init__.py compiles two empty patterns to know their types: before its compiler is wrapped, but after the
core has taken its place."""


class Bench:
    """Runs ``pycds bench`` and what it runs."""

    def __init__(self, python: Python) -> None:
        self.python = python

    def __call__(self, *words: str | os.PathLike[str], **options: Any) -> dict[str, Any]:
        """The result, of two pairs."""
        done = self.python.pycds("bench", "--pairs", "2", "--json", "-", *words, **options)
        assert done.stderr == ""
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def explained(self, *program: str | os.PathLike[str], **options: Any) -> dict[str, Any]:
        """{contender: figures by phase}."""
        result = self("--explain", "--", *program, **options)
        explained: dict[str, Any] = result["explain"]
        for figures in explained.values():
            assert [sum(run.values()) for run in figures["runs"]] == figures["wall_ns"]
            low, median, high = (figures["overhead_ns"][key] for key in ("low", "median", "high"))
            assert low <= median <= high
        return explained

    def observed(self, *arguments: str | os.PathLike[str], **options: Any) -> tuple[Any, dict[str, Any]]:
        """A plain observed run (or, with ``env``, another): what it printed, and its phases."""
        figures = self.python.directory.parent / "figures"
        figures.write_bytes(b"")
        env = {"PYCDSMODE": "MANUALLY", "PYCDSPHASES": str(figures), **options.pop("env", {})}
        done = self.python(*arguments, env=env, **options)
        report = read_phases(str(figures), 0, 10**18)
        assert report is not None
        return done, report["entries"]


@pytest.fixture
def bench(python: Python) -> Bench:
    return Bench(python)


@pytest.fixture
def busy(python: Python) -> Path:
    """A program that does something of each phase."""
    write_files(
        python.directory,
        {
            "busy.py": """\
                import gc, json, re
                import busier
                gc.collect()
                print("busy", busier.pattern.match("aaab").group())
            """,
            "busier.py": """\
                import re
                class First: pass
                class Second(First): pass
                pattern = re.compile("a+b|c[de]*f")
            """,
        },
    )
    return python.directory / "busy.py"


# --- pairs ---------------------------------------------------------------------------------------


def test_the_result_has_every_run(bench: Bench, program: Path) -> None:
    result = bench("--", program.name)
    assert (result["format"], result["pairs"], result["program"]) == (1, 2, ["app.py"])
    assert result["codes"] == {"plain": [0], "pycds": [0]}
    assert not result["ended_otherwise"]
    assert "explain" not in result
    for measure in ("wall_ns", "cpu_ns"):
        plain, pycds = (result[measure][name]["values"] for name in ("plain", "pycds"))
        assert len(plain) == len(pycds) == 2
        assert min(plain) > 0 and min(pycds) > 0
        assert result[measure]["ratio"] == estimate.ratio(pycds, plain)
        assert result[measure]["plain"]["least"] == min(plain)


def test_the_archive_is_that_of_run(bench: Bench, program: Path) -> None:
    bench.python.pycds("run", "--", program.name)
    before = set(bench.python.home.iterdir())
    archive = Path(bench("--", program.name)["archive"])
    assert archive in before
    assert {path.suffix for path in set(bench.python.home.iterdir()) - before} <= {".missed", ".runs"}
    given = bench.python.directory / "given.pycds"
    assert bench("--archive", given, "--", program.name)["archive"] == str(given)
    assert given.exists()


def test_flags_that_change_code_are_of_the_archive(bench: Bench, program: Path) -> None:
    bench.python.pycds("run", "--", "-O", program.name)
    before = set(bench.python.home.glob("*.pycds"))
    result = bench("--", "-O", program.name)
    assert {Path(result["archive"])} == before == set(bench.python.home.glob("*.pycds"))
    assert result["codes"] == {"plain": [0], "pycds": [0]}


def test_tables(bench: Bench, program: Path) -> None:
    shown = bench.python.pycds("bench", "--pairs", "6", "--", "app.py")
    assert shown.stderr == ""
    assert shown.stdout.startswith("app.py: 6 pairs of runs, Python 3.")
    for text in ("plain", "PyCDS", "median", "quartiles", "least", "processor time", "PyCDS / plain: ", "95 %"):
        assert text in shown.stdout
    assert "result 42" not in shown.stdout
    assert "Where the time goes" not in shown.stdout
    few = bench.python.pycds("bench", "--pairs=1", "--explain", "--", "app.py").stdout
    assert "1 pair of runs" in few
    assert "too few pairs" in few
    for text in ("Where the time goes", *ALWAYS, "attach", "together", "An observed run"):
        assert text in few


def test_json_goes_to_a_file_and_tables_to_stdout(bench: Bench, program: Path) -> None:
    path = bench.python.directory / "result.json"
    done = bench.python.pycds("bench", "--pairs", "1", f"--json={path}", "--", "app.py")
    assert done.stdout.startswith("app.py: 1 pair")
    assert json.loads(path.read_text())["pairs"] == 1


def test_no_pair_is_begun_when_time_is_up(bench: Bench, program: Path) -> None:
    assert bench("--seconds", "0", "--", "app.py")["pairs"] == 1


def test_a_program_that_fails_is_measured(bench: Bench, program: Path) -> None:
    result = bench("--explain", "--", "-c", "import sys, plain; sys.exit('it is broken')")
    assert result["codes"] == {"plain": [1], "pycds": [1]}
    assert result["last_words"] == "it is broken"
    shown = bench.python.pycds("bench", "--pairs", "1", "--", "app.py", "3").stdout
    assert "each run ended with exit code 3\n" in shown


def test_a_death_by_signal_is_measured(bench: Bench, program: Path) -> None:
    result = bench("--explain", "--", "-c", "import os, plain; os.kill(os.getpid(), 9)")
    assert result["codes"] == {"plain": [-9], "pycds": [-9]}
    assert result["explain"]["plain"]["entries"]["exit"] == 0


def test_a_program_that_ends_otherwise_from_the_archive(bench: Bench, program: Path) -> None:
    words = ["-c", "import os, sys, plain; sys.exit('PYCDSARCHIVE' in os.environ and 'served')"]
    done = bench.python.pycds("bench", "--pairs", "1", "--", *words, code=1)
    assert "the program ended otherwise: plain with exit code 0, PyCDS with exit code 1" in done.stdout


WAITING = """\
import os, time
with open("pids", "a+") as file:
    file.write(f"{os.getpid()}\\n")
    file.seek(0)
    is_turn = len(file.readlines()) == int(os.environ["TURN"])
time.sleep(300 if is_turn else 0)
"""


@pytest.mark.parametrize("turn", [1, 3], ids=["traced", "measured"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_ends_it_ends_the_program_too(bench: Bench, tmp_path: Path, turn: int, number: int) -> None:
    write_files(bench.python.directory, {"waiting.py": WAITING, "temporary/kept": ""})
    environ = {"PYCDS_HOME": str(bench.python.home), "TURN": str(turn), "TMPDIR": str(tmp_path / "work" / "temporary")}
    process = subprocess.Popen(
        [sys.executable, "-m", "pycds", "bench", "--", "waiting.py"],
        cwd=bench.python.directory, env=clean_environment(**environ), stderr=subprocess.PIPE,
    )  # fmt: skip
    pids: list[str] = []
    while len(pids) < turn and process.poll() is None:
        time.sleep(0.05)
        pids = (tmp_path / "work" / "pids").read_text().split() if (tmp_path / "work" / "pids").exists() else []
    try:
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (130 if number == signal.SIGINT else -number), errors
        assert errors.strip() == b""
        end = time.monotonic() + 30  # what it was told to end may be about to
        while journal.is_running(int(pids[-1])) and time.monotonic() < end:
            time.sleep(0.01)
        assert not journal.is_running(int(pids[-1]))
        assert os.listdir(tmp_path / "work" / "temporary") == ["kept"]
    finally:
        if journal.is_running(int(pids[-1])):
            os.kill(int(pids[-1]), signal.SIGKILL)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--", "no.py"], 2, "no.py: no such file"),
        (["--", "-"], 2, "standard input"),
        (["--archive", "", "--", "app.py"], 2, "empty name was given for --archive"),
        (["--json", "no/result.json", "--", "app.py"], 2, "does not exist"),
        (["--json", ".", "--", "app.py"], 2, "is a directory"),
        (["--", "-S", "app.py"], 3, "-S"),
        (["--archive", "app.py", "--", "app.py"], 2, "app.py is no archive of PyCDS"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_told_in_one_line(bench: Bench, program: Path, words: list[str], code: int, text: str) -> None:
    before = program.read_text()
    done = bench.python.pycds("bench", *words, code=code)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: ")
    assert text in line
    assert program.read_text() == before


@pytest.mark.parametrize("words", [["--pairs", "0"], ["--pairs", "x"], ["--seconds", "-1"], []], ids=" ".join)
def test_usage_errors(bench: Bench, words: list[str]) -> None:
    assert bench.python.pycds("bench", *words, code=2).stdout == ""


# --- phases --------------------------------------------------------------------------------------


def test_phases_add_up(bench: Bench, busy: Path) -> None:
    explained = bench.explained(busy.name)
    for contender, figures in explained.items():
        assert figures["wall_ns"] and len(figures["runs"]) == 2
        for run in [*figures["runs"], figures["phases"]]:
            assert all(value >= 0 for value in run.values())
            for phase in [*ALWAYS, "regex", "class", "gc"]:
                assert run[phase] > 0, (contender, phase)
            assert (run["attach"] > 0) == (contender == "pycds")
    assert list(explained["plain"]["phases"]) == list(explained["pycds"]["phases"])


def test_each_thing_is_counted_once(bench: Bench, busy: Path) -> None:
    explained = bench.explained(busy.name)
    plain, pycds = (explained[name]["entries"] for name in ("plain", "pycds"))
    # Bodies have been run, and each has come from code that was unmarshalled or linked; frozen modules have both ready.
    assert plain["link"] >= 8
    assert pycds["exec"] == plain["exec"] > plain["link"] - 1
    assert pycds["link"] == plain["link"] + 1  # the script itself, which a plain run compiles
    assert pycds["class"] == plain["class"] >= 2
    assert plain["regex"] >= 1
    assert pycds["regex"] - plain["regex"] in BY_RE_ITSELF
    assert plain["exit"] == pycds["exit"] == 1
    assert plain["gc"] >= 1 and pycds["gc"] >= 1
    assert pycds["compile"] == plain["compile"] == 0


@pytest.mark.parametrize("memo", ["on", "off"])
def test_regular_expressions_are_counted_with_and_without_the_memo(bench: Bench, busy: Path, memo: str) -> None:
    explained = bench.explained(busy.name, env={"PYCDSMEMO": memo})
    plain, pycds = (explained[name]["entries"]["regex"] for name in ("plain", "pycds"))
    assert plain >= 1
    assert pycds - plain in (BY_RE_ITSELF if memo == "on" else (0,))


def test_classes_and_regular_expressions_of_the_program(bench: Bench) -> None:
    _, none = bench.observed("-c", "import re")
    code = "import re\nclass A:\n  class B: re.compile('x[yz]')\nre.compile('z*'), re.compile('z*')"
    _, some = bench.observed("-c", code)
    assert some["class"] - none["class"] == 2
    assert some["regex"] - none["regex"] == 2


def test_sources_without_pyc_are_compiled(bench: Bench, program: Path) -> None:
    _, entries = bench.observed("-B", "-c", "import plain, package")
    assert entries["compile"] == 2


def test_modules_of_a_zip_file(bench: Bench, program: Path) -> None:
    pack = "import zipfile, py_compile as c; z = zipfile.ZipFile('m.zip', 'w'); z.writestr('packed.py', 'x = 1'); "
    bench.python("-c", pack + "z.write(c.compile('plain.py', 'c.pyc'), 'inner.pyc')")
    ours = "import sys; sys.path.insert(0, 'm.zip'); "
    _, before = bench.observed("-c", ours)
    _, entries = bench.observed("-c", ours + "import packed, inner")
    # zipimport gets code twice, for the spec and for the module (Lib/zipimport.py, get_filename).
    assert entries["compile"] - before["compile"] in (1, 2)
    assert entries["link"] - before["link"] in (1, 2)
    assert entries["exec"] - before["exec"] == 2


def test_the_import_path_of_the_core_is_measured_and_used(bench: Bench, busy: Path) -> None:
    archive = bench.python.directory / "busy.pycds"
    bench("--archive", archive, "--", busy.name)
    plain = bench.python.served(archive, busy)
    figures = bench.python.directory / "figures"
    figures.write_bytes(b"")
    observed = bench.python.served(archive, busy, env={"PYCDSPHASES": str(figures)})
    assert observed.stdout == plain.stdout
    for key in ("hits", "misses"):
        assert observed.statistics[key] == plain.statistics[key]
    (one,), (other,) = observed.statistics["archives"], plain.statistics["archives"]
    assert one["direct"] == other["direct"] > 0
    assert one["served"] == other["served"]
    for kind in ("regexes", "codes"):
        assert [one[kind][key] for key in ("served", "missed", "changed")] == [
            other[kind][key] for key in ("served", "missed", "changed")
        ]
    assert one["regexes"]["served"] > 0


REVEALING = """\
import gc, os, re, sys, traceback, warnings
print(sorted(name for name in os.environ if name.startswith("PYCDS")), sys.argv)
print([getattr(one, "__name__", type(one)) for one in sys.meta_path + sys.path_hooks], gc.isenabled())
print(sorted(name for name in sys.modules if not name.startswith("pycds")), file=sys.stderr)
for bad in ("broken", "nowhere", "package.nowhere", "raising"):
    try:
        __import__(bad)
    except Exception:
        traceback.print_exc(file=sys.stdout)
try:
    class Bad(int, str): pass
except TypeError:
    traceback.print_exc(file=sys.stdout)
try:
    re.compile("(")
except re.error:
    traceback.print_exc(file=sys.stdout)
class Frame:
    caller = sys._getframe(1).f_code.co_name
print(Frame.caller, __build_class__.__name__)
import raising
"""


def test_a_program_runs_as_when_it_is_not_observed(bench: Bench, program: Path) -> None:
    files = {"broken.py": "x = (\n", "raising.py": "import plain\nclass A:\n    x = plain.missing\n"}
    write_files(bench.python.directory, {"revealing.py": REVEALING, **files})
    bench.python("revealing.py", code=1)  # so that .pyc files are there
    plain = bench.python("revealing.py", code=1)
    observed, _ = bench.observed("revealing.py", code=1)
    assert observed.stdout == plain.stdout
    before, after = (done.stderr.split("\n", 1) for done in (plain, observed))
    assert set(eval(after[0])) - set(eval(before[0])) <= {"atexit", "zipimport"}  # what measuring has imported
    assert after[1] == before[1]


def test_children_are_not_observed(bench: Bench, program: Path) -> None:
    classes = "exec('class A: pass\\n' * 30)"
    _, alone = bench.observed("-c", "import os")
    code = f"import os, sys\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: {classes}; sys.exit()"
    _, forked = bench.observed("-c", code)
    assert (forked["class"], forked["exit"]) == (alone["class"], 1)
    run = f"import os, sys; os.spawnv(os.P_WAIT, sys.executable, [sys.executable, '-c', {classes!r}])"
    _, spawned = bench.observed("-c", run)
    assert spawned["class"] == alone["class"]
    assert spawned["exit"] == 1


def test_other_threads_are_not_counted(bench: Bench, program: Path) -> None:
    ending = "\nthread = threading.Thread(target=exec, args=('class A: pass\\n' * 30,)); thread.start(); thread.join()"
    _, alone = bench.observed("-c", "import threading")
    _, threaded = bench.observed("-c", "import threading" + ending)
    assert threaded["class"] == alone["class"]


def test_a_process_that_leaves_by_exit_of_os(bench: Bench, program: Path) -> None:
    explained = bench.explained("-c", "import os, plain; os._exit(0)")
    for figures in explained.values():
        assert figures["entries"]["exit"] == 0
        assert figures["phases"]["exit"] == 0
        assert figures["phases"]["exec"] > 0


def test_a_process_that_becomes_another_program(bench: Bench, program: Path) -> None:
    code = "import os, sys, plain; os.execv(sys.executable, [sys.executable, '-c', 'import package'])"
    explained = bench.explained("-c", code)
    assert explained["plain"]["entries"]["exit"] == 0


def test_without_the_hook_nothing_was_counted(bench: Bench, program: Path) -> None:
    figures = bench.python.directory / "figures"
    figures.write_bytes(b"")
    bench.python("-S", "-c", "pass", env={"PYCDSMODE": "MANUALLY", "PYCDSPHASES": str(figures)})
    assert read_phases(str(figures), 0, 1) is None
    done = bench.python("-c", "print(1)", env={"PYCDSMODE": "MANUALLY", "PYCDSPHASES": str(figures / "no")})
    assert done.stdout == "1\n"
    assert done.stderr.startswith("pycds: no phases: ")


def test_the_types_of_the_core(tmp_path: Path) -> None:
    for make in (lambda: PhaseCall(len, "magic"), lambda: read_phases(str(tmp_path), 0)):  # type: ignore[call-arg]
        with pytest.raises((ValueError, TypeError)):
            make()
    with pytest.raises(OSError, match="no"):
        PhaseClock(str(tmp_path / "no"), 0, 0)
    call = PhaseCall(int, "find")
    assert call("12") == 12
    assert call("c", base=16) == 12
    assert call.__name__ == "int"
    with pytest.raises(ValueError, match="invalid literal"):
        call("x")


# --- what the figures say ------------------------------------------------------------------------


def test_the_interval_is_that_of_the_sign_test() -> None:
    below = [100.0] * 20
    found = estimate.ratio([90.5 + i for i in range(20)], below)
    # The ranks for 20 pairs at 95 % are 6 and 15 (any table of the sign test).
    assert found == {"median": 1.0, "low": 0.955, "high": 1.045, "p": 1.0, "significant": False}
    clear = estimate.ratio([80.0, 81, 82, 83, 84, 85], below[:6])
    assert (clear["low"], clear["high"], clear["significant"]) == (0.8, 0.85, True)
    assert clear["p"] == pytest.approx(2 / 64)
    few = estimate.ratio([80.0] * 5, below[:5])
    assert (few["low"], few["high"], few["significant"], few["median"]) == (None, None, False, 0.8)


def test_spreads() -> None:
    assert estimate.spread([5.0]) == {"median": 5, "low": 5, "high": 5, "least": 5}
    assert estimate.spread([4.0, 1, 3, 2, 5]) == {"median": 3, "low": 2, "high": 4, "least": 1}


def test_the_middle_half_adds_up_as_its_runs_do() -> None:
    runs = [{"exec": total - 1, "link": 1} for total in (100, 10, 40, 20)]
    assert estimate.middle_half(runs) == {"exec": 29, "link": 1}
    assert estimate.middle_half(runs[:1]) == {"exec": 99, "link": 1}

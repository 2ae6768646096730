"""``pycds bench --pyperf``: what pyperf itself makes of the file.  Nothing here asserts on times."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyperf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Python
from pycds import pairs
from pycds.commands import bench_pyperf


def written(python: Python, name: str, *words: str) -> pyperf.BenchmarkSuite:
    done = python.pycds("bench", "--pairs=2", f"--pyperf={name}", "--json", "-", *words)
    assert done.stderr == ""
    assert json.loads(done.stdout)["pairs"] == 2
    return pyperf.BenchmarkSuite.load(str(python.directory / name))


def test_a_benchmark_each_and_a_run_for_each_process(python: Python, program: Path) -> None:
    done = python.pycds("bench", "--pairs=3", "--pyperf=perf.json", "--json=own.json", "--", "app.py", "0 ")
    assert done.stdout.startswith("app.py '0 ': 3 pairs")
    own = json.loads((python.directory / "own.json").read_text())
    suite = pyperf.BenchmarkSuite.load(str(python.directory / "perf.json"))
    assert suite.get_benchmark_names() == ["app.py '0 ' (plain)", "app.py '0 ' (PyCDS)"]
    for name, benchmark in zip(("plain", "pycds"), suite):
        assert benchmark.get_values() == tuple(time / 1e9 for time in own["wall_ns"][name]["values"])
        assert benchmark.get_nrun() == 3
        assert (benchmark.get_unit(), benchmark.get_loops()) == ("second", 1)
        metadata = benchmark.get_metadata()
        assert metadata["command"] == "app.py '0 '"
        assert metadata["python_executable"] == own["executable"]
        assert metadata["exit_codes"] == "0"
        assert metadata.get("archive") == {"plain": None, "pycds": own["archive"]}[name]
        start, end = benchmark.get_dates()
        assert start <= end


@pytest.mark.parametrize("pairs_", ["1", "6"])
def test_the_commands_of_pyperf_read_it(python: Python, program: Path, pairs_: str) -> None:
    for name in ("old.json", "new.json"):
        python.pycds("bench", "--pairs", pairs_, "--pyperf", name, "--", "app.py")
    for words in (["show"], ["stats"], ["metadata"], ["hist"], ["dump"]):
        shown = python("-m", "pyperf", *words, "new.json").stdout
        assert "app.py (PyCDS)" in shown
        # pyperf 2.7 lists no benchmark whose metadata are all common.
        assert "app.py (plain)" in shown or words == ["metadata"]
    compared = python("-m", "pyperf", "compare_to", "old.json", "new.json").stdout
    assert "app.py (plain)" in compared
    assert "app.py (PyCDS)" in compared
    python("-m", "pyperf", "convert", "old.json", "--add", "new.json", "-o", "both.json")
    both = pyperf.BenchmarkSuite.load(str(python.directory / "both.json"))
    assert [benchmark.get_nrun() for benchmark in both] == [2 * int(pairs_)] * 2


def test_compressed_where_pyperf_expects_it(python: Python, program: Path) -> None:
    assert len(written(python, "perf.json.gz", "--", "app.py")) == 2
    gzip.decompress((python.directory / "perf.json.gz").read_bytes())


def test_flags_that_start_over_keep_the_file(python: Python, program: Path) -> None:
    suite = written(python, "perf.json", "--explain", "--", "-O", "app.py")
    assert [benchmark.get_nrun() for benchmark in suite] == [2, 2]


def test_how_the_program_ended_is_told(python: Python, program: Path) -> None:
    suite = written(python, "perf.json", "--", "-c", "import sys, plain\nsys.exit(3)")
    assert [benchmark.get_metadata()["exit_codes"] for benchmark in suite] == ["3", "3"]
    assert suite.get_benchmark_names()[0] == r"-c 'import sys, plain\nsys.exit(3)' (plain)"


@given(st.lists(st.text(st.characters(blacklist_categories=())), min_size=1), st.integers(1, 2**62))
def test_whatever_the_program_is_called(words: list[str], time: int) -> None:
    samples = {name: pairs.Sample(0, time, time, 0, None) for name in pairs.CONTENDERS}
    result = {"program": words, "archive": "/a\n.pycds", "codes": {name: [0] for name in pairs.CONTENDERS}}
    suite = pyperf.BenchmarkSuite.loads(json.dumps(bench_pyperf.to_suite(result, [samples])))
    assert len(suite) == 2
    for benchmark in suite:
        benchmark.get_name().encode()
        assert benchmark.get_values() == (time / 1e9,)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--pyperf", ""], "an empty name was given"),
        (["--pyperf", "-"], "--pyperf needs"),
        (["--pyperf", "same.json", "--json=same.json"], "--pyperf needs"),
        (["--pyperf", "no/perf.json"], "does not exist"),
        (["--pyperf", "."], "is a directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_names_are_told_before_anything_runs(python: Python, words: list[str], text: str) -> None:
    done = python.pycds("bench", *words, "--", "-c", "open('ran', 'w')", code=2)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert text in line
    assert not list(python.directory.iterdir())


def test_what_cannot_be_written_costs_no_figures(python: Python, program: Path) -> None:
    done = python.pycds("bench", "--pairs=1", "--pyperf=/dev/full", "--", "app.py", code=2)
    assert done.stdout.startswith("app.py: 1 pair")
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: /dev/full could not be written: No space left")

"""``pycds bench --compare``: two results, one verdict, and what is no result.  Nothing here asserts on times."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from math import comb
from pathlib import Path
from typing import Any, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Python
from pycds import estimate
from pycds.commands import bench_compare, bench_result
from pycds.errors import USAGE, PycdsError

PLAIN = [100_000_000] * 8


def made(served: list[int], plain: list[int] | None = None, **changed: Any) -> dict[str, Any]:
    """A result of --json, as far as it is read."""
    values = {"plain": PLAIN[: len(served)] if plain is None else plain, "pycds": served}
    return {
        "format": 1,
        "program": ["app.py"],
        "python": "3.11.7",
        "codes": {"plain": [0], "pycds": [0]},
        "ended_otherwise": False,
        "wall_ns": {name: {"values": times} for name, times in values.items()},
        **changed,
    }


FAST = made([50_000_000 + i * 100_000 for i in range(8)])
SLOW = made([60_000_000 + i * 100_000 for i in range(8)])
NEAR = made([50_300_000 + i * 100_000 for i in range(8)])


@pytest.fixture
def files(python: Python) -> Path:
    for name, result in (("fast", FAST), ("slow", SLOW), ("near", NEAR)):
        (python.directory / f"{name}.json").write_text(json.dumps(result))
    return python.directory


def compared(directory: Path, old: Any, new: Any) -> dict[str, Any]:
    """In this process: what --json would write."""
    sides = []
    for name, result in (("old.json", old), ("new.json", new)):
        (directory / name).write_text(json.dumps(result))
        sides.append(bench_result.load(str(directory / name)))
    return bench_compare.compare(*sides)


# --- verdicts and exit codes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "verdict"),
    [("fast", "slow", 1, "worse"), ("slow", "fast", 0, "better"), ("fast", "near", 0, "none")],
)
def test_the_verdict_and_the_exit_code(
    python: Python, files: Path, old: str, new: str, code: int, verdict: str
) -> None:
    words = ["bench", "--compare", f"{old}.json", f"{new}.json"]
    shown = python.pycds(*words, code=code)
    assert shown.stderr == ""
    lines = shown.stdout.splitlines()
    assert lines[0].strip() == "PyCDS / plain: app.py"
    for text in (f"{old}.json", f"{new}.json", "old", "new", "plain, median", "PyCDS, median", "95 %", " – "):
        assert text in shown.stdout
    assert lines[-1].endswith(bench_compare.VERDICTS[verdict])
    result = json.loads(python.pycds(*words, "--json", code=code).stdout)
    assert result["verdict"] == verdict
    assert (result["format"], result["same_program"], result["same_python"]) == (1, True, True)
    assert result["change"] == result["new"]["ratio"]["median"] / result["old"]["ratio"]["median"]
    for side, name in (("old", old), ("new", new)):
        assert (result[side]["file"], result[side]["pairs"]) == (f"{name}.json", 8)
        assert result[side]["ratio"]["low"] < result[side]["ratio"]["median"] < result[side]["ratio"]["high"]
    to_file = python.pycds(*words, "--json=compared.json", code=code)
    assert to_file.stdout == shown.stdout
    assert json.loads((files / "compared.json").read_text()) == result


def test_what_bench_has_written_is_read(python: Python, program: Path) -> None:
    python.pycds("bench", "--pairs=6", "--json=one.json", "--", "app.py", "a b")
    own = json.loads((python.directory / "one.json").read_text())
    result = json.loads(python.pycds("bench", "--json=-", "--compare", "one.json", "one.json").stdout)
    assert (result["verdict"], result["change"]) == ("none", 1)
    for side in (result["old"], result["new"]):
        assert (side["program"], side["python"], side["pairs"]) == (["app.py", "a b"], own["python"], 6)
        assert side["ratio"] == own["wall_ns"]["ratio"]
        assert side["plain_ns"] == own["wall_ns"]["plain"]["median"]


def shown(result: dict[str, Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        bench_compare.show(result)
    return out.getvalue()


def test_what_differs_is_said(tmp_path: Path) -> None:
    other = {**NEAR, "program": ["-m", "other one"], "python": "3.12.1", "codes": {"plain": [3], "pycds": [3]}}
    result = compared(tmp_path, FAST, other)
    assert (result["same_program"], result["same_python"]) == (False, False)
    text = shown(result)
    assert "not the same program: app.py before, -m 'other one' now\n" in text
    assert "not the same Python: 3.11.7 before, 3.12.1 now\n" in text
    assert "the program itself ended with exit code 0 before, with exit code 3 now\n" in text
    assert "otherwise" not in text
    assert not bench_compare.is_problem(result)


@pytest.mark.parametrize(("when", "problem"), [("before", False), ("now", True)])
def test_a_program_that_ended_otherwise_is_a_problem_now(tmp_path: Path, when: str, problem: bool) -> None:
    broken = {**FAST, "codes": {"plain": [0], "pycds": [-11]}, "ended_otherwise": True}
    result = compared(tmp_path, *((broken, FAST) if when == "before" else (FAST, broken)))
    line = f"the program ended otherwise from the archive {when}: plain with exit code 0, PyCDS with signal 11\n"
    assert line in shown(result)
    assert bench_compare.is_problem(result) == problem


# --- the rule ------------------------------------------------------------------------------------

TIMES = st.integers(1_000_000, 10_000_000_000)


@st.composite
def results(draw: st.DrawFn) -> dict[str, Any]:
    """Of 6 pairs or more."""
    rounds = draw(st.lists(st.tuples(TIMES, TIMES), min_size=6, max_size=30))
    return made([served for _, served in rounds], [plain for plain, _ in rounds])


@given(results(), results())
def test_the_rule(tmp_path_factory: pytest.TempPathFactory, old: dict[str, Any], new: dict[str, Any]) -> None:
    directory = tmp_path_factory.getbasetemp()
    there, back = compared(directory, old, new), compared(directory, new, old)
    before, after = there["old"]["ratio"], there["new"]["ratio"]
    assert (there["verdict"] == "worse") == (after["low"] > before["high"]) == (back["verdict"] == "better")
    assert (there["verdict"] == "better") == (after["high"] < before["low"]) == (back["verdict"] == "worse")
    assert there["verdict"] != "worse" or there["change"] > 1
    assert compared(directory, old, old)["verdict"] == "none"
    # A machine that is four times as slow changes nothing: the ratios are compared, not the times.
    slower = copy.deepcopy(new)
    for name in ("plain", "pycds"):
        slower["wall_ns"][name]["values"] = [4 * time for time in new["wall_ns"][name]["values"]]
    assert compared(directory, old, slower)["change"] == there["change"]
    assert compared(directory, old, slower)["verdict"] == there["verdict"]


def false_alarms(before: int, after: int) -> float:
    """How likely "worse" is for so many pairs each, of one and the same distribution without ties.

    Every order of all the ratios is as likely as another.  "Worse" means that fewer of the new ones than the rank of
    their interval are below the upper end of the old one's.
    """
    upper, lower = (estimate.ratio(range(1, n + 1), [1] * n)[end] for n, end in ((before, "high"), (after, "low")))
    assert upper is not None and lower is not None
    end, rank = int(upper), int(lower)
    orders = sum(comb(end - 1 + j, j) * comb(before - end + after - j, after - j) for j in range(rank))
    return orders / comb(before + after, after)


def test_false_alarms_are_as_rare_as_the_guide_says() -> None:
    assert 1 / 550 < false_alarms(20, 20) < 1 / 500
    assert max(false_alarms(before, after) for before in range(6, 81) for after in range(6, 81)) < 1 / 200


def test_no_interval_no_verdict() -> None:
    few = estimate.ratio([1.0] * 5, [1.0] * 5)
    many = estimate.ratio([9.0] * 6, [1.0] * 6)
    assert estimate.change(few, many) == estimate.change(many, few) == "none"


# --- what is no result ---------------------------------------------------------------------------

NO_RESULT = "is no result of pycds bench --json=FILE; measure again, or give another"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "No such file or directory; give a file written by pycds bench"),
        (b"", NO_RESULT),
        (b"\xff\xfe\x00", NO_RESULT),
        (b"not json", NO_RESULT),
        (b"[" * 100_000, NO_RESULT),
        (b"[]", NO_RESULT),
        (b'{"format": 1}', NO_RESULT),
        (b'{"version": "1.0", "benchmarks": []}', NO_RESULT),
        (json.dumps({**FAST, "format": True}).encode(), NO_RESULT),
        (json.dumps({**FAST, "format": 2}).encode(), "has format 2, and this PyCDS reads 1"),
        (json.dumps(made([])).encode(), NO_RESULT),
        (json.dumps(made([5] * 6, [0] * 6)).encode(), NO_RESULT),
        (json.dumps(made([5] * 6, [float("nan")] * 6)).encode(), NO_RESULT),
        (json.dumps(made([5] * 6, [10**400] * 6)).encode(), NO_RESULT),
        (json.dumps(made([5] * 6, [5] * 7)).encode(), NO_RESULT),
        (json.dumps(made([5] * 5)).encode(), "has 5 pairs, too few for an interval; measure again, at least 6 pairs"),
        (json.dumps(made([5])).encode(), "has 1 pair, too few"),
    ],
    ids=range(17),
)
@pytest.mark.parametrize("bad_is_new", [False, True])
def test_what_is_no_result_is_told_in_one_line(
    python: Python, files: Path, content: bytes | None, text: str, bad_is_new: bool
) -> None:
    if content is not None:
        (files / "bad.json").write_bytes(content)
    names = ["fast.json", "bad.json"] if bad_is_new else ["bad.json", "fast.json"]
    done = python.pycds("bench", "--compare", *names, code=USAGE)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: bad.json")
    assert text in line


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything in a document."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


@given(st.data())
def test_a_damaged_result_is_refused_or_compared(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    damaged = copy.deepcopy(FAST)
    container, key = data.draw(st.sampled_from(list(places(damaged))))
    if data.draw(st.booleans()):
        container[key] = data.draw(ANYTHING)
    else:
        del container[key]
    try:
        result = compared(tmp_path_factory.getbasetemp(), SLOW, damaged)
    except PycdsError as error:
        assert error.exit_code == USAGE
        assert len(str(error).splitlines()) == 1
    else:
        json.loads(json.dumps(result, allow_nan=False))
        shown(result).encode()


# --- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--compare", "fast.json", "slow.json", "app.py"], "leave out app.py"),
        (["--compare", "fast.json", "slow.json", "--", "app.py"], "leave out app.py"),
        (["--pairs=20", "--compare", "fast.json", "slow.json"], "leave out --pairs"),
        (["--compare", "fast.json", "slow.json", "--explain"], "leave out --explain"),
        (["--compare", "fast.json", "slow.json", "--pyperf=perf.json"], "leave out --pyperf"),
        (["--compare", "fast.json", "slow.json", "--archive="], "leave out --archive"),
        (["--compare", "fast.json", "."], ".: Is a directory"),
        (["--compare", "", "fast.json"], "an empty name"),
        (["--compare", "fast.json", "slow.json", "--json=no/compared.json"], "does not exist"),
        (["--compare", "fast.json", "slow.json", "--json=./slow.json"], "is one of the results that are compared"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_usage_errors_in_one_line(python: Python, files: Path, words: list[str], text: str) -> None:
    before = sorted(files.iterdir())
    done = python.pycds("bench", *words, code=USAGE)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert text in line
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize("words", [["--compare"], ["--compare", "fast.json"]], ids=" ".join)
def test_two_files_are_needed(python: Python, files: Path, words: list[str]) -> None:
    assert python.pycds("bench", *words, code=USAGE).stdout == ""

"""The comparison of plain and served runs of CPython's tests: a difference must never go unseen."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # behind the installed pycds, which has a core; the sources have none

from tests.conformance.cpython_compare import (  # noqa: E402
    ABSENT,
    DIED,
    IN_SUBTEST,
    Accepted,
    Difference,
    Outcomes,
    compare,
    judge,
    outcome_of,
    read_accepted,
    read_record,
    repeated,
)

CONFORMANCE = ROOT / "tests" / "conformance"


def written(*events: tuple[str, ...]) -> str:
    """A record as the worker writes it."""
    return "".join(ascii(event) + "\n" for event in events)


def one(outcome: str, detail: str = "") -> Outcomes:
    return {"t.A.test": [(outcome, detail)]}


def test_record() -> None:
    text = written(
        ("start", "t.A.test_a"),
        ("passed", "t.A.test_a", ""),
        ("stop", "t.A.test_a"),
        ("start", "t.A.test_b"),
        ("skipped", "t.A.test_b", "no \udc80 here"),
        ("stop", "t.A.test_b"),
        ("error", "setUpClass (t.B)", "Traceback"),
        ("file", "completed", ""),
    )
    outcomes, state, _ = read_record(text)
    assert state == "completed"
    assert outcomes == {
        "t.A.test_a": [("passed", "")],
        "t.A.test_b": [("skipped", "no \udc80 here")],
        "setUpClass (t.B)": [("error", "Traceback")],
    }


def test_record_of_a_process_that_died() -> None:
    outcomes, state, _ = read_record(written(("start", "t.A.test_a")) + "('stop', 't.A.te")
    assert state == ""
    assert outcome_of(outcomes, "t.A.test_a") == DIED


def test_record_of_a_package_of_files() -> None:
    skipped, done = ("file", "SkipTest", "Windows only"), ("file", "completed", "")
    failed = ("file", "TestFailedWithDetails", "one")
    assert read_record(written(done, skipped))[1:] == ("completed", "")
    assert read_record(written(done, failed, skipped))[1] == "TestFailedWithDetails"
    assert read_record(written(skipped))[1:] == ("SkipTest", "Windows only")


def test_failing_subtest_fails_its_test() -> None:
    text = written(
        ("start", "t.A.test_a"),
        ("passed", "t.A.test_a (i=1)", ""),
        ("failed", "t.A.test_a (i=2)", "Traceback"),
        ("stop", "t.A.test_a"),
    )
    outcomes, _, _ = read_record(text)
    assert outcome_of(outcomes, "t.A.test_a") == IN_SUBTEST
    assert outcome_of(outcomes, "t.A.test_a (i=2)") == "failed"


def test_equal_runs_do_not_differ() -> None:
    assert compare(one("passed"), one("passed")) == []
    # What a failing test says may have addresses in it.
    assert compare(one("failed", "at 0x7f00aa"), one("failed", "at 0x7f00bb")) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (one("passed"), one("failed")),
        (one("failed"), one("error")),
        (one("failed"), one("passed")),
        (one("passed"), {}),
        ({}, one("passed")),
        (one("skipped", "needs a tty"), one("skipped", "needs a core")),
        (one("expected failure"), one("unexpected success")),
        (one("passed"), {"t.A.test": [("passed", ""), ("passed", "")]}),
        (one("passed"), one(DIED)),
    ],
)
def test_other_outcomes_differ(before: Outcomes, after: Outcomes) -> None:
    (found,) = compare(before, after)
    assert found.test == "t.A.test"
    assert judge([found], [], "3.11", ["t.A.test"]).differing == (found,)


def test_ids_without_what_changes_from_run_to_run() -> None:
    def record(directory: str, address: str, process: int, items: str, temporary: str) -> str:
        name = (
            f"t.A.test (path='{directory}/w/@test_{process}_tmpæ', t={temporary}, value=frozenset({{{items}}}),"
            f" obj=<object at {address}>, mock=<Mock id='{int(address, 16)}'>)"
        )
        return written(("start", name), ("passed", name, ""), ("stop", name))

    plain, _, _ = read_record(record("/tmp/pycds-abcd1234", "0x7ff1d6120010", 311, "1, 'b'", "tmpj1sloetr"))
    served, _, _ = read_record(record("/tmp/pycds-zyx_9876", "0x7fbe4c7f0400", 4711, "'b', 1", "tmp23_wz6xb"))
    assert len(plain) == 1
    assert compare(plain, served) == []


def test_repetitions() -> None:
    (first,) = compare(one("passed"), one("failed"))
    always = repeated(first, [one("passed")] * 3, [one("failed")] * 3)
    assert not always.flaky
    assert always.served == ("failed",) * 4
    # Never again: flaky.  Once more, and plain never does it: a difference.
    assert repeated(first, [one("passed")] * 3, [one("passed")] * 3).flaky
    assert not repeated(first, [one("passed")] * 3, [one("passed"), one("failed"), one("passed")]).flaky
    assert repeated(first, [one("passed"), one("failed"), one("passed")], [one("failed")] * 3).flaky
    assert not repeated(first, [one("passed")] * 3, [{}] * 3).flaky
    assert not first.flaky


def test_accepted_differences() -> None:
    seen = Difference("t.A.test", ("passed",), ("failed",))
    entry = Accepted("t.A.test", ("3.11",), "failed", "Because.")
    assert judge([seen], [entry], "3.11", ["t.A.test"]).differing == ()
    # In another version, with another outcome, or of another test it is a difference.
    assert judge([seen], [entry], "3.13", ["t.A.test"]).differing == (seen,)
    died = Difference("t.A.test", ("passed",), (DIED,))
    assert judge([died], [entry], "3.11", ["t.A.test"]).differing == (died,)
    other = Difference("t.A.test_2", ("passed",), ("failed",))
    assert judge([other], [entry], "3.11", ["t.A.test_2"]).differing == (other,)
    every = Accepted("t.A.*", ("3.11",), "failed", "Because.")
    assert judge([seen, other], [every], "3.11", ["t.A.test"]).differing == ()


def test_accepted_difference_that_is_none_any_more() -> None:
    entry = Accepted("t.A.test", ("3.11",), "failed", "Because.")
    assert judge([], [entry], "3.11", ["t.A.test"]).stale == (entry,)
    assert judge([], [entry], "3.11", ["t.B.test"]).stale == ()
    assert judge([], [entry], "3.12", ["t.A.test"]).stale == ()


def test_accepted_as_a_matter_of_chance() -> None:
    entry = Accepted("t.A.test", ("3.11",), "*", "Because.")
    for before, after in (("passed", "failed"), ("error", "passed")):
        (seen,) = compare(one(before), one(after))
        assert entry.covers(seen, "3.11")
    assert judge([], [entry], "3.11", ["t.A.test"]).stale == ()


def test_accepted_skip() -> None:
    entry = Accepted("t.A.test", ("3.11",), "skipped", "Because.")
    (skipped,) = compare(one("passed"), one("skipped", "no path here"))
    assert entry.covers(skipped, "3.11")
    (gone,) = compare(one("passed"), {})
    assert gone.served == (ABSENT,)
    assert not entry.covers(gone, "3.11")


@pytest.mark.parametrize("name", ["cpython_accepted.toml", "cpython_accepted_restored.toml"])
def test_list_of_accepted_differences(name: str) -> None:
    entries = read_accepted(tomllib.loads((CONFORMANCE / name).read_text(encoding="utf-8")))
    assert all(
        entry.reason.endswith(".") and set(entry.versions) <= {f"3.{minor}" for minor in range(8, 16)}
        for entry in entries
    )
    assert len({(entry.test, entry.served) for entry in entries}) == len(entries)
    with pytest.raises(ValueError):
        read_accepted({"accepted": [{"test": "t", "versions": ["3.11"], "served": "failed"}]})


def test_worker_records_every_kind_of_outcome(tmp_path: Path) -> None:
    pytest.importorskip("test.libregrtest", reason="CPython's tests are not installed")
    (tmp_path / "test_sample.py").write_text(
        "import unittest\n"
        "class A(unittest.TestCase):\n"
        "    def test_passed(self): pass\n"
        "    def test_failed(self): self.fail()\n"
        "    def test_error(self): 1 / 0\n"
        "    def test_skipped(self): self.skipTest('why not')\n"
        "    @unittest.expectedFailure\n"
        "    def test_expected(self): self.fail()\n"
        "    @unittest.expectedFailure\n"
        "    def test_unexpected(self): pass\n"
        "    def test_subtests(self):\n"
        "        for i in range(3):\n"
        "            with self.subTest(i=i): self.assertNotEqual(i, 1)\n"
        "    def test_subtests_skipped(self):\n"
        "        with self.subTest(j=0): self.skipTest('not this')\n"
        "class WithId(unittest.TestCase):\n"
        "    def setUp(self): self.id = 7\n"
        "    def test_passed(self): pass\n"
        "    def test_subtests(self):\n"
        "        with self.subTest(i=0): pass\n"
        "class B(unittest.TestCase):\n"
        "    @classmethod\n"
        "    def setUpClass(cls): raise OSError\n"
        "    def test_never(self): pass\n"
    )
    worker = ROOT / "tests" / "conformance" / "cpython_worker.py"
    record = tmp_path / "record"
    subprocess.run(
        [sys.executable, worker, record, "--testdir", tmp_path, "--tempdir", tmp_path, "test_sample"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )
    outcomes, state, _ = read_record(record.read_text())
    support = importlib.import_module("test.support")
    assert state == ("TestFailedWithDetails" if hasattr(support, "TestFailedWithDetails") else "TestFailed")
    assert {name: outcome_of(outcomes, name) for name in outcomes} == {
        "test_sample.A.test_passed": "passed",
        "test_sample.A.test_failed": "failed",
        "test_sample.A.test_error": "error",
        "test_sample.A.test_skipped": "skipped: why not",
        "test_sample.A.test_expected": "expected failure",
        "test_sample.A.test_unexpected": "unexpected success",
        "test_sample.A.test_subtests": IN_SUBTEST,
        "test_sample.A.test_subtests (i=0)": "passed",
        "test_sample.A.test_subtests (i=1)": "failed",
        "test_sample.A.test_subtests (i=2)": "passed",
        "test_sample.A.test_subtests_skipped": IN_SUBTEST,
        "test_sample.A.test_subtests_skipped (j=0)": "skipped: not this",
        "test_sample.WithId.test_passed": "passed",
        "test_sample.WithId.test_subtests": "passed",
        "test_sample.WithId.test_subtests (i=0)": "passed",
        "setUpClass (test_sample.B)": "error",
    }

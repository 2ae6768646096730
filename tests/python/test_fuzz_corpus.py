"""Trace lists that fuzzing has found worth keeping (tests/fuzz/corpus/trace_list), once more."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent.parent / "fuzz"
CORPUS = sorted((FUZZ / "corpus" / "trace_list").iterdir())


@pytest.fixture(autouse=True)
def _targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FUZZ)


def test_the_corpus_is_read_as_it_should_be(tmp_path: Path) -> None:
    import exercise_trace_list

    assert len(CORPUS) > 20
    parts = 0
    for file in CORPUS:
        data = file.read_bytes()
        parts += exercise_trace_list.SEPARATOR in data
        try:
            exercise_trace_list.exercise(data, tmp_path)
        except Exception as error:
            raise AssertionError(f"{file.name}: {data!r}") from error
    assert parts > 5
    assert "exercise_trace_list" in sys.modules

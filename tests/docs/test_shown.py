"""The rules by which output is compared: what may differ, and what may not."""

from __future__ import annotations

import pytest

from shown import same

ALIKE = [
    ("link   2.51 ms", "link 11.90 ms"),
    ("46 hits, 0 misses", "50 hits, 0 misses"),
    ("a-5be1f0e6f2ad1c2a.pycds (50 modules)", "a-0000000000000001.pycds (51 modules)"),
    ("Python 3.11.7 in /srv/venv", "Python 3.12.1 in /srv/venv"),
    ("2026-11-28 15:25:02 made", "2027-01-01 00:00:00 made"),
    ("pycds: ...", "pycds: there is no such file"),
    ("2.32 MiB of at most 2 GiB", "999 KiB of at most 2 GiB"),
]
DIFFERENT = [
    ("46 hits, 0 misses", "46 hits, 1 misses"),
    ("46 hits, 0 misses", "0 hits, 46 misses"),
    ("46 hits", "26 hits"),
    ("2 archives imported, 0 kept", "0 archives imported, 2 kept"),
    ("2.32 MiB of at most 2 GiB", "2.32 MiB of at most 3 GiB"),
    ("link   2.51 ms", "link 2.51 s"),
    ("PyCDS 0.1.0", "PyCDS 0.2.0"),
    ("code 3", "code 0"),
    ("/srv/venv/bin/aws", "/srv/other/bin/aws"),
    ("pycds: ...", "Traceback (most recent call last):"),
    ("3 archives ...", "4 archives of 3"),
]


@pytest.mark.parametrize(("shown", "printed"), ALIKE)
def test_what_may_differ(shown: str, printed: str) -> None:
    assert same([shown], [printed])


@pytest.mark.parametrize(("shown", "printed"), DIFFERENT)
def test_what_may_not(shown: str, printed: str) -> None:
    assert not same([shown], [printed])


def test_lines() -> None:
    assert same(["a", "...", "c"], ["a", "b", "b", "c"])
    assert same(["a", "..."], ["a"])
    assert not same(["a", "...", "c"], ["a", "b"])
    assert not same(["a"], ["a", "b"])
    assert not same(["a", "b"], ["b", "a"])
    assert same(["..."], [])

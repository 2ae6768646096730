"""``pycds verify --live``, and the reasons of misses in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pycds
from conftest import PROGRAM_MODULES, MakeArchive, Python, write_files

ROOT = Path(__file__).resolve().parents[2]


def live(python: Python, archive: Path, *options: str, code: int = 0) -> list[str]:
    return python.pycds("verify", "--live", *options, archive, code=code).stdout.splitlines()


def test_all_of_a_new_archive_would_be_served(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    (line,) = live(python, made.archive)
    count = re.fullmatch(r".*app\.pycds: (\d+) of (\d+) modules would be served", line)
    assert count is not None
    assert count[1] == count[2]
    assert int(count[1]) >= len(PROGRAM_MODULES)


def test_each_miss_is_told_with_its_reason(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    write_files(
        program.parent,
        {"plain.py": "def answer(): return 'edited'\n", "spread/part/deep/__init__.py": "HERE = 'elsewhere'\n"},
    )
    (program.parent / "package" / "inner" / "leaf.py").unlink()
    *missed, summary = live(python, made.archive, code=1)
    told = {line.partition(":")[0]: line.partition(": ")[2] for line in missed}
    assert told.keys() == {"plain", "spread.part.deep", "package.inner.leaf"}
    assert told["plain"].startswith("source has changed (")
    assert told["spread.part.deep"].startswith("found elsewhere (")
    assert told["package.inner.leaf"].startswith("not found any more (")
    assert all(line.endswith("dump again)") for line in missed)
    assert "would be served" in summary


def test_it_tells_what_a_program_then_gets(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    write_files(program.parent, {"plain.py": "def answer(): return 'edited'\n"})
    *missed, _summary = live(python, made.archive, code=1)
    served = python.served(made.archive, program)
    archive = served.statistics["archives"][0]
    assert [line.partition(":")[0] for line in missed] == [name for name, _reason in archive["missed"]] == ["plain"]


def test_validation_is_that_of_the_program(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    write_files(program.parent, {"plain.py": "def answer(): return 'edited'\n"})
    for validation, code in (("exact", 1), ("digest", 1), ("sealed", 0)):
        live(python, made.archive, "--validation", validation, code=code)


def test_a_sealed_package_that_is_gone(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    (program.parent / "package").rename(program.parent / "gone")
    live(python, made.archive, "--validation", "sealed")
    served = python.served(made.archive, program, env={"PYCDSVALIDATION": "sealed"})
    assert "package.inner.leaf" in served.names


def test_a_damaged_module_does_not_keep_the_others_from_being_told(
    python: Python, program: Path, make_archive: MakeArchive
) -> None:
    made = make_archive(program)
    data = bytearray(made.archive.read_bytes())
    segments = {one["name"]: one["segment_offset"] for one in pycds.open(str(made.archive)).modules()}
    for name in ("plain", str(program)):
        data[segments[name] + 40] ^= 1
    made.archive.write_bytes(data)
    lines = live(python, made.archive, code=1)
    assert len([line for line in lines if line.endswith("checksum of the segment")]) == 2
    told = [line for line in lines if ": damaged (" in line]
    assert [line.partition(": damaged")[0] for line in told] == ["plain", str(program)]
    (of,) = re.findall(r"of (\d+) modules would be served$", lines[-1])
    assert f": {int(of) - 2} of {of} modules" in lines[-1]


def test_an_archive_that_cannot_be_used_is_code_3(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    done = python("-O", "-m", "pycds", "verify", "--live", made.archive, code=3)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    made.archive.chmod(0o666)
    assert "not trusted" in python.pycds("verify", "--live", made.archive, code=3).stderr


# --- the words ----------------------------------------------------------------------------------------


def reasons_of_the_core() -> set[str]:
    """What src/serve counts, as it stands there between quotes."""
    text = "".join(path.read_text() for path in (ROOT / "src" / "serve").glob("*.cpp"))
    patterns = (
        r'constexpr std::string_view \w+ = "([^"]+)"',
        r'miss = "([^"]+)"',
        r'statistics_\.miss\([^;]*?, "([^"]+)"\)',
        r'return "(source [^"]+)"',
    )
    return {found for pattern in patterns for found in re.findall(pattern, text)}


def test_every_reason_has_words() -> None:
    from pycds import reasons

    counted = reasons_of_the_core()
    assert len(counted) >= 10
    assert counted <= reasons.MISSES.keys()
    assert reasons.MISSES.keys() - counted == {"damaged", "truncated", "unreadable"}  # named by src/image/error.hpp


def test_the_guide_has_the_same_words() -> None:
    from pycds import reasons

    guide = (ROOT / "docs" / "guides" / "troubleshooting.md").read_text()
    table = guide[guide.index("## A module is missed") : guide.index("## A module is skipped by a dump")]
    rows = re.findall(r"^\| `([^`]+)` \| (.*?) \| (.*?) ?\|$", table, re.MULTILINE)
    assert rows == [(reason, known.meaning, known.advice) for reason, known in reasons.MISSES.items()]


@pytest.mark.parametrize("reason", ["source has changed", "imported again", "no such reason"])
def test_explain(reason: str) -> None:
    from pycds import reasons

    words = reasons.explain(reason)
    assert words == reason if reason == "no such reason" else words.startswith(reasons.MISSES[reason].meaning)

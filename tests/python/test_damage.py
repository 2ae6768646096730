"""Damage: any byte of an archive flipped, or the file cut off anywhere, before it is opened and while it is in use.

The archive is refused, or the modules that it touches are missed, or the result is the right one: never a crash, never
other code, never another output.  ``DAMAGE=all`` flips each bit of each byte (and sets and inverts the whole byte).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import damaged_program
from conftest import write_files
from sample_program import ZIPPED, Sample, make_sample

CHUNK = 1500
"""Trials in one process: each keeps a little memory, and a crash loses no more than this."""

SERVED = [name for name in damaged_program.MODULES if not name.startswith("zipped") or name in ZIPPED]

SAMPLE = 3, 97
"""First and step of the positions of the quick tests."""


@dataclass
class Target:
    """The program, its archive and a directory for copies."""

    sample: Sample
    archive: Path
    directory: Path

    @property
    def size(self) -> int:
        return self.archive.stat().st_size


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    sample = make_sample(tmp_path_factory.mktemp("d") / "i")
    write_files(sample.root / "main", damaged_program.FILES)
    env = {"PYTHONPATH": sample.path}
    sample.plain("-c", "import constants, sharing")  # so that the .pyc files are there
    names = sample.root / "names"
    names.write_text("\n".join(damaged_program.MODULES))
    archive = sample.root / "small.pycds"
    sample.python("-m", "pycds", "dump", names, archive, env=env)
    return Target(sample, archive, sample.root)


@dataclass
class Report:
    """What became of many trials."""

    count: int
    outcomes: Counter[str]
    undetected: set[int]
    """Positions at which a flip changed nothing: all modules were served, with the right code."""


def attempt(target: Target, trials: Sequence[str]) -> Report:
    """Serve the program from a copy that is damaged in one way after the other.  Fails at the first that matters."""
    script = Path(__file__).parent / "damaged_archive.py"
    total = Report(0, Counter(), set())
    copy, progress = target.directory / f"copy-{os.getpid()}.pycds", target.directory / f"progress-{os.getpid()}"
    for begin in range(0, len(trials), CHUNK):
        chunk = trials[begin : begin + CHUNK]
        done = target.sample.plain(
            script, target.archive, copy, progress, stdin="\n".join(chunk), code=None, timeout=550
        )
        if done.returncode:
            pytest.fail(f"ended with {done.returncode} at {progress.read_text().strip()!r}\n{done.stderr[-3000:]}")
        report = json.loads(done.stdout)
        assert report["problems"] == []
        assert report["count"] == len(chunk)
        total.count += report["count"]
        total.outcomes.update(report["outcomes"])
        total.undetected.update(int(what.split()[1]) for what in report["undetected"])
    assert sum(total.outcomes.values()) == total.count == len(trials)
    return total


def sections(target: Target) -> dict[str, range]:
    from pycds._core import Image

    found = {s["name"]: range(s["offset"], s["offset"] + s["size"]) for s in Image(str(target.archive)).sections()}
    return {"header": range(min(s.start for s in found.values() if s)), **found}


def segments(target: Target) -> dict[str, range]:
    from pycds._core import Image

    return {
        m["name"]: range(m["segment_offset"], m["segment_offset"] + m["segment_size"])
        for m in Image(str(target.archive)).modules()
    }


def masks(position: int, catalogue: range) -> Iterable[int]:
    """The patterns that a byte is changed by: one bit; in front of the objects two more."""
    if os.environ.get("DAMAGE") == "all":
        return [*(1 << bit for bit in range(8)), 0xFF, 0x55, 0x81]
    return (1 << position % 8, 0xFF, 0x90) if position in catalogue else (1 << position % 8,)


def check_undetected(target: Target, report: Report) -> None:
    """Whatever code is made of is covered by a checksum: a flip there is never without consequence."""
    assert not report.undetected & set(sections(target)["header"])
    for name, segment in segments(target).items():
        assert not report.undetected & set(segment), name
    entries = set(sections(target)["entries"])
    assert not report.undetected & entries


def test_some_flips_and_every_truncation(target: Target) -> None:
    positions = [*sections(target)["header"], *range(SAMPLE[0], target.size, SAMPLE[1])]
    report = attempt(target, [f"flip {position} {1 << position % 8}" for position in positions])
    check_undetected(target, report)
    assert report.outcomes["some missed"] > 200
    assert report.outcomes["damaged"] > 300
    cut = attempt(target, [f"truncate {size}" for size in range(target.size)])
    assert set(cut.outcomes) == {"empty", "truncated"}
    assert cut.outcomes["empty"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_every_byte_flipped(target: Target, part: int) -> None:
    """Eight parts, for processes side by side; the segments are the larger part of the file."""
    catalogue = range(sections(target)["strings"].start)
    trials = [
        f"flip {position} {mask}" for position in range(part, target.size, 8) for mask in masks(position, catalogue)
    ]
    assert len(trials) >= target.size // 8
    check_undetected(target, attempt(target, trials))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["flip-in-use", "truncate-in-use"])
def test_damage_while_in_use(target: Target, damage: str) -> None:
    """After the header was read: what has not been read yet is checked when it is."""
    step = 1 if os.environ.get("DAMAGE") == "all" else 9
    flips = damage.startswith("flip")
    trials = [
        f"{damage} {position} {1 << position % 8}" if flips else f"{damage} {position}"
        for position in range(0, target.size, step)
    ]
    report = attempt(target, trials)
    assert set(report.outcomes) <= {"some missed", "served in full"}
    assert report.outcomes["some missed"] > len(trials) * 0.8


def positions_in_every_record(target: Target, section: str) -> list[int]:
    """At least one position in each record of a section, whatever its records look like."""
    bounds = sections(target)[section]
    if section == "segments":
        inner = [segments(target)[name] for name in segments(target)]
        # the first object, some in the middle, the relocations, the places of code objects
        return [
            position
            for s in inner
            for position in (s.start + 8, s.start + len(s) // 3, s.start + len(s) // 2, s.stop - 12, s.stop - 1)
        ]
    if section == "entries":
        return list(range(bounds.start + 3, bounds.stop, 24))
    if section in ("strings", "constants"):
        return [*range(bounds.start, bounds.stop, 160), bounds.stop - 1]
    # No record is smaller than 4 bytes (`order`), most are 8 and more.
    return list(range(bounds.start + 1, bounds.stop, 4 if section == "order" else 8))


SECTIONS = ["header", "index", "entries", "order", "directories", "blocks", "strings", "constants", "segments"]


def test_sections_are_those_of_the_file(target: Target) -> None:
    assert list(sections(target)) == SECTIONS
    assert all(sections(target).values())


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_whole_processes(target: Target, tmp_path: Path, section: str) -> None:
    """The program as users start it, with a flipped byte in every record of a section."""
    program = Path(damaged_program.__file__)
    plain = target.sample.plain(program)
    whole = target.sample.python.served(target.archive, program, env={"PYTHONPATH": target.sample.path})
    assert whole.stdout == plain.stdout
    assert whole.statistics["hits"] == len(SERVED)
    data = target.archive.read_bytes()
    copy = tmp_path / "copy.pycds"
    seen: Counter[str] = Counter()
    positions = positions_in_every_record(target, section)
    for position in positions:
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        copy.write_bytes(changed)
        check_process(target, copy, program, (plain.stdout, plain.stderr), f"flip {position} {1 << position % 8}", seen)
    assert sum(seen.values()) == len(positions) > 0
    if section in ("header", "blocks", "directories", "segments"):
        assert seen["all"] == 0, seen


@pytest.mark.slow
def test_whole_processes_with_a_truncated_file(target: Target, tmp_path: Path) -> None:
    program = Path(damaged_program.__file__)
    plain = target.sample.plain(program)
    data = target.archive.read_bytes()
    copy = tmp_path / "copy.pycds"
    seen: Counter[str] = Counter()
    edges = {edge + by for s in sections(target).values() for edge in (s.start, s.stop) for by in (-1, 0, 1)}
    evenly = range(0, len(data), len(data) // 40)
    sizes = sorted(size for size in edges.union(evenly) if 0 <= size < len(data))
    for size in sizes:
        copy.write_bytes(data[:size])
        check_process(target, copy, program, (plain.stdout, plain.stderr), f"truncate {size}", seen)
    assert seen == {"none": len(sizes)}


def check_process(
    target: Target, copy: Path, program: Path, plain: tuple[str, str], what: str, seen: Counter[str]
) -> None:
    served = target.sample.python.served(copy, program, env={"PYTHONPATH": target.sample.path}, code=None)
    assert (served.done.returncode, served.stdout, served.stderr) == (0, *plain), what
    hits = served.statistics["hits"]
    seen["all" if hits == len(SERVED) else "some" if hits else "none"] += 1

"""Dumping: what goes into an archive, what is left out and named, and that a failure leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conftest import PROGRAM_MODULES, MakeArchive, Python, while_the_library_stays, write_files


def dump(python: Python, trace_list: Path, archive: Path, *options: str, code: int = 0) -> list[str]:
    """Dump; the lines on stderr."""
    done = python.pycds("dump", *options, trace_list, archive, code=code)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_one_summary_line(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    (line,) = made.dumped.stderr.splitlines()
    assert line.startswith(f"{made.archive}: ")
    assert " modules, " in line
    assert "2 have no code" in line  # the namespace packages


def test_the_same_input_gives_the_same_bytes(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)

    def dumps() -> set[bytes]:
        contents = set()
        for seed in ("0", "1", "random"):
            python.pycds("dump", made.trace_list, made.archive, env={"PYTHONHASHSEED": seed})
            contents.add(made.archive.read_bytes())
        return contents

    assert len(while_the_library_stays(dumps)) == 1


def test_without_pycs_as_well(python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path) -> None:
    """Where no .pyc can be kept, each dump compiles: still the same bytes."""
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    trace_list, archive = tmp_path / "a.lst", tmp_path / "a.pycds"
    python.traced(trace_list, program, env=env)

    def dumps() -> set[bytes]:
        contents = set()
        for seed in ("1", "2"):
            python.pycds("dump", trace_list, archive, env={**env, "PYTHONHASHSEED": seed})
            contents.add(archive.read_bytes())
        return contents

    assert len(while_the_library_stays(dumps)) == 1
    assert not list(python.directory.rglob("*.pyc"))


def test_bad_lines_are_named_and_the_rest_is_dumped(python: Python, program: Path, tmp_path: Path) -> None:
    write_files(python.directory, {"broken.py": "def f(:\n", "größe.py": "x = 1\n"})
    (python.directory / "latin.py").write_bytes(b"x = '\xe9'\n")
    trace_list, archive = tmp_path / "a.lst", tmp_path / "a.pycds"
    lines = ["plain", "nowhere", "plain", "broken", "größe", "a b", "latin", "package.nowhere", "spread", "package"]
    trace_list.write_bytes("\r\n".join([f"@path {python.directory}", *lines, ""]).encode() + b"caf\xe9\r\n")
    said = dump(python, trace_list, archive)
    assert f"pycds: {trace_list}:4: module 'plain' is listed twice; line ignored" in said
    assert f"pycds: {trace_list}:7: 'a b' is not the name of a module; line ignored" in said
    assert any(line.startswith(f"pycds: {trace_list}:12: ") and "not UTF-8" in line for line in said)
    assert "pycds: skipped nowhere: not found" in said
    assert "pycds: skipped package.nowhere: not found" in said
    assert any(line.startswith("pycds: skipped broken: syntax error") for line in said)
    assert any(line.startswith("pycds: skipped latin: ") for line in said)
    assert said[-1].startswith(f"{archive}: 3 modules")
    served = python.served(archive, "-c", "import plain, package, größe; print(plain.answer(), größe.x)")
    assert served.stdout == "42 1\n"
    assert {"plain", "package", "größe"} == set(served.names)


def test_many_skipped_modules_are_shown_on_request(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "a.lst"
    trace_list.write_text("json\n" + "".join(f"nowhere{n}\n" for n in range(15)))
    said = dump(python, trace_list, tmp_path / "a.pycds")
    assert sum(line.startswith("pycds: skipped") for line in said) == 10
    assert "pycds: and 5 more skipped" in said
    said = dump(python, trace_list, tmp_path / "a.pycds", "--verbose")
    assert sum(line.startswith("pycds: skipped") for line in said) == 15
    assert dump(python, trace_list, tmp_path / "a.pycds", "--quiet") == []


@pytest.mark.parametrize("content", [None, "", "# nothing\n", "nowhere\n", "a b\n", "sys\n", b"\x00\xff\x00"])
def test_nothing_to_dump_ends_with_code_4(python: Python, tmp_path: Path, content: str | bytes | None) -> None:
    trace_list, archive = tmp_path / "a.lst", tmp_path / "a.pycds"
    if content is not None:
        trace_list.write_bytes(content.encode() if isinstance(content, str) else content)
    archive.write_bytes(b"\x89PyCDS\r\nas it was")
    (line,) = dump(python, trace_list, archive, code=4)
    assert line.startswith("pycds: ")
    assert str(trace_list) in line
    assert archive.read_bytes() == b"\x89PyCDS\r\nas it was"


def test_a_list_that_is_a_directory(python: Python, tmp_path: Path) -> None:
    (line,) = dump(python, tmp_path, tmp_path / "a.pycds", code=4)
    assert line == f"pycds: cannot read the trace list {tmp_path}: Is a directory"


def test_an_archive_that_cannot_be_written_leaves_nothing(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "a.lst"
    trace_list.write_text("json\n")
    place = tmp_path / "place"
    place.mkdir()
    assert "is a directory" in dump(python, trace_list, place, code=2)[0]
    assert "does not exist" in dump(python, trace_list, place / "no" / "a.pycds", code=2)[0]
    code = f"""\
import resource, sys
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from pycds import dumper
sys.exit(dumper.main([{str(trace_list)!r}, {str(place / "a.pycds")!r}]))
"""
    done = python("-c", code, code=4)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"pycds: cannot write the archive {place / 'a.pycds'}: ")
    assert list(place.iterdir()) == []


def test_a_dump_that_is_killed_leaves_the_old_archive(
    python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path
) -> None:
    made = make_archive(program)
    before = made.archive.read_bytes()
    code = f"""\
import os
from pycds import dumper
def progress(done, total):
    if done == total: os.kill(os.getpid(), 9)
dumper.dump({str(made.trace_list)!r}, {str(made.archive)!r}, progress=progress)
"""
    python("-c", code, code=-9)
    assert made.archive.read_bytes() == before


def test_parts_left_by_killed_processes_are_dumped(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list, archive = tmp_path / "a.lst", tmp_path / "a.pycds"
    python.traced(trace_list, "-c", "import plain, os; os._exit(0)")
    assert not trace_list.exists()
    dump(python, trace_list, archive)
    assert "plain" in python.served(archive, "-c", "import plain").names


def test_modules_are_in_order_of_first_use(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    code = f"import pycds; print(*[m['name'] for m in pycds.open({str(made.archive)!r}).modules()])"
    names = python("-c", code).stdout.split()
    assert [name for name in names if name in PROGRAM_MODULES] == PROGRAM_MODULES


def test_the_main_modules_are_served(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive("-m", "package")
    served = python.served(made.archive, "-m", "package")
    assert served.stdout == "main of package.__main__\n"
    assert {"package", "package.__main__", "package.inner"} <= set(served.names)


def test_progress_is_told(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "a.lst"
    python.traced(trace_list, program)
    code = f"""\
import pycds
calls = []
summary = pycds.dump({str(trace_list)!r}, {str(tmp_path / "a.pycds")!r}, progress=lambda *c: calls.append(c))
assert calls == sorted(calls) and calls[-1][0] == calls[-1][1], calls
print(summary.modules, summary.bytes, summary.seconds > 0, summary.skipped)
"""
    modules, size, positive, skipped = python("-c", code).stdout.split()
    assert int(modules) >= len(PROGRAM_MODULES)
    assert int(size) == os.path.getsize(tmp_path / "a.pycds")
    assert (positive, skipped) == ("True", "[]")


def test_names_with_lone_surrogates_and_paths_that_are_not_utf8(python: Python, tmp_path: Path) -> None:
    odd = python.directory / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    (odd / "modul.py").write_text("x = 1\n")
    trace_list, archive = tmp_path / "a.lst", tmp_path / "a.pycds"
    code = "import sys, os; sys.path.insert(0, os.fsdecode(b'caf\\xe9')); import modul; print(modul.x)"
    python.traced(trace_list, "-c", code)
    dump(python, trace_list, archive)
    assert python.served(archive, "-c", code).stdout == "1\n"

"""Bad archives: under `auto` the program runs as if there were none and the reason is counted; under `on` it ends with
one line and code 3.  Damage that shows only when a module is used makes that module a miss."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import struct
import sys
from pathlib import Path
from typing import Callable

import pytest

from conftest import SANITIZED, Python
from sample_program import Sample, make_sample

PROGRAM = """\
import sys, shapes, plain, spaces.inner, hidden, zipped
print(shapes.Circle(2).area(), plain.answer(), spaces.inner.HERE, hidden.HIDDEN, zipped.NAME,
      [name for name in sys.modules if "pycds" not in name and name != "atexit"])
"""

MAKE = Callable[[bytes], bytes]
VERSION_OFFSET, OPTIMIZE_OFFSET, BUILD_OFFSET = 64, 72, 128


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("bad") / "installed")


@pytest.fixture(scope="module")
def plain(sample: Sample) -> tuple[int, str, str]:
    done = sample.plain("-c", PROGRAM)
    return done.returncode, done.stdout, done.stderr


def patched(data: bytes, offset: int, new: bytes, *, checksum: bool = True) -> bytes:
    """The archive with other bytes somewhere in its header, the header's checksum put right."""
    changed = bytearray(data)
    changed[offset : offset + len(new)] = new
    if checksum:
        changed[24:32] = bytes(8)
        changed[24:32] = struct.pack("<Q", header_checksum(bytes(changed[:512])))
    return bytes(changed)


def header_checksum(header: bytes) -> int:
    name = ctypes.util.find_library("xxhash")
    if name is None:
        pytest.skip("libxxhash is needed to put right the checksum of a changed header")
    function = ctypes.CDLL(name).XXH3_64bits
    function.restype = ctypes.c_uint64
    value: int = function(ctypes.c_char_p(header), ctypes.c_size_t(len(header)))
    return value


DAMAGE: dict[str, tuple[str, MAKE]] = {
    "empty": ("empty", lambda data: b""),
    "one byte": ("truncated", lambda data: data[:1]),
    "the magic alone": ("truncated", lambda data: data[:8]),
    "half a header": ("truncated", lambda data: data[:300]),
    "half": ("truncated", lambda data: data[: len(data) // 2]),
    "one byte short": ("truncated", lambda data: data[:-1]),
    "one byte too many": ("damaged", lambda data: data + b"\0"),
    "text": ("foreign", lambda data: b"#!/bin/sh\n" * 1000),
    "zeros": ("foreign", lambda data: bytes(len(data))),
    "a pyc": ("foreign", lambda data: b"\xa7\r\r\n" + bytes(3000)),
    "newer format": ("format-version", lambda data: patched(data, 8, struct.pack("<I", 99), checksum=False)),
    "header": ("damaged", lambda data: patched(data, 300, b"\xff\xff\xff", checksum=False)),
    "other python": ("interpreter", lambda data: patched(data, VERSION_OFFSET, struct.pack("<I", 0x030A00F0))),
    "other build": ("interpreter", lambda data: patched(data, BUILD_OFFSET, b"0123456789")),
    "other level": ("flags", lambda data: patched(data, OPTIMIZE_OFFSET, struct.pack("<i", 2))),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_an_archive_that_cannot_be_used(sample: Sample, plain: tuple[int, str, str], tmp_path: Path, kind: str) -> None:
    reason, make = DAMAGE[kind]
    bad = tmp_path / "bad.pycds"
    bad.write_bytes(make(sample.archive.read_bytes()))
    check(sample, plain, bad, reason)


def check(sample: Sample, plain: tuple[int, str, str], bad: Path, reason: str) -> None:
    served = sample.python.served(bad, "-c", PROGRAM, env={"PYTHONPATH": sample.path}, timeout=30)
    assert (served.done.returncode, served.stdout, served.stderr) == plain
    assert [refusal["reason"] for refusal in served.statistics["refused"]] == [reason]
    assert served.statistics["hits"] == 0
    env = {"PYTHONPATH": sample.path, "PYCDSPOLICY": "on"}
    ended = sample.python.served(bad, "-c", PROGRAM, env=env, code=3, timeout=30)
    assert ended.stdout == ""
    assert ended.stderr.startswith("pycds: ")
    assert str(bad) in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_what_is_no_file(sample: Sample, plain: tuple[int, str, str], tmp_path: Path) -> None:
    check(sample, plain, tmp_path / "nowhere" / "missing.pycds", "missing")
    check(sample, plain, tmp_path, "not-a-file")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    check(sample, plain, fifo, "not-a-file")
    check(sample, plain, Path("/dev/zero"), "not-a-file")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    check(sample, plain, loop, "unreadable")


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="root reads everything: must become another"
)
def test_an_unreadable_file(tmp_path: Path) -> None:
    archive = tmp_path / "closed.pycds"
    archive.write_bytes(b"anything")
    archive.chmod(0)
    program = (
        "import os, sys; os.setgid(65534); os.setuid(65534)\n"
        "from pycds._core import Finder, Refusal\n"
        "try: Finder(sys.argv[1])\n"
        "except Refusal as refusal: print(refusal.reason, refusal.message)\n"
    )
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.geteuid() and str(directory) != "/":
            directory.chmod(directory.stat().st_mode | 0o011)
    done = Python(sys.executable, tmp_path, tmp_path)("-c", "import pycds._core\n" + program, archive)
    assert done.stdout.startswith(f"unreadable {archive}: ")


IN_USE = {
    "truncated": "open(archive, 'r+b').truncate(600)",
    "truncated to nothing": "open(archive, 'r+b').truncate(0)",
    "overwritten in place": "n = os.path.getsize(archive); open(archive, 'r+b').write(os.urandom(n))",
    "overwritten by another archive": "open(archive, 'r+b').write(open(archive + '.other', 'rb').read())",
    "replaced": "os.replace(archive + '.other', archive)",
    "removed": "os.unlink(archive)",
    "descriptors closed": "os.closerange(3, 4096)",
    "descriptors closed and used again": "os.closerange(3, 1024); k = [os.open('/dev/zero', os.O_RDONLY) for _ in range(300)]",
    "descriptors closed, file removed": "os.closerange(3, 4096); os.unlink(archive)",
}


@pytest.mark.parametrize("event", IN_USE)
def test_the_file_changes_while_in_use(sample: Sample, tmp_path: Path, event: str) -> None:
    archive = tmp_path / "used.pycds"
    shutil.copy(sample.archive, archive)
    other = tmp_path / "used.pycds.other"
    env = {"PYTHONPATH": sample.path}
    names = tmp_path / "names"
    names.write_text("zipped\nhtml.parser\nshapes\nshapes.circle\nplain\nfractions\n")
    sample.python("-m", "pycds", "dump", names, other, env=env)
    program = f"import os, sys\nimport shapes\narchive = {str(archive)!r}\n{IN_USE[event]}\n{PROGRAM}import html.parser, fractions\n"
    plain = sample.plain("-c", program.replace(IN_USE[event], "os.getpid()"))
    served = sample.python.served(archive, "-c", program, env=env)
    assert served.stdout == plain.stdout
    assert served.stderr == ""
    assert "shapes" in served.names
    if event in ("replaced", "removed", "descriptors closed"):
        # The open file, or the path where it still names it, serves on.
        assert {"plain", "fractions"} <= set(served.names), served.statistics["misses"]


@pytest.mark.parametrize("limit", ["RLIMIT_NOFILE", "RLIMIT_AS"])
def test_tight_limits(sample: Sample, plain: tuple[int, str, str], limit: str) -> None:
    """With hardly any descriptors, and with hardly any address space: served or not, never ended."""
    if limit == "RLIMIT_AS" and SANITIZED:
        pytest.skip("the sanitizer's shadow memory takes all address space")
    for amount in (12, 64) if limit == "RLIMIT_NOFILE" else (40 << 20, 60 << 20, 200 << 20):
        program = f"import resource\nresource.setrlimit(resource.{limit}, ({amount}, {amount}))\n" + PROGRAM
        before = sample.plain("-c", program, code=None)
        served = sample.served("-c", program, code=None)
        if before.returncode == 0:
            assert (served.done.returncode, served.stdout) == (0, before.stdout), served.stderr
        else:
            assert served.done.returncode == 1, served.stderr

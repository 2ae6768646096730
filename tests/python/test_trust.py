"""Whose archives are trusted, which processes heed the environment, and what is left as it is where there is no file."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import SANITIZED, Made, MakeArchive, Python

NOBODY = 65534


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory that other users may enter: pytest takes that right away from its own whenever a session begins."""
    directory = Path(tempfile.mkdtemp(prefix="pycds-trust-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def made(program: Path, make_archive: MakeArchive) -> Made:
    return make_archive(program)


def serving(archive: Path) -> dict[str, str]:
    return {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive)}


# --- users ----------------------------------------------------------------------------------------------------------

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become, or give files to, another user")

ATTACH = """\
import os, sys
import pycds, pycds._core  # before this process is another's: it may not be able to read the environment then
if sys.argv[2] != "0":
    os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
print(pycds.attach(sys.argv[1], "auto"), [refusal["reason"] for refusal in pycds.statistics()["refused"]])
import plain
print(plain.answer())
"""


@as_root
@pytest.mark.parametrize(
    ("user", "owner", "directory", "mode", "reason"),
    [
        (0, 0, 0, 0o644, None),
        (NOBODY, 0, 0, 0o644, None),
        (NOBODY, NOBODY, NOBODY, 0o600, None),
        (NOBODY, NOBODY, 0, 0o600, None),
        (0, NOBODY, 0, 0o644, "untrusted"),
        (0, 0, NOBODY, 0o644, "untrusted"),
        (NOBODY, 12345, 0, 0o644, "untrusted"),
        (NOBODY, 0, 12345, 0o644, "untrusted"),
        (NOBODY, 0, 0, 0o600, "unreadable"),
        (0, 0, 0, 0o664, "untrusted"),
        (0, 0, 0, 0o646, "untrusted"),
    ],
)
def test_users(
    python: Python, program: Path, made: Made, tmp_path: Path, user: int, owner: int, directory: int, mode: int,
    reason: str | None,
) -> None:  # fmt: skip
    """Root's archives and one's own are trusted, nobody else's, nor those in a directory of somebody else's."""
    place = tmp_path / "place"
    place.mkdir(mode=0o755)
    archive = place / "a.pycds"
    shutil.copy(made.archive, archive)
    archive.chmod(mode)
    os.chown(archive, owner, owner)
    os.chown(place, directory, directory)
    done = python("-c", ATTACH, archive, str(user))
    assert done.stdout == (f"False ['{reason}']\n42\n" if reason else "True []\n42\n")
    assert done.stderr == ""


SECURE = """\
import os, sys
os.setresuid(*map(int, sys.argv[1].split(",")))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@as_root
# Under the sanitizers the core needs their library preloaded, which the dynamic loader does not do for such a process.
@pytest.mark.skipif(SANITIZED, reason="nothing is preloaded where AT_SECURE is set")
@pytest.mark.parametrize("users", [f"{NOBODY},0,0", f"0,{NOBODY},0"])
@pytest.mark.parametrize("mode", ["SHARE", "TRACE", "DUMP"])
def test_secure_execution(python: Python, program: Path, made: Made, tmp_path: Path, users: str, mode: str) -> None:
    """A process with other rights than its caller's does nothing that the environment says; the call still works."""
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    code = (
        f"import sys; sys.path.insert(0, {str(python.directory)!r}); import plain; core = sys.modules.get('pycds._core'); "
        "print(bool(getattr(core, 'attached', False)) or 'pycds.tracer' in sys.modules)"
    )
    env = {
        "PYCDSMODE": mode,
        "PYCDSARCHIVE": str(made.archive if mode == "SHARE" else place / "a.pycds"),
        "PYCDSLIST": str(made.trace_list if mode == "DUMP" else place / "a.lst"),
        "PYCDSSTATS": str(place / "statistics"),
        "PYCDSPOLICY": "on",
    }
    ordinary = python("-S", "-c", SECURE, "0,0,0", "-c", code, env=env)
    assert list(place.iterdir()) != []
    assert ordinary.stdout == {"SHARE": "True\n", "TRACE": "True\n", "DUMP": ""}[mode]
    for path in place.iterdir():
        path.unlink()
    secure = python("-S", "-c", SECURE, users, "-c", code, env=env, code=None)
    if secure.returncode == 126 or "Permission denied" in secure.stderr:
        pytest.skip("the interpreter is in a directory that nobody may enter")
    assert (secure.returncode, secure.stdout, secure.stderr) == (0, "False\n", "")
    assert list(place.iterdir()) == []


# --- what is no file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["fifo", "socket", "directory", "/dev/null", "/dev/full", "/dev/zero", "/proc/self/mem"]
)
def test_what_is_no_file(python: Python, program: Path, made: Made, tmp_path: Path, kind: str) -> None:
    """As the archive of a program and as that of a dump: told at once, and left as it is."""
    place = tmp_path / "place"
    place.mkdir()
    path = Path(kind) if kind.startswith("/") else place / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(os.path.relpath(path))
    served = python.served(path, program, timeout=30)
    assert (served.stdout, served.stderr) == (python(program).stdout, "")
    refusal = served.statistics["refused"][0]["reason"]
    assert refusal in (
        {"empty", "unreadable", "truncated"} if kind == "/proc/self/mem" else {"not-a-file", "unreadable"}
    )
    if kind == "/proc/self/mem":
        return  # of the dumping process itself
    before = path.lstat()
    dumped = python.pycds("dump", made.trace_list, path, code=2, timeout=60)
    assert dumped.stderr.count("\n") == 1
    assert str(path) in dumped.stderr
    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert [p.name for p in place.iterdir()] == ([] if kind.startswith("/") else [kind])


def test_statistics_that_cannot_be_written(python: Python, program: Path, made: Made, tmp_path: Path) -> None:
    plain = python(program)
    for place in (str(tmp_path), str(tmp_path / "no" / "such"), "/proc/version"):
        served = python(program, env={**serving(made.archive), "PYCDSSTATS": place})
        assert served.stdout == plain.stdout
        assert served.stderr.startswith("pycds: cannot write ")
        assert served.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["fifo", "device", "link"])
def test_statistics_replace_nothing_but_files(
    python: Python, program: Path, made: Made, tmp_path: Path, kind: str
) -> None:
    """Not a device such as /dev/stderr, not a FIFO without a reader, and not the link that names the file."""
    place = tmp_path / "statistics"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to(tmp_path / "file")
    else:
        try:
            os.mknod(place, 0o666 | stat.S_IFCHR, os.makedev(1, 7))  # /dev/full
        except PermissionError:
            pytest.skip("only root may make a device")
    before = place.lstat()
    served = python(program, env={**serving(made.archive), "PYCDSSTATS": str(place)}, timeout=30)
    assert served.stdout == python(program).stdout
    assert (place.lstat().st_mode, place.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert [path.name for path in tmp_path.glob("statistics*")] == ["statistics"]
    assert "Traceback" not in served.stderr
    if kind == "link":
        assert "plain" in (tmp_path / "file").read_text()

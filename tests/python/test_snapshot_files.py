"""What is refused altogether, since there is nothing to run; and what a stream must not have become."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from conftest import Python, write_files
from snapshots import PLAIN, Snapshots, needed, refused, run_command, snapshot

pytestmark = needed


@pytest.fixture
def snapshots(python: Python) -> Snapshots:
    return Snapshots(python)


def test_a_stream_taken_apart(snapshots: Snapshots) -> None:
    text = "import sys\nKEPT = sys.stdout.detach()\nif __name__ == '__main__':\n    pass\n"
    done = snapshots.create(text, code=4)
    assert "the program has taken sys.stdout apart (detach); let it do so behind" in refused(done)
    assert not snapshots.file.exists()


def test_files_that_are_none(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    whole = snapshots.file.read_bytes()
    for content in (b"", b"x" * 5000, whole[: len(whole) // 2], whole[:4000], whole + bytes(4096)):
        snapshots.file.write_bytes(content)
        done = run_command(snapshots.python, [snapshot.RESTORER, str(snapshots.file)])
        assert (done.returncode, done.stdout) == (3, "")
        assert len(done.stderr.splitlines()) == 1
        verified = snapshots.python.pycds("snapshot", "verify", snapshots.file, code=3)
        assert len(verified.stdout.splitlines()) == 1
    assert run_command(snapshots.python, [snapshot.RESTORER]).returncode == 3
    assert run_command(snapshots.python, [snapshot.RESTORER, "/no/such/file"]).returncode == 3


def test_files_of_others(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    for mode in (0o644, 0o660, 0o602):
        snapshots.file.chmod(mode)
        assert run_command(snapshots.python, [snapshot.RESTORER, str(snapshots.file)]).returncode == 3
    snapshots.file.chmod(0o600)
    snapshots.places.chmod(0o777)
    assert run_command(snapshots.python, [snapshot.RESTORER, str(snapshots.file)]).returncode == 3
    snapshots.places.chmod(0o700)
    link = snapshots.places / "link"
    link.symlink_to(snapshots.file)
    assert run_command(snapshots.python, [snapshot.RESTORER, str(link)]).returncode == 3


def test_a_restorer_with_more_rights(snapshots: Snapshots) -> None:
    """It runs nothing at all, neither the program nor a plain one, and leaves nothing behind."""
    with tempfile.TemporaryDirectory() as place:
        if os.geteuid() != 0 or os.statvfs(place).f_flag & os.ST_NOSUID:
            pytest.skip("only root can give away rights, and not everywhere")
        os.chmod(place, 0o755)
        snapshots.create(PLAIN)
        restorer, copy = os.path.join(place, "restorer"), os.path.join(place, "snapshot")
        shutil.copy(snapshot.RESTORER, restorer)
        shutil.copy(snapshots.file, copy)
        os.chmod(restorer, 0o4755)
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        done = run_command(snapshots.python, [*as_nobody, restorer, copy], cwd="/")
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == "pycds: the restorer must not have more rights than its user\n"
        assert sorted(os.listdir(place)) == ["restorer", "snapshot"]


def test_verify_tells_what_a_run_would_be_refused_for(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    verify = ("snapshot", "verify", snapshots.file)
    assert "nothing is wrong" in snapshots.python.pycds(*verify).stdout
    assert "variable differs (OTHER)" in snapshots.python.pycds(*verify, code=1, env={"OTHER": "secret"}).stdout
    content = bytearray(snapshots.file.read_bytes())
    content[-1] ^= 1
    snapshots.file.write_bytes(content)
    assert "pages have changed" in snapshots.python.pycds(*verify, code=1).stdout
    assert not Path(f"{snapshots.file}.refusals").exists()


def test_refresh(snapshots: Snapshots) -> None:
    """The same program, asked for in the same way, as it is now; nothing is done where nothing has changed."""
    program = "import json, sys\nif __name__ == '__main__':\n    print('first', json.dumps(sys.argv[1:]))\n"
    snapshots.create(program, "--vary", "FREE_*,OTHER", "--fast-exit")
    before = snapshots.file.stat().st_ino
    done = snapshots.python.pycds("snapshot", "refresh", snapshots.file)
    assert done.stdout == f"{snapshots.file}: it can be restored as it is\n"
    assert snapshots.file.stat().st_ino == before
    (snapshots.python.directory / "app.py").write_text(program.replace("first", "second"))
    assert snapshots.run("a", plain=True).stdout == 'second ["a"]\n'
    snapshots.python.pycds("snapshot", "refresh", snapshots.file)
    assert snapshots.run("a", env={"FREE_TO": "1"}).stdout == 'second ["a"]\n'
    told = json.loads(snapshots.python.pycds("snapshot", "inspect", snapshots.file).stdout)
    assert told["options"] == ["--at=main", "--after-import=", "--vary=FREE_*,OTHER", "--fast-exit"]
    assert told["refusals"] == {}  # those of the old one are gone
    assert told["program"] == [str(snapshots.python.directory / "app.py")]
    again = snapshots.file.stat().st_ino
    snapshots.python.pycds("snapshot", "refresh", "--always", snapshots.file)
    assert snapshots.file.stat().st_ino != again
    assert snapshots.run().stdout == "second []\n"


def test_refresh_where_a_module_searches_the_directory(snapshots: Snapshots, tmp_path: Path) -> None:
    """-m is looked for where it was, whatever the directory that it is refreshed from."""
    write_files(
        snapshots.python.directory, {"packed/__main__.py": "import os\nif __name__ == '__main__': print('ran')\n"}
    )
    snapshots.python.pycds("snapshot", "create", snapshots.file, "--", "-m", "packed")
    before = snapshots.file.stat().st_ino
    snapshots.python.pycds("snapshot", "refresh", "--always", snapshots.file, cwd=tmp_path)
    assert snapshots.file.stat().st_ino != before
    assert snapshots.run().stdout == "ran\n"


def test_refresh_of_no_snapshot(snapshots: Snapshots) -> None:
    """Nothing tells what to make."""
    snapshots.file.write_bytes(b"text")
    snapshots.file.chmod(0o600)
    (line,) = snapshots.python.pycds("snapshot", "refresh", snapshots.file, code=3).stderr.splitlines()
    assert "pycds snapshot create" in line
    assert snapshots.file.read_bytes() == b"text"


@pytest.mark.parametrize(
    "words", [[], ["--else"], ["--else", "0", "a"], ["--else", "2", "a", "b"], ["--else", "x", "a"]]
)
def test_words_that_make_no_sense(snapshots: Snapshots, words: list[str]) -> None:
    done = run_command(snapshots.python, [snapshot.RESTORER, *words])
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "pycds: usage: restorer SNAPSHOT [ARGUMENTS]...\n"


def test_what_else_to_run(snapshots: Snapshots) -> None:
    script = (
        write_files(snapshots.python.directory, {"other.py": "import sys; print('other', sys.argv[1:])\n"}) / "other.py"
    )
    otherwise = [snapshots.python.executable, os.fspath(script)]
    command = [snapshot.RESTORER, "--else", "2", *otherwise, os.fspath(snapshots.file), "a", "--else"]
    assert run_command(snapshots.python, command).stdout == "other ['a', '--else']\n"
    snapshots.create("import sys\nif __name__ == '__main__':\n    print('restored', sys.argv)\n")
    assert run_command(snapshots.python, command).stdout == f"restored {[str(script), 'a', '--else']}\n"

"""What may stand in the way of archives made in the background: no program notices, and nothing piles up."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import PROGRAM_MODULES, clean_environment, write_files
from enabled_environment import Environment, own


@contextmanager
def locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def ends_as_ever(environment: Environment, program: Path, **options: object) -> None:
    done = environment(program, timeout=30, **options)
    assert (done.stdout[:9], done.stderr) == ("result 42", "")


def making(environment: Environment) -> list[int]:
    """The processes that make archives in the environment's store, or wait for their turn."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"pycds.background:main" in words and os.fsencode(environment.python.home) in words:
            found.append(int(entry.name))
    return found


def settled(environment: Environment, number: int) -> list[int]:
    """Wait until there are so many: one that has said what it did may take its time to end.

    And one that was started a moment ago has no words yet: vfork() is over when the new program's memory is there, its
    arguments come later (``exec_mmap`` and ``create_elf_tables`` in Linux).
    """
    end = time.monotonic() + 300
    while len(making(environment)) != number and time.monotonic() < end:
        time.sleep(0.05)
    return making(environment)


def test_a_program_does_not_wait_for_others(environment: Environment, program: Path) -> None:
    with locked(environment.python.home):
        ends_as_ever(environment, program)
        ends_as_ever(environment, program)
    environment.wait(1)
    assert own(environment.served(program)) == PROGRAM_MODULES


def test_one_process_for_each_archive(environment: Environment, program: Path) -> None:
    with locked(environment.python.home / "background.lock"):
        for _ in range(4):
            ends_as_ever(environment, program)
        assert len(settled(environment, 1)) == 1
        assert ".pycds: being made" in environment.pycds("status").stdout
        (waiting,) = making(environment)
        end = time.monotonic() + 60
        while os.readlink(f"/proc/{waiting}/cwd") != "/" and time.monotonic() < end:  # it has just been started
            time.sleep(0.05)
        assert os.readlink(f"/proc/{waiting}/cwd") == "/"
    environment.wait(1)
    assert list(environment.python.home.glob("*.making")) == []
    assert "being made" not in environment.pycds("status").stdout
    assert environment.stays_silent(1)


def test_what_a_program_was_given_ends_with_it(environment: Environment, program: Path, tmp_path: Path) -> None:
    """A lock, say, on a descriptor that it has inherited: ``flock FILE python app.py``."""
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    env = clean_environment(PYCDS_HOME=str(environment.python.home), CI="")
    with locked(environment.python.home / "background.lock"):
        subprocess.run([environment.python.executable, str(program)], env=env, pass_fds=[file], check=True)
        os.close(file)
        with open(tmp_path / "file") as again:
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert len(settled(environment, 1)) == 1
    environment.wait(1)


def test_programs_that_are_always_killed(environment: Environment, program: Path) -> None:
    text = "import plain, os, signal, time\ntime.sleep(float(os.environ.get('REST', 0)))\nos.kill(os.getpid(), 9)\n"
    killed = write_files(program.parent, {"killed.py": text}) / "killed.py"
    environment(killed, code=-9)
    assert environment.stays_silent()
    environment(killed, code=-9)  # has the first one's recording made into an archive
    environment.wait(1)
    (archive,) = environment.archives()
    environment.pycds("verify", archive)
    assert "plain" in environment.pycds("inspect", "--modules", archive).stdout
    archive.unlink()
    with locked(environment.python.home / "background.lock"):
        for _ in range(12):
            environment(killed, code=-9)
        assert len(list(environment.python.home.glob("*.part"))) <= 9
        assert len(settled(environment, 1)) == 1
    environment.wait(2)


def test_programs_that_cannot_be_met_again(environment: Environment, program: Path) -> None:
    for _ in range(2):
        done = environment(
            "/dev/stdin", stdin="import plain\nprint(plain.answer())\n", env={"PYTHONPATH": str(program.parent)}
        )
        assert (done.stdout, done.stderr) == ("42\n", "")
    environment("nowhere.py", code=2)
    assert list(environment.python.home.glob("*.pycds*")) == []
    with locked(environment.python.home / "background.lock"):
        for number in range(3):
            (program.parent / f"passing-{number}.py").write_text("import plain\n")
            environment(program.parent / f"passing-{number}.py")
            (program.parent / f"passing-{number}.py").unlink()
    assert settled(environment, 0) == []
    assert list(environment.python.home.glob("*.pycds*")) == []


@pytest.mark.parametrize("kind", ["a limit that is none", "a directory among the archives"])
def test_an_archive_that_is_made_has_not_failed(environment: Environment, program: Path, kind: str) -> None:
    env = {"PYCDS_STORE_LIMIT": "nonsense" if "limit" in kind else "1"}
    (environment.python.home / "other.pycds").mkdir()
    ends_as_ever(environment, program, env=env)
    (line,) = environment.wait(1)
    assert ("not pruned: 'nonsense' is no size" in line) == ("limit" in kind)
    assert list(environment.python.home.glob("*.failed")) == []
    assert own(environment.served(program)) == PROGRAM_MODULES
    environment.pycds("prune", "--all")
    assert [path.name for path in environment.archives()] == ["other.pycds"]


def test_a_lock_that_cannot_be_had(environment: Environment, program: Path) -> None:
    (environment.python.home / "background.lock").mkdir()
    ends_as_ever(environment, program)
    (line,) = environment.wait(1)
    assert "not made: IsADirectoryError" in line
    assert "not made: " in environment.pycds("status").stdout
    ends_as_ever(environment, program)
    assert settled(environment, 0) == []
    assert len(environment.wait(1)) == 1


def test_what_takes_too_long_has_failed(environment: Environment, program: Path, tmp_path: Path) -> None:
    archive, claim = environment.python.home / "app.pycds", os.open(tmp_path / "claim", os.O_RDWR | os.O_CREAT, 0o600)
    code = "import sys; from pycds import background as b; b._SECONDS = 1; b.main([sys.argv[1], sys.argv[2]])"
    os.set_inheritable(claim, True)
    with locked(environment.python.home / "background.lock"):
        command = [environment.python.executable, "-c", code, str(archive), str(claim)]
        env = clean_environment(PYCDS_HOME=str(environment.python.home))
        subprocess.run(command, env=env, pass_fds=[claim], check=True, timeout=60)
    os.close(claim)
    assert "not made: TimeoutError: it took " in Path(f"{archive}.failed").read_text()
    assert "not made: TimeoutError" in environment.wait(1)[0]


def test_threads_that_go_on(environment: Environment, program: Path) -> None:
    text = """\
        import plain, threading, time
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        print(plain.answer())
    """
    threads = write_files(program.parent, {"threads.py": text}) / "threads.py"
    assert environment(threads).stdout == "42\n"
    environment.wait(1)
    assert own(environment.served(threads)) == ["plain"]


def test_what_a_program_does_to_its_environment(environment: Environment, program: Path) -> None:
    text = "import os, plain\nos.environ.clear()\nos.environ.update(HOME='/nonexistent', XDG_CACHE_HOME='/nowhere')\n"
    changes = write_files(program.parent, {"changes.py": text}) / "changes.py"
    environment(changes)
    environment.wait(1)
    assert own(environment.served(changes)) == ["plain"]


def test_a_program_that_leaves_no_descriptor(environment: Environment, program: Path) -> None:
    text = "import plain, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\nprint('done')\n"
    frugal = write_files(program.parent, {"frugal.py": text}) / "frugal.py"
    done = environment(frugal)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_word_that_is_neither_on_nor_off(environment: Environment, program: Path) -> None:
    done = environment(program, env={"PYCDSENABLED": "OFF"})
    assert done.stdout.startswith("result 42")
    assert done.stderr == "pycds: PYCDSENABLED='OFF' is neither on nor off; using on\n"


def test_a_package_that_goes_meanwhile_is_no_failure(environment: Environment, program: Path) -> None:
    """As while it is uninstalled or upgraded: nothing is to be mended, and the next run has the archive made."""
    dumper = environment.hook.parent / "pycds" / "dumper.py"
    away = dumper.with_suffix(".away")
    dumper.rename(away)
    try:
        environment(program)
        (line,) = environment.wait(1)
    finally:
        away.rename(dumper)
    assert "not made: ImportError" in line or "not made: ModuleNotFoundError" in line
    assert list(environment.python.home.glob("*.failed")) == []
    environment(program)
    assert " modules, " in environment.wait(2)[1]


def test_what_was_made_since_has_not_failed(environment: Environment, program: Path) -> None:
    environment.pycds("run", "--", program)
    (archive,) = environment.archives()
    failed = archive.with_name(f"{archive.name}.failed")
    failed.write_text("not made: on purpose\n")
    assert "on purpose" in environment.pycds("doctor", code=1).stdout
    environment.age()
    archive.touch()
    environment.pycds("doctor")

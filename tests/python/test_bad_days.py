"""Bad days of an environment that is enabled: the program starts as it would without PyCDS, and nobody says a word.

Others of them lie beside what they concern: a failure in the background, others who may write to the store and a root
that has somebody's HOME in ``test_enable.py``, processes that are killed in ``test_enable_obstacles.py``, an upgrade
that takes the switch along in ``test_wrap.py``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import PROGRAM, PROGRAM_MODULES, Python, clean_environment, write_files
from enabled_environment import Environment, make_environment, own
from pycds import background

RANDOM_USER = 1_000_640_000
"""As OpenShift gives its containers: nobody of /etc/passwd."""


@pytest.fixture
def plain(environment: Environment, program: Path) -> str:
    """What the program prints where PyCDS has no part in it."""
    done = environment(program, env={"PYCDSENABLED": "off"})
    assert done.stderr == ""
    return done.stdout


def starts_as_ever(environment: Environment, program: Path, plain: str, **env: str) -> None:
    done = environment(program, env=env)
    assert (done.stdout, done.stderr) == (plain, "")


def in_namespace(script: str, *command: str | os.PathLike[str], **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command after a shell script that mounts, in a mount namespace of its own."""
    unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-ec"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "mount -t tmpfs tmpfs /mnt"], check=False).returncode:
        pytest.skip("nothing can be mounted for a test alone")
    return subprocess.run(
        [*unshare, script + '\nexec "$@"', "sh", *map(os.fspath, command)],
        env=clean_environment(CI="", **env), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_disk_is_full(environment: Environment, program: Path, plain: str) -> None:
    home = environment.python.home
    mount = (
        f'mount -t tmpfs -o size=64k,mode=700 tmpfs "{home}"; dd if=/dev/zero of="{home}/all" bs=4k 2>/dev/null || :'
    )
    twice = ["sh", "-c", '"$@"; exec "$@"', "sh", environment.python.executable, program]
    done = in_namespace(mount, *twice, PYCDS_HOME=str(home))
    assert (done.stdout, done.stderr) == (plain * 2, "")


@pytest.mark.parametrize("where", ["missing", "/proc/nothing", "read-only"])
def test_home_is_missing_or_read_only(environment: Environment, program: Path, plain: str, where: str) -> None:
    home = program.parent / "home"
    if where == "read-only":
        (home / ".cache").mkdir(parents=True)
        for path in (home / ".cache", home):
            path.chmod(0o555)
    command = [environment.python.executable, program]
    if os.geteuid() == 0 and where == "read-only":
        (done,) = [
            in_namespace(f'mount --bind "{home}" "{home}"; mount -o remount,ro,bind "{home}"', *command, HOME=str(home))
        ]
    else:
        env = clean_environment(CI="", HOME=where if where.startswith("/") else str(home))
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (plain, "")
    if where == "read-only":
        assert list(home.rglob("*")) == [home / ".cache"]


def test_no_home_at_all(environment: Environment, program: Path, plain: str, request: pytest.FixtureRequest) -> None:
    """A container with a user whom nobody has heard of, and a place in which it can write nothing."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("must become another user")
    root = Path(environment.python.executable).parents[2]
    # Directories of other tests lie above, which that user may not enter; mounted, ours is seen without them.
    place = Path(tempfile.mkdtemp())
    request.addfinalizer(place.rmdir)
    script = f"""
        mount -t tmpfs -o mode=755 tmpfs "{place}"
        mkdir "{place}/environment" "{place}/work"
        mount --bind "{root}" "{place}/environment"
        mount --bind "{program.parent}" "{place}/work"
        exec setpriv --reuid={RANDOM_USER} --regid=0 --clear-groups "$@"
        """
    executable = place / "environment" / Path(environment.python.executable).relative_to(root)
    done = in_namespace(script, executable, place / "work" / "app.py", HOME="/")
    without = in_namespace(script, executable, place / "work" / "app.py", HOME="/", PYCDSENABLED="off")
    if without.returncode:
        pytest.skip("the interpreter lies where that user may not go")
    assert (done.stdout, done.stderr) == (plain, "")


def test_no_place_for_temporary_files(plain: str, python: Python) -> None:
    place = Path("/var/tmp")
    if not os.access(place, os.W_OK):
        pytest.skip("no place but /tmp")
    directory = place / f"pycds-test-{os.getpid()}"
    try:
        program = write_files(directory / "work", PROGRAM) / "app.py"
        executable = make_environment(directory / "venv")
        own_python = Python(str(executable), program.parent, directory / "home")
        own_python.pycds("enable")
        script = "mount -t tmpfs -o size=4k,mode=0 tmpfs /tmp; mount -t tmpfs -o size=4k,mode=0 tmpfs /dev/shm"
        if os.geteuid() == 0:
            script += '; set -- setpriv --bounding-set=-all --inh-caps=-all "$@"'
        for _ in range(2):
            done = in_namespace(script, executable, program, PYCDS_HOME=str(directory / "home"))
            assert (done.stdout, done.stderr) == (plain, "")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_two_enables_at_once(environment: Environment, program: Path, plain: str) -> None:
    command = [environment.python.executable, "-m", "pycds", "enable"]
    for options in ([], ["--fast-exit"], ["--validation", "digest"]) * 2:
        started = [
            subprocess.Popen(
                [*command, *words], env=clean_environment(PYCDS_HOME=str(environment.python.home), CI=""),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )
            for words in (options, ["--startup-gc"])
        ]  # fmt: skip
        assert [one.communicate()[1] for one in started] == ["", ""]
        said = environment.pycds("status").stdout
        assert "enabled:" in said and "changed by hand" not in said
        starts_as_ever(environment, program, plain)


def test_the_process_in_the_background_is_killed(environment: Environment, program: Path, plain: str) -> None:
    """At whatever moment: the next run has the archive made again, and what is left over does not stay."""
    for delay in (0.0, 0.05, 0.1, 0.2, 0.4):
        starts_as_ever(environment, program, plain)
        time.sleep(delay)
        for pid in background_processes(environment):
            os.kill(pid, signal.SIGKILL)
        # Until it is gone, it has its claim, and the next run leaves it alone.  It has no command line any more while
        # the system still closes its files.
        while [*background_processes(environment)] or has_claim(environment):
            time.sleep(0.01)
        for archive in environment.archives():
            archive.unlink()
    environment.age(48 * 3600)
    starts_as_ever(environment, program, plain)
    end = time.monotonic() + 300  # it has the lowest priority
    while not environment.archives() and time.monotonic() < end:
        time.sleep(0.05)
    assert own(environment.served(program)) == PROGRAM_MODULES
    environment.stays_silent()  # which waits for it
    assert [path.name for path in environment.python.home.iterdir() if path.name.endswith(".tmp")] == []


def has_claim(environment: Environment) -> bool:
    """Whether any process claims an archive."""
    claims = environment.python.home.glob("*.pycds.making")
    return any(background.is_being_made(str(claim.with_suffix(""))) for claim in claims)


def background_processes(environment: Environment) -> Iterator[int]:
    home = os.fsencode(environment.python.home)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"pycds" in (process / "cmdline").read_bytes() and home in (process / "environ").read_bytes():
                yield int(process.name)
        except OSError:
            continue


@pytest.mark.parametrize("content", ["nothing", "text", "half", "a directory", "another format"])
def test_an_archive_is_no_archive(environment: Environment, program: Path, plain: str, content: str) -> None:
    """The last: PyCDS was upgraded, and its format has another version."""
    environment(program)
    environment.wait(1)
    (archive,) = environment.archives()
    data = archive.read_bytes()
    archive.unlink()
    if content == "a directory":
        archive.mkdir()
    else:
        after = {"nothing": b"", "text": b"hello\n" * 1000, "half": data[: len(data) // 2]}
        archive.write_bytes(after.get(content, data[:8] + b"\x7f" + data[9:]))
    environment.age()
    starts_as_ever(environment, program, plain)
    environment.stays_silent()
    if content != "a directory":
        assert own(environment.served(program)) == PROGRAM_MODULES
        environment.pycds("verify", archive)


@pytest.mark.parametrize("name", [".lst", ".missed", ".runs", ".failed"])
def test_other_files_of_the_store_are_garbage(environment: Environment, program: Path, plain: str, name: str) -> None:
    environment(program)
    environment.wait(1)
    (archive,) = environment.archives()
    Path(f"{archive}{name}").write_bytes(b"\xff\x00garbage\n" * 100)
    (program.parent / "plain.py").write_text("def answer(): return 42  # changed\n")
    environment.age()
    starts_as_ever(environment, program, plain)
    environment.stays_silent()
    starts_as_ever(environment, program, plain)
    environment.pycds("status")
    environment.pycds("list")
    assert "Traceback" not in environment.pycds("doctor", code=None).stderr


@pytest.mark.parametrize("days", [-4000, 4000])
def test_the_clock_was_wrong(environment: Environment, program: Path, plain: str, days: int) -> None:
    """When the archive was made; its time is long ago, or far away."""
    environment(program)
    environment.wait(1)
    for path in environment.python.home.iterdir():
        os.utime(path, (time.time() + days * 86400,) * 2)
    starts_as_ever(environment, program, plain)
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    assert environment(program).stdout == plain.replace("42", "43")
    environment.wait(2)
    assert own(environment.served(program)) == PROGRAM_MODULES


def test_the_package_is_gone_and_its_line_is_not(environment: Environment, program: Path, plain: str) -> None:
    site_packages = environment.hook.parent
    environment(program)
    environment.wait(1)
    for name in ("pycds", "pycds/_core", "pycds/enabled.py"):
        for path in [site_packages / name] if "_core" not in name else (site_packages / "pycds").glob("_core*.so"):
            path.rename(path.with_name("away"))
            try:
                done = environment(program)
                assert (done.stdout, done.stderr) == (plain, ""), name
            finally:
                path.with_name("away").rename(path)
    assert own(environment.served(program)) == PROGRAM_MODULES


def test_the_environment_is_copied_and_deleted(environment: Environment, program: Path, plain: str) -> None:
    """What was copied serves itself; the archives of what was deleted go with `pycds prune`."""
    environment(program)
    environment.wait(1)
    root = Path(environment.python.executable).parents[1]
    copy = root.with_name("copy")
    shutil.copytree(root, copy, symlinks=True)
    try:
        other = Environment(
            Python(str(copy / "bin" / "python"), program.parent, environment.python.home), copy / "bin" / "python"
        )
        for _ in range(2):
            starts_as_ever(other, program, plain)
            other.wait(2)
        assert own(other.served(program)) == PROGRAM_MODULES
        assert len(environment.archives()) == 2
    finally:
        shutil.rmtree(copy)
    assert own(environment.served(program)) == PROGRAM_MODULES
    environment.pycds("prune", "--all")
    assert environment.archives() == []


def test_two_hundred_environments_in_one_store(environment: Environment, program: Path, plain: str) -> None:
    environment(program)
    environment.wait(1)
    (archive,) = environment.archives()
    for number in range(200):
        copy = archive.with_name(f"app.py-{number:016x}.pycds")
        for suffix in ("", ".lst"):
            shutil.copy2(f"{archive}{suffix}", f"{copy}{suffix}")
    starts_as_ever(environment, program, plain)
    assert own(environment.served(program)) == PROGRAM_MODULES
    assert "201 archives" in environment.pycds("status").stdout
    assert "201 archives" in environment.pycds("doctor").stdout
    # The one that is used stays when room is made.
    environment.age()
    os.utime(archive)
    environment.pycds("prune", "--size", str(3 * archive.stat().st_size))
    assert archive in environment.archives() and 1 <= len(environment.archives()) <= 3
    assert own(environment.served(program)) == PROGRAM_MODULES


def test_uninstalled_while_enabled_and_installed_again(environment: Environment, program: Path, plain: str) -> None:
    """The files that came go, as pip does it; so does the switch, and archives that are there are used again."""
    site_packages = environment.hook.parent
    environment(program)
    environment.wait(1)
    away = site_packages.parent / "uninstalled"
    away.mkdir()
    try:
        for name in ("pycds", "pycds.pth"):
            shutil.move(site_packages / name, away / name)
        starts_as_ever(environment, program, plain)
    finally:
        for name in ("pycds", "pycds.pth"):
            shutil.move(away / name, site_packages / name)
        away.rmdir()
    assert own(environment.served(program)) == PROGRAM_MODULES

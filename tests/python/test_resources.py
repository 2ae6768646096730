"""Files and resources: writers and readers at once, disks that are full, dumps that are killed, limits of every kind.
Whatever is missing, the program runs as it does without an archive."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from conftest import PROGRAM_MODULES, SANITIZED, Made, MakeArchive, Python, Served, clean_environment


@pytest.fixture
def made(program: Path, make_archive: MakeArchive) -> Made:
    return make_archive(program)


def same(python: Python, archive: Path, *arguments: str | os.PathLike[str], **options: object) -> Served:
    """Run plain and served; both must end alike and print the same."""
    plain = python(*arguments, **options)  # type: ignore[arg-type]
    served = python.served(archive, *arguments, **options)
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    return served


def left_over(archive: Path) -> list[str]:
    """Names beside the archive that begin as its own does: temporary files."""
    return [path.name for path in archive.parent.iterdir() if path.name.startswith(archive.name + ".")]


# --- writers and readers --------------------------------------------------------------------------------------------

READER = """\
import os, sys, time
from pycds._core import Finder, Image
seen = set()
while True:
    done = os.path.exists(sys.argv[2])
    finder = Finder(sys.argv[1])
    problems = Image(sys.argv[1]).verify()
    assert problems == [], problems
    seen.add((os.stat(sys.argv[1]).st_ino, finder.statistics()["modules"]))
    if done:
        break
assert {modules for _inode, modules in seen} <= {int(count) for count in sys.argv[3:]}, seen
print(len({inode for inode, _modules in seen}))
"""


def test_writers_and_readers_at_once(python: Python, made: Made, tmp_path: Path) -> None:
    """Dumps of two lists into one path, and readers that open it all the time: each sees a whole archive."""
    other = tmp_path / "other.lst"
    other.write_text(f"@path {python.directory}\nplain\npackage\ncolorsys\n")
    counts = [count_of(python, made.archive)]
    python.pycds("dump", "--quiet", other, made.archive)
    counts.append(count_of(python, made.archive))
    assert len(set(counts)) == 2
    flag = tmp_path / "done"
    readers = [start(python, "-c", READER, made.archive, flag, *map(str, counts)) for _ in range(2)]
    for _ in range(6):
        lists = (made.trace_list, other, made.trace_list)
        writers = [start(python, "-m", "pycds", "dump", "--quiet", which, made.archive) for which in lists]
        for writer in writers:
            assert writer.communicate(timeout=120) == ("", "")
            assert writer.returncode == 0
    flag.touch()
    for reader in readers:
        printed, complaints = reader.communicate(timeout=120)
        assert (reader.returncode, complaints) == (0, "")
        assert int(printed) > 3  # it did see one after the other
    assert left_over(made.archive) == []


def count_of(python: Python, archive: Path) -> int:
    code = "import sys; from pycds._core import Image; print(Image(sys.argv[1]).header['modules'])"
    return int(python("-c", code, archive).stdout)


def start(python: Python, *arguments: str | os.PathLike[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python.executable, *arguments], cwd=python.directory, env=clean_environment(PYCDS_HOME=str(python.home)),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


# --- dumps that are killed --------------------------------------------------------------------------------------------


def modules_of(archive: Path) -> list[str]:
    """The modules of an archive that is whole.

    Not its bytes: they have the times of the interpreter's directories, in which other tests may have been the first to
    leave a .pyc.
    """
    from pycds._core import Image

    image = Image(str(archive))
    assert image.verify() == []
    return [module["name"] for module in image.modules()]


def check_after_a_kill(python: Python, made: Made, program: Path, whole: Sequence[list[str]]) -> None:
    assert modules_of(made.archive) in whole
    assert python.pycds("verify", made.archive).stderr == ""
    served = same(python, made.archive, program)
    assert set(served.names) >= set(PROGRAM_MODULES)


@pytest.mark.slow
def test_a_dump_killed_at_any_time(python: Python, program: Path, made: Made, tmp_path: Path) -> None:
    """At even distances over the time that a dump takes: the archive is the old one or the new one, and whole."""
    more = tmp_path / "more.lst"
    more.write_bytes(made.trace_list.read_bytes() + b"colorsys\nwave\n")
    old, had = made.archive.read_bytes(), modules_of(made.archive)
    durations = []
    for _ in range(3):
        began = time.monotonic()
        python.pycds("dump", "--quiet", more, made.archive)
        durations.append(time.monotonic() - began)
    duration = min(durations)
    whole = [had, modules_of(made.archive)]
    assert whole[0] != whole[1]
    made.archive.write_bytes(old)
    killed = 0
    for point in range(60):
        dump = start(python, "-m", "pycds", "dump", "--quiet", more, made.archive)
        time.sleep(duration * point / 55)
        dump.kill()
        dump.communicate(timeout=120)
        killed += dump.returncode == -signal.SIGKILL
        found = modules_of(made.archive)
        assert found in whole
        if found == whole[1] and point % 2:
            made.archive.write_bytes(old)
    assert killed >= 20  # nearly all, unless other processes slowed down those that were timed
    check_after_a_kill(python, made, program, whole)
    python.pycds("dump", "--quiet", more, made.archive)
    assert left_over(made.archive) == []


@pytest.fixture(scope="module")
def strace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """strace, where processes may be traced."""
    command = shutil.which("strace")
    if command is None:
        pytest.skip("strace is not installed: nothing else kills a process at a given system call")
    log = tmp_path_factory.mktemp("strace") / "log"
    done = subprocess.run([command, "-o", log, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no process may be traced here: {done.stderr.strip()}")
    return command


WRITING = ["write", "fsync", "rename", "unlink", "openat", "close", "fstat"]


def test_a_dump_killed_at_each_step_of_writing(
    python: Python, program: Path, made: Made, tmp_path: Path, strace: str
) -> None:
    """At each system call from the moment at which the temporary file is made."""
    had = modules_of(made.archive)
    points = list(steps_of_writing(python, made, tmp_path, strace))
    assert {name for name, _ in points} >= {"openat", "write", "fsync", "rename"}
    left = 0
    for name, count in points:
        log = tmp_path / "killed.log"
        command = [strace, "-f", "-o", log, "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={count}"]
        done = subprocess.run(
            [*command, python.executable, "-m", "pycds", "dump", "--quiet", made.trace_list, made.archive],
            cwd=python.directory, env=clean_environment(PYCDS_HOME=str(python.home)), capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (name, count, done)
        assert modules_of(made.archive) == had
        left = max(left, len(left_over(made.archive)))
    assert left > 0  # some were killed with the temporary file there
    check_after_a_kill(python, made, program, [had])
    python.pycds("dump", "--quiet", made.trace_list, made.archive)
    assert left_over(made.archive) == []


def steps_of_writing(python: Python, made: Made, tmp_path: Path, strace: str) -> Iterator[tuple[str, int]]:
    """System calls of a dump, by name and number, from the one that makes the temporary file until the directory's fsync."""
    log = tmp_path / "whole.log"
    subprocess.run(
        [strace, "-f", "-o", log, "-e", f"trace={','.join(WRITING)}", python.executable, "-m", "pycds", "dump", "--quiet",
         made.trace_list, made.archive],
        cwd=python.directory, env=clean_environment(PYCDS_HOME=str(python.home)), capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    counts = dict.fromkeys(WRITING, 0)
    writing = False
    syncs = 0
    for line in log.read_text(errors="replace").splitlines():
        name = line.partition(" ")[2].strip().partition("(")[0]
        if name not in counts:
            continue
        counts[name] += 1
        writing = writing or (f"{made.archive.name}." in line and ".tmp" in line)
        if writing and syncs < 2:
            yield name, counts[name]
            syncs += name == "fsync"


# --- an archive that is not in memory ---------------------------------------------------------------------------------


def reading(python: Python, strace: str, log: Path, program: Path, archive: Path) -> list[str]:
    """The calls by which a served run reads its archive."""
    done = subprocess.run(
        [strace, "-f", "-o", log, "-e", "trace=preadv2,fadvise64", python.executable, program],
        cwd=python.directory, env=clean_environment(PYCDSMODE="SHARE", PYCDSARCHIVE=str(archive), PYCDSPOLICY="on"),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return log.read_text(errors="replace").splitlines()


def forget(path: Path) -> None:
    """Drop a file from the page cache, once whatever is being read of it is there."""
    path.read_bytes()
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def is_in_memory(path: Path) -> bool:
    """Whether its beginning is.  To ask makes the system read it."""
    with path.open("rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except BlockingIOError:
            return False
        except OSError:
            pass
    return True


def test_an_archive_that_is_not_in_memory_is_read_ahead(
    python: Python, program: Path, made: Made, tmp_path: Path, strace: str
) -> None:
    """Once it is there, nothing is asked of the disk."""
    forget(made.archive)
    if is_in_memory(made.archive):
        pytest.skip("the file system is in memory, or does not tell what is")
    first: list[str] = []
    for _try in range(10):  # a page may be held by somebody, and the disk may have answered before the call returns
        forget(made.archive)
        first = reading(python, strace, tmp_path / "first.log", program, made.archive)
        if any("EAGAIN" in line for line in first):
            break
    else:
        raise AssertionError(first)
    assert any("fadvise64" in line and "POSIX_FADV_WILLNEED" in line for line in first), first
    made.archive.read_bytes()
    second = reading(python, strace, tmp_path / "second.log", program, made.archive)
    assert len(second) > 3
    assert not any("EAGAIN" in line or "fadvise64" in line for line in second), second


# --- disks -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mounts() -> list[str]:
    """A command that runs a shell script in a mount namespace of its own."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec"]
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed: no file system can be mounted for a test alone")
    done = subprocess.run([*command, "mount -t tmpfs tmpfs /mnt"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    return command


def in_mounts(python: Python, mounts: list[str], script: str, *arguments: object, **env: str) -> tuple[str, str]:
    """Run a shell script, which must succeed; $0 is the interpreter, $1 and so on are the arguments."""
    done = subprocess.run(
        [*mounts, script, python.executable, *map(str, arguments)], cwd=python.directory,
        env=clean_environment(PYCDS_HOME=str(python.home), **env), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def test_a_full_disk(python: Python, program: Path, made: Made, tmp_path: Path, mounts: list[str]) -> None:
    """The old archive fits, the new one does not: it stays, nothing else does, and it serves on."""
    place = tmp_path / "disk"
    place.mkdir()
    old_list = tmp_path / "old.lst"
    old_list.write_text(f"@path {python.directory}\n" + "\n".join(PROGRAM_MODULES))
    script = """
        mount -t tmpfs -o size=$5,mode=755 tmpfs "$3"
        "$0" -m pycds dump --quiet "$2" "$3/a.pycds"; sum=$(cksum <"$3/a.pycds")
        code=0; "$0" -m pycds dump "$1" "$3/a.pycds" || code=$?
        echo code $code, $(ls -A "$3")
        test "$sum" = "$(cksum <"$3/a.pycds")"
        cat /dev/zero >"$3/filler" 2>/dev/null || true
        PYCDSMODE=SHARE PYCDSPOLICY=on PYCDSARCHIVE="$3/a.pycds" PYCDSSTATS="$3/stats" "$0" "$4"
        PYCDSMODE=TRACE PYCDSLIST="$3/b.lst" "$0" "$4"
        "$0" -m pycds run --archive "$3/new.pycds" -- "$4"
        rm "$3/filler"; "$0" -m pycds verify "$3/a.pycds" >/dev/null
    """
    size = made.archive.stat().st_size * 2 // 3
    printed, complaints = in_mounts(python, mounts, script, made.trace_list, old_list, place, program, size)
    plain = python(program).stdout
    assert printed == "code 4, a.pycds\n" + plain * 3
    lines = complaints.splitlines()
    assert lines[0] == f"pycds: cannot write the archive {place}/a.pycds: No space left on device"
    assert all(line.startswith("pycds: ") for line in lines), lines
    assert "Traceback" not in complaints


def test_a_read_only_file_system(python: Python, program: Path, made: Made, tmp_path: Path, mounts: list[str]) -> None:
    place = tmp_path / "readonly"
    place.mkdir()
    shutil.copy(made.archive, place / "a.pycds")
    statistics = tmp_path / "stats"
    script = """
        mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"
        PYCDSMODE=SHARE PYCDSPOLICY=on PYCDSARCHIVE="$1/a.pycds" PYCDSSTATS="$4" "$0" "$3"
        "$0" -m pycds run --archive "$1/a.pycds" -- "$3"
        "$0" -m pycds run --archive "$1/b.pycds" -- "$3"
        code=0; "$0" -m pycds dump "$2" "$1/a.pycds" || code=$?; echo code $code
    """
    printed, complaints = in_mounts(python, mounts, script, place, made.trace_list, program, statistics)
    assert printed == python(program).stdout * 3 + "code 2\n"
    assert '"served": []' not in statistics.read_text()
    no_run, no_dump = complaints.splitlines()
    assert no_run == f"pycds: {place} cannot be written to; the program runs without an archive"
    assert no_dump == f"pycds: {place} cannot be written to; give another place for the archive"


@pytest.mark.skipif(SANITIZED, reason="the sanitizers need /proc")
def test_without_proc(python: Python, program: Path, made: Made, tmp_path: Path, mounts: list[str]) -> None:
    """As in some chroots: served or not, the program runs; and so do the commands."""
    script = """
        mount -t tmpfs tmpfs /proc
        "$0" "$3"
        PYCDSMODE=SHARE PYCDSARCHIVE="$2" PYCDSSTATS="$4" "$0" "$3"
        PYCDSMODE=TRACE PYCDSLIST="$5/a.lst" "$0" "$3"
        "$0" -m pycds dump --quiet "$5/a.lst" "$5/a.pycds"
        PYCDSMODE=SHARE PYCDSPOLICY=on PYCDSARCHIVE="$5/a.pycds" PYCDSSTATS="$5/stats" "$0" "$3"
    """
    statistics = tmp_path / "stats"
    place = tmp_path / "place"
    place.mkdir(mode=0o700)
    printed, complaints = in_mounts(python, mounts, script, made.trace_list, made.archive, program, statistics, place)
    assert (printed, complaints) == (python(program).stdout * 4, "")
    assert '"served": []' not in (place / "stats").read_text()


# --- limits ---------------------------------------------------------------------------------------------------------


def limited(
    python: Python, option: str, limit: int, *arguments: str | os.PathLike[str], env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the interpreter under `ulimit OPTION LIMIT`."""
    return subprocess.run(
        ["sh", "-c", f'ulimit -S {option} {limit} || exit 99; exec "$0" "$@"', python.executable, *arguments],
        cwd=python.directory, env=clean_environment(PYCDS_HOME=os.fspath(python.home), **(env or {})),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False, timeout=120,
    )  # fmt: skip


def serving(archive: Path) -> dict[str, str]:
    return {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive)}


MARGIN_KB = 4 * 1024
"""Address space that serving may need besides: the core and the C++ library, room for the objects.  Where there is none for
the core, the archive is left out."""

GOES_ON = "Failed checking if argv[0] is an import path entry\n"
"""What Python says (Modules/main.c) when it lacks memory for that, and runs the program all the same."""


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's shadow memory takes all address space")
def test_address_space(python: Python, program: Path, made: Made) -> None:
    """Where the plain program runs, the served one does, from a margin on; below it, it ends as Python does or runs."""
    plain = python(program)

    def runs(limit: int) -> bool:
        try:
            return limited(python, "-v", limit, program).stdout == plain.stdout
        except subprocess.TimeoutExpired:  # with next to no memory, plain Python has been seen to hang as well
            return False

    least = bisect(runs, 1024, 4 * 1024 * 1024)
    for limit in range(least, least + MARGIN_KB, 509):
        served = limited(python, "-v", limit, program, env=serving(made.archive))
        if served.returncode == 0:
            assert served.stdout == plain.stdout, limit
            assert served.stderr == plain.stderr or served.stderr.startswith(GOES_ON), (limit, served)
        else:  # Python could not get memory for itself, and says so in one of its many ways
            assert served.returncode == 1 or "Fatal Python error" in served.stderr, (limit, served)
            assert served.returncode in (1, -signal.SIGABRT), (limit, served)
            assert served.stdout == "", (limit, served)
    for limit in range(least + MARGIN_KB, least + MARGIN_KB + 20_000, 997):
        served = limited(python, "-v", limit, program, env=serving(made.archive))
        assert (served.returncode, served.stdout, served.stderr) == (0, plain.stdout, plain.stderr), (limit, least)
    statistics = python.directory / "statistics"
    env = {**serving(made.archive), "PYCDSSTATS": str(statistics)}
    assert limited(python, "-v", least + 2 * MARGIN_KB, program, env=env).returncode == 0
    assert '"served": []' not in statistics.read_text()


def bisect(runs: object, low: int, high: int) -> int:
    """The least value with which it runs, to 64."""
    assert callable(runs)
    assert runs(high)
    while high - low > 64:
        middle = (low + high) // 2
        low, high = (low, middle) if runs(middle) else (middle, high)
    return high


CLAIMS = """\
import mmap, resource, sys
import plain
held = []
size = int(open("/proc/self/statm").read().split()[0]) * mmap.PAGESIZE
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[1]), -1))
import package.inner.leaf, spread.part.deep
print(plain.answer(), package.inner.leaf.names("b"), spread.part.deep.HERE)
"""


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's shadow memory takes all address space")
def test_memory_that_ends_while_modules_are_read(python: Python, program: Path, made: Made) -> None:
    """With hardly a page left after the archive was attached: nothing is placed, so the module comes from its file."""
    done = [python("-c", CLAIMS, str(room), code=None) for room in range(0, 1 << 20, 1 << 16)]
    ran = [each.returncode == 0 for each in done]
    for number, room in enumerate(range(0, 1 << 20, 1 << 16)):
        served = python.served(made.archive, "-c", CLAIMS, str(room), code=None)
        assert served.done.returncode in (0, 1), served.done
        if ran[number]:
            assert (served.done.returncode, served.stdout) == (0, done[number].stdout), (room, served.stderr)


@pytest.mark.skipif(SANITIZED, reason="the sanitizers need descriptors, and take objects for broken without one")
def test_descriptors(python: Python, program: Path, made: Made) -> None:
    """From none to spare to enough: at the door, and while modules are read."""
    ran = 0
    for limit in (*range(3, 16), 64, 201, 300):
        plain = limited(python, "-n", limit, program)
        served = limited(python, "-n", limit, program, env=serving(made.archive))
        if plain.returncode == 0:
            ran += 1
            assert (served.returncode, served.stdout, served.stderr) == (0, plain.stdout, plain.stderr), limit
        else:
            assert served.returncode == plain.returncode, (limit, served)
    assert ran > 5


NO_DESCRIPTORS = """\
import os, sys
import plain
class Everything:
    def __enter__(self):
        self.taken = []
        try:
            while True: self.taken.append(os.open("/", os.O_RDONLY))
        except OSError: pass
    def __exit__(self, *_):
        for descriptor in self.taken: os.close(descriptor)
if sys.argv[1] == "closed": os.closerange(3, 400)
with Everything():
    try:
        import package.inner.leaf
        print(package.inner.leaf.names("b"))
    except (OSError, ImportError) as error:
        print(type(error).__name__)
import package.inner.leaf, spread.part.deep
print(plain.answer(), package.inner.leaf.names("c"), spread.part.deep.HERE)
"""


@pytest.mark.skipif(SANITIZED, reason="the sanitizers need descriptors, and take objects for broken without one")
@pytest.mark.parametrize("ours", ["open", "closed"])
def test_no_descriptor_is_left_for_a_module(python: Python, program: Path, made: Made, ours: str) -> None:
    """The archive's own is there still, or was closed by the program: then it cannot be opened again."""
    plain = limited(python, "-n", 400, "-c", NO_DESCRIPTORS, ours)
    served = limited(python, "-n", 400, "-c", NO_DESCRIPTORS, ours, env=serving(made.archive))
    assert (plain.returncode, plain.stderr) == (0, "")
    assert (served.returncode, served.stderr) == (0, "")
    first, *rest = served.stdout.splitlines()
    # Served where a plain import cannot open the file: that is what the open archive is for.
    assert first in {plain.stdout.splitlines()[0], "1"}
    assert rest == plain.stdout.splitlines()[1:]


def test_stack(python: Python, program: Path, made: Made) -> None:
    ran = 0
    for limit in (64, 96, 128, 192, 256, 512, 1024):
        plain = limited(python, "-s", limit, program)
        served = limited(python, "-s", limit, program, env=serving(made.archive))
        if plain.returncode == 0:
            ran += 1
            assert (served.returncode, served.stdout, served.stderr) == (0, plain.stdout, plain.stderr), limit
    assert ran > 2


def test_size_of_files(python: Python, program: Path, made: Made, tmp_path: Path) -> None:
    """RLIMIT_FSIZE: a dump fails in one line; a served program needs no file at all."""
    old = made.archive.read_bytes()
    done = limited(python, "-f", 8, "-m", "pycds", "dump", made.trace_list, made.archive)
    assert done.returncode == 4, done
    assert done.stderr == f"pycds: cannot write the archive {made.archive}: File too large\n"
    assert made.archive.read_bytes() == old
    assert left_over(made.archive) == []
    served = limited(python, "-f", 0, program, env=serving(made.archive))
    assert (served.returncode, served.stdout) == (0, python(program).stdout)

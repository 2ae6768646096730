"""What no snapshot can hold is named where it is made; what does not hold any more makes the plain program run."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from conftest import Python, clean_environment, write_files
from snapshots import PLAIN, Snapshots, needed, refused, run_command, snapshot

pytestmark = needed


@pytest.fixture
def snapshots(python: Python) -> Snapshots:
    return Snapshots(python)


# --- refused where it is made ---------------------------------------------------------------------------------

OBSTACLES = {
    "a thread": ("threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "threads are running"),
    "a socket": ("KEPT = socket.socket()", r"descriptor \d+ is open \(socket:"),
    "a pipe": ("KEPT = os.pipe()", r"descriptor \d+ is open \(pipe:"),
    "an open file": ("KEPT = open('/etc/passwd')", r"descriptor \d+ is open \(/etc/passwd\)"),
    "epoll": ("KEPT = select.epoll()", r"descriptor \d+ is open \(anon_inode"),
    "a child": ("ctypes.CDLL(None).fork() or os._exit(0)", "child processes"),
    "an interval timer": ("signal.setitimer(signal.ITIMER_REAL, 1000)", "interval timer"),
    "shared memory": ("KEPT = mmap.mmap(-1, 4096)", "shared memory is mapped"),
    "a POSIX timer": ("libc.timer_create(0, None, ctypes.byref(ctypes.c_void_p()))", "POSIX timer"),
    "locked memory": ("libc.mlock(ctypes.create_string_buffer(9000), 9000)", "locked memory"),
    "memory that a fork leaves out": (
        "libc.mmap.restype = ctypes.c_void_p; size = ctypes.c_size_t(4096); "
        "assert libc.madvise(ctypes.c_void_p(libc.mmap(None, size, 3, 0x22, -1, 0)), size, 10) == 0",
        "forks leave out",
    ),
    "a deleted file": (
        "number = os.open('gone', os.O_RDWR | os.O_CREAT); os.ftruncate(number, 4096); "
        "libc.mmap(None, ctypes.c_size_t(4096), 1, 2, number, 0); os.close(number); os.unlink('gone')",
        "opens gone for writing|a deleted file is mapped",
    ),
    "memory where the restorer lies": (
        "libc.mmap.restype = ctypes.c_void_p; place = ctypes.c_void_p(0x680000000000); "
        "assert libc.mmap(place, ctypes.c_size_t(4096), 3, 0x100022, -1, 0) == place.value",
        "memory lies where the restorer would be",
    ),
    "memory that grows": (
        "libc.mmap.restype = ctypes.c_void_p; assert libc.mmap(None, ctypes.c_size_t(4096), 3, 0x122, -1, 0) > 0",
        "memory that grows",
    ),
    "shared memory that may be written to": (
        "number = libc.open(b'file', 0o102, 0o600); libc.ftruncate(number, ctypes.c_long(4096)); "
        "libc.mmap(None, ctypes.c_size_t(4096), 1, 1, number, 0); libc.close(number)",
        "shared memory is mapped .*/file",
    ),
    "a signal stack that disarms itself": (
        "KEPT = ctypes.create_string_buffer(65536); "
        "assert libc.sigaltstack((ctypes.c_uint64 * 3)(ctypes.addressof(KEPT), 1 << 31, 65536), None) == 0",
        "signal stack",
    ),
    "the register GS": (
        "KEPT = ctypes.create_string_buffer(64); assert libc.syscall(158, 0x1001, ctypes.byref(KEPT)) == 0",
        "register GS",
    ),
    "a signal when its parent dies": ("libc.prctl(1, 15)", r"changed an attribute .*Death signal"),
    "a process group": ("os.setpgrp()", r"changed an attribute .*Process group"),
    "a priority": ("os.nice(1)", r"changed an attribute .*Priority"),
    "processors": ("os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})", r"changed an attribute .*Cpus_allowed"),
    "a umask": ("os.umask(0o077)", r"changed an attribute .*Umask"),
    "a directory": ("os.chdir('/')", r"changed an attribute .*Directory"),
    "a limit": ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", "changed an attribute"),
    "an ignored signal": ("signal.signal(signal.SIGUSR1, signal.SIG_IGN)", r"changed an attribute .*SigIgn"),
    "a blocked signal": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])",
        r"changed an attribute .*SigBlk",
    ),
    "output": ("print('hello')", "prints before the checkpoint"),
    "output of the C library": ("libc.printf(b'hello')", "prints before the checkpoint"),
    "a seed": ("random.seed(5)", "seeds a generator"),
    "a random number": ("KEPT = random.choice('abc')", "calls (getrandbits|random)"),
    "one of a generator": ("GENERATOR = random.Random(); KEPT = GENERATOR.random()", "calls random"),
    "a generator's state": ("KEPT = random.Random().getstate()", "calls getstate"),
    "random bytes": ("KEPT = secrets.token_hex()", "calls urandom"),
    "its number": ("KEPT = os.getpid()", "calls getpid"),
    "the time": ("KEPT = time.time()", r"calls time\(\)"),
    "random bytes, read": ("KEPT = open('/dev/urandom', 'rb').read(8)", "__main__ reads /dev/urandom"),
    "what the kernel tells": ("KEPT = open('/proc/self/stat').read()", "reads /proc/self/stat"),
    "the time it has used": ("KEPT = time.process_time()", r"calls process_time\(\)"),
    "the time as text": ("KEPT = time.strftime('%Y')", r"calls strftime\(\)"),
    "another program": ("subprocess.run(['true'])", r"__main__ asks others .*subprocess.Popen"),
    "the network": (
        """exec("import socket; socket.getaddrinfo('localhost', 1)", {'__name__': 'other'})""",
        r"other asks others .*getaddrinfo",
    ),
    "its arguments": ("KEPT = '--quick' in sys.argv", r"__main__ looks at sys.argv"),
    "its arguments, kept": ("KEPT = sys.argv", r"looks at sys.argv"),
    "another list of arguments": ("sys.argv = ['x']", r"another list"),
    "changed arguments": ("sys.argv.append('x')", r"looks at sys.argv"),
    "joined arguments": ("KEPT = ' '.join(sys.argv)", r"looks at sys.argv"),
    "compared arguments": ("KEPT = sys.argv == ['x']", r"looks at sys.argv"),
    "a second descriptor of a mapped file": (
        "KEPT = [os.open(os.path.realpath(sys.executable), os.O_RDONLY) for _ in range(2)]",
        r"descriptor \d+ is open",
    ),
    "a descriptor of a mapped file that was read from": (
        "KEPT = os.read(os.open(os.path.realpath(sys.executable), os.O_RDONLY), 4)",
        r"descriptor \d+ is open",
    ),
    "a written file": ("open('written', 'w').close()", "__main__ opens written for writing"),
    "a closed stream": ("sys.stdin.close()", "closed sys.stdin"),
    "a closed descriptor": ("os.close(0)", r"changed an attribute .*Stream 0"),
    "another descriptor as a stream": ("os.dup2(1, 2)", r"changed an attribute .*Stream 2"),
    "a profile function": ("sys.setprofile(lambda *_: None)", "profile function"),
}
if hasattr(sys, "orig_argv"):  # from 3.10 on
    OBSTACLES["its original arguments"] = ("KEPT = sys.orig_argv[:1]", r"looks at sys.orig_argv")


@pytest.mark.parametrize("name", OBSTACLES)
def test_obstacles_are_named(snapshots: Snapshots, name: str) -> None:
    statement, message = OBSTACLES[name]
    modules = "ctypes, mmap, os, random, resource, secrets, select, signal, socket, subprocess, sys, threading, time"
    libc = "libc = ctypes.CDLL(None)"
    done = snapshots.create(f"import {modules}\n{libc}\n{statement}\nif __name__ == '__main__':\n    pass\n", code=4)
    assert re.search(message, refused(done)), done.stderr
    assert "; " in done.stderr  # what to do about it
    assert not snapshots.file.exists()


def test_a_library_that_takes_no_random_bytes(snapshots: Snapshots) -> None:
    """By its name it is OpenSSL's."""
    module = importlib.util.find_spec("_json")
    if module is None or module.origin is None or not module.origin.endswith(".so"):
        pytest.skip("a library is needed")
    library = snapshots.python.directory / "libcrypto-other.so"
    shutil.copy(module.origin, library)
    text = f"import ctypes\nctypes.CDLL({str(library)!r})\nif __name__ == '__main__':\n    pass\n"
    assert "libcrypto-other.so cannot be given random bytes: it has no RAND_add" in refused(
        snapshots.create(text, code=4)
    )


@pytest.mark.parametrize(
    ("trace", "what"),
    [(b"<jemalloc>: Error in malloc()", "jemalloc"), (b"BCMPersonalization", "a generator of random numbers")],
)
def test_traces_in_a_library(snapshots: Snapshots, trace: bytes, what: str) -> None:
    """jemalloc would find in what it has given back what was there before; BoringSSL's numbers would repeat."""
    module = importlib.util.find_spec("_json")
    if module is None or module.origin is None or not module.origin.endswith(".so"):
        pytest.skip("a library is needed")
    library = snapshots.python.directory / "other.so"
    library.write_bytes(Path(module.origin).read_bytes() + trace + b"\0")
    text = f"import ctypes\nctypes.CDLL({str(library)!r})\nif __name__ == '__main__':\n    pass\n"
    assert f"other.so has {what}" in refused(snapshots.create(text, code=4))


def test_a_place_on_the_search_path(snapshots: Snapshots) -> None:
    """A snapshot there would make itself useless."""
    snapshots.file = snapshots.python.directory / "made"
    done = snapshots.create("import sys\nif __name__ == '__main__': pass\n", code=4)
    assert "would lie in a directory of the program's search path" in refused(done)
    assert not snapshots.file.exists()


def test_matrix_registers(snapshots: Snapshots) -> None:
    """Permission for them is the process's, and gone where another program is executed."""
    ask = "ctypes.CDLL(None).syscall(158, 0x1023, 18)"  # arch_prctl(ARCH_REQ_XCOMP_PERM)
    if run_command(snapshots.python, [snapshots.python.executable, "-c", f"import ctypes; exit({ask})"]).returncode:
        pytest.skip("this processor has none")
    done = snapshots.create(f"import ctypes\n{ask}\nif __name__ == '__main__':\n    pass\n", code=4)
    assert "matrix registers" in refused(done)


def test_a_copy_of_openssl_within_another_library(snapshots: Snapshots) -> None:
    """Nothing can give it fresh random bytes."""
    pytest.importorskip("cryptography")
    text = "from cryptography.hazmat.bindings import _rust\nif __name__ == '__main__':\n    pass\n"
    quiet = {"PYTHONWARNINGS": "ignore"}  # of the last one for 3.8
    assert "_rust.abi3.so has a generator" in refused(snapshots.create(text, code=4, env=quiet))


def test_a_variable_that_was_asked_for_must_not_vary(snapshots: Snapshots) -> None:
    text = "import os\nLEVEL = os.environ.get('LEVEL')\nif __name__ == '__main__':\n    print(LEVEL)\n"
    assert "LEVEL" in refused(snapshots.create(text, "--vary", "LEVEL", code=4))
    everything = "import os\nLEVEL = repr(os.environ)\nif __name__ == '__main__':\n    pass\n"
    assert "LEVEL" in refused(snapshots.create(everything, "--vary", "LEVEL", code=4, env={"LEVEL": "1"}))
    snapshots.create(text, env={"LEVEL": "1"})
    assert snapshots.run(env={"LEVEL": "1"}).stdout == "1\n"
    assert snapshots.run(env={"LEVEL": "2"}, plain=True).stdout == "2\n"


@pytest.mark.parametrize("text", ["print(1)\n", "", "1 +\n"])
def test_a_program_without_preparations(snapshots: Snapshots, text: str) -> None:
    snapshots.create(text, code=4)
    assert not snapshots.file.exists()


def test_a_program_with_arguments(snapshots: Snapshots) -> None:
    write_files(snapshots.python.directory, {"app.py": "import sys"})
    done = snapshots.python.pycds("snapshot", "create", snapshots.file, "--", "app.py", "x", code=2)
    assert "without arguments" in done.stderr


def test_a_directory_that_others_may_write_to(snapshots: Snapshots) -> None:
    snapshots.places.chmod(0o777)
    done = snapshots.create("import sys\nif __name__ == '__main__': pass\n", code=4)
    assert "others may write to it" in refused(done)
    assert os.listdir(snapshots.places) == []


@pytest.mark.parametrize("kind", ["readable", "linked", "symbolic", "pipe"])
def test_what_is_in_the_way_is_left_alone(snapshots: Snapshots, kind: str, tmp_path: Path) -> None:
    """What lies where the new file is to be may be another one's, by another name."""
    left, other = Path(f"{snapshots.file}.new"), tmp_path / "other"
    other.write_text("mine")
    other.chmod(0o644 if kind == "readable" else 0o600)
    if kind == "pipe":
        os.mkfifo(left, 0o600)
    elif kind == "symbolic":
        left.symlink_to(other)
    else:
        os.link(other, left)
    done = snapshots.create("import sys\nif __name__ == '__main__': pass\n", code=4)
    assert re.search("is in the way|Too many levels of symbolic links", refused(done))
    assert other.read_text() == "mine"


def test_a_full_disk(snapshots: Snapshots) -> None:
    """A file must not be larger than 8 kB here, which is told as a full disk is: the old one stays."""
    snapshots.create(PLAIN)
    command = [snapshots.python.executable, "-m", "pycds", "snapshot", "create", str(snapshots.file), "--", "app.py"]
    done = run_command(snapshots.python, ["sh", "-c", 'ulimit -f 8; exec "$0" "$@"', *command])
    assert "File too large" in refused(done)
    assert os.listdir(snapshots.places) == ["made"]
    snapshots.run(code=3)


@pytest.mark.parametrize("old", [False, True])
def test_a_program_that_ends_before_its_checkpoint(snapshots: Snapshots, old: bool) -> None:
    if old:
        snapshots.create(PLAIN)
    done = snapshots.create("import sys\nsys.exit(0)\nif __name__ == '__main__': pass\n", code=4)
    assert "ended with code 0 before its checkpoint" in refused(done)
    assert snapshots.file.exists() == old


def test_the_end_of_children_is_not_told(snapshots: Snapshots) -> None:
    """Where SIGCHLD is ignored, nobody hears how a process has ended."""
    write_files(snapshots.python.directory, {"app.py": PLAIN, "bad.py": "import os\nKEPT = os.pipe()\n" + PLAIN})
    create = [snapshots.python.executable, "-m", "pycds", "snapshot", "create", str(snapshots.file), "--"]
    ignoring: Any = {"preexec_fn": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
    done = run_command(snapshots.python, [*create, "bad.py"], **ignoring)
    assert re.search(r"descriptor \d+ is open", refused(done))
    assert run_command(snapshots.python, [*create, "app.py"], **ignoring).returncode == 0
    assert snapshots.run("a", code=3, **ignoring).stdout == "ran ['a']\n"


# --- refused where it is run: the plain program runs ----------------------------------------------------------


def header_checksum(header: bytes) -> int:
    name = ctypes.util.find_library("xxhash")
    if name is None:
        pytest.skip("libxxhash is needed to put right the checksum of a changed header")
    function = ctypes.CDLL(name).XXH64
    function.restype = ctypes.c_uint64
    value: int = function(ctypes.c_char_p(header), ctypes.c_size_t(len(header)), ctypes.c_uint64(0))
    return value


def change_header(path: Path, offset: int, change: Callable[[bytes], bytes], size: int = 8) -> None:
    """Change a field as another machine would have it, with the checksum right."""
    content = bytearray(path.read_bytes())
    content[offset : offset + size] = change(bytes(content[offset : offset + size]))
    header_size = struct.unpack_from("<I", content, 12)[0]
    content[24:32] = bytes(8)
    content[24:32] = struct.pack("<Q", header_checksum(bytes(content[:header_size])))
    path.write_bytes(content)


def run_plainly(snapshots: Snapshots, reason: str, **more: Any) -> None:
    done = snapshots.run("a", code=3, plain=True, **more)
    assert done.stdout == "ran ['a']\n"
    assert snapshots.refusal() == reason


def test_another_variable(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN, env={"HERE": "1"})
    for env in ({}, {"HERE": "2"}, {"HERE": "1", "MORE": "1"}):
        run_plainly(snapshots, "environment", env=env)
    assert snapshots.run("a", code=3, env={"HERE": "1", "OLDPWD": "/", "PYCDSMODE": "MANUALLY"}).stdout


def test_a_changed_source(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    snapshots.run("a", code=3)
    (snapshots.python.directory / "app.py").write_text(PLAIN + "\n")
    run_plainly(snapshots, "file-changed")


def test_a_new_module_in_front(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    (snapshots.python.directory / "os.py").write_text("")
    done = snapshots.run("a", code=None, plain=True)
    assert snapshots.refusal() == "file-changed", done


def test_a_changed_file_that_was_read(snapshots: Snapshots, tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    settings.write_text("one")
    text = f"import sys\nTEXT = open({str(settings)!r}).read()\nif __name__ == '__main__':\n    print(TEXT)\n"
    snapshots.create(text)
    assert snapshots.run().stdout == "one\n"
    settings.write_text("two")
    assert snapshots.run(plain=True).stdout == "two\n"


def test_a_file_that_was_looked_for(snapshots: Snapshots, tmp_path: Path) -> None:
    """Of a directory it counts alone that it is one."""
    directory, file = tmp_path / "directory", tmp_path / "file"
    directory.mkdir()
    found = f"FOUND = [os.path.isdir({str(directory)!r}), Path({str(file)!r}).exists()]"
    snapshots.create(f"import os\nfrom pathlib import Path\n{found}\nif __name__ == '__main__':\n    print(FOUND)\n")
    assert snapshots.run().stdout == "[True, False]\n"
    (directory / "another").touch()
    assert snapshots.run().stdout == "[True, False]\n"
    file.touch()
    assert snapshots.run(plain=True).stdout == "[True, True]\n"
    file.unlink()
    (directory / "another").unlink()
    directory.rmdir()
    assert snapshots.run(plain=True).stdout == "[False, False]\n"


def test_nothing_of_the_watch_is_left(snapshots: Snapshots) -> None:
    """The functions and variables of os are its own again, and say what they can do."""
    snapshots.create(
        """\
        import os, posix, shutil, sys
        if __name__ == "__main__":
            print(all(getattr(os, name) is getattr(posix, name) for name in ("stat", "lstat", "access", "readlink")))
            print(os.stat in os.supports_follow_symlinks, os.stat in os.supports_dir_fd)
            print(shutil.rmtree.avoids_symlink_attacks)
            print(type(os.environ._data), sys.getprofile(), sys.dont_write_bytecode)
        """
    )
    plain = snapshots.python(snapshots.python.directory / "app.py")
    assert snapshots.run().stdout == plain.stdout


def test_another_directory_where_it_matters(snapshots: Snapshots, tmp_path: Path) -> None:
    body = "if __name__ == '__main__':\n    print(HERE or os.getcwd())\n"
    snapshots.create("import os\nHERE = ''\n" + body)
    assert snapshots.run(cwd=tmp_path).stdout == f"{tmp_path}\n"
    snapshots.create("import os\nHERE = os.getcwd()\n" + body)
    assert snapshots.run().stdout == f"{snapshots.python.directory}\n"
    assert snapshots.run(cwd=tmp_path, plain=True).stdout == f"{tmp_path}\n"
    assert snapshots.refusal() == "directory"


def test_a_terminal_where_it_matters(snapshots: Snapshots) -> None:
    body = "if __name__ == '__main__':\n    print('ran', COLOUR)\n"
    for question, plain in (("False", False), ("sys.stdout.isatty()", True)):
        snapshots.create(f"import sys\nCOLOUR = {question}\n" + body)
        environ = clean_environment(PYCDS_HOME=str(snapshots.python.home), PYCDSVERBOSE="1")
        command = [snapshot.RESTORER, os.fspath(snapshots.file)]
        primary, secondary = os.openpty()
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=secondary, stderr=secondary, env=environ,
                       cwd=snapshots.python.directory, check=True)  # fmt: skip
        os.close(secondary)
        said = os.read(primary, 10_000).decode()
        os.close(primary)
        assert ("running the plain program" in said) == plain, said
        assert f"ran {plain}" in said


def test_ignored_and_blocked_signals(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    run_plainly(snapshots, "signals", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    blocked = [signal.SIGUSR2]
    run_plainly(snapshots, "signals", preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, blocked))


def test_a_directory_as_input(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    with open_directory(snapshots.python.directory) as directory:
        done = run_command(snapshots.python, [snapshot.RESTORER, str(snapshots.file)], stdin=directory)
    assert done.returncode != 0  # Python does not start with it
    assert snapshots.refusal() == "streams"


@contextmanager
def open_directory(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDONLY)
    yield number
    os.close(number)


@pytest.mark.parametrize("limit", ["-s 1024", "-c 0", "-n 100"])
def test_other_limits(snapshots: Snapshots, limit: str) -> None:
    snapshots.create(PLAIN)
    command = ["sh", "-c", f'ulimit -S {limit}; exec "$0" "$@"', snapshot.RESTORER, str(snapshots.file), "a"]
    current = {"-s": resource.RLIMIT_STACK, "-c": resource.RLIMIT_CORE, "-n": resource.RLIMIT_NOFILE}[limit[:2]]
    if str(resource.getrlimit(current)[0]) == limit[3:]:
        pytest.skip("that is the limit here")
    assert run_command(snapshots.python, command).stdout == "ran ['a']\n"
    assert snapshots.refusal() == "limits"


def test_input_cannot_be_read_beforehand(snapshots: Snapshots) -> None:
    done = snapshots.create("import sys\nTEXT = sys.stdin.read()\nif __name__ == '__main__': pass\n", code=4)
    assert "not readable" in done.stderr or "Bad file descriptor" in done.stderr


def test_another_host_where_it_matters(snapshots: Snapshots) -> None:
    """In a namespace of its own, where the name can be another one."""
    other = ["unshare", "--uts", "sh", "-c", 'hostname another; exec "$0" "$@"', snapshot.RESTORER, str(snapshots.file)]
    if subprocess.run(["unshare", "--uts", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("namespaces cannot be made here")
    body = "if __name__ == '__main__':\n    print(HOST or socket.gethostname())\n"
    for question, refusals in (("''", []), ("socket.gethostname()", ["host"])):
        snapshots.create(f"import socket\nHOST = {question}\n" + body)
        assert run_command(snapshots.python, other).stdout == "another\n"
        path = Path(f"{snapshots.file}.refusals")
        assert (path.read_text().split() if path.exists() else []) == refusals


def test_another_machine(snapshots: Snapshots) -> None:
    machine = 96 + 7 * 16 + 8  # docs/snapshot-format.md
    snapshots.create(PLAIN)
    whole = snapshots.file.read_bytes()
    for number, reason in enumerate(["kernel", "processor", "vdso", "affinity", "limits"]):
        snapshots.file.write_bytes(whole)
        change_header(snapshots.file, machine + 8 * number, lambda value: bytes([value[0] ^ 1]) + value[1:])
        run_plainly(snapshots, reason)
    snapshots.file.write_bytes(whole)
    change_header(snapshots.file, machine + 40, lambda value: struct.pack("<I", 12345), size=4)
    run_plainly(snapshots, "user")


def test_many_arguments_and_a_large_environment(snapshots: Snapshots) -> None:
    snapshots.create(
        "import os, sys\nif __name__ == '__main__':\n    print(len(sys.argv), len(os.environ['LARGE']))\n",
        "--vary",
        "LARGE",
    )
    arguments = ["x" * 1000] * 800
    assert snapshots.run(*arguments, env={"LARGE": "y" * 120_000}).stdout == "801 120000\n"

"""Snapshots that are made and restored: each row of docs/snapshot.md that says kept or refreshed is a test here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from conftest import Python, clean_environment, write_files
from snapshots import PLAIN, Snapshots, needed, run_command, snapshot

pytestmark = needed


@pytest.fixture
def snapshots(python: Python) -> Snapshots:
    return Snapshots(python)


# --- what a program is and prints -----------------------------------------------------------------------------


def test_arguments_exit_code_and_output_are_a_plain_runs(snapshots: Snapshots) -> None:
    snapshots.create(
        """\
        import json, sys
        LOADED = 1
        if __name__ == "__main__":
            print(json.dumps([sys.argv, __name__, __file__, __package__, __spec__ is None, sys.path[0]]))
            print("to stderr", file=sys.stderr)
            sys.exit(int(sys.argv[1]))
        """
    )
    done = snapshots.run("7", "ü", code=7)
    plain = snapshots.python(snapshots.python.directory / "app.py", "7", "ü", code=7)
    assert done.stdout == plain.stdout
    assert done.stderr == plain.stderr


def test_only_preparations_are_done_beforehand(snapshots: Snapshots) -> None:
    snapshots.create(
        """\
        import time
        def now():
            return time.time_ns()
        print(now())
        """
    )
    first, second = int(snapshots.run().stdout), int(snapshots.run().stdout)
    assert first < second


@pytest.mark.parametrize("words", [["-m", "tool", "a"], ["-c", "import tool\nprint(tool.answer())"]])
def test_modules_and_code(snapshots: Snapshots, words: list[str]) -> None:
    text = "import sys\ndef answer():\n    return sys.argv\nif __name__ == '__main__':\n    print(answer())\n"
    write_files(snapshots.python.directory, {"tool.py": text})
    program, arguments = words[:2], words[2:]
    snapshots.python.pycds("snapshot", "create", snapshots.file, "--", *program)
    assert snapshots.run(*arguments).stdout == snapshots.python(*program, *arguments).stdout


def test_after_import_runs_the_program_as_it_is_then(snapshots: Snapshots) -> None:
    """What is not frozen is read when it is run."""
    snapshots.create("import json, sys\nprint('json' in sys.modules)\n", "--after-import", "json")
    assert snapshots.run().stdout == "True\n"


def test_a_checkpoint_of_the_programs_own_with_hooks(snapshots: Snapshots) -> None:
    snapshots.create(
        """\
        import pycds
        STEPS = []
        pycds.before_checkpoint(lambda: STEPS.append("before, first"))
        pycds.before_checkpoint(lambda: STEPS.append("before, second"))
        pycds.after_restore(lambda: STEPS.append("after, first"))
        pycds.after_restore(lambda: STEPS.append("after, second"))
        restored = pycds.checkpoint()
        print(restored, STEPS)
        """,
        "--at",
        "call",
    )
    steps = ["before, second", "before, first", "after, first", "after, second"]
    assert snapshots.run().stdout == f"True {steps}\n"
    assert snapshots.python(snapshots.python.directory / "app.py").stdout == "False []\n"


def test_a_hook_that_raises_prevents_the_snapshot(snapshots: Snapshots) -> None:
    text = "import pycds\npycds.before_checkpoint(lambda: 1 / 0)\nif __name__ == '__main__': pass\n"
    done = snapshots.create(text, code=4)
    assert "ZeroDivisionError" in done.stderr
    assert not snapshots.file.exists()


def test_tracebacks_have_the_programs_frames_alone(snapshots: Snapshots) -> None:
    snapshots.create("import sys\ndef fail():\n    raise ValueError('no')\nif __name__ == '__main__':\n    fail()\n")
    plain = snapshots.python(snapshots.python.directory / "app.py", code=1)
    assert snapshots.run(code=1).stderr == plain.stderr


# --- kept: what goes on working -------------------------------------------------------------------------------

FACILITIES = {
    "threads": "import threading; t = threading.Thread(target=print, args=('in',)); t.start(); t.join()",
    "thread numbers": "import threading, os; print(threading.main_thread().native_id == os.getpid())",
    "fork": "import os; p = os.fork()\nif p == 0: os._exit(3)\nprint(os.WEXITSTATUS(os.waitpid(p, 0)[1]))",
    "subprocess": "import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', 'print(5)']))",
    "signals": "import os, signal; signal.signal(signal.SIGUSR1, lambda *a: print(a[0])); os.kill(os.getpid(), 10)",
    "memory": "import mmap; a = [bytearray(10 ** n) for n in range(8)]; mmap.mmap(-1, 1 << 20)[5] = 1; print(len(a))",
    "recursion": "f = lambda n: n and 1 + f(n - 1)\nprint(f(900))",
    "dlopen": "import ctypes, sqlite3, decimal; print(sqlite3.connect(':memory:').execute('select 1').fetchall())",
    "asyncio": "import asyncio\nasync def main(): await asyncio.sleep(0); return 7\nprint(asyncio.run(main()))",
    "collector": "import gc; print(gc.isenabled(), gc.collect() >= 0, gc.get_freeze_count())",
    "faulthandler": "import faulthandler; faulthandler.enable(); print(faulthandler.is_enabled())",
    "who it is": "import sys; print(sys.executable, getattr(sys, 'orig_argv', ())[1:])",
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd')))",
    "large output": "import os; sys.stdout.buffer.write(bytes(5000)); os._exit(0)",
    "growth of what was large": "LARGE.extend(bytes(50_000_000)); print(len(LARGE), sum(LARGE[-9_000_000:]))",
    "thread-local": "import threading; x = threading.local(); x.a = 4; print(x.a)",
    "break": "import ctypes; libc = ctypes.CDLL(None); libc.sbrk.restype = ctypes.c_long; a = libc.sbrk(0); "
    "libc.sbrk(1 << 20); print(libc.sbrk(0) - a)",
}


@pytest.mark.parametrize("name", FACILITIES)
def test_facilities(snapshots: Snapshots, name: str) -> None:
    """What was imported before, and what comes after the restore, does the same as plainly."""
    body = FACILITIES[name].replace("\n", "\n    ")
    snapshots.create(
        f"import sys, threading, json\nLARGE = bytearray(b'x' * 400_000)\nif __name__ == '__main__':\n    {body}\n"
    )
    plain = snapshots.python(snapshots.python.directory / "app.py")
    assert snapshots.run().stdout == plain.stdout


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(snapshots: Snapshots, method: str) -> None:
    snapshots.create(
        f"""\
        import multiprocessing, sys
        def double(n):
            return 2 * n
        if __name__ == "__main__":
            with multiprocessing.get_context("{method}").Pool(2) as pool:
                print(pool.map(double, range(5)))
        """
    )
    assert snapshots.run().stdout == "[0, 2, 4, 6, 8]\n"


def test_a_handler_installed_before_is_kept(snapshots: Snapshots) -> None:
    snapshots.create(
        """\
        import os, signal
        signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
        if __name__ == "__main__":
            os.kill(os.getpid(), signal.SIGUSR1)
        """
    )
    assert snapshots.run().stdout == "handled\n"


def test_what_is_registered_is_kept(snapshots: Snapshots) -> None:
    """Handlers of forks are called as in the child of a fork, which a restored process is to them."""
    snapshots.create(
        """\
        import atexit, os
        SEEN = []
        atexit.register(print, "at exit")
        os.register_at_fork(after_in_child=lambda: SEEN.append("child"), after_in_parent=lambda: SEEN.append("parent"))
        if __name__ == "__main__":
            print(SEEN)
        """
    )
    assert snapshots.run().stdout == "['child']\nat exit\n"


def test_memory_that_a_fork_clears(snapshots: Snapshots) -> None:
    """MADV_WIPEONFORK: by this libraries notice forks."""
    snapshots.create(
        """\
        import ctypes, os
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        SIZE = ctypes.c_size_t(4096)
        MEMORY = libc.mmap(None, SIZE, 3, 0x22, -1, 0)
        assert libc.madvise(ctypes.c_void_p(MEMORY), SIZE, 18) == 0
        ctypes.memset(MEMORY, 65, 4)
        if __name__ == "__main__":
            print(ctypes.string_at(MEMORY, 4))
            ctypes.memset(MEMORY, 66, 4)
            if os.fork() == 0:
                print(ctypes.string_at(MEMORY, 4), flush=True)
                os._exit(0)
            os.wait()
            print(ctypes.string_at(MEMORY, 4))
        """
    )
    # The first line is written before the fork, and so is still in the child's buffer.
    lines = snapshots.run().stdout.splitlines()
    assert set(lines) == {repr(bytes(4)), repr(b"BBBB")}
    assert lines[-1] == repr(b"BBBB")


def test_memory_that_must_not_be_touched(snapshots: Snapshots) -> None:
    """MADV_GUARD_INSTALL: by this the C library guards stacks of threads from 2.42 on."""
    text = """\
        import ctypes, os
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        PAGE = 4096
        MEMORY = libc.mmap(None, ctypes.c_size_t(3 * PAGE), 3, 0x22, -1, 0)
        GUARD = ctypes.c_void_p(MEMORY + PAGE)
        MADE = libc.madvise(GUARD, ctypes.c_size_t(PAGE), 102)
        ctypes.memset(MEMORY, 65, 4)
        ctypes.memset(MEMORY + 2 * PAGE, 66, 4)
        if __name__ == "__main__":
            print(MADE, ctypes.string_at(MEMORY, 4), ctypes.string_at(MEMORY + 2 * PAGE, 4), flush=True)
            child = os.fork()
            if child == 0:
                import resource
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                ctypes.string_at(GUARD, 4)
                os._exit(0)
            print(os.WTERMSIG(os.waitpid(child, 0)[1]))
            assert libc.madvise(GUARD, ctypes.c_size_t(PAGE), 103) == 0  # MADV_GUARD_REMOVE
            print(ctypes.string_at(GUARD, 4))
        """
    plain = snapshots.python("-c", textwrap.dedent(text), code=None)
    if not plain.stdout.startswith("0"):
        pytest.skip("this kernel has no such memory")
    snapshots.create(text)
    assert snapshots.run().stdout == plain.stdout == f"0 b'AAAA' b'BBBB'\n{int(signal.SIGSEGV)}\n{bytes(4)!r}\n"


def test_descriptors_of_the_run_are_there(snapshots: Snapshots) -> None:
    snapshots.create("import os, sys\nif __name__ == '__main__':\n    os.write(int(sys.argv[1]), b'through')\n")
    read, written = os.pipe()
    snapshots.run(str(written), pass_fds=[written])
    os.close(written)
    with os.fdopen(read) as text:
        assert text.read() == "through"


def test_how_the_kernel_names_it(snapshots: Snapshots) -> None:
    snapshots.create(
        """\
        import os
        if __name__ == "__main__":
            print(os.readlink("/proc/self/exe"))
            print(open("/proc/self/cmdline").read().split("\\0")[:-1], open("/proc/self/comm").read())
        """
    )
    done = snapshots.run("x").stdout
    assert done == f"{snapshot.RESTORER}\n{[str(snapshots.file), 'x']} python\n\n"


def test_without_randomised_addresses(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    if shutil.which("setarch") is None:
        pytest.skip("setarch is needed")
    done = run_command(snapshots.python, ["setarch", "-R", snapshot.RESTORER, str(snapshots.file), "a"])
    assert (done.stdout, done.returncode) == ("ran ['a']\n", 3)
    assert not Path(f"{snapshots.file}.refusals").exists()


def test_an_interrupt_ends_it_as_it_ends_a_plain_program(snapshots: Snapshots) -> None:
    snapshots.create(
        "import os, signal, time\nif __name__ == '__main__':\n    os.kill(os.getpid(), signal.SIGINT); time.sleep(9)\n"
    )
    assert snapshots.run(code=-signal.SIGINT).stderr.endswith("KeyboardInterrupt\n")


# --- refreshed ------------------------------------------------------------------------------------------------


def test_the_environment_is_the_runs(snapshots: Snapshots) -> None:
    text = """\
        import json, os, subprocess
        os.environ["SET_BEFORE"] = "kept"
        os.environ.pop("GOES", None)
        if __name__ == "__main__":
            names = ["VARIES", "SET_BEFORE", "GOES"]
            print([os.environ.get(name) for name in names], os.environb.get(b"VARIES"))
            print(subprocess.check_output(["sh", "-c", "echo $VARIES $SET_BEFORE $GOES"]).decode(), end="")
        """
    snapshots.create(text, "--vary", "VARIES", env={"GOES": "1"})
    done = snapshots.run(env={"VARIES": "now", "GOES": "1"})
    assert done.stdout == "['now', 'kept', None] b'now'\nnow kept\n"


@pytest.mark.parametrize("locale", [(), ("LANG=C",), ("LC_ALL=C",), ("LC_ALL=C.UTF-8",)])
def test_locales(snapshots: Snapshots, locale: tuple[str, ...]) -> None:
    """In some of them Python sets LC_CTYPE when it starts."""
    body = "print(os.environ.get('LC_CTYPE'), sys.stdout.encoding, sys.argv)\n"
    text = f"import os, sys\nif __name__ == '__main__':\n    {body}"
    script = write_files(snapshots.python.directory, {"app.py": text}) / "app.py"
    python = [snapshots.python.executable, "-m", "pycds", "snapshot", "create", str(snapshots.file), "--", str(script)]
    under = ["env", "-u", "LANG", "-u", "LC_ALL", "-u", "LC_CTYPE", *locale]
    assert run_command(snapshots.python, [*under, *python]).returncode == 0
    restored = run_command(snapshots.python, [*under, snapshot.RESTORER, str(snapshots.file), "ü"])
    plain = run_command(snapshots.python, [*under, snapshots.python.executable, str(script), "ü"])
    assert (restored.stdout, restored.stderr) == (plain.stdout, plain.stderr)
    assert not Path(f"{snapshots.file}.refusals").exists()


def test_streams_are_made_again(snapshots: Snapshots, tmp_path: Path) -> None:
    """They are pipes when the snapshot is made; a module that holds one has the new one, too."""
    snapshots.create(
        """\
        import sys
        from sys import stdout as held
        if __name__ == "__main__":
            held.write(f"{sys.stdout is held} {held.line_buffering} {held.seekable()} {held.encoding} {held.name}")
            print("", sys.stdin.seekable(), sys.stdin.read())
        """
    )
    read, written = tmp_path / "in", tmp_path / "out"
    read.write_text("text")
    with read.open() as stdin, written.open("w") as stdout:
        environ = clean_environment(PYCDS_HOME=str(snapshots.python.home))
        command = [snapshot.RESTORER, os.fspath(snapshots.file)]
        subprocess.run(command, stdin=stdin, stdout=stdout, env=environ, check=True)
    assert written.read_text() == "True False True utf-8 <stdout> True text\n"


@pytest.mark.parametrize("how", ["line_buffering=True", "write_through=True", "encoding='latin-1', errors='replace'"])
def test_what_is_set_of_a_stream_is_kept(snapshots: Snapshots, how: str) -> None:
    told = "print(f.line_buffering, f.write_through, f.encoding, f.errors)"
    snapshots.create(f"import sys\nf = sys.stdout\nf.reconfigure({how})\nif __name__ == '__main__':\n    {told}\n")
    assert snapshots.run().stdout == snapshots.python(snapshots.python.directory / "app.py").stdout


def test_streams_without_a_buffer(snapshots: Snapshots, tmp_path: Path) -> None:
    """Under -u."""
    names = (
        "[(s.line_buffering, s.write_through, type(s.buffer).__name__) for s in (sys.stdin, sys.stdout, sys.stderr)]"
    )
    script = write_files(
        snapshots.python.directory, {"app.py": f"import sys\nif __name__ == '__main__':\n    print({names})\n"}
    )
    snapshots.python.pycds("snapshot", "create", snapshots.file, "--", "-u", script / "app.py")
    assert snapshots.run().stdout == snapshots.python("-u", script / "app.py").stdout


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_stream_is_none(snapshots: Snapshots, closed: int) -> None:
    snapshots.create(
        "import os, sys\nif __name__ == '__main__':\n"
        "    os.write(1 if sys.stdout else 2, str([s is None for s in (sys.stdin, sys.stdout, sys.stderr)]).encode())\n"
    )
    redirection = f"{closed}{'<' if closed == 0 else '>'}&-"
    done = run_command(
        snapshots.python, ["sh", "-c", f'exec "$0" "$@" {redirection}', snapshot.RESTORER, str(snapshots.file)]
    )
    assert str([number == closed for number in range(3)]) in done.stdout + done.stderr


def test_no_two_processes_have_the_same_random_numbers(snapshots: Snapshots) -> None:
    """Not even where they have the same number, each the first one of its namespace."""
    snapshots.create(
        """\
        import hashlib, json, multiprocessing, os, random, secrets, ssl, tempfile, uuid
        if __name__ == "__main__":
            key = bytes(multiprocessing.current_process().authkey)
            print(json.dumps([os.getpid(), random.random(), secrets.token_hex(), os.urandom(8).hex(),
                              ssl.RAND_bytes(8).hex(), str(uuid.uuid4()), str(uuid.uuid1()), key.hex(),
                              os.path.basename(tempfile.mktemp())]))
        """
    )
    command = [snapshot.RESTORER, os.fspath(snapshots.file)]
    if subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False).returncode == 0:
        command = ["unshare", "--pid", "--fork", *command]
    rows = [json.loads(run_command(snapshots.python, command).stdout) for _ in range(6)]
    for column in list(zip(*rows))[1:]:
        assert len(set(column)) == len(rows), column


def test_generators_of_the_programs_own(snapshots: Snapshots) -> None:
    """Those that were seeded on purpose go on from there, as they do in a plain process; the others are seeded anew."""
    text = """
        import random
        seeded, unseeded, undecided = random.Random(5), random.Random(), random.Random()
        numbers = [seeded.random()]
        undecided.seed("on purpose")
        if __name__ == "__main__":
            print(numbers, seeded.random(), undecided.random(), unseeded.random())
    """
    snapshots.create(text)
    plain, *restored = (
        snapshots.python("app.py").stdout.split(),
        snapshots.run().stdout.split(),
        snapshots.run().stdout.split(),
    )
    assert plain[:3] == restored[0][:3] == restored[1][:3]
    assert len({plain[3], restored[0][3], restored[1][3]}) == 3


def test_logging_begins_anew(snapshots: Snapshots) -> None:
    snapshots.create("import logging, time\nif __name__ == '__main__':\n    print(logging._startTime)\n")
    before = time.time_ns()
    seconds = float(snapshots.run().stdout)
    assert (seconds if seconds > 1e15 else seconds * 1e9) >= before - 1_000_000


# --- the file -------------------------------------------------------------------------------------------------


def test_inspect(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    snapshots.run("a", code=3, plain=True, env={"OTHER": "secret"})
    text = snapshots.python.pycds("snapshot", "inspect", snapshots.file).stdout
    content = json.loads(text)
    assert content["python"] == sys.version
    assert content["command"][-1] == str(snapshots.python.directory / "app.py")
    assert content["refusals"] == {"environment": 1}
    assert content["mappings"]["stack"]["number"] == 1
    assert content["size"] == snapshots.file.stat().st_size > content["mappings"]["payload"]["bytes"]
    assert os.path.realpath(snapshots.python.directory / "app.py") in map(os.path.realpath, content["files"])
    assert "PYCDS_HOME" not in text  # variables may be secrets
    snapshots.file.write_bytes(snapshots.file.read_bytes()[:3000])
    assert snapshots.python.pycds("snapshot", "inspect", snapshots.file, code=3).stdout == ""


def test_it_is_for_its_owner_alone_and_nothing_is_left_beside_it(snapshots: Snapshots) -> None:
    old = os.umask(0)
    try:
        snapshots.create(PLAIN)
        snapshots.create(PLAIN)
    finally:
        os.umask(old)
    assert snapshots.file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(snapshots.places) == ["made"]


def test_what_a_killed_one_left_is_taken_over(snapshots: Snapshots) -> None:
    left = Path(f"{snapshots.file}.new")
    left.write_text("half")
    left.chmod(0o600)
    snapshots.create(PLAIN)
    assert not left.exists()
    snapshots.run(code=3)


def test_a_refused_one_leaves_the_old_one(snapshots: Snapshots) -> None:
    """With its refusals, for it is still in use."""
    snapshots.create(PLAIN)
    snapshots.run(code=3, plain=True, env={"OTHER": ""})
    before = snapshots.file.read_bytes()
    for statement in ("KEPT = socket.socket()", "print(1)", "sys.stderr.write('2')", "socket.no"):
        snapshots.create(f"import socket, sys\n{statement}\nif __name__ == '__main__': pass\n", code=4)
        assert snapshots.file.read_bytes() == before
    assert sorted(os.listdir(snapshots.places)) == ["made", "made.refusals"]


def test_the_snapshot_may_be_replaced_while_a_process_runs(snapshots: Snapshots) -> None:
    body = "print('ready', flush=True)\n    input()\n    print(json.dumps([1]), len(sys.modules) > 9)\n"
    snapshots.create(f"import json, sys\nif __name__ == '__main__':\n    {body}")
    environ = clean_environment(PYCDS_HOME=str(snapshots.python.home))
    with subprocess.Popen([snapshot.RESTORER, str(snapshots.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=environ, text=True, cwd=snapshots.python.directory) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        snapshots.create(PLAIN)
        snapshots.file.unlink()
        assert process.communicate("\n", timeout=60)[0] == "[1] True\n"


def test_run_is_the_restorer(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    assert snapshots.python.pycds("snapshot", "run", snapshots.file, "a", "--b", code=3).stdout == "ran ['a', '--b']\n"


WITH_DESCRIPTOR = """
import os, sys
KEPT = os.open(os.path.realpath(sys.executable), os.O_RDONLY)
SETTING
if __name__ == "__main__":
    print(KEPT, os.get_inheritable(KEPT), os.pread(KEPT, 4, 0), len(os.listdir("/proc/self/fd")))
"""
"""As libffi has one of itself from 3.5 on."""


@pytest.mark.parametrize("setting", ["", "os.set_inheritable(KEPT, True)"])
def test_a_descriptor_of_a_mapped_file(snapshots: Snapshots, setting: str) -> None:
    snapshots.create(WITH_DESCRIPTOR.replace("SETTING", setting))
    assert snapshots.run().stdout == f"3 {bool(setting)} b'\\x7fELF' 5\n"


def test_a_descriptor_whose_number_is_taken(snapshots: Snapshots) -> None:
    """By what a run inherits; the plain program opens another one."""
    snapshots.create(WITH_DESCRIPTOR.replace("SETTING", ""))
    words = ["sh", "-c", 'exec "$@" 3</dev/null', "sh", snapshot.RESTORER, os.fspath(snapshots.file)]
    assert run_command(snapshots.python, words).stdout == "4 False b'\\x7fELF' 6\n"
    assert snapshots.refusal() == "descriptors"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("TRIED = ()", "Python 3"),
        ("TRIED_LIBRARY = (2, 0)", "glibc 2."),
    ],
)
def test_what_was_not_tried(snapshots: Snapshots, change: str, what: str) -> None:
    code = (
        f"import os, sys; from pycds.commands import main; from pycds.snapshot import commands; commands.{change}; "
        "sys.exit(main(['snapshot', 'create', 'x', '--', 'y']))"
    )
    assert f"snapshots have not been tried with {what}" in snapshots.python("-c", code, code=3).stderr


def test_the_restorer_is_small_and_needs_nothing() -> None:
    content = Path(snapshot.RESTORER).read_bytes()
    assert len(content) <= 16 << 10
    program_headers = struct.unpack_from("<HH", content, 54)
    offset = struct.unpack_from("<Q", content, 32)[0]
    kinds = [struct.unpack_from("<I", content, offset + i * program_headers[0])[0] for i in range(program_headers[1])]
    assert 2 not in kinds and 3 not in kinds  # PT_DYNAMIC, PT_INTERP


def test_fast_exit_works_in_a_restored_process(snapshots: Snapshots) -> None:
    snapshots.create(
        """\
        import atexit, sys
        class Told:
            def __del__(self):
                print("torn down")
        if __name__ == "__main__":
            kept = Told()
            atexit.register(print, "atexit")
            print("unflushed", end=" ")
        """,
        "--fast-exit",
    )
    assert snapshots.run().stdout == "unflushed atexit\n"


def test_generators_and_clocks_of_packages(snapshots: Snapshots) -> None:
    for name in ("numpy", "dateutil"):
        pytest.importorskip(name)
    text = """\
        import numpy, time
        from dateutil import parser
        SEED
        if __name__ == "__main__":
            print(numpy.random.random(), parser.DEFAULTPARSER.info._year == time.localtime().tm_year)
        """
    snapshots.create(text.replace("SEED", "parser.DEFAULTPARSER.info._year = 1970"))
    first, second = snapshots.run().stdout.split(), snapshots.run().stdout.split()
    assert first[1] == second[1] == "True"
    assert first[0] != second[0]
    snapshots.create(text.replace("SEED", "numpy.random.seed(5)"))
    assert snapshots.run().stdout == snapshots.run().stdout

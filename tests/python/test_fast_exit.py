"""Fast exit: everything that a program leaves behind is as without it, but the heap is not torn down."""

from __future__ import annotations

import dbm.dumb  # noqa: F401 - what it loads counts, see TORN_DOWN_BOTH_WAYS
import io
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from conftest import Python
from option_programs import MARKER, seen

pytestmark = pytest.mark.skipif(sys.flags.optimize > 0, reason="the programs assert")

ENDS: dict[str, str] = {
    "end": "print('done')",
    "code": "import sys; print('bye'); sys.exit(3)",
    "code_as_text": "import sys; sys.exit('what went wrong')",
    "code_none": "raise SystemExit",
    "code_of_an_attribute": "class End(SystemExit): pass\nend = End(); end.code = 7\nraise end",
    "code_beyond_a_byte": "raise SystemExit(300)",
    "exception": "def f():\n    raise ValueError('no')\nf()",
    "exception_with_hook": "import sys\nsys.excepthook = lambda *what: print('hook', what[1])\n1 / 0",
    "interrupted": "print('before')\nraise KeyboardInterrupt",
    "killed": "import os, signal\nprint('lost')\nos.kill(os.getpid(), signal.SIGTERM)",
    "left_at_once": "import os\nprint('lost')\nos._exit(4)",
    "in_an_atexit_function": "import atexit, sys\natexit.register(sys.exit, 5)\nprint('x')",
    "by_an_exception_at_exit": (
        "import atexit\nclass E(Exception):\n    pass\n@atexit.register\ndef f():\n    raise E('no')"
    ),
    "exec": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(6); raise SystemExit(6)'])",
    "no_more_atexit": "import atexit\natexit.register(print, 'not called')\natexit._clear()",
}
"""How a program ends."""

OUTPUT: dict[str, str] = {
    "text": "f = open('out', 'w'); f.write('text')",
    "bytes": "f = open('out', 'wb'); f.write(b'bytes')",
    "random_access": "f = open('out', 'w+b'); f.write(b'bytes'); f.seek(2); f.write(b'XX')",
    "many": "fs = [open(f'out{i}', 'w') for i in range(50)]\nfor i, f in enumerate(fs): f.write(str(i) * i)",
    "in_a_function": "def f():\n    g = open('out', 'w')\n    g.write('text')\n    yield\ng = f(); next(g)",
    "two_streams_of_one_file": "a = open('out', 'a'); b = open('out', 'a'); a.write('a'); a.flush(); b.write('b')",
    "layers": (
        "import io\nf = io.TextIOWrapper(io.BufferedWriter(io.FileIO('out', 'w'), 9), 'utf-16'); f.write('text' * 9)"
    ),
    "the_buffer_alone": "f = open('out', 'w').detach(); f.write(b'text')",
    "gzip": (
        "import gzip\ngzip.time = type('t', (), {'time': staticmethod(lambda: 0)})\n"
        "f = gzip.open('out.gz', 'wt'); f.write('text' * 99)"
    ),
    "bz2": "import bz2\nf = bz2.open('out.bz2', 'wt'); f.write('text' * 99)",
    "lzma": "import lzma\nf = lzma.open('out.xz', 'wt'); f.write('text' * 99)",
    "zip": "import zipfile\nf = zipfile.ZipFile('out.zip', 'w'); f.writestr(zipfile.ZipInfo('name'), 'text')",
    "shelf": (
        "import dbm.dumb, shelve\n"
        "f = shelve.Shelf(dbm.dumb.open('out'), writeback=True); f['x'] = [1]; f['x'].append(2)"
    ),
    "dumb_database": "import dbm.dumb\nf = dbm.dumb.open('out'); f['key'] = 'value'",
    "wave": (
        "import wave\nf = wave.open('out.wav', 'wb'); f.setparams((1, 2, 8, 0, 'NONE', '')); f.writeframes(b'12' * 9)"
    ),
    "in_place": (
        "import fileinput\nopen('text', 'w').write('a\\nb\\n')\nf = fileinput.input('text', inplace=True)\n"
        "print(next(f).upper(), end='')"
    ),
    "sqlite": (
        "import sqlite3\n"
        "f = sqlite3.connect('base'); f.execute('pragma journal_mode=wal'); f.execute('create table t (x)')\n"
        "f.execute('insert into t values (1)'); f.commit(); f.execute('insert into t values (2)')"
    ),
    "own_class_that_fails": (
        "import io\nclass File(io.RawIOBase):\n    def __repr__(self): return '<File>'\n"
        "    def close(self): raise OSError('cannot close')\nf = File()"
    ),
    "own_class_that_prints": (
        "import io\nclass File(io.RawIOBase):\n    def close(self):\n        if not self.closed: print('closing')\n"
        "        super().close()\nf = File()"
    ),
    "no_space": "f = open('/dev/full', 'w'); f.write('text')",
    "c_library": "import ctypes\nctypes.CDLL(None).printf(b'from C\\n')",
    "functions_of_the_c_library": (
        "import ctypes, sys\nlibc = ctypes.CDLL(None)\nlibc.strdup.restype = ctypes.c_void_p\n"
        "text = libc.strdup(b'the status is the descriptor')\nlibc.on_exit(libc.dprintf, ctypes.c_void_p(text))\n"
        "sys.exit(1)"
    ),
    "to_a_child": (
        "import subprocess, sys\np = subprocess.Popen(['cat'], stdin=subprocess.PIPE)\np.stdin.write(b'text')"
    ),
    "named_temporary": "import tempfile\nf = tempfile.NamedTemporaryFile('w'); f.write('x')",
    "kept_temporary": (
        "import tempfile\nf = tempfile.NamedTemporaryFile('w', prefix='t', suffix='e', delete=False)\n"
        "f.write('text'); f.flush(); import os; os.rename(f.name, 'kept'); f.write(' and more')"
    ),
    "temporary_directory": "import tempfile\nd = tempfile.TemporaryDirectory(); open(d.name + '/x', 'w').write('x')",
    "temporary_file": (
        "import tempfile\nf = tempfile.TemporaryFile(); f.write(b'x')\n"
        "g = tempfile.SpooledTemporaryFile(); g.write(b'x')"
    ),
}
"""What a program has not written yet when it ends."""

MAY_BE_LOST: dict[str, str] = {
    "in_a_cycle": "f = open('out', 'w'); f.write('text'); f.me = f; del f",
    "in_a_cycle_when_a_collection_is_due": (
        "import atexit, gc\ndef write():\n    gc.collect(); gc.set_threshold(17)\n"
        "    f = open('out', 'w'); f.write('text'); f.me = f\natexit.register(write)"
    ),
    "in_a_frozen_cycle": "import gc\nf = open('out', 'w'); f.write('text'); f.me = f; del f; gc.freeze()",
    "no_owner_of_the_raw_file": (
        "import io\nraw = io.FileIO('out', 'w'); f = io.BufferedWriter(raw); f.write(b'text')"
    ),
    "zip_over_a_file": (
        "import zipfile\ng = open('out.zip', 'wb'); f = zipfile.ZipFile(g, 'w')\n"
        "f.writestr(zipfile.ZipInfo('name'), 'text')"
    ),
    "own_class": (
        "import io\nclass File(io.RawIOBase):\n    def writable(self): return True\n"
        "    def write(self, b): open('out', 'ab').write(bytes(b)); return len(b)\n    def close(self):\n"
        "        if not self.closed: self.write(b'end')\n        super().close()\n"
        "f = io.TextIOWrapper(io.BufferedWriter(File())); f.write('text')"
    ),
    "collector_off": "import gc\ngc.disable(); f = open('out', 'w'); f.write('text')",
    "modules_gone": (
        "import sys\nf = open('out', 'w'); f.write('text')\nfor n in list(sys.modules): del sys.modules[n]"
    ),
    "daemon_thread": (
        "import threading, time\nf = open('out', 'w')\ndef g():\n    f.write('text')\n"
        "    while True: time.sleep(.001)\nthreading.Thread(target=g, daemon=True).start()\ntime.sleep(.05)"
    ),
    "busy_daemon_thread": (
        "import threading, time\nf = open('out', 'w'); f.write('text')\ndef g():\n    while True: pass\n"
        "threading.Thread(target=g, daemon=True).start()"
    ),
}
"""What plain Python, of some versions at least, frees in an order in which it is not written, or not at all."""

STREAMS: dict[str, str] = {
    "without_a_line_end": "import sys\nsys.stdout.write('text'); sys.stderr.write('text')",
    "replaced": "import sys\nsys.stdout = open('log', 'w'); print('text')",
    "replaced_and_referred_to": "import sys\nsys.stdout = log = open('log', 'w'); print('text')",
    "wrapped": "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'utf-16'); print('text')",
    "detached": "import codecs, sys\nsys.stdout = codecs.getwriter('utf-16')(sys.stdout.detach()); print('text')",
    "compressed": (
        "import gzip, sys\ngzip.time = type('t', (), {'time': staticmethod(lambda: 0)})\n"
        "sys.stdout = gzip.open('log.gz', 'wt'); print('text')"
    ),
    "closed": "import sys\nprint('text'); sys.stdout.close()",
    "none": "import sys\nprint('text'); sys.stdout.flush(); sys.stdout = sys.stderr = None",
    "own_class": (
        "import sys\nclass Out:\n    def write(self, text): sys.__stdout__.write(text.upper())\n"
        "    def flush(self): import colorsys; sys.__stdout__.write('flushed ' + colorsys.__name__)\n"
        "sys.stdout = Out(); print('text')"
    ),
    "flush_fails": (
        "import sys\nclass Out:\n    def write(self, text): pass\n    def flush(self): raise OSError('no')\n"
        "    def __repr__(self): return '<Out>'\nsys.stdout = Out()"
    ),
    "descriptor_closed": "import os\nprint('text', flush=True); os.close(1)",
    "second_stream_of_the_descriptor": "import os\nf = os.fdopen(1, 'w'); f.write('text'); print('print')",
}
"""What a program does with stdout and stderr."""

FACILITIES: dict[str, str] = {
    "atexit": "import atexit\nfor i in range(3): atexit.register(print, i)",
    "atexit_imports": "import atexit\n@atexit.register\ndef f():\n    import colorsys\n    print(colorsys.__name__)",
    "atexit_in_atexit": "import atexit\natexit.register(atexit.register, print, 'late')",
    "logging": (
        "import logging, logging.handlers\nf = logging.FileHandler('log', delay=True)\n"
        "logging.getLogger().addHandler(logging.handlers.MemoryHandler(99, target=f))\nlogging.warning('text')"
    ),
    "finalizers": (
        "import weakref\nclass C: pass\nc = C(); weakref.finalize(c, print, 'at exit')\n"
        "d = C(); weakref.finalize(d, print, 'never').atexit = False"
    ),
    "threads": (
        "import threading, time\ndef f():\n"
        "    time.sleep(.1); open('out', 'w').write('from a thread'); print('thread')\n"
        "threading.Thread(target=f).start()\nprint('main')"
    ),
    "thread_local": "import threading\nl = threading.local(); l.f = open('out', 'w'); l.f.write('text')",
    "timer": "import threading\nthreading.Timer(.05, print, ['timer']).start()",
    "thread_pool": (
        "import concurrent.futures as c, time\np = c.ThreadPoolExecutor(2)\n"
        "for i in range(4): p.submit(lambda: (time.sleep(.02), print('job', flush=True)))"
    ),
    "process_pool": (
        "import concurrent.futures as c\nif __name__ == '__main__':\n    p = c.ProcessPoolExecutor(1)\n"
        "    print(p.submit(abs, -3).result())"
    ),
    "processes": (
        "import multiprocessing as m\nif __name__ == '__main__':\n    m.set_start_method('fork')\n"
        "    p = m.Process(target=print, args=['child']); p.start(); p.join()\n"
        "    q = m.Queue(); q.put('x'); print(q.get())"
    ),
    "spawned": (
        "import multiprocessing as m\nif __name__ == '__main__':\n"
        "    p = m.get_context('spawn').Process(target=print, args=['child'])\n    p.start()"
    ),
    "manager": (
        "import multiprocessing as m\nif __name__ == '__main__':\n"
        "    g = m.get_context('fork').Manager(); d = g.dict(); d[1] = 2\n    print(dict(d))"
    ),
    "pool": (
        "import multiprocessing as m\nif __name__ == '__main__':\n"
        "    p = m.get_context('fork').Pool(1); print(p.map(abs, [-1]))"
    ),
    "shared_memory": (
        "from multiprocessing import shared_memory\ns = shared_memory.SharedMemory(create=True, size=9)\n"
        "s.buf[0] = 1; s.close(); s.unlink()"
    ),
    "fork": (
        "import os, sys\nsys.stdout.flush()\np = os.fork()\nif not p:\n"
        "    f = open('child', 'w'); f.write('text'); print('child')\n    sys.exit(5)\n"
        "print(os.WEXITSTATUS(os.waitpid(p, 0)[1]))"
    ),
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0); print('task')\nasyncio.run(f())",
    "exit_of_a_thread": "import threading, sys\nt = threading.Thread(target=sys.exit, args=[4]); t.start(); t.join()",
    "modules_replaced": "import sys\nf = open('out', 'w'); f.write('text')\nsys.modules = dict(sys.modules)",
    "modules_of_another_type": "import sys, types\nsys.modules['odd'] = object(); sys.modules['none'] = None",
    "prompts": "import sys\nsys.ps1 = 'one'; sys.ps2 = 'two'",
    "metaclass": (
        "class M(type):\n    __hash__ = None\nclass C(metaclass=M): pass\n"
        "c = C(); f = open('out', 'w'); f.write('text')"
    ),
    "faulthandler": "import faulthandler\nfaulthandler.enable(); faulthandler.dump_traceback_later(99)",
    "tracing": "import sys\nsys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)",
    "recursion": "def f(): f()\ntry: f()\nexcept RecursionError: print('deep')",
    "no_directory": (
        "import os\nf = open('out', 'w'); f.write('text'); os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')"
    ),
}
"""What a program uses that has to do with its end."""

TORN_DOWN_NEITHER_WAY = {"killed", "left_at_once", "exec"}
"""These never come to an end that could be fast."""

if sys.version_info < (3, 10):
    TORN_DOWN_NEITHER_WAY.add("tracing")  # a function that is still set keeps its module alive

TORN_DOWN_BOTH_WAYS = {"no_more_atexit", "modules_replaced"}
"""What the option relies on is taken away, and the heap torn down as ever."""

if sys.version_info < (3, 10):
    TORN_DOWN_BOTH_WAYS.add("sqlite")  # connections are nothing that the collector knows of

if {"_dbm", "_gdbm"} & sys.modules.keys():  # see fast_exit._obstacle(): where they are, the package dbm loads them
    TORN_DOWN_BOTH_WAYS |= {"shelf", "dumb_database"}

ROWS = {**ENDS, **OUTPUT, **{f"stream_{name}": row for name, row in STREAMS.items()}, **FACILITIES}


def without_addresses(text: bytes) -> bytes:
    """Messages that name objects by their addresses, and the lines of code that plain Python finds no more (3.13)."""
    return re.sub(rb"0x[0-9a-f]{6,}", b"0x", text.replace(b"    def close(self): raise OSError('cannot close')\n", b""))


def compare(python: Python, directory: Path, program: str, name: str, **how: Any) -> None:
    plain = seen(python, directory / "app", program, **how)
    fast = seen(python, directory / "app", program, options=["fast-exit"], **how)
    assert fast.code == plain.code
    assert without_addresses(fast.stderr) == without_addresses(plain.stderr)
    assert fast.stdout == plain.stdout
    assert fast.files == plain.files
    assert plain.torn_down == (name not in TORN_DOWN_NEITHER_WAY)
    assert fast.torn_down == (name in TORN_DOWN_BOTH_WAYS)


@pytest.mark.parametrize("row", ROWS)
def test_what_is_left_behind_is_the_same(python: Python, tmp_path: Path, row: str) -> None:
    compare(python, tmp_path, ROWS[row], row)


@pytest.mark.parametrize("name", MAY_BE_LOST)
def test_no_output_is_lost(python: Python, tmp_path: Path, name: str) -> None:
    plain = seen(python, tmp_path / "app", MAY_BE_LOST[name])
    fast = seen(python, tmp_path / "app", MAY_BE_LOST[name], options=["fast-exit"])
    assert (fast.code, fast.stdout, fast.stderr) == (plain.code, plain.stdout, b"")
    assert not fast.torn_down
    if name == "zip_over_a_file":
        with zipfile.ZipFile(io.BytesIO(fast.files["out.zip"])) as written:
            assert written.read("name") == b"text"
    else:
        assert fast.files == {"out": b"textend" if name == "own_class" else b"text"}


FLAGS: dict[str, list[str]] = {
    "development": ["-X", "dev"],
    "warnings": ["-W", "default"],
    "errors": ["-W", "error"],
    "tracemalloc": ["-X", "tracemalloc=5"],
    "isolated": ["-I"],
    "unbuffered": ["-u"],
    "interactive": ["-i"],
    "optimized": ["-OO"],
}


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
def test_under_flags(python: Python, tmp_path: Path, flags: list[str]) -> None:
    compare(python, tmp_path, "f = open('out', 'w'); f.write('text'); print('done')", "", flags=flags)


def test_output_that_cannot_be_written_gives_code_120(python: Python, tmp_path: Path) -> None:
    compare(python, tmp_path, "print('text')", "", full_stdout=True)
    compare(python, tmp_path, "import sys\nprint('text'); sys.exit(3)", "", full_stdout=True)
    assert seen(python, tmp_path / "app", "print(1)", options=["fast-exit"], full_stdout=True).code == 120


def test_import_times_are_told_to_the_end(python: Python, tmp_path: Path) -> None:
    program = "import atexit\n@atexit.register\ndef f():\n    import colorsys"
    told = [
        {line.rpartition(b"|")[2].strip() for line in run.stderr.splitlines()}
        for run in (
            seen(python, tmp_path / "app", program, flags=["-X", "importtime"]),
            seen(python, tmp_path / "app", program, flags=["-X", "importtime"], options=["fast-exit"]),
        )
    ]
    assert b"colorsys" in told[1]
    assert told[0] <= told[1]
    assert all(b"pycds" in name or name in (b"_signal", b"gc", b"atexit") for name in told[1] - told[0])


NOT_RUN = """
import weakref
class C: pass
c = C()
weakref.finalize(c, print, 'finalizer').atexit = False
def g():
    try:
        yield
    finally:
        print('generator')
h = g(); next(h)
"""


def test_what_does_not_run(python: Python, tmp_path: Path) -> None:
    plain = seen(python, tmp_path / "app", NOT_RUN)
    fast = seen(python, tmp_path / "app", NOT_RUN, options=["fast-exit"])
    assert b"generator" in plain.stdout
    assert (fast.code, fast.stdout, fast.stderr) == (0, b"", b"")


OBSTACLES = {
    "collector_debugged": "import gc\ngc.set_debug(gc.DEBUG_UNCOLLECTABLE)",
    "database": "import sys, types\nsys.modules['_dbm'] = types.ModuleType('_dbm')",
    "nanobind": "class M(type): pass\nM.__module__ = 'nanobind'",
    "embedded": "import sys\nsys.executable = ''",
}


@pytest.mark.parametrize("program", OBSTACLES.values(), ids=OBSTACLES)
def test_where_the_heap_must_be_torn_down_it_is(python: Python, tmp_path: Path, program: str) -> None:
    run = seen(python, tmp_path / "app", program, options=["fast-exit"], env={"PYCDSVERBOSE": "1"})
    assert run.torn_down
    assert b"[cds] no fast exit: " in run.stderr


def test_verbose_tells_of_the_teardown(python: Python, tmp_path: Path) -> None:
    run = seen(python, tmp_path / "app", "", flags=["-v"], options=["fast-exit"])
    assert run.torn_down
    assert b"# cleanup[2] removing sys" in run.stderr


SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import sys
sys.stdout.flush()
other = interpreters.create()
code = '''
class C:
    def __del__(self, write=__import__("os").write):
        write(1, b"torn down")
c = C()
import atexit
print("sub", len(atexit.__dict__) > 0, flush=True)
'''
run = getattr(interpreters, "exec", None) or interpreters.run_string
run(other, code)
interpreters.destroy(other)
"""


def test_a_subinterpreter_is_torn_down(python: Python, tmp_path: Path) -> None:
    compare(python, tmp_path, SUBINTERPRETER, "")
    assert b"torn down" in seen(python, tmp_path / "app", SUBINTERPRETER, options=["fast-exit"]).stdout


@pytest.fixture(scope="module")
def carrying(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that carries the option."""
    directory = tmp_path_factory.mktemp("carrying")
    (directory / "app.py").write_text(MARKER + "import colorsys\nprint(colorsys.__name__)")
    python = Python(sys.executable, directory, directory / "home")
    python.traced(directory / "app.lst", "app.py")
    python.pycds("dump", "--fast-exit", "app.lst", "app.pycds")
    return directory


@pytest.mark.parametrize(
    ("word", "is_fast"), [(None, True), ("archive", True), ("on", True), ("off", False), ("nonsense", True)]
)
def test_an_archive_carries_the_option(carrying: Path, word: str | None, is_fast: bool) -> None:
    (carrying / "torn-down").unlink(missing_ok=True)
    python = Python(sys.executable, carrying, carrying / "home")
    env = {} if word is None else {"PYCDSFASTEXIT": word}
    run = python.served(carrying / "app.pycds", "app.py", env=env)
    assert "colorsys" in run.names
    assert (carrying / "torn-down").exists() != is_fast
    assert run.done.stdout == "colorsys\n"
    assert (word == "nonsense") == ("PYCDSFASTEXIT='nonsense' is not one of archive, on, off" in run.done.stderr)


def test_the_command_line_decides_before_all(carrying: Path) -> None:
    python = Python(sys.executable, carrying, carrying / "home")
    for words, is_fast in (([], True), (["--no-fast-exit"], False), (["--fast-exit"], True)):
        (carrying / "torn-down").unlink(missing_ok=True)
        env = {"PYCDSFASTEXIT": "off" if is_fast and words else "archive"}
        python.pycds("run", "--archive", "app.pycds", *words, "--", "app.py", env=env)
        assert (carrying / "torn-down").exists() != is_fast, words


def test_without_an_archive(carrying: Path) -> None:
    python = Python(sys.executable, carrying, carrying / "home")
    for words, is_fast in (([], False), (["--fast-exit"], True)):
        (carrying / "torn-down").unlink(missing_ok=True)
        python.pycds("run", "--policy", "off", *words, "--", "app.py")
        assert (carrying / "torn-down").exists() != is_fast


def test_a_refreshed_archive_keeps_its_options(carrying: Path, tmp_path: Path) -> None:
    python = Python(sys.executable, tmp_path, tmp_path / "home")
    (tmp_path / "app.py").write_text("import colorsys, sys\nif len(sys.argv) > 1: import this")
    python.traced(tmp_path / "app.lst", "app.py")
    python.pycds("dump", "--fast-exit", "app.lst", "app.pycds")
    for _ in range(3):  # the second run notices, the third makes it anew
        python.pycds("run", "--archive", "app.pycds", "--", "app.py", "more")
    shown = json.loads(python.pycds("inspect", "--json", "app.pycds").stdout)
    assert "this" in {module["name"] for module in shown["modules"]}
    assert shown["header"]["options"] == ["fast-exit"]


def test_options_are_shown(carrying: Path) -> None:
    python = Python(sys.executable, carrying, carrying / "home")
    shown = python.pycds("inspect", "app.pycds").stdout
    assert re.search(r"options +fast-exit", shown)
    assert python.pycds("verify", "app.pycds").returncode == 0

"""The main script: taken from the archive instead of compiled, and nothing but the time tells.

Each program runs plain and served and must print the same, end the same and leave the same behind; that its code came
from the archive is known from the statistics.
"""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import os
import shutil
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from conftest import Python, Served, archive_of, clean_environment, write_files
from pycds._startup import _skips_first_line
from pycds.trace_list import format_script, parse, parse_script

PROGRAMS = {
    "what it finds": """
        import sys
        def plain(value): return repr(value).partition(" at 0x")[0]
        print(sorted((name, plain(value)) for name, value in list(globals().items())))
        print(__file__, sys.argv, sys.path[0], __loader__.name, __loader__.path, __loader__.get_filename("__main__"))
        print(sys.modules["__main__"].__dict__ is globals(), sys._getframe().f_back, sys._getframe().f_code.co_filename)
        print(type(__builtins__), __name__, __doc__)
        """,
    "a docstring and annotations": '''
        """What this is."""
        from __future__ import annotations
        name: int = 1
        def function(argument: "unknown") -> unknown: pass
        print(__doc__, __annotations__, function.__annotations__)
        ''',
    "its code": """
        import sys
        code = sys._getframe().f_code
        print(code.co_name, code.co_flags, code.co_firstlineno, code.co_names, code.co_consts[:3], code.co_stacksize)
        print(code.co_code.hex(), code.co_filename, code.co_lnotab if sys.version_info < (3, 10) else list(code.co_lines()))
        """,
    "an exception": """
        import sys
        def outer(): inner()
        def inner(): raise ValueError("of a script")
        try: outer()
        except ValueError as error: raise KeyError("again") from error
        """,
    "exit codes": "import sys; sys.exit(7)\n",
    "an exit with a text": "import sys; print('out'); sys.exit('the reason')\n",
    "an exit with none": "raise SystemExit\n",
    "an exit by the system": "import os; print('lost or not', flush=True); os._exit(5)\n",
    "an interrupt": "import os, signal; print('before'); os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(60)\n",
    "an interrupt raised": "print('before'); raise KeyboardInterrupt('by hand')\n",
    "an interrupt of another type": "class Other(KeyboardInterrupt): pass\nprint('before'); raise Other('by hand')\n",
    "a hook for exceptions": """
        import sys
        def hook(kind, value, traceback):
            frames = []
            while traceback: frames.append((traceback.tb_frame.f_code.co_name, traceback.tb_lineno)); traceback = traceback.tb_next
            print("hook", kind, value, frames)
        sys.excepthook = hook
        raise OSError("for the hook")
        """,
    "a hook that fails": "import sys\nsys.excepthook = lambda *a: 1 / 0\nraise OSError('first')\n",
    "atexit and what is left then": """
        import atexit, sys
        main = sys.modules["__main__"]
        atexit.register(lambda: print("at exit", hasattr(main, "__file__"), hasattr(main, "__cached__"), main.__loader__.path))
        """,
    "atexit after an exception": """
        import atexit, sys
        main = sys.modules["__main__"]
        atexit.register(lambda: print("at exit", hasattr(main, "__file__"), sys.last_value))
        raise ValueError("the last")
        """,
    "unflushed output": "import sys; sys.stdout.write('no line end'); sys.stderr.write('neither')\n",
    "a stream that fails": """
        import sys
        class Stream:
            def __repr__(self): return "<a stream>"
            def write(self, text): return sys.__stdout__.write(text)
            def flush(self): sys.__stdout__.write("flushed\\n"); raise OSError("full")
        sys.stdout = Stream(); print("something")
        """,
    "audit hooks": """
        import sys
        seen = []
        def hook(event, arguments):
            if event in ("exec", "compile", "import"): seen.append(event)
        sys.addaudithook(hook)
        import colorsys
        exec("1"); print(seen, sys._getframe().f_lineno)
        """,
    "tracing itself": """
        import sys
        def trace(frame, event, argument):
            if frame.f_code.co_name == "traced": print(event, frame.f_lineno - first)
            return trace
        first = sys._getframe().f_lineno
        def traced():
            a = 1
            return a
        sys.settrace(trace); traced(); sys.settrace(None)
        """,
    "inspect and linecache": """
        import inspect, linecache, sys
        def function():
            # its comment
            return 1
        print(inspect.getsource(function), linecache.getline(__file__, 2), inspect.getsourcefile(function))
        print(inspect.getmodule(function).__name__, function.__module__, inspect.stack()[0].code_context)
        """,
    "classes that are pickled": """
        import copy, pickle
        class Point:
            def __init__(self, x): self.x = x
        print(pickle.loads(pickle.dumps(Point(3))).x, Point.__module__, Point.__qualname__, copy.deepcopy(Point(4)).x)
        """,
    "it imports itself": """
        import sys
        print(__name__)
        if __name__ == "__main__":
            import script
            print(script.__file__ == __file__, script.__spec__.name, script.__dict__ is globals())
        """,
    "it replaces itself": "import sys, types\nsys.modules['__main__'] = types.ModuleType('__main__')\nprint('done')\n",
    "it deletes its names": "for name in ('__file__', '__loader__'): del globals()[name]\nprint(sorted(globals()))\n",
    "a fork": """
        import os
        child = os.fork()
        if child == 0:
            print("child", __file__, flush=True); raise SystemExit(3)
        print("status", os.waitpid(child, 0)[1] >> 8)
        """,
    "multiprocessing": """
        import multiprocessing, sys
        def double(value): return value * 2, __name__
        if __name__ == "__main__":
            for method in ("fork", "spawn"):
                with multiprocessing.get_context(method).Pool(1) as pool: print(method, pool.map(double, [1, 2]))
        """,
    "threads that go on": """
        import threading, time
        def work(): time.sleep(0.05); print("thread", __name__)
        threading.Thread(target=work).start()
        print("main ends")
        """,
    "a deep recursion": """
        import sys
        def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
        print(deep(900))
        def endless(): return endless()
        try: endless()
        except RecursionError as error: print(error)
        """,
    "it runs another script": """
        import runpy, sys
        if len(sys.argv) == 1:
            sys.argv.append("again"); print(sorted(runpy.run_path(__file__))); print(sys.argv)
        """,
    "a profiler": """
        import cProfile, io, pstats
        def work(): return sum(range(10))
        profile = cProfile.Profile(); profile.runcall(work)
        print(sorted(function[2] for function in pstats.Stats(profile, stream=io.StringIO()).stats))
        """,
    "signals while it begins": "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n",
    "an encoding": "# -*- coding: latin-1 -*-\nprint(ascii('\xe4'))\n",
    "a first line and no last": "#!/usr/bin/env python3\nprint(1)\nprint(2)",
}


LEAVE_NO_STATISTICS = ("an exit by the system", "multiprocessing")
"""Of this process: the second has those of the last of its children."""


def write(python: Python, text: str) -> Path:
    """The script, in a directory of its own."""
    directory = python.directory / "where it lies"
    directory.mkdir(exist_ok=True)
    path = directory / "script.py"
    encoding = "latin-1" if "latin-1" in text else "utf-8"
    path.write_bytes((text if text[:1] in "#" else textwrap.dedent(text).lstrip("\n")).encode(encoding))
    return path


def from_archive(served: Served, script: str | Path) -> bool:
    return os.path.abspath(script) in served.names or str(script) in served.names


@pytest.mark.parametrize("row", PROGRAMS)
def test_a_served_script_does_what_a_compiled_one_does(python: Python, row: str) -> None:
    script = write(python, PROGRAMS[row])
    archive = archive_of(python, script, stdin="")
    plain = python(script, code=None)
    served = python.served(archive, script, code=None)
    assert (served.stdout, served.stderr, served.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    if row not in LEAVE_NO_STATISTICS:
        assert from_archive(served, script)
    if row == "an interrupt":
        assert plain.returncode == -signal.SIGINT


@pytest.mark.parametrize("flags", [["-O"], ["-B"], ["-I"], ["-X", "dev"], ["-W", "error"], ["-E"], ["-u"], ["-s"]])
def test_under_flags(python: Python, flags: list[str]) -> None:
    script = write(
        python, "import sys, json\nassert sys.flags.optimize == 0, 'not optimised'\nprint(__debug__, sys.path[0])\n"
    )
    trace_list, archive = python.directory / "list", python.directory / "archive"
    ours = [] if flags in (["-I"], ["-E"]) else flags  # under these the environment says nothing
    python.traced(trace_list, *ours, script, code=None)
    deciding = ["-O"] if flags == ["-O"] else []
    python(*deciding, "-m", "pycds", "dump", trace_list, archive)
    plain, served = python(*ours, script, code=None), python.served(archive, *ours, script, code=None)
    assert (served.stdout, served.stderr, served.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    assert from_archive(served, script)


@pytest.mark.parametrize("name", ["script.py", "./script.py", "../where it lies/script.py"])
def test_it_is_known_by_the_name_it_was_given(python: Python, name: str) -> None:
    script = write(python, "import sys\nprint(__file__, sys._getframe().f_code.co_filename)\n")
    archive = archive_of(python, name, cwd=script.parent)
    plain, served = (run(name, cwd=script.parent) for run in (python, lambda *a, **o: python.served(archive, *a, **o)))
    assert served.stdout == plain.stdout
    assert sum(entry.endswith("script.py") for entry in served.names) == 1
    other = python.served(archive, "script.py" if name != "script.py" else "./script.py", cwd=script.parent)
    assert not any(entry.endswith("script.py") for entry in other.names)  # its code would have another filename


def test_one_of_the_same_relative_name_elsewhere_is_another(python: Python) -> None:
    script = write(python, "print('the first')\n")
    archive = archive_of(python, "script.py", cwd=script.parent)
    elsewhere = python.directory / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "script.py").write_text("print('the other')\n")
    shutil.copystat(script, elsewhere / "script.py")
    assert python.served(archive, "script.py", cwd=elsewhere).stdout == "the other\n"


@pytest.mark.parametrize("change", ["its text", "its time", "gone", "unreadable", "a directory", "a .pyc"])
def test_a_script_that_has_changed(python: Python, change: str) -> None:
    if change == "unreadable" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    script = write(python, "print('as it was')\n")
    archive = archive_of(python, script)
    if change == "its text":
        script.write_text("print('as it is.')\n")
    elif change == "its time":
        os.utime(script, (1, 1))
    elif change == "unreadable":
        script.chmod(0)
    else:
        script.unlink()
        if change == "a directory":
            script.mkdir()
        elif change == "a .pyc":
            python(
                "-c",
                f"import py_compile; open({str(script)!r} + 'x', 'w').write('print(5)'); py_compile.compile({str(script)!r} + 'x', {str(script)!r})",
            )
    plain, served = python(script, code=None), python.served(archive, script, code=None)
    assert (served.stdout, served.stderr, served.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    assert from_archive(served, script) is (change == "its time")  # it is compared
    found = python("-c", f"from pycds._core import Finder; print(Finder({str(archive)!r}).stale())")
    assert (script.name in found.stdout) is (change != "its time")


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "print(1)"],
        ["-m", "script"],
        ["-x", "script.py"],
        ["-Bx", "script.py"],
        ["-i", "script.py"],
        ["-"],
        ["."],
    ],
)
def test_what_is_not_run_as_a_script(python: Python, words: list[str]) -> None:
    """Another way to begin: nothing waits for a script, or what waits is gone when another program has begun."""
    script = write(python, "print('a line')\nprint(__name__)\n")
    (script.parent / "__main__.py").write_text("import sys; print(sys.argv[0])\n")
    archive = archive_of(python, "script.py", cwd=script.parent)
    options = {"cwd": script.parent, "stdin": "print('typed')\n", "code": None}
    plain, served = python(*words, **options), python.served(archive, *words, **options)
    assert (served.stdout, served.stderr, served.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    assert not from_archive(served, script)


def test_no_hook_is_left(python: Python) -> None:
    """As long as there is an audit hook, each event costs: one written in C that is added now is the first."""
    script = write(
        python,
        """
        import ctypes, sys
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
        hook = kind(lambda event, arguments, nothing: 0)
        address = ctypes.cast(hook, ctypes.c_void_p).value
        size = {8: 1464, 9: 656, 10: 672}.get(sys.version_info[1], 16384)
        def words():
            return memoryview((ctypes.c_char * size).in_dll(ctypes.pythonapi, "_PyRuntime")).cast("B").cast("N").tolist()
        before = words()
        ctypes.pythonapi.PySys_AddAuditHook(hook, None)
        changed = [new for old, new in zip(before, words()) if not old and new]
        print([True for word in changed if address in (ctypes.c_size_t * 3).from_address(word)])
        sys.stdout.flush()
        import os; os._exit(0)  # not to be called any more
        """,
    )
    archive = archive_of(python, script)
    plain, served = python(script), python.served(archive, script)
    assert plain.stdout == "[True]\n"
    assert served.stdout == plain.stdout


def test_beside_hooks_of_others(python: Python, tmp_path: Path) -> None:
    """A hook in Python hears of the script once."""
    script = write(python, "import sys\nprint('runs')\n")
    archive = archive_of(python, script)
    hook = tmp_path / "site"
    write_files(
        hook,
        {
            "sitecustomize.py": """
                import sys
                heard = []
                def hook(event, arguments):
                    if event == "cpython.run_file": heard.append(event)
                    if heard and not event.startswith("sys.") and heard[-1] != "exec":
                        print(event, [getattr(argument, "co_name", argument) for argument in arguments])
                    if event == "exec": heard.append(event)
                sys.addaudithook(hook)
                """,
        },
    )
    environment = {"PYTHONPATH": str(hook)}
    plain, served = python(script, env=environment), python.served(archive, script, env=environment)
    assert served.stdout == plain.stdout
    assert [line.partition(" ")[0] for line in plain.stdout.splitlines()] == [
        "cpython.run_file",
        "open",
        "compile",
        "exec",
        "runs",
    ]
    assert from_archive(served, script)


@pytest.mark.parametrize("event", ["cpython.run_file", "open", "compile", "exec"])
def test_a_hook_that_forbids_it(python: Python, tmp_path: Path, event: str) -> None:
    script = write(python, "print('runs')\n")
    archive = archive_of(python, script)
    text = f"""
        import sys
        def hook(event, arguments):
            if event == {event!r} and "script.py" in repr(arguments): raise RuntimeError("no scripts here")
        sys.addaudithook(hook)
        """
    environment = {"PYTHONPATH": str(write_files(tmp_path / "site", {"sitecustomize.py": text}))}
    plain, served = (
        python(script, env=environment, code=None),
        python.served(archive, script, env=environment, code=None),
    )
    assert (served.stdout, served.stderr, served.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    assert plain.returncode == (2 if event == "open" else 1)


def test_an_event_by_hand_runs_nothing(python: Python, tmp_path: Path) -> None:
    script = write(python, "print('runs')\n")
    archive = archive_of(python, script)
    text = f"import sys\nsys.audit('cpython.run_file', {str(script)!r})\nprint('customised')\n"
    environment = {"PYTHONPATH": str(write_files(tmp_path / "site", {"sitecustomize.py": text}))}
    assert python.served(archive, script, env=environment).stdout == "customised\nruns\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            "import json; print(len([1 for x in {'x', None} if x in {'y', 'z'}]))\n",
            "set of constants",
            marks=pytest.mark.skipif(sys.version_info >= (3, 15), reason="a loop makes the set"),
        ),
        ("import json; print('\\d')\n", "warns"),
        ("import json; print(1) ; )\n", "cannot be compiled"),
        (f"import json; x = {'1' * 700}\n", "number"),
    ],
)
def test_what_is_not_kept(python: Python, text: str, reason: str) -> None:
    script = write(python, text)
    trace_list, archive = python.directory / "list", python.directory / "archive"
    python.traced(trace_list, script, code=None)
    if f"@script {script}" not in trace_list.read_text():
        trace_list.write_text(f"{trace_list.read_text()}@script {script}\n")  # it could not be compiled
    told = python.pycds("dump", trace_list, archive).stderr
    assert any(str(script) in line and reason in line for line in told.splitlines())
    plain, served = python(script, code=None), python.served(archive, script, code=None)
    assert (served.stdout, served.stderr, served.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    assert not from_archive(served, script)


def test_a_script_that_is_a_pipe_is_left_out(python: Python) -> None:
    script = write(python, "import json\n")
    trace_list, archive = python.directory / "list", python.directory / "archive"
    python.traced(trace_list, script)
    script.unlink()
    os.mkfifo(script)
    assert "not a regular file" in python.pycds("dump", trace_list, archive, timeout=30).stderr


@pytest.mark.parametrize("line", ["json", "@absent json"])
def test_a_script_of_a_module_s_name(python: Python, line: str) -> None:
    """Up to 3.8 the filename of a script is what was given, and that need not have a suffix."""
    script = write(python, "import json\n")
    trace_list, archive = python.directory / "list", python.directory / "archive"
    trace_list.write_text(f"# pycds trace 1\n{line}\ntextwrap\n@script json\t{script}\n")
    assert "json: a module has its name" in python.pycds("dump", trace_list, archive).stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import json\n", "from the archive"),
        ("import json; print('\\d')\n", "does not have it"),
    ],
)
def test_stats_say_how_it_was_run(python: Python, text: str, words: str) -> None:
    script = write(python, text)
    archive = archive_of(python, script)
    told = python.pycds("stats", "--archive", archive, "--", script).stderr
    assert words in next(line for line in told.splitlines() if "main script" in line)
    assert "main script" not in python.pycds("stats", "--archive", archive, "--", "-c", "import json").stderr


def test_run_keeps_the_script_up_to_date(python: Python) -> None:
    script = write(python, "import json\nprint('first')\n")
    environment = clean_environment(HOME=str(python.directory), XDG_CACHE_HOME=str(python.directory / "cache"))
    assert python.pycds("run", "--", script, env=environment).stdout == "first\n"
    statistics = python.pycds("stats", "--json", "--", script, env=environment).stdout
    assert str(script) in statistics
    script.write_text("import json\nprint('second one')\n")
    assert python.pycds("run", "--", script, env=environment).stdout == "second one\n"
    assert str(script) in python.pycds("stats", "--json", "--", script, env=environment).stdout


def test_words_that_have_the_first_line_skipped() -> None:
    assert _skips_first_line(["python", "-x", "a"]) and _skips_first_line(["python", "-Ex", "a"])
    assert _skips_first_line(["python", "-X", "dev", "-W", "x", "-xB", "a"])
    for words in (
        ["-X", "x"],
        ["-Xx"],
        ["-Wx"],
        ["a", "-x"],
        ["-c", "-x"],
        ["-mx"],
        ["--check-hash-based-pycs", "x"],
        ["-"],
        [],
    ):
        assert not _skips_first_line(["python", *words])


def test_lines_of_a_list() -> None:
    for script in (("/a b/c\t.py", "/a b/c\t.py"), ("rel.py", "/x/rel.py")):
        line = format_script(script)
        assert line.startswith("@script ") and parse_script(line[len("@script ") :]) == script
        assert list(parse((line + "\n").encode(), "l").scripts) == [script]
    for value in ("", "relative.py", "a\tb", "/a\t/b\t/c", "/a\\q"):
        assert (
            parse(f"@script {value}\n".encode(), "l").warnings and not parse(f"@script {value}\n".encode(), "l").scripts
        )

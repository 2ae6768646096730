"""Memory: objects of an image live beside those of the heap, and nobody who counts, frees, rewrites, watches or
traverses objects notices."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest

from conftest import MakeArchive, Python, clean_environment, write_files
from sample_program import Sample, make_sample

WARM = """
import dis, sys, types
import plain, shapes, fractions, html.parser, colorsys
class Quiet(html.parser.HTMLParser):
    pass
def warm():
    circle = shapes.Circle(2.5)
    parser = Quiet()
    for number in range(1000):
        plain.answer("some"); plain.deep(3); list(plain.numbers(3)); circle.area()
        fractions.Fraction(number, 7) + fractions.Fraction(1, 3)
        colorsys.rgb_to_hsv(number / 1000, 0.5, 0.2)
    for number in range(60):
        parser.feed("<p class='x'>text &amp; <b>more</b></p>")
def codes():
    for module in (plain, shapes.circle, fractions, html.parser, colorsys):
        pending = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
        for value in pending:
            if isinstance(value, type):
                pending.extend(getattr(item, "__func__", item) for item in vars(value).values())
            elif isinstance(value, types.FunctionType):
                yield value.__qualname__, value.__code__
"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("memory") / "installed")


def same(sample: Sample, program: str, *flags: str, **env: str) -> tuple[str, list[str]]:
    """Run plain and served; what both printed, and the modules served."""
    program = textwrap.dedent(program)
    plain = sample.plain(*flags, "-c", program, env=env)
    served = sample.served(*flags, "-c", program, env=env)
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    assert served.statistics["hits"] > 0
    return plain.stdout, served.names


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="from 3.11 on the caches are in the code: see below")
def test_code_gets_its_opcode_cache(sample: Sample) -> None:
    """After the same 1,024 calls the same functions have a cache of the same size."""
    printed, names = same(
        sample,
        WARM
        + textwrap.dedent("""
        before = {code: code.__sizeof__() for _, code in codes()}
        warm(); warm()
        for name, code in codes():
            print(name, code.__sizeof__(), "cached" if code.__sizeof__() > before[code] else "")
        """),
    )
    assert {"plain", "shapes.circle", "fractions"} <= set(names)
    assert printed.count("cached") > 3


@pytest.mark.skipif(sys.version_info < (3, 11), reason="instructions are specialised from 3.11 on")
def test_code_is_specialised(sample: Sample) -> None:
    """After the same calls the same instructions have been specialised, and in the same way.

    But for LOAD_CONST on 3.14, which is specialised by whether the constant is immortal, as those of an image are.
    """
    printed, names = same(
        sample,
        WARM
        + textwrap.dedent("""
        warm()
        for name, code in codes():
            names = [i.opname for i in dis.get_instructions(code, adaptive=True)]
            print(name, [name.replace("LOAD_CONST_IMMORTAL", "LOAD_CONST_MORTAL") for name in names])
        """),
    )
    assert {"plain", "shapes.circle", "fractions"} <= set(names)
    assert "CALL_PY_EXACT_ARGS" in printed
    assert "LOAD_ATTR_INSTANCE_VALUE" in printed or "LOAD_ATTR_MODULE" in printed
    assert "BINARY_OP_" in printed


@pytest.mark.parametrize(
    "program",
    [
        # Collections while the module is being made, at each object that is allocated.
        "import gc; gc.set_threshold(1); from pycds import _core; print(_core.FORMAT_VERSION > 0)",
        # Made, looked at by a collection, and freed, but never executed.
        """
        import gc, importlib.util
        spec = importlib.util.find_spec("pycds._core")
        module = importlib.util.module_from_spec(spec)
        gc.collect()
        print(gc.is_tracked(module) and module.__name__ == "pycds._core" and not hasattr(module, "FORMAT_VERSION"))
        del module, spec
        gc.collect()
        """,
    ],
    ids=["being made", "never executed"],
)
def test_a_collection_before_the_core_is_executed(python: Python, program: str) -> None:
    assert python("-c", textwrap.dedent(program)).stdout == "True\n"


BODIES = """
import sys, weakref
codes = {}
def note():
    code = sys._getframe(1).f_code
    codes[code.co_name] = weakref.ref(code)
note()
class Outer:
    note()
    table = (1.5, "text", b"bytes", (2, "inner"))
    found = "text" in {"text", "other"}
    class Inner:
        "Documented."
        note()
        def method(self, argument=(3, 4)):
            return argument, Outer.table
    class Generic:
        note()
        value: "annotated" = (5, 6)
        name = __qualname__
def function():
    class Local:
        note()
    return Local
kept = Outer.table
"""


def test_what_is_needed_once_is_freed(python: Python, make_archive: MakeArchive) -> None:
    """The code of a module's body and of its classes', as ever; what somebody keeps stays, and functions do."""
    program = """
        import bodies, gc
        print({name: reference() is None for name, reference in bodies.codes.items()})
        bodies.function(); bodies.function()
        print(bodies.codes["Local"]() is bodies.function.__code__.co_consts[1])
        print(bodies.kept, bodies.Outer.found, bodies.kept is bodies.Outer.table, bodies.Outer.Inner.__doc__, bodies.Outer.Generic.name)
        print(bodies.Outer.Inner.method.__code__.co_consts, bodies.Outer.Inner.method.__defaults__)
        gc.collect()
        for _ in range(3):
            __import__("importlib").reload(bodies)
            gc.collect()
        print(bodies.Outer.table, {name: reference() is None for name, reference in bodies.codes.items()})
        """
    write_files(python.directory, {"bodies.py": BODIES, "app.py": program})
    archive = make_archive("app.py").archive
    for env in ({}, {"PYTHONMALLOC": "debug"}):
        plain, served = python("app.py", env=env), python.served(archive, "app.py", env=env)
        assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
        assert "bodies" in served.names
    freed = "{'<module>': True, 'Outer': True, 'Inner': True, 'Generic': True"
    assert [freed in line for line in plain.stdout.splitlines()] == [True, *[False] * 3, True]


def test_code_that_somebody_keeps_stays(python: Python, make_archive: MakeArchive) -> None:
    """Whoever takes the code of a body from its frame may run it again, with all that it refers to."""
    kept = BODIES + "keep = [sys._getframe().f_code]\n"
    program = """
        import bodies, gc, types, marshal
        (code,) = bodies.keep
        table = bodies.Outer.table
        namespace = {"__name__": "again"}
        del bodies.Outer, bodies.kept
        gc.collect()
        exec(code, namespace)
        print(namespace["Outer"].table is table, namespace["Outer"].Inner().method(), len(marshal.dumps(code)) > 500)
        print(code == namespace["keep"][0], hash(code) == hash(namespace["keep"][0]))
        print(sorted(constant.co_name for constant in code.co_consts if isinstance(constant, types.CodeType)))
        """
    write_files(python.directory, {"bodies.py": kept, "app.py": program})
    archive = make_archive("app.py").archive
    plain, served = python("app.py"), python.served(archive, "app.py")
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    assert "bodies" in served.names
    assert plain.stdout.splitlines()[0] == "True ((3, 4), (1.5, 'text', b'bytes', (2, 'inner'))) True"


def test_malloc_debug(sample: Sample) -> None:
    same(sample, WARM + "warm(); import gc; gc.collect(); print(len(list(codes())))", PYTHONMALLOC="debug")
    same(sample, WARM + "warm(); print(len(list(codes())))", "-X", "dev")
    same(sample, WARM + "warm(); print(len(list(codes())))", PYTHONMALLOC="malloc", MALLOC_PERTURB_="85")


TRACERS = {
    "settrace": """
        import os
        events = []
        def trace(frame, event, argument):
            if os.path.basename(frame.f_code.co_filename) in ("plain.py", "circle.py", "fractions.py", "leaf.py"):
                events.append((event, frame.f_code.co_name, frame.f_lineno, frame.f_lasti))
                frame.f_trace_opcodes = True
            return trace
        sys.settrace(trace)
        import plain, shapes, fractions
        plain.answer(); plain.deep(3); list(plain.numbers(2)); fractions.Fraction(3, 4) * 2
        sys.settrace(None)
        print(len(events), events)
        """,
    "settrace after warming": """
        lines = []
        def trace(frame, event, argument):
            lines.append((event, frame.f_code.co_name, frame.f_lineno))
            return trace
        warm()
        sys.settrace(trace)
        plain.answer(); plain.deep(3); list(plain.numbers(2)); shapes.Circle(1).area()
        try:
            shapes.Circle(1).fail()
        except ValueError:
            pass
        sys.settrace(None)
        warm()
        print(lines)
        """,
    "setprofile": """
        events = []
        def profile(frame, event, argument):
            events.append((event, frame.f_code.co_name, getattr(argument, "__name__", None)))
        sys.setprofile(profile)
        plain.answer(); plain.deep(5); fractions.Fraction(3, 4) * 2
        sys.setprofile(None)
        print(events)
        """,
    "monitoring": """
        if hasattr(sys, "monitoring"):
            events = []
            tool, kinds = sys.monitoring.PROFILER_ID, sys.monitoring.events
            sys.monitoring.use_tool_id(tool, "test")
            def note(code, *rest):
                events.append((code.co_name, *(value for value in rest if isinstance(value, int))))
            for kind in (kinds.PY_START, kinds.LINE, kinds.INSTRUCTION, kinds.BRANCH, kinds.PY_RETURN):
                sys.monitoring.register_callback(tool, kind, note)
            for function in (plain.answer, plain.deep, shapes.Circle.area):
                sys.monitoring.set_local_events(tool, function.__code__, kinds.PY_START | kinds.LINE | kinds.INSTRUCTION)
            plain.answer(); plain.deep(2); shapes.Circle(2).area()
            sys.monitoring.set_events(tool, kinds.LINE | kinds.BRANCH | kinds.PY_RETURN)
            plain.answer("one"); list(plain.numbers(2))
            sys.monitoring.set_events(tool, 0)
            warm()
            def disable(code, *rest):
                events.append((code.co_name, "disabled"))
                return sys.monitoring.DISABLE
            sys.monitoring.register_callback(tool, kinds.LINE, disable)
            sys.monitoring.set_events(tool, kinds.LINE)
            plain.deep(3); plain.deep(3)
            sys.monitoring.set_events(tool, 0)
            print(events)
        """,
    "trace, the standard library's": """
        import trace
        tracer = trace.Trace(count=True, trace=False)
        tracer.runfunc(lambda: [plain.answer(), plain.deep(4), shapes.Circle(3).area()])
        print(sorted((name.rpartition("/")[2], line, count) for (name, line), count in tracer.results().counts.items()
                     if name.endswith(("plain.py", "circle.py"))))
        """,
    "cProfile": """
        import cProfile, pstats
        profile = cProfile.Profile()
        profile.runcall(lambda: [plain.answer(), plain.deep(4), fractions.Fraction(1, 3) + 1])
        print(sorted((name.rpartition("/")[2], line, function, row[0]) for (name, line, function), row
                     in pstats.Stats(profile).stats.items() if name.endswith(".py")))
        """,
}


@pytest.mark.parametrize("tracer", TRACERS)
def test_whoever_watches_sees_the_same(sample: Sample, tracer: str) -> None:
    body = textwrap.dedent(TRACERS[tracer])
    printed, _ = same(sample, ("import sys\n" if tracer == "settrace" else WARM) + body)
    assert printed.count(",") > 10 or (tracer == "monitoring" and sys.version_info < (3, 12))


USES = {
    "collector": """
        import gc
        gc.collect(); gc.freeze(); gc.collect(); gc.unfreeze(); gc.collect()
        warm()
        gc.set_threshold(1); warm(); gc.set_threshold(700)
        print(gc.is_tracked(plain.answer), gc.garbage, all(gc.get_referents(code) is not None for _, code in codes()))
        gc.get_objects(); gc.get_referrers(plain.answer.__code__.co_consts)
        """,
    "replace and swap": """
        replaced = plain.answer.__code__.replace(co_name="other", co_consts=(None, *plain.answer.__code__.co_consts[1:]))
        print(replaced == plain.answer.__code__, getattr(replaced, "co_qualname", ""), types.FunctionType(replaced, {})("all"))
        def donor(of="x"): return "swapped"
        kept = plain.answer.__code__
        plain.answer.__code__ = donor.__code__
        print(plain.answer()); plain.answer.__code__ = kept
        for number in range(200): donor.__code__ = kept
        print(donor("all"), plain.answer("none"), plain.answer("no"))
        """,
    "weak references": """
        import weakref
        gone = []
        references = [weakref.ref(code, gone.append) for _, code in codes()]
        print(all(reference() is code for reference, (_, code) in zip(references, codes())))
        table = weakref.WeakKeyDictionary({code: name for name, code in codes()})
        print(len(table) > 20)
        del plain.answer, sys.modules["plain"]
        import gc; gc.collect()
        print(len(references) - len(gone) > 0)
        """,
    "strings": """
        texts = [text for _, code in codes() for text in (*code.co_names, *code.co_varnames, code.co_name)]
        print(all(sys.intern(str(text.encode(), "utf-8")) is text for text in texts))
        class Holder: pass
        for text in (text for text in texts if not text.startswith("__")):
            setattr(Holder, text + "x", 1); setattr(Holder, text, 2); assert getattr(Holder, str(text.encode(), "ascii")) == 2
        print(len({text: 1 for text in texts}), all(hash(text) == hash(str(text.encode(), "utf-8")) for text in texts))
        print([text.upper() + text[1:] + text * 2 for text in texts[:20]], texts[0].encode("utf-16"), ascii(texts[3]))
        """,
    "deep recursion": """
        sys.setrecursionlimit(3000)
        print(plain.deep(900))
        try:
            plain.deep(100000)
        except RecursionError as error:
            print(type(error))
        """,
    "tracemalloc": """
        import tracemalloc
        tracemalloc.start(5)
        import wave, html.entities
        warm()
        snapshot = tracemalloc.take_snapshot(); tracemalloc.stop()
        print(len(snapshot.statistics("filename")) > 0, wave.__name__, tracemalloc.get_object_traceback(plain.answer.__code__))
        """,
    "faulthandler": """
        import faulthandler
        sys.stderr = sys.stdout
        def shout(): faulthandler.dump_traceback(open("/dev/null", "w")); return 1
        plain.deep.__globals__["deep"] = lambda level: shout()
        print(plain.deep(1))
        """,
    "frames and generators kept": """
        kept = [plain.numbers(5) for _ in range(50)]
        for generator in kept: next(generator)
        frames = [generator.gi_frame for generator in kept]
        print({frame.f_code is plain.numbers.__code__ for frame in frames}, frames[0].f_locals, frames[0].f_lineno)
        del kept
        frames.clear()
        """,
    "marshal and pickle of what is served": """
        import marshal, pickle, copy
        for name, code in codes():
            assert marshal.loads(marshal.dumps(code)) == code, name
            assert copy.copy(code) is code and copy.deepcopy(code.co_consts) == code.co_consts
            pickle.dumps([c for c in code.co_consts if isinstance(c, (str, int, tuple, frozenset)) and "code" not in repr(c)])
        print("done")
        """,
    "references do not run away": """
        def counts(): return [sys.getrefcount(code) for _, code in codes()]
        warm(); before = counts()
        for _ in range(5): warm()
        print([a - b for a, b in zip(before, counts())])
        """,
    "exit with everything alive": """
        import atexit, threading
        class Late:
            def __del__(self): plain.answer(); shapes.Circle(1).area() if shapes else None
        keep = Late(); sys.keep = keep
        atexit.register(lambda: print("atexit", plain.answer()))
        thread = threading.Thread(target=warm); thread.start()
        print("main ends")
        """,
}


@pytest.mark.parametrize("use", USES)
def test_uses_of_objects(sample: Sample, use: str) -> None:
    printed, names = same(sample, WARM + textwrap.dedent(USES[use]))
    assert printed
    assert {"plain", "shapes.circle"} <= set(names)


def compiler() -> str | None:
    return shutil.which("gcc") or shutil.which("cc")


@pytest.fixture(scope="module")
def cycles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedding program, built against this interpreter."""
    include = Path(sysconfig.get_path("include"))
    if compiler() is None or not (include / "Python.h").exists():
        pytest.skip("a C compiler and Python's headers are needed to build the embedding program")
    program = tmp_path_factory.mktemp("embedding") / "cycles"
    source = Path(__file__).parents[1] / "embedding" / "cycles.c"
    variables = sysconfig.get_config_vars()
    library = variables["LIBDIR"]
    command = [compiler() or "", "-O1", "-o", str(program), str(source), f"-I{include}", f"-L{library}"]
    command += [f"-Wl,-rpath,{library}", f"-lpython{variables['LDVERSION']}"]
    command += f"{variables['LIBS']} {variables['SYSLIBS']}".split()
    linked = subprocess.run(command, capture_output=True, text=True, check=False)
    if linked.returncode != 0 and "cannot find -lpython" in linked.stderr:
        pytest.skip("this interpreter comes without a library to embed")
    assert linked.returncode == 0, linked.stderr
    return program


def live(cycles: Path, count: int, program: str, **env: str) -> list[int]:
    """Run a program in so many lives of an interpreter; the hits of each."""
    command = [cycles, str(count), sys.executable, program]
    done = subprocess.run(
        command, env=clean_environment(**env), capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return [int(line.split()[2]) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("malloc", ["default", "debug", "malloc"])
def test_three_lives_of_an_interpreter(sample: Sample, cycles: Path, tmp_path: Path, malloc: str) -> None:
    """Initialised and finalised three times, the archive attached and used each time."""
    env = {"PYTHONPATH": sample.path, "PYTHONMALLOC": malloc}
    # The library may be another build than the executable (Debian's is), so it makes an archive of its own.
    archive = tmp_path / "embedded.pycds"
    live(cycles, 1, f"import pycds; hits = pycds.dump({str(sample.trace_list)!r}, {str(archive)!r}).modules", **env)
    # Without fractions: its decimal warns of a second initialisation, archive or not.
    lines = [line for line in WARM.replace("fractions, ", "").splitlines() if "fractions" not in line]
    program = "\n".join(lines) + "\nwarm()\nfrom pycds._startup import statistics\nhits = statistics()['hits']\n"
    lives = live(cycles, 3, program, PYCDSMODE="SHARE", PYCDSARCHIVE=str(archive), **env)
    assert len(lives) == 3
    assert min(lives) > 10
    assert len(set(lives)) == 1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_under_valgrind(sample: Sample) -> None:
    program = WARM.replace("range(1000)", "range(5)").replace("range(60)", "range(3)") + "warm(); print('warm')"
    env = clean_environment(
        PYCDSMODE="SHARE", PYCDSARCHIVE=str(sample.archive), PYTHONPATH=sample.path, PYTHONMALLOC="malloc"
    )
    command = ["valgrind", "--quiet", "--error-exitcode=99", sys.executable, "-c", program]
    plain = {name: value for name, value in env.items() if not name.startswith("PYCDS")}
    if subprocess.run(command, env=plain, capture_output=True, check=False, timeout=500).returncode == 99:
        pytest.skip("valgrind has complaints about this interpreter itself")
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=500)
    assert (done.returncode, done.stdout) == (0, "warm\n"), done.stderr[-4000:]

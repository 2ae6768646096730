"""Facilities that only newer versions have: .start files, lazy imports, monitoring, the JIT, perf's trampolines."""

from __future__ import annotations

import marshal
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Tuple

import pytest

from conftest import MakeArchive, Python, module_names, write_files
from sample_program import Sample, make_sample

DATA = Path(__file__).parents[2] / "data"

since_3_15 = pytest.mark.skipif(sys.version_info < (3, 15), reason=".start files and lazy imports come with 3.15")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("facilities") / "installed")


# --- .start files (PEP 829) -----------------------------------------------------------------------------

SITE = """\
import os, site, sys
before = set(sys.modules)
sys.path.append({packages!r})
site.addsitedir({place!r})
print([type(finder).__name__ for finder in sys.meta_path].count("Finder"))
print("pycds._core" in sys.modules)
import plain
"""


@since_3_15
@pytest.mark.parametrize("files", ["pycds.start", "pycds.pth pycds.start"])
def test_the_hook_by_a_start_file(python: Python, program: Path, make_archive: MakeArchive, files: str) -> None:
    """It serves, once, whether the line of pycds.pth is beside it or not; without the switch it does nothing."""
    import pycds

    archive = make_archive(program).archive
    place = python.directory / "site"
    place.mkdir()
    for name in files.split():
        shutil.copy(str(DATA / name), str(place))
    packages = str(Path(pycds.__file__).parents[1])
    code = SITE.format(packages=packages, place=str(place))
    served = python.served(archive, "-S", "-c", code, env={"PYCDSVERBOSE": "2"})
    assert served.stdout == "1\nTrue\n"
    assert "plain" in served.names
    assert "entered again" not in served.stderr
    done = python("-S", "-c", code)
    assert (done.stdout, done.stderr) == ("0\nFalse\n", "")


@since_3_15
def test_a_start_file_takes_the_place_of_the_line_in_the_pth_file(python: Python) -> None:
    """What makes it possible that both are installed."""
    place = write_files(
        python.directory / "site",
        {
            "one.pth": "import sys; print('line')\n",
            "one.start": "once:upon\n",
            "once.py": "def upon(): print('called')\n",
        },
    )
    assert python("-S", "-c", "import site; site.addsitedir('site')").stdout == "called\n", place


# --- what marshal writes --------------------------------------------------------------------------------

INNER = (2**40, "shared \xe9")
MARSHALLED = """
None, True, False, ..., StopIteration, 1, -1, 2**40, -2**70, 1.5, float("inf"), 1j, "a", "\xe9" * 10, "x" * 300, b"b"
(), INNER, tuple(range(300)), [1, INNER], {1: INNER, INNER: [1]}, {1, INNER}, frozenset({1, 2, INNER})
(INNER, INNER), frozenset({INNER, (INNER, 1)}), [INNER, INNER, "shared \xe9"]
"""
if sys.version_info >= (3, 14):
    MARSHALLED += "slice(1, 2, 3), slice('a', None, INNER), [INNER, slice(INNER, INNER, 1), INNER]\n"
if sys.version_info >= (3, 15):
    MARSHALLED += "frozendict(), frozendict({1: frozenset({5, INNER}), INNER: (1,)})\n"
    MARSHALLED += "frozenset({frozendict({1: INNER})})\n"
    MARSHALLED += "[frozendict({'k\xe9': INNER, 3: (INNER,)})] * 2 + [INNER, 'k\xe9']\n"


@pytest.mark.parametrize("values", MARSHALLED.strip().splitlines())
def test_every_type_that_marshal_writes_is_read(values: str) -> None:
    from pycds.marshal_stream import _Stream

    for value in eval(f"[{values}]"):
        for version in range(marshal.version + 1):
            try:
                data = marshal.dumps(value, version)
            except ValueError:
                assert version < 5 or (version < 6 and "frozendict" in repr(value)), value
                continue
            stream = _Stream(data)
            assert stream.object() == value
            assert stream.position == len(data)


# --- lazy imports (PEP 810) -----------------------------------------------------------------------------

LAZY_FILES = {
    "app.py": """\
        import sys
        LEAF = "package.inner.leaf"
        def show(when):
            print(when, [name for name in ("plain", "package", "package.inner", LEAF, "never") if name in sys.modules])
            finders = getattr(sys.modules.get("pycds._startup"), "finders", ())
            if finders:
                served = [name for one in finders for name in one.statistics()["served"]]
                assert "never" not in served and (LEAF in sys.modules) == (LEAF in served), served
                assert ("plain" in sys.modules) == ("plain" in served), served
        lazy import plain
        lazy import never
        lazy from package.inner import leaf
        show("bound")
        print(plain.answer())
        show("first")
        def names(): return leaf.names("b")
        show("defined")
        print(names())
        show("second")
        print(sorted(name for name in globals() if name[0] != "_"), sorted(getattr(sys, "lazy_modules", ())))
    """,
    "plain.py": "def answer():\n    return 42\n",
    "package/__init__.py": "NAME = __name__\n",
    "package/inner/__init__.py": "",
    "package/inner/leaf.py": "def names(key):\n    return ('a', 'b', 'c').index(key)\n",
    "never.py": "raise SystemExit('never used, and yet imported')\n",
    "failing.py": "import plain\nbefore = 1\nraise ZeroDivisionError('at the first use')\n",
    "fails.py": """\
        import sys, traceback
        lazy import failing
        lazy import nowhere
        lazy from plain import absent
        def use_failing(): return failing.before
        def use_nowhere(): return nowhere.x
        def use_absent(): return absent
        for use in (use_failing, use_nowhere, use_absent, use_failing):
            try:
                use()
            except Exception:
                print(traceback.format_exc())
            print("failing" in sys.modules, "plain" in sys.modules)
        use_failing()
    """,
    "ordinary.py": """\
        import sys
        import plain
        import package.inner.leaf
        print("plain" in sys.modules, "package.inner.leaf" in sys.modules)
        print(plain.answer(), "plain" in sys.modules)
        print(package.inner.leaf.names("c"), "package.inner.leaf" in sys.modules)
    """,
    "switched.py": """\
        import sys
        sys.set_lazy_imports("all")
        import plain, package
        print("plain" in sys.modules, plain.answer(), "plain" in sys.modules)
        sys.set_lazy_imports_filter(lambda importer, name, names: name != "package.inner")
        import package.inner, never
        print("package.inner" in sys.modules, "package" in sys.modules, package.NAME)
    """,
}


def lazy_program(python: Python) -> Path:
    return write_files(python.directory, LAZY_FILES)


@since_3_15
@pytest.mark.parametrize("arguments", ["app.py", "ordinary.py", "-X lazy_imports=all ordinary.py", "switched.py"])
def test_a_lazy_import_is_served_at_its_first_use(python: Python, make_archive: MakeArchive, arguments: str) -> None:
    lazy_program(python)
    words = arguments.split()
    made = make_archive(*words)
    plain = python(*words)
    served = python.served(made.archive, *words)
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    assert "plain" in served.names
    assert served.statistics["misses"] == {}
    assert "never" not in served.names + module_names(made.trace_list)


@since_3_15
def test_lazy_imports_are_traced_when_they_are_used(python: Python, make_archive: MakeArchive) -> None:
    lazy_program(python)
    names = module_names(make_archive("app.py").trace_list)
    assert [name for name in names if name in ("plain", "package", "package.inner", "package.inner.leaf")] == [
        "plain", "package", "package.inner", "package.inner.leaf",
    ]  # fmt: skip


@since_3_15
def test_lazy_imports_that_fail_say_the_same(python: Python, make_archive: MakeArchive) -> None:
    lazy_program(python)
    names = python.directory / "names"
    names.write_text("failing\nplain\n")
    archive = python.directory / "some.pycds"
    python.pycds("dump", names, archive, env={"PYTHONPATH": str(python.directory)})
    plain = python("fails.py", code=1)
    served = python.served(archive, "fails.py", code=1)
    assert "ZeroDivisionError" in plain.stderr and "nowhere" in plain.stdout
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    assert {"failing", "plain"} <= set(served.names)


# --- sys.monitoring -------------------------------------------------------------------------------------

MONITOR = """
import importlib.util, sys
events, tool, kinds = [], 3, sys.monitoring.events
sys.monitoring.use_tool_id(tool, "test")
def note(kind):
    def record(code, *rest):
        if code.co_filename.endswith(("plain.py", "circle.py", "leaf.py", "lazy.py")):
            events.append((kind, code.co_qualname, *[value for value in rest if isinstance(value, int)]))
    return record
KINDS = [name for name in vars(kinds) if name[0] != "_" and name not in ("NO_EVENTS",)]
LOCAL = [name for name in KINDS if name in ("PY_START", "PY_RETURN", "PY_YIELD", "PY_RESUME", "LINE", "INSTRUCTION",
                                            "JUMP", "CALL", "BRANCH", "BRANCH_LEFT", "BRANCH_RIGHT")]
for name in KINDS:
    sys.monitoring.register_callback(tool, getattr(kinds, name), note(name))
def mask(names):
    total = 0
    for name in names:
        if name not in ("C_RETURN", "C_RAISE", "BRANCH"):
            total |= getattr(kinds, name)
    return total
def use():
    import plain, shapes
    plain.answer("some"); plain.deep(2); list(plain.numbers(3)); shapes.Circle(2).area()
    try:
        shapes.Circle(2).fail()
    except ValueError:
        pass
"""

WATCHED = {
    "globally before the first import": """
        sys.monitoring.set_events(tool, mask(KINDS))
        use()
        sys.monitoring.set_events(tool, 0)
        use()
        """,
    "globally after the first run": """
        use()
        sys.monitoring.set_events(tool, mask(KINDS))
        use()
        sys.monitoring.set_events(tool, 0)
        for number in range(100): use()
        sys.monitoring.set_events(tool, mask(KINDS)); sys.monitoring.restart_events()
        use()
        """,
    "locally before the first run": """
        import types
        spec = importlib.util.find_spec("plain")
        code = spec.loader.get_code("plain")
        for one in [code, *[c for c in code.co_consts if isinstance(c, types.CodeType)]]:
            sys.monitoring.set_local_events(tool, one, mask(LOCAL))
        namespace = {"__name__": "plain"}
        exec(code, namespace)
        namespace["answer"](); namespace["deep"](3); list(namespace["numbers"](2))
        """,
    "locally after the first run": """
        import plain, shapes
        for number in range(100): use()
        for function in (plain.answer, plain.numbers, shapes.Circle.area):
            sys.monitoring.set_local_events(tool, function.__code__, mask(LOCAL))
        use()
        for function in (plain.answer, plain.numbers, shapes.Circle.area):
            sys.monitoring.set_local_events(tool, function.__code__, 0)
        use()
        """,
}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring comes with 3.12")
@pytest.mark.parametrize("what", WATCHED)
def test_monitoring_sees_the_same_events(sample: Sample, what: str) -> None:
    program = MONITOR + textwrap.dedent(WATCHED[what]) + "\nprint(len(events), events)\n"
    printed = same(sample, program)
    assert int(printed.split()[0]) > 20


def same(sample: Sample, program: str, *flags: str, **env: str) -> str:
    """Run plain and served; what both printed."""
    plain = sample.plain(*flags, "-c", program, env=env)
    served = sample.served(*flags, "-c", program, env=env)
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    assert "plain" in served.names
    return plain.stdout


# --- the JIT --------------------------------------------------------------------------------------------

HOT = """
import dis, io, sys
import plain, shapes, fractions, colorsys
def hot(rounds):
    total, circle = 0.0, shapes.Circle(1.5)
    for number in range(rounds):
        total += plain.answer("some") + plain.deep(number % 7) + circle.area() + sum(plain.numbers(number % 5))
        total += colorsys.rgb_to_hsv(number % 10 / 10, 0.5, 0.2)[0]
    return total
print(hot(20000), fractions.Fraction(1, 3) + fractions.Fraction(2, 7))
print(sys._jit.is_enabled() if hasattr(sys, "_jit") else None)
for module in (plain, shapes.circle):
    for value in vars(module).values():
        if getattr(value, "__module__", "") == module.__name__ and hasattr(value, "__code__"):
            print(value.__name__, value.__code__.co_code, list(value.__code__.co_positions()))
import gc; gc.collect()
print(hot(300))
"""


def has_jit() -> bool:
    jit = getattr(sys, "_jit", None)
    return jit is not None and bool(jit.is_available())


@pytest.mark.skipif(not has_jit(), reason="this interpreter was built without a JIT")
@pytest.mark.parametrize("switch", ["0", "1"])
def test_with_and_without_the_jit(sample: Sample, switch: str) -> None:
    """One archive serves both: what the JIT makes of code is not in it."""
    printed = same(sample, HOT, PYTHON_JIT=switch)
    assert printed.splitlines()[1] == str(switch == "1")


@pytest.mark.skipif(not has_jit(), reason="this interpreter was built without a JIT")
def test_an_archive_dumped_under_the_jit(
    python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path
) -> None:
    made = make_archive(program)
    archive, plain = tmp_path / "jit.pycds", tmp_path / "plain.pycds"

    def are_equal() -> bool:
        python.pycds("dump", made.trace_list, plain)
        python.pycds("dump", made.trace_list, archive, env={"PYTHON_JIT": "1"})
        return archive.read_bytes() == plain.read_bytes()

    # The times of directories are in an archive: another test may make the first .pyc of a module in between.
    assert any(are_equal() for _ in range(5))
    for switch in "01":
        assert python.served(archive, program, env={"PYTHON_JIT": switch}).statistics["misses"] == {}


# --- trampolines for perf -------------------------------------------------------------------------------

PERF = """
import os, sys
ACTIVATE
import plain, shapes
for number in range(50):
    plain.answer(); plain.deep(3); list(plain.numbers(2)); shapes.Circle(1).area()
assert sys.is_stack_trampoline_active()
DEACTIVATE
plain.answer("one"); shapes.Circle(2).area()
path = f"/tmp/perf-{os.getpid()}.map"
with open(path) as file:
    names = {line.split(" ", 2)[2].strip() for line in file}
os.unlink(path)
print(sorted(name for name in names if name.endswith(("plain.py", "circle.py"))))
"""


def trampolines_work() -> bool:
    try:
        sys.activate_stack_trampoline("perf")  # type: ignore[attr-defined]
        sys.deactivate_stack_trampoline()  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False
    return True


WAYS: Tuple[Tuple[str, ...], ...] = (("-X", "perf"), ())


@pytest.mark.skipif(not trampolines_work(), reason="this interpreter has no trampolines for perf")
@pytest.mark.parametrize("flags", WAYS, ids=["-X perf", "activated"])
def test_perf_is_told_of_the_same_functions(sample: Sample, flags: Tuple[str, ...]) -> None:
    own = "" if flags else "sys.activate_stack_trampoline('perf')"
    program = PERF.replace("DEACTIVATE", "sys.deactivate_stack_trampoline()" if own else "").replace("ACTIVATE", own)
    printed = same(sample, program, *flags)
    assert "py::answer:" in printed and "py::Circle.area:" in printed

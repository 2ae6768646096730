"""Tools look the same: what comes with Python and looks at programs shows a served one as it shows a plain one.

Each case runs a small program under a tool in fresh processes, plain and served, and compares all that was printed and
written, but for addresses and times.  test_tools_installed.py has the tools that others have made.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pytest

from tool_program import MODULES, Tools, cleaned, make_tools

# What finds and loads modules is Python's own importlib in a plain run, and PyCDS in a served one: the import system's
# frames and calls are left out, in both.
IMPORT_SYSTEM = re.compile(r"<frozen (importlib|zipimport)|\b_bootstrap(_external)?\b|pycds")


pytestmark = pytest.mark.slow


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return make_tools(tmp_path)


def without_import_system(text: str) -> str:
    return "\n".join(line for line in cleaned(text).splitlines() if line and not IMPORT_SYSTEM.search(line))


PDB = {
    "breakpoints and stacks": """
        b shop/cart.py:{put}
        b shop/prices.py:{known}, name == "salt"
        tbreak shop/cart.py:{total}
        b
        c
        w
        a
        l
        ll
        u
        p names
        d
        n
        n
        s
        c
        w
        p sorted(locals())
        r
        c
        cl 1 2
        b shop/cart.py:{total}
        c
        w
        whatis self
        up
        source shop.prices.match
        d
        until
        display sum_
        n
        n
        c
        q
        """,
    "stepping through imports": """
        s
        s
        s
        b shop/prices.py:4
        c
        w
        ll
        n
        n
        n
        c
        q
        """,
    "jumps and calls": """
        b shop/cart.py:{check}
        c
        j {end}
        pp name
        n
        n
        !import shop.prices; shop.prices.PRICES["tea"] = 100
        debug shop.prices.price("bread")
        s
        s
        s
        w
        q
        commands 1
        silent
        p name
        end
        c
        c
        q
        """,
}


@pytest.mark.parametrize("script", PDB)
def test_pdb(tools: Tools, script: str) -> None:
    lines = {
        "check": ("shop/cart.py", "if len(self.things)"),
        "put": ("shop/cart.py", "+= price"),
        "known": ("shop/prices.py", "if name not in"),
        "total": ("shop/cart.py", "sum_ = 0"),
        "end": ("shop/cart.py", "return self"),
    }
    numbers = {name: tools.line(*place) for name, place in lines.items()}
    commands = textwrap.dedent(PDB[script]).lstrip().format(**numbers)
    seen = tools.same("-m", "pdb", "app.py", stdin=commands, code=None)
    assert re.search(r"/shop/\w+\.py\(\d+\)", seen.stdout) and "-> " in seen.stdout
    assert "***" not in seen.stdout


def test_pdb_after_death(tools: Tools) -> None:
    code = "import shop.cart, pdb, sys\ntry: shop.cart.nested(2)\nexcept KeyError: pdb.post_mortem()\n"
    seen = tools.same("-c", code, stdin="w\nu\nu\nl\np deep, basket.owner\nd\nll\nq\n", served=["shop.cart", "pdb"])
    assert "inner(basket" in seen.stdout


PROFILE = """\
import pstats, sys
stats = pstats.Stats("profile.out").stats
def keep(function):
    if function[0] in ("~", "") and "find_spec" in function[2]:  # PyCDS's finder asks other finders
        return False
    return not any(word in f"{function}" for word in ("importlib", "zipimport", "pycds"))
rows = []
for function, (primitive, calls, own, cumulative, callers) in stats.items():
    counts = {caller: count if isinstance(count, int) else count[:2] for caller, count in callers.items()}
    asked = {caller: count for caller, count in counts.items() if keep(caller)}
    if not isinstance(function[2], str):  # the program itself
        function = (*function[:2], function[2].co_name)
    # What only the import system has called, and that it has called something at all, is left out.
    if keep(function) and (asked or not callers):
        builtin = function[0] in ("~", "")
        rows.append((function, None if builtin else (primitive, calls), sorted(asked.items())))
for row in sorted(rows, key=repr):
    print(row)
"""


@pytest.mark.parametrize("profiler", ["cProfile", "profile"])
def test_profilers(tools: Tools, profiler: str) -> None:
    run = (
        "import runpy, sys\nsys.argv[:] = ['-m', '-o', 'profile.out', 'app.py']\n"
        f"runpy.run_module({profiler!r}, run_name='__main__', alter_sys=True)"
    )
    # The profile is read in a process of its own, with the same Python, plain.
    (tools.root / "show.py").write_text(PROFILE)
    (tools.root / "under.py").write_text(
        f"import subprocess, sys\n{run}\n"
        "import os\nenv = {k: v for k, v in os.environ.items() if not k.startswith('PYCDS')}\n"
        "print(subprocess.run([sys.executable, 'show.py'], stdout=-1, text=True, check=True, env=env).stdout)\n"
    )
    seen = tools.same("under.py", served=[*MODULES, profiler])
    assert re.search(r"prices.py', \d+, 'price'\), \(3, 3\)", seen.stdout)


@pytest.mark.parametrize("options", ["--count --missing --summary", "--listfuncs", "--trackcalls", "--trace"])
def test_trace(tools: Tools, options: str) -> None:
    def clean(text: str) -> str:
        return without_import_system(text)

    ignored = f"--ignore-dir={sys.prefix}:{sys.base_prefix}"
    written = ["counts"] if "--count" in options else []
    arguments = ["-m", "trace", *options.split(), ignored, "--ignore-module=_bootstrap,_bootstrap_external"]
    if written:
        arguments.append("--coverdir=counts")
    seen = tools.same(*arguments, "app.py", served=[*MODULES, "trace"], out=written, clean=clean)
    text = "".join(seen.files.values()) if written else seen.stdout
    assert "shop" in text and "price" in text
    if written:
        assert {"counts/shop.cart.cover", "counts/shop.prices.cover"} <= set(seen.files)


def test_verbose_import(tools: Tools) -> None:
    """-v: lines differ as docs/differences.md says; modules are destroyed in another order at exit."""
    lines: dict[int, list[str]] = {}

    def clean(text: str) -> str:
        lines[len(lines)] = [
            line for line in cleaned(text).splitlines() if not line.startswith(("# cleanup", "# destroy"))
        ]
        return ""

    tools.same("-v", "app.py", clean=clean, served=[])
    # Of each run stdout, then stderr.
    plain, served = lines[1], lines[3]
    only_plain = [line for line in plain if line not in served and "pycds" not in line]
    only_served = [line for line in served if line not in plain and "pycds" not in line]
    assert [line for line in only_plain if not re.match(r"# (.*\.pyc matches |code object from )", line)] == []
    # Modules that the start-up hook itself needs.
    assert only_served == []
    assert any("shop/__pycache__" in line for line in only_plain)


MONITOR = """\
import sys
import app, shop.cart, shop.prices, district.street
events = []
{start}
try:
    basket = app.main(["tea", "unknown", "salt"])
    shop.prices.old(); shop.prices.match({{"name": "a", "b": 1}}); shop.prices.match([1]); district.street.door()
    for number in (5, 0):
        try:
            shop.cart.fails(number)
        except shop.prices.PriceError:
            pass
    try:
        shop.cart.nested(2)
    except KeyError:
        pass
    coroutine = shop.prices.later(3)
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    from importlib import reload
    reload(shop.prices)
finally:
    {stop}
for event in events:
    if not any(part in event[1] for part in ("<frozen ", "pycds", sys.prefix, sys.base_prefix)):
        print(*event)
"""

SETTRACE = """\
def see(frame, event, argument):
    code = frame.f_code
    name = getattr(code, "co_qualname", code.co_name)
    events.append((event, code.co_filename, name, frame.f_lineno, frame.f_lasti, type(argument).__name__))
    frame.f_trace_lines, frame.f_trace_opcodes = {lines}, {opcodes}
    return see
sys.{function}(see)
"""


@pytest.mark.parametrize("what", ["lines", "opcodes", "profile"])
def test_settrace_and_setprofile(tools: Tools, what: str) -> None:
    function = "setprofile" if what == "profile" else "settrace"
    start = SETTRACE.format(lines=what != "opcodes", opcodes=what == "opcodes", function=function)
    code = MONITOR.format(start=start, stop=f"sys.{function}(None)")
    seen = tools.same("-W", "ignore", "-c", code, served=[*MODULES, "district.street"])
    assert seen.stdout.count("\n") > 80 and "shop/cart.py" in seen.stdout


MONITORING = """\
monitoring = sys.monitoring
monitoring.use_tool_id(2, "test")
def seen(name):
    def callback(code, *values):
        events.append((name, code.co_filename, code.co_qualname,
                       [value if isinstance(value, int) else type(value).__name__ for value in values]))
    return callback
wanted = 0
for name in dir(monitoring.events):
    if name.isupper() and name not in ("NO_EVENTS", "BRANCH"[:0], {skip}):
        monitoring.register_callback(2, getattr(monitoring.events, name), seen(name))
        wanted |= getattr(monitoring.events, name)
{arm}
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is there from 3.12 on")
@pytest.mark.parametrize("where", ["everywhere", "in served code objects", "restarted"])
def test_monitoring(tools: Tools, where: str) -> None:
    arm = "monitoring.set_events(2, wanted)"
    skip = ""
    if where == "in served code objects":
        # These cannot be local.
        skip = (
            "'RAISE', 'EXCEPTION_HANDLED', 'PY_UNWIND', 'PY_THROW', 'RERAISE', 'STOP_ITERATION', 'C_RAISE', 'C_RETURN'"
        )
        arm = (
            "for function in (shop.cart.Basket.put, shop.cart.fails, shop.prices.rounded, shop.prices.match):\n"
            "    monitoring.set_local_events(2, function.__code__, wanted)\n"
            "    print(monitoring.get_local_events(2, function.__code__))"
        )
    elif where == "restarted":
        arm = (
            "monitoring.register_callback(2, monitoring.events.LINE,\n"
            "    lambda code, line: events.append(('LINE', code.co_filename, line)) or monitoring.DISABLE)\n"
            "monitoring.set_events(2, monitoring.events.LINE)\n"
            "shop.cart.Basket('x').put('a', 1).total(); shop.cart.Basket('y').put('a', 1).total()\n"
            "monitoring.restart_events()"
        )
    start = MONITORING.format(skip=skip, arm=arm)
    code = MONITOR.format(start=start, stop="monitoring.set_events(2, 0); monitoring.free_tool_id(2)")
    seen = tools.same("-W", "ignore", "-c", code, served=[*MODULES, "district.street"])
    assert seen.stdout.count("\n") > 20 and "shop/cart.py" in seen.stdout


@pytest.mark.parametrize(
    "flags",
    ["", "-W always", "-W error::UserWarning", "-W ignore::UserWarning:app", "-W once::DeprecationWarning:shop.prices"],
)
def test_warnings(tools: Tools, flags: str) -> None:
    code = (
        "import sys, app, shop.prices\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        app.main(['unknown', 'tea'])\n"
        "        shop.prices.old()\n"
        "    except Warning as error:\n"
        "        print('raised', error)\n"
        "for module in (app, shop.prices, shop.cart):\n"
        "    print(getattr(module, '__warningregistry__', None))\n"
    )
    seen = tools.same(*flags.split(), "-c", code)
    assert "no price for unknown" in seen.stdout + seen.stderr or "ignore" in flags


def test_what_importing_costs_is_told_in_the_same_nesting(tools: Tools) -> None:
    def clean(text: str) -> str:
        rows = [line.split("|")[-1] for line in text.splitlines() if line.startswith("import time:")]
        other = [line for line in text.splitlines() if not line.startswith("import time:")]
        return "\n".join(row for row in rows + other if "pycds" not in row)

    seen = tools.same("-X", "importtime", "app.py", clean=clean)
    assert "\n   shop.prices" in seen.stderr or "shop.prices" in seen.stderr


def test_modulefinder(tools: Tools) -> None:
    # It fails on namespace packages (their spec has no loader); setuptools, which a .pth file of it leads to, has one.
    seen = tools.same("-m", "modulefinder", "-x", "setuptools", "app.py", served=["modulefinder"])
    assert re.search(r"^m shop\.cart +.*shop/cart\.py", seen.stdout, re.M)


def test_compileall_while_served(tools: Tools) -> None:
    code = (
        "import app, compileall, os, sys\n"
        "app.main(['tea'])\n"
        "print(compileall.compile_dir('.', force=True, quiet=0, workers=1))\n"
        "import district.street\n"
        "import importlib; print(importlib.reload(sys.modules['shop.prices']).price('tea'), district.street.door())\n"
    )
    seen = tools.same("-c", code, served=[*MODULES, "compileall"])
    assert "Compiling './shop/cart.py'..." in seen.stdout
    seen = tools.same("-m", "compileall", "-f", "shop", served=["compileall"])
    assert "Compiling 'shop/cart.py'..." in seen.stdout


def test_pydoc_doctest_unittest_dis(tools: Tools) -> None:
    seen = tools.same("-m", "pydoc", "shop.cart", served=["shop.cart", "pydoc"])
    assert "Divide by what may be zero." in seen.stdout
    (tools.root / "test_shop.py").write_text(
        "import doctest, unittest\nimport shop.cart\n"
        "def load_tests(loader, tests, pattern):\n    tests.addTests(doctest.DocTestSuite(shop.cart))\n"
        "    return tests\n"
        "class Fails(unittest.TestCase):\n    def test_fails(self):\n        shop.cart.fails(0)\n"
        "    def test_text(self):\n        self.assertEqual(shop.TITLE, 'ship')\n"
    )
    seen = tools.same("-m", "unittest", "-v", "test_shop", served=["shop.cart", "unittest.case"], code=1)
    assert "PriceError: no price" in seen.stderr and "FAILED (failures=1, errors=1)" in seen.stderr
    seen = tools.same("-m", "doctest", "-v", "shop/cart.py", served=["doctest"])
    assert "2 passed" in seen.stdout or "2 tests in" in seen.stdout


def test_unittest_from_a_served_test_module(tools: Tools) -> None:
    (tools.root / "checks.py").write_text(
        "import unittest\nclass C(unittest.TestCase):\n    def test(self): self.fail('on purpose')\n"
    )
    seen = tools.same("-m", "unittest", "checks", served=["checks"], code=1)
    assert "checks.py" in seen.stderr and "on purpose" in seen.stderr

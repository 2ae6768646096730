"""Tools look the same: those of ``requirements/tools-test.txt``, and pytest.

As in test_tools.py each case runs plain and served. Where a tool must see the modules' sources to change them (assertion
rewriting, beartype, typeguard), the archive holds the unchanged code of just these modules: the tool must win.
"""

# ruff: noqa: E501 - the programs are easier to read with a statement a line
from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import write_files
from installed import ROOT, installed
from tool_program import MODULES, PROGRAM, Tools, cleaned, make_tools

PROGRAMS = Path(__file__).parent / "programs"

pytestmark = [pytest.mark.packages, pytest.mark.slow]


@pytest.fixture(scope="session")
def directory() -> Path:
    """Where the tools are installed."""
    given = os.environ.get("PYCDS_TEST_TOOLS")
    return Path(given) if given else installed(ROOT / "requirements" / "tools-test.txt", "tools")


@pytest.fixture
def tools(tmp_path: Path, directory: Path) -> Tools:
    return make_tools(tmp_path, str(directory))


def again(tools: Tools) -> Callable[[], None]:
    """Write the program's files anew, with the times that they had, before a run that changes them."""

    def write() -> None:
        for name in PROGRAM:
            path = tools.root / name
            kept = path.stat()
            write_files(tools.root, {name: PROGRAM[name]})
            os.utime(path, ns=(kept.st_atime_ns, times.setdefault(name, kept.st_mtime_ns)))
        shutil.rmtree(tools.root / "shop" / "__pycache__", ignore_errors=True)

    times: dict[str, int] = {}
    return write


COVERAGE = """\
import subprocess, sys
def coverage(*arguments):
    done = subprocess.run([sys.executable, "-m", "coverage", *arguments], stdout=-1, stderr=-2, text=True)
    print(arguments[0], done.returncode, done.stdout)
coverage("run", *sys.argv[1:], "--source=.", "--omit=under.py", "app.py", "tea", "unknown", "salt")
coverage("report", "-m")
coverage("xml", "-o", "out/coverage.xml")
coverage("json", "--pretty-print", "--show-contexts", "-o", "out/coverage.json")
coverage("lcov", "-o", "out/coverage.lcov")
coverage("annotate", "-d", "out/annotated")
"""


@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"])
@pytest.mark.parametrize("options", ["", "--branch", "--branch --context=test", "--timid"])
def test_coverage(tools: Tools, options: str, core: str) -> None:
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring is there from 3.12 on")
    (tools.root / "under.py").write_text(COVERAGE)

    def clean(text: str) -> str:
        return re.sub(r'timestamp="\d+"|"timestamp": ".*"', "timestamp", cleaned(text))

    env = {"COVERAGE_CORE": core, "COVERAGE_FILE": str(tools.root / "out" / "data")}
    seen = tools.same(
        "under.py", *options.split(), env=env, out=["out"], clean=clean, served=[*MODULES, "coverage.control"],
        before=lambda: (tools.root / "out").mkdir(), but=["out/data"],
    )  # fmt: skip
    assert re.search(r"shop/cart\.py +\d+ +\d+ .*\d+%", seen.stdout)
    assert 'filename="shop/prices.py"' in seen.files["out/coverage.xml"]
    assert ('branch="true"' in seen.files["out/coverage.xml"]) == ("--branch" in options)


@pytest.mark.parametrize("how", ["launch", "attach"])
def test_debug_adapter(tools: Tools, how: str) -> None:
    shutil.copy(PROGRAMS / "dap_client.py", tools.root)
    lines = [str(tools.line("shop/cart.py", "[name] = price")), str(tools.line("shop/cart.py", "return next"))]
    # What debugpy launches has other flags than the adapter and the client.
    flags = ["-X", "frozen_modules=off"] if how == "launch" else []
    seen = tools.same(
        "dap_client.py", how, "shop/cart.py", *lines, clean=_without_debugger, dump_flags=flags,
        env={"PYDEVD_DISABLE_FILE_VALIDATION": "1"}, served=[*MODULES, "threading" if flags else "debugpy"],
    )  # fmt: skip
    assert "breakpoints [(True, " in seen.stdout
    assert re.search(r"stopped breakpoint.*\nframe put \d+ 1 .*shop/cart.py", seen.stdout)
    assert "local name str 'tea'" in seen.stdout and "evaluated ('shop.cart'," in seen.stdout


def _without_debugger(text: str) -> str:
    """Without frames of debugpy itself and of runpy, below which the program runs."""
    return "\n".join(line for line in cleaned(text).splitlines() if "debugpy" not in line and "runpy" not in line)


def test_py_spy(tools: Tools, directory: Path) -> None:
    shutil.copy(PROGRAMS / "spied.py", tools.root)
    seen = tools.same("spied.py", directory / "bin" / "py-spy", served=["shop.cart"], out=["spied.raw"], clean=_spied)
    assert "total (shop/cart.py:" in seen.stdout and "total (shop/cart.py:" in seen.files["spied.raw"]
    assert "sum_: 0" in seen.stdout


def _spied(text: str) -> str:
    # How many samples were taken, of all stacks and of each.
    return re.sub(r"(?<=\)) \d+$|Samples: \d+", "", cleaned(text), flags=re.M)


PYTEST = {
    "conftest.py": """\
        import pytest
        pytest.register_assert_rewrite("checker")
        pytest_plugins = ["plugin"]

        @pytest.fixture
        def basket():
            import shop.cart
            return shop.cart.Basket("conftest")

        def pytest_runtest_setup(item):
            if item.name == "test_setup":
                names = ["a", "b"]
                assert item.name in names, "in conftest"
    """,
    "plugin.py": """\
        import pytest

        @pytest.fixture
        def price():
            value = {"price": 1}
            assert value == {"price": 2}
    """,
    "checker.py": """\
        def check(basket, expected):
            assert sorted(basket.things) == expected and basket.total() > 3
    """,
    "unchecked.py": "def check(value):\n    assert value == 1, value\n    assert not value\n",
    "test_shop.py": """\
        import checker, unchecked, shop.cart
        def test_rewritten(basket):
            basket.put("tea", 2)
            assert basket.describe() == "bread, salt"
        def test_in_a_registered_module(basket):
            checker.check(basket.put("tea", 1), ["salt"])
        def test_not_in_another():
            unchecked.check(1)
        def test_setup():
            pass
        def test_plugin(price):
            pass
        def test_raises(basket):
            shop.cart.nested(1)
        def test_good(basket):
            assert basket.put("a", 1).total() == 1
    """,
}


@pytest.mark.parametrize(
    "options", ["", "--assert=plain", "--import-mode=importlib", "-vv --showlocals", "--tb=native"]
)
def test_assertion_rewriting(tools: Tools, options: str) -> None:
    write_files(tools.root, PYTEST)
    names = ["conftest", "plugin", "checker", "unchecked", "test_shop"]
    arguments = ["-m", "pytest", "-p", "no:cacheprovider", *options.split(), "test_shop.py"]

    def clean(text: str) -> str:
        return re.sub("={3,}", "===", cleaned(text))

    seen = tools.same(*arguments, code=1, clean=clean, more=names, served=["unchecked", "shop.cart", "_pytest.python"])
    assert "4 failed, 1 passed, 2 errors" in seen.stdout
    rewritten = "assert 'tea' == 'bread, salt'" in seen.stdout
    assert rewritten == (options not in ("--assert=plain",)), seen.stdout


AUTORELOAD = """\
import os, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "autoreload")
shell.run_line_magic("autoreload", MODE)
shell.run_cell("import shop.prices, shop.cart; from shop.prices import price; basket = shop.cart.Basket('me')")
shell.run_cell("print(price('tea'), basket.put('a', 1).total(), shop.prices.__spec__)")
for name, old, new in (("prices", "2.5", "9.75"), ("cart", "sum_ = 0", "sum_ = 100")):
    path = f"shop/{name}.py"
    text = open(path).read().replace(old, new)
    open(path, "w").write(text)
    os.utime(path, (2_000_000_000, 2_000_000_000))
shell.run_cell("1")
shell.run_cell("print(price('tea'), basket.total(), shop.prices.price('tea'))")
shell.run_cell("import inspect; print(inspect.getsource(shop.cart.Basket.total))")
shell.run_cell("shop.cart.nested(1)")
shell.run_line_magic("pinfo2", "shop.prices.price")
"""


@pytest.mark.parametrize("mode", ["2", "3", "all", "complete"])
def test_autoreload(tools: Tools, mode: str) -> None:
    (tools.root / "interactive.py").write_text(AUTORELOAD.replace("MODE", repr(mode)))
    env = {"IPYTHONDIR": str(tools.root / "ipython"), "HOME": str(tools.root)}
    served = ["shop.prices", "shop.cart", "IPython.core.interactiveshell"]
    seen = tools.same("interactive.py", env=env, served=served, before=again(tools))
    assert "2.5 1 ModuleSpec" in seen.stdout and "9.75 101 9.75" in seen.stdout


HOOKS = {
    "beartype": "import beartype.claw\nbeartype.claw.beartype_packages(('shop', 'district'))\n",
    "beartype, all": "import beartype.claw\nbeartype.claw.beartype_all()\n",
    "typeguard": "import typeguard\ntypeguard.install_import_hook('shop')\n",
    "typeguard, later undone": (
        "import typeguard\nwith typeguard.install_import_hook('shop.cart'):\n    import shop.cart\n"
        "import shop.prices, district.street\n"
    ),
}

HOOKED = """\
import sys, traceback
import shop.cart, shop.prices, district.street
print(shop.cart.__loader__.__class__, district.street.__loader__.__class__, shop.cart.__spec__.cached)
for call in (lambda: shop.cart.Basket(5), lambda: shop.cart.fails("x"), lambda: shop.cart.nested(0), lambda: shop.cart.fails(4)):
    try:
        print(call())
    except Exception as error:
        print(type(error), error)
print(len(shop.cart.Basket.put.__code__.co_code), shop.cart.Basket.put.__code__.co_names, shop.cart.fails.__code__.co_filename)
print(sorted(vars(shop.cart)))
"""


@pytest.mark.parametrize("hook", HOOKS)
def test_import_hooks_that_check_types(tools: Tools, hook: str) -> None:
    (tools.root / "hooked.py").write_text(HOOKS[hook] + HOOKED)
    # Archived as they are, of which the hook must see nothing.
    served = [hook.partition(",")[0]] + (["shop.prices", "district.street"] if "undone" in hook else [])
    seen = tools.same("hooked.py", more=[*MODULES, "district.street"], served=served)
    assert "BeartypeCallHintParamViolation" in seen.stdout or "typeguard.TypeCheckError" in seen.stdout


def test_snoop(tools: Tools) -> None:
    (tools.root / "snooped.py").write_text(
        "import snoop, shop.cart, shop.prices\n"
        "snoop.install(color=False)\n"
        "basket = snoop(shop.cart.Basket.put)(shop.cart.Basket('me'), 'tea', 2)\n"
        "snoop(depth=3, watch_explode=['self.things'])(shop.cart.Basket.total)(basket)\n"
        "for call in (lambda: snoop(shop.cart.fails)(0), lambda: snoop(depth=4)(shop.cart.nested)(1)):\n"
        "    try:\n        call()\n    except Exception as error:\n        print(repr(error))\n"
        "from snoop import spy, pp\npp(basket.things, [number + 1 for number in range(3)])\n"
        "print(list(snoop(shop.prices.rounded)([1.5, None])))\n"
    )

    def clean(text: str) -> str:
        return re.sub(r"\d\d:\d\d:\d\d\.\d+", "TIME", cleaned(text))

    seen = tools.same("snooped.py", clean=clean, served=["shop.cart", "snoop", "executing"])
    assert ">>> Call to Basket.put in File" in seen.stderr and "self.things[name] = price" in seen.stderr


def test_mercurial(tools: Tools, directory: Path) -> None:
    """A program whose imports are put off until they are used."""
    (tools.root / "under.py").write_text(
        "import subprocess, sys\n"
        "def hg(*arguments):\n"
        "    done = subprocess.run([sys.executable, sys.argv[1], *arguments], stdout=-1, stderr=-2, text=True)\n"
        "    print(arguments, done.returncode, done.stdout)\n"
        "hg('version'); hg('init', 'out'); open('out/file', 'w').write('line\\n')\n"
        "hg('-R', 'out', 'commit', '-A', '-u', 'me', '-d', '0 0', '-m', 'message', '--traceback', 'out/file')\n"
        "hg('-R', 'out', 'log', '-p', '--debug'); hg('-R', 'out', 'export', 'tip'); hg('-R', 'out', 'verify'); hg('nothing')\n"
        "hg('-R', 'out', 'status', '--config', 'extensions.rebase='); hg('help', 'revsets')\n"
    )
    env = {"HGRCPATH": "", "HGPLAIN": "1", "HOME": str(tools.root)}

    def before() -> None:
        shutil.rmtree(tools.root / "out", ignore_errors=True)

    more = ["mercurial.dispatch", "mercurial.commands", "mercurial.ui", "mercurial.pycompat"]
    seen = tools.same(
        "under.py", directory / "bin" / "hg", env=env, before=before, more=more, served=["hgdemandimport", *more]
    )  # fmt: skip
    assert "+line" in seen.stdout and "unknown command 'nothing'" in seen.stdout


def test_mercurials_lazy_imports(tools: Tools) -> None:
    """hgdemandimport, for modules that are archived."""
    (tools.root / "lazy.py").write_text(
        "import sys, hgdemandimport\n"
        "hgdemandimport.enable()\n"
        "import shop.cart, shop.prices, district.street, fractions, html.parser\n"
        "from shop import prices as other\n"
        "names = ['shop.cart', 'shop.prices', 'district.street', 'fractions']\n"
        "print([type(sys.modules.get(name)).__name__ for name in names])\n"
        "print(shop.prices.price('tea'), fractions.Fraction(1, 2), other.PRICES, html.parser.HTMLParser.__module__)\n"
        "print([object.__getattribute__(sys.modules[name], '__class__').__name__ for name in names[:2]])\n"
        "with hgdemandimport.deactivated():\n    import textwrap\n    print(textwrap.indent('a', ' '))\n"
        "shop.cart.nested(1)\n"
    )
    # It puts every finder into a wrapper of its own.
    more = [*MODULES, "fractions", "district.street"]
    seen = tools.same("lazy.py", code=1, more=more, served=["hgdemandimport", "shop.cart", "shop.prices", "fractions"])
    assert "Lazy" in seen.stdout and "KeyError: 'missing'" in seen.stderr

"""Programs that look at themselves, their stack and their imports see the same when served.

Each case of the table is a program that imports that of tool_program.py; it runs plain and served, in fresh processes,
and both must print the same.  test_sameness.py has the attributes of modules, specs and loaders.
"""

# ruff: noqa: E501 - the programs in the table are easier to compare with a statement a line
from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from tool_program import MODULES, make_tools

pytestmark = pytest.mark.slow

CASES = {
    "inspect: source, frames, stacks": """
        import inspect, sys, shop.cart, shop.prices, district.street
        for thing in (shop.cart, shop.cart.Basket, shop.cart.Basket.put, shop.cart.nested, shop.prices.rounded,
                      shop.cart.Basket.first.fget, shop.prices.later, district.street.door):
            print(inspect.findsource(thing)[1], inspect.getsource(thing)[:80], inspect.getfile(thing),
                  inspect.getsourcefile(thing), inspect.getmodule(thing), inspect.getabsfile(thing),
                  inspect.getdoc(thing), inspect.getcomments(thing))
        print(inspect.getclosurevars(shop.cart.nested), inspect.getfullargspec(shop.cart.Basket.put))
        print(inspect.signature(shop.cart.Basket, **({"eval_str": True} if sys.version_info >= (3, 10) else {})), inspect.classify_class_attrs(shop.cart.Basket)[-4:])
        class Spy(dict):
            def values(self):
                for info in inspect.stack(context=3):
                    print(info.filename, info.lineno, info.function, info.code_context, info.index, getattr(info, "positions", None))
                    print(inspect.getmodule(info.frame), inspect.getframeinfo(info.frame), info.frame.f_lasti)
                return super().values()
        basket = shop.cart.Basket("me")
        basket.things = Spy(tea=1)
        print(basket.total())
        generator = shop.prices.rounded([1])
        print(inspect.getgeneratorstate(generator), next(generator), inspect.getgeneratorlocals(generator))
        coroutine = shop.prices.later(1)
        print(inspect.getcoroutinestate(coroutine), inspect.iscoroutinefunction(shop.prices.later)); coroutine.close()
        """,
    "tracebacks with carets": """
        import sys, traceback, shop.cart, shop.prices
        def show(call):
            try:
                call()
            except Exception as error:
                traceback.print_exc()
                kept = traceback.TracebackException.from_exception(error, capture_locals=True)
                print(*kept.format(chain=True))
                for frame, line in traceback.walk_tb(error.__traceback__):
                    print(getattr(frame.f_code, "co_qualname", frame.f_code.co_name), line, frame.f_lineno, frame.f_lasti)
                for summary in traceback.extract_tb(error.__traceback__):
                    print(summary, summary.line, summary.name, *(getattr(summary, name, "") for name in ("colno", "end_colno", "end_lineno")))
                if sys.version_info >= (3, 11):
                    error.add_note("a note")
                    traceback.print_exception(ExceptionGroup("group", [error, ValueError(1)]))
        show(lambda: shop.cart.nested(2))
        show(lambda: shop.cart.fails(0))
        show(lambda: [shop.cart.Basket("x").put(str(number), 1) for number in range(3)] + shop.cart.Basket.put(None, 1, 2))
        show(lambda: list(shop.prices.rounded([object, [].missing])))
        def full():
            basket = shop.cart.Basket("x")
            for name in "abcdef":
                basket.put(name, 1)
        show(full)
        """,
    "tracebacks of a program whose sources are gone": """
        import linecache, os, shutil, traceback, warnings, shop.cart, shop.prices
        # Some lines are asked for before, some when the files are no longer there.
        print(linecache.getline(shop.cart.__file__, 3), linecache.lazycache(shop.prices.__file__, vars(shop.prices)))
        print(linecache.getlines(shop.prices.__file__, vars(shop.prices))[:3])
        shutil.move("shop", "moved")
        try:
            for call in (lambda: shop.cart.fails(0), lambda: shop.cart.nested(1), shop.prices.price):
                try:
                    call()
                except Exception:
                    traceback.print_exc()
            shop.prices.price("unknown")
            linecache.checkcache()
            print(linecache.getlines(shop.cart.__file__), sorted(os.path.basename(name) for name in linecache.cache)[:0])
        finally:
            shutil.move("moved", "shop")
        """,
    "linecache after an edit": """
        import importlib, linecache, os, traceback, shop.cart, shop.prices
        path = shop.prices.__file__
        before = open(path).read()
        def show():
            try:
                shop.prices.price([])
            except TypeError:
                traceback.print_exc()
        show()
        try:
            with open(path, "w") as file:
                file.write("# one more line\\n" + before)
            show()
            linecache.checkcache()
            show()
            importlib.reload(shop.prices)
            show()
        finally:
            with open(path, "w") as file:
                file.write(before)
        """,
    "logging says who": """
        import logging, warnings, shop.cart, shop.prices
        logging.basicConfig(format="%(pathname)s %(lineno)d %(funcName)s %(module)s %(message)s %(exc_info)s", level=0)
        class Loud(dict):
            def __contains__(self, name):
                logging.info("asked", stacklevel=2, stack_info=True)
                return False
        shop.prices.PRICES = Loud()
        logging.captureWarnings(True)
        shop.prices.price("tea")
        """,
    "sys._getframe, threads, faulthandler": """
        import faulthandler, sys, threading, traceback, shop.cart, shop.prices
        class Stop(dict):
            def values(self):
                faulthandler.dump_traceback(sys.stderr, all_threads=False)
                for frame in (sys._getframe(1), *sys._current_frames().values()):
                    if frame.f_code.co_name == "total":
                        print(frame.f_code, frame.f_lineno, frame.f_locals.keys(), frame.f_back.f_code.co_name)
                traceback.print_stack(limit=-3)
                return super().values()
        basket = shop.cart.Basket("me")
        basket.things = Stop(a=1)
        thread = threading.Thread(target=basket.total)
        thread.start(); thread.join(); basket.total()
        """,
    "dis, also of code that has warmed up": """
        import dis, io, sys, shop.cart, shop.prices, district.street
        functions = [shop.cart.Basket.put, shop.cart.Basket.total, shop.cart.fails, shop.cart.nested, shop.prices.rounded,
                     shop.prices.match, shop.prices.later, district.street.door, shop.cart.Basket.__init__]
        def show(**options):
            for function in functions:
                text = io.StringIO()
                dis.dis(function, **options, file=text)  # on 3.14 constants of an image are immortal: docs/differences.md
                print(text.getvalue().replace("LOAD_CONST_IMMORTAL", "LOAD_CONST_MORTAL  "))
                dis.show_code(function)
                code = function.__code__
                print(dis.code_info(code), list(dis.findlinestarts(code)), dis.findlabels(code.co_code), code.__sizeof__())
                if sys.version_info >= (3, 11):
                    print(list(code.co_positions()), list(code.co_lines()), code.co_exceptiontable)
                    print(code.co_code == bytes(code._co_code_adaptive))
        adaptive, caches = ({"adaptive": True}, {"show_caches": True}) if sys.version_info >= (3, 11) else ({}, {})
        show(**caches)
        show(**adaptive, **caches)
        for number in range(3000):
            basket = shop.cart.Basket("me")
            basket.put("a", number).put("b", 1.5).total()
            shop.cart.fails(3), list(shop.prices.rounded([1, 2.5])), shop.prices.match([1]), shop.prices.match({"name": "x"})
            district.street.door()
        show(**adaptive)
        show(**caches)
        """,
    "functions of served modules in other processes": """
        import concurrent.futures, multiprocessing, pickle, shop.cart, shop.prices
        if __name__ == "__main__":
            for method in ("fork", "spawn", "forkserver"):
                context = multiprocessing.get_context(method)
                with context.Pool(1) as pool:
                    print(method, pool.map(shop.prices.price, ["tea", "salt"]))
                    try:
                        pool.apply(shop.cart.fails, (0,))
                    except shop.prices.PriceError as error:
                        print(repr(error), str(error.__cause__).replace(__file__, ""))
                with concurrent.futures.ProcessPoolExecutor(1, context) as executor:
                    print(executor.submit(shop.cart.Basket("me").put, "tea", 1).result().things)
        """,
    "functions taken apart and put together": """
        import types, shop.cart, shop.prices, marshal, copy
        for function in (shop.cart.fails, shop.cart.Basket.put, shop.prices.match, shop.prices.rounded):
            code = function.__code__
            other = code.replace(co_name="other", co_firstlineno=100, co_filename="elsewhere.py")
            print(other, other.co_name, other.co_firstlineno, other == code, code.replace() == code, hash(code.replace()) == hash(code))
            again = types.FunctionType(other, function.__globals__, "made", function.__defaults__)
            print(again.__name__, getattr(again.__code__, "co_qualname", ""), marshal.loads(marshal.dumps(code)) == code)
            constants = tuple(100 if constant == 10 else constant for constant in code.co_consts)
            function.__code__ = code.replace(co_consts=constants)
        print(shop.cart.fails(4), copy.copy(shop.cart.fails) is shop.cart.fails)
        try:
            shop.cart.fails(0)
        except shop.prices.PriceError as error:
            import traceback; traceback.print_exc()
        """,
    "the packages that pkgutil walks": """
        import importlib, importlib.resources, importlib.util, pkgutil, shop, sys
        def failed(name): print("failed", name)
        for info in pkgutil.walk_packages(["."], onerror=failed):
            if info.name != "program":
                print(info, importlib.import_module(info.name).__spec__)
        print(importlib.resources.read_text("shop", "data.txt"), importlib.resources.is_resource("shop", "cart.py"))
        loader = pkgutil.get_loader("shop") if sys.version_info < (3, 14) else importlib.util.find_spec("shop").loader
        print(sorted(importlib.resources.contents("shop")), loader == shop.__loader__)
        print(pkgutil.get_importer("."), pkgutil.get_data("shop.cart", "data.txt"))
        """,
    "lazy loader put in front": """
        import importlib.util, sys
        class Lazily:
            '''Each module of the shop is executed when its first attribute is looked at.'''
            @staticmethod
            def find_spec(name, path=None, target=None):
                if not name.startswith(("shop", "district", "fractions")) or sys.modules.get("busy") == name:
                    return None
                sys.modules["busy"] = name
                try:
                    spec = importlib.util.find_spec(name)
                finally:
                    sys.modules["busy"] = None
                if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    try:
                        spec.loader = importlib.util.LazyLoader(spec.loader)
                    except TypeError as error:
                        print(name, error)
                return spec
        sys.meta_path.insert(0, Lazily)
        import shop, shop.cart, shop.prices, fractions, district.street
        modules = [shop, shop.cart, shop.prices, fractions, district.street]
        print([object.__getattribute__(module, "__class__").__name__ for module in modules])
        print(shop.prices.price("tea"), fractions.Fraction(1, 2), district.street.door())
        print([object.__getattribute__(module, "__class__").__name__ for module in modules])
        print(shop.cart.fails(4), shop.__spec__, shop.cart.__spec__.loader, vars(shop.cart.__loader__))
        """,
    "imports put off by a proxy, as demandimport does": """
        import builtins, sys, types
        own = builtins.__import__
        class Later(types.ModuleType):
            def __init__(self, name, arguments):
                super().__init__(name)
                vars(self)["_arguments"] = arguments
            def __getattr__(self, name):
                print("now", self.__name__, name)
                module = own(*vars(self)["_arguments"])
                sys.modules[self.__name__] = module
                return getattr(module, name)
        def put_off(name, globals=None, locals=None, fromlist=(), level=0):
            if fromlist or level or "." in name or name in sys.modules or name not in ("shop", "fractions", "textwrap"):
                return own(name, globals, locals, fromlist, level)
            return Later(name, (name, globals, locals, fromlist, level))
        builtins.__import__ = put_off
        import shop, fractions, textwrap
        print("shop" in sys.modules, "fractions" in sys.modules)
        from shop import cart
        import shop.prices
        print(shop.TITLE, fractions.Fraction(3, 6), textwrap.dedent("  x"), cart.fails(2))
        print(shop.__spec__, cart.__spec__, fractions.__file__ if hasattr(fractions, "__file__") else None)
        """,
    "hooks that change sources as they are imported": """
        import ast, importlib.machinery, sys
        class Loader(importlib.machinery.SourceFileLoader):
            def source_to_code(self, data, path, *more, _optimize=-1):
                tree = ast.parse(data)
                for node in ast.walk(tree):
                    if isinstance(node, ast.Constant) and node.value == 10:
                        node.value = 1000
                print("compiled", self.name)
                return compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)
            def get_data(self, path):
                if path.endswith(".pyc"):
                    raise OSError("never from a cache")
                return super().get_data(path)
            def set_data(self, path, data, **options): pass
        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                spec = importlib.machinery.PathFinder.find_spec(name, path, target)
                if spec is not None and name.startswith("shop"):
                    spec.loader = Loader(name, spec.origin)
                return spec
        sys.meta_path.insert(0, Finder)
        import shop.cart, district.street
        print(shop.cart.fails(4), shop.cart.__loader__.__class__, district.street.__loader__.__class__)
        """,
}

ELSEWHERE = {
    "imports put off by a proxy, as demandimport does": ["shop", "shop.cart", "fractions"],
    "hooks that change sources as they are imported": ["ast"],
    "functions of served modules in other processes": [*MODULES, "multiprocessing.pool"],
    "lazy loader put in front": [*MODULES, "fractions", "district.street"],
}
"""What must come from the archive, where that is not just the program."""


@pytest.mark.parametrize("case", CASES)
def test_a_program_that_looks_at_itself(tmp_path: Path, case: str) -> None:
    tools = make_tools(tmp_path)
    (tools.root / "program.py").write_text(textwrap.dedent(CASES[case]), encoding="utf-8")
    seen = tools.same("program.py", served=ELSEWHERE.get(case, MODULES[:1]))
    assert seen.stdout or seen.stderr


def test_a_module_that_is_run_sees_its_stack(tmp_path: Path) -> None:
    """``-m``: the frames of runpy, and those of the module."""
    tools = make_tools(tmp_path)
    (tools.root / "shop" / "__main__.py").write_text(
        "import inspect, sys, traceback\nfrom shop import cart\n"
        "for info in inspect.stack():\n    print(info.filename, info.lineno, info.function, info.code_context)\n"
        "print(sys.modules['__main__'].__spec__, sys.argv[1:])\n"
        "cart.nested(int(sys.argv[1]))\n"
    )
    seen = tools.same("-m", "shop", "1", code=1, served=["shop", "shop.cart", "inspect"])
    assert "KeyError: 'missing'" in seen.stderr
    assert ("^^^" in seen.stderr) == (sys.version_info >= (3, 11))

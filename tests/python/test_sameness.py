"""Sameness: a program cannot tell a served module from one that was imported as ever.

Each case is a small program that prints what it sees; it runs twice in fresh processes, plain and served, and both must
print the same.  It names the modules that must have come from the archive, or nothing would be proven.
"""

# ruff: noqa: E501 - the programs in the table are easier to compare with a statement a line
from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from sample_program import ZIPPED, Sample, make_sample

MODULES = (
    "plain shapes shapes.circle shapes.sub shapes.sub.leaf circular_a circular_b reimports_itself replaces_itself"
    " spaces.inner spaces.deep.end hidden zipped zipped_package zipped_package.inside fractions html.parser"
)


SERVED = {name for name in MODULES.split() if not name.startswith("zipped") or name in ZIPPED}


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("sample") / "installed")


SHOW = """\
import importlib.machinery, importlib.util, os, sys
def clean(value):
    import re
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
def show(*values):
    print(*map(clean, values))
"""

IMPORT_ALL = f"MODULES = [importlib.import_module(name) for name in {MODULES!r}.split()]\n"

FILES_OF_PACKAGES = """
        import importlib.resources as resources, shapes, shapes.sub, zipped_package
        for package in ("shapes", "shapes.sub", "zipped_package"):
            root = resources.files(package)
            show(type(root), sorted(item.name for item in root.iterdir() if item.name != "__pycache__"))
        show(resources.files(shapes).joinpath("data.txt").read_text(), resources.files("shapes.sub").joinpath("data.bin").read_bytes())
        show((resources.files(zipped_package) / "data.txt").read_text())
        show(sorted(item.name for item in resources.files("spaces").iterdir() if item.name != "__pycache__"))
        with resources.as_file(resources.files("shapes") / "data.txt") as path:
            show(path)
        show(shapes.__loader__.get_resource_reader("shapes").resource_path("data.txt"))
        """

CASES = {
    "spec": """
        for module in MODULES:
            spec = getattr(module, "__spec__", None)
            show(module.__name__, spec)
            if spec is None:
                continue
            show(sorted(vars(spec).items(), key=repr), spec.parent, spec.has_location, spec.cached, spec.origin)
            again = importlib.machinery.ModuleSpec(spec.name, spec.loader, origin=spec.origin,
                                                   is_package=spec.submodule_search_locations is not None)
            show(again == spec, type(spec) is importlib.machinery.ModuleSpec)
            found = importlib.util.find_spec(module.__name__)
            show(found is spec, importlib.machinery.PathFinder.find_spec(module.__name__.rpartition(".")[2],
                 getattr(sys.modules.get(spec.parent if spec.submodule_search_locations is None else ""), "__path__", None)))
        """,
    "loader": """
        for module in MODULES:
            loader = getattr(module, "__loader__", None)
            if loader is None:
                continue
            name = module.__name__
            show(type(loader), vars(loader) if "zip" not in name else None, loader is module.__spec__.loader, dir(loader))
            show(loader.is_package(name), loader.get_filename(name))
            show(loader.get_source(name), loader.get_data(loader.get_filename(name))[:200])
            show(hash(loader) == hash(type(loader)(name, loader.get_filename(name))) if hasattr(loader, "name") else 0)
            show(loader == type(loader)(name, loader.get_filename(name)) if hasattr(loader, "name") else 0)
            if hasattr(loader, "path_stats"):
                show(loader.path_stats(loader.path), loader.get_code.__func__.__qualname__)
            show(type(loader.get_resource_reader(name)), loader.get_code(name).co_filename)
            show(loader.create_module(module.__spec__) if hasattr(loader, "create_module") else "", getattr(type(loader), "get_code"))
        """,
    "module attributes": """
        for module in MODULES:
            show(module.__name__, type(module), list(vars(module)))
            for name in ("__file__", "__cached__", "__path__", "__package__", "__doc__", "__version__", "__all__"):
                show(name, getattr(module, name, "none"))
            show(module, sorted(getattr(module, "__builtins__", {}))[:3])
            for value in vars(module).values():
                if callable(value) and hasattr(value, "__code__"):
                    show(value.__qualname__, value.__module__, value.__code__, value.__defaults__, value.__annotations__)
        """,
    "order of sys.modules": "show(list(name for name in sys.modules if not name.startswith('pycds')))",
    "meta path and path hooks": """
        show([finder for finder in sys.meta_path if not type(finder).__module__.startswith("pycds")], sys.path_hooks)
        show(sys.path, sys.builtin_module_names[:3], sys.dont_write_bytecode, sys.pycache_prefix)
        """,
    "inspect": """
        import inspect
        for module in MODULES:
            try:
                show(inspect.getfile(module), inspect.getsourcefile(module), inspect.getmodule(module))
                show(inspect.getsource(module)[:300])
            except (OSError, TypeError) as error:
                show(type(error), error)
        import plain, shapes
        for thing in (plain.answer, shapes.Circle, shapes.Circle.area, plain.numbers):
            show(inspect.getsource(thing), inspect.getmodule(thing), inspect.getsourcelines(thing), inspect.signature(thing))
        show(inspect.getdoc(shapes.Circle), inspect.getcomments(shapes.Circle.fail), inspect.getmembers(plain.answer.__code__)[:0])
        """,
    "reload": """
        import plain, shapes, shapes.circle, hidden, zipped, spaces.inner
        before = plain.answer
        for module in (plain, shapes, shapes.circle, hidden, zipped, spaces.inner):
            again = importlib.reload(module)
            show(again is module, module.__spec__, vars(module.__spec__).keys(), module.__file__, list(vars(module)))
        show(plain.answer is before, plain.answer("all"), before("none"))
        """,
    "resources": FILES_OF_PACKAGES
    if sys.version_info >= (3, 10)
    else """
        import importlib.resources as resources, shapes, shapes.sub, zipped_package
        for package in (shapes, "shapes.sub", zipped_package):
            show(sorted(name for name in resources.contents(package) if name != "__pycache__"))
        show(resources.read_text(shapes, "data.txt"), resources.read_binary("shapes.sub", "data.bin"))
        show(resources.read_text(zipped_package, "data.txt"), resources.is_resource(shapes, "data.txt"))
        with resources.path("shapes", "data.txt") as path:
            show(path)
        show(shapes.__loader__.get_resource_reader("shapes").resource_path("data.txt"))
        """,
    "pkgutil": """
        import pkgutil, shapes, spaces
        show(list(pkgutil.iter_modules(shapes.__path__, "shapes.")), list(pkgutil.walk_packages(shapes.__path__, "shapes.")))
        show(list(pkgutil.iter_modules(spaces.__path__)), pkgutil.get_data("shapes", "data.txt"))
        show(pkgutil.get_data("shapes.sub", "data.bin"), pkgutil.get_data("zipped_package", "data.txt"))
        show([m.name for m in pkgutil.iter_modules() if m.name in "plain shapes hidden zipped"])
        show(sys.version_info >= (3, 9) and pkgutil.resolve_name("shapes.circle:Circle.area"), pkgutil.extend_path(shapes.__path__, "shapes"))
        """,
    "runpy": """
        import runpy
        show(sorted(runpy.run_module("plain", {"given": 1})))
        show(runpy.run_module("tool", run_name="__main__", alter_sys=True)["__spec__"])
        show(runpy.run_module("shapes", run_name="__main__")["__spec__"])
        show(runpy.run_path(sys.path[1] + "/plain.py")["__name__"])
        show(runpy.run_module("hidden")["HIDDEN"], runpy.run_module("zipped")["__file__"])
        """,
    "tracebacks": """
        import traceback, shapes, hidden, zipped
        for fail in (shapes.Circle(2).fail, hidden.fail, zipped.fail, lambda: importlib.import_module("raises"),
                     lambda: importlib.import_module("failing.broken")):
            try:
                fail()
            except Exception:
                traceback.print_exc()
                sys.stderr.flush()
        show("raises" in sys.modules, "failing.broken" in sys.modules, "failing" in sys.modules)
        """,
    "an exception ends the program": "import raises",
    "a warning names the line": """
        import warnings, shapes
        warnings.simplefilter("always")
        warnings.warn_explicit("made up", UserWarning, shapes.circle.__file__, 8, module_globals=vars(shapes.circle))
        """,
    "pickling by reference": """
        import pickle, copy, shapes, plain
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            for value in (shapes.Circle, shapes.Circle(3), plain.answer, plain.PATTERN, plain.CHOICES, shapes.Circle.area):
                data = pickle.dumps(value, protocol)
                show(pickle.loads(data) == value)
                if value is not plain.CHOICES:
                    show(data)
        show(copy.deepcopy(plain.answer) is plain.answer, copy.copy(shapes.Circle(1)) == shapes.Circle(1))
        for module in (plain, shapes):
            show(pickle.loads(pickle.dumps(module.__spec__)) == module.__spec__, pickle.dumps(module.__loader__))
        """,
    "removes and imports itself": """
        import reimports_itself
        show(reimports_itself.ROUND, reimports_itself.NATIVE_ROUND, sys.modules["reimports_itself"] is reimports_itself)
        """,
    "replaced and removed": """
        import replaces_itself, plain
        show(replaces_itself, replaces_itself.answer, type(replaces_itself).__module__)
        del sys.modules["plain"]
        import plain as again
        show(again is plain, again.answer is plain.answer, again.__spec__, vars(again.__loader__), again.answer())
        """,
    "circular imports": """
        import circular_a, circular_b
        show(circular_a.both(), circular_b.SEEN)
        """,
    "a submodule that fails": """
        for attempt in range(3):
            try:
                import failing.broken
            except ImportError as error:
                show(error, error.name, error.path, "failing.broken" in sys.modules, "failing" in globals())
            import failing, failing.works
            show(failing.works.WORKS, hasattr(failing, "broken"))
        """,
    "lazy loader": """
        spec = importlib.util.find_spec("lazy")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules["lazy"] = module
        spec.loader.exec_module(module)
        print("not yet")
        show(module.LOADED, type(module), module.__spec__.loader, vars(module.__loader__))
        """,
    "find_spec without import": """
        import importlib.util
        for name in ("lazy", "tool", "shapes.circle", "hidden", "zipped", "spaces", "spaces.inner", "nowhere"):
            spec = importlib.util.find_spec(name)
            show(name in sys.modules, spec)
            if spec is None or spec.loader is None or name == "spaces":
                continue
            first, second = spec.loader.get_code(name), spec.loader.get_code(name)
            show(first == second, first.co_filename, spec.loader.get_source(name), vars(spec).keys())
        import lazy, tool
        show(lazy.__spec__, tool.__spec__)
        """,
    "import by a spec of its own": """
        from importlib.util import module_from_spec, spec_from_file_location
        import plain
        spec = spec_from_file_location("other", plain.__file__)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        show(module.__name__, module.answer.__module__, module.answer is plain.answer, spec)
        """,
    "an editable install's finder": """
        class EditableFinder:
            MAPPING = {"editable": sys.path[1] + "/plain.py"}
            @classmethod
            def find_spec(cls, fullname, path=None, target=None):
                if fullname in cls.MAPPING:
                    return importlib.util.spec_from_file_location(fullname, cls.MAPPING[fullname])
        sys.meta_path.append(EditableFinder)
        import editable
        show(editable.__spec__, vars(editable.__loader__), editable.answer())
        """,
    "finders and hooks of the program come first": """
        import builtins
        class Mine:
            def find_spec(self, name, path=None, target=None):
                if name in ("plain", "shapes.circle"):
                    print("asked for", name, path is None)
                    if name == "plain":
                        return importlib.util.spec_from_loader(name, self, origin="mine")
            def create_module(self, spec): return None
            def exec_module(self, module): module.answer = lambda: "mine"
        sys.meta_path.insert(1 if "pycds" in type(sys.meta_path[0]).__module__ else 0, Mine())
        import plain, shapes
        show(plain.__spec__, plain.answer(), shapes.Circle(1).area())
        """,
    "a loader that programs wrap": """
        from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
        class Counting(SourceFileLoader):
            def source_to_code(self, data, path, *more, _optimize=-1):
                print("compiling", os.path.basename(path))
                return super().source_to_code(data, path)
            def get_code(self, fullname):
                print("get_code", fullname)
                return super().get_code(fullname)
        sys.path_hooks.insert(0, FileFinder.path_hook((ExtensionFileLoader, EXTENSION_SUFFIXES), (Counting, [".py"])))
        sys.path_importer_cache.clear()
        import plain, shapes
        show(plain.__loader__, plain.answer())
        """,
    "get_code patched on the class": """
        from importlib.machinery import SourceFileLoader
        own = SourceFileLoader.get_code
        def get_code(self, name):
            print("patched", name)
            return own(self, name)
        SourceFileLoader.get_code = get_code
        import plain, shapes
        """,
    "exec_module patched on the class": """
        from importlib.machinery import SourceFileLoader
        own = SourceFileLoader.exec_module
        def exec_module(self, module):
            print("executing", module.__name__, sorted(vars(module)))
            return own(self, module)
        SourceFileLoader.exec_module = exec_module
        import plain, shapes
        """,
    "a path changed by the program": """
        import tempfile
        with tempfile.TemporaryDirectory() as directory:
            for name in ("plain", "fractions"):
                with open(os.path.join(directory, name + ".py"), "w") as file:
                    file.write("WHERE = 'shadow'\\n")
            sys.path.insert(0, directory)
            import plain, fractions
            show(plain.WHERE, fractions.WHERE)
        """,
    "a shadow in the current directory, after chdir": """
        import tempfile
        import html.parser
        with tempfile.TemporaryDirectory() as directory:
            for name in ("plain", "fractions"):
                with open(os.path.join(directory, name + ".py"), "w") as file:
                    file.write("WHERE = 'shadow'\\n")
            os.chdir(directory)
            import plain, fractions
            show(plain.WHERE, fractions.WHERE)
            os.chdir("/")
        """,
    "a shadow made while the program runs": """
        import tempfile
        with tempfile.TemporaryDirectory() as directory:
            sys.path.insert(0, directory)
            import html.parser
            with open(os.path.join(directory, "plain.py"), "w") as file:
                file.write("WHERE = 'shadow'\\n")
            os.utime(directory, (1, 1))
            importlib.invalidate_caches()
            import plain
            show(plain.WHERE)
        """,
    "a path entry that is no directory": """
        sys.path[:0] = ["/nonexistent", "", "relative", b"bytes".decode(), "/dev/null"]
        import plain, shapes
        show(plain.__file__, shapes.__path__)
        """,
    "package path extended": """
        import tempfile, shapes
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "extra.py"), "w") as file:
                file.write("EXTRA = True\\n")
            shapes.__path__.insert(0, directory)
            import shapes.extra
            show(shapes.extra.EXTRA, shapes.extra.__spec__.name)
        """,
    "interned names": """
        import plain, shapes
        names = {text for module in MODULES for text in vars(module)}
        show(all(sys.intern("".join(list(text))) is text for text in names))
        setattr(shapes.Circle, "".join(["ra", "dius2"]), 5)
        show(shapes.Circle(1).radius2, getattr(plain, "".join(["ans", "wer"]))(), vars(plain)["".join(["deep"])](100))
        """,
}


@pytest.mark.parametrize("case", CASES)
def test_a_program_sees_the_same(sample: Sample, case: str) -> None:
    body = textwrap.dedent(CASES[case])
    everything = "MODULES" in body or case == "order of sys.modules"
    code = SHOW + (IMPORT_ALL if everything else "") + body
    plain = sample.plain("-c", code, code=None)
    # Without statistics: writing them at exit imports modules, which a program that patches loaders sees.
    env = {"PYTHONPATH": sample.path, "PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(sample.archive)}
    served = sample.python("-c", code, code=None, env=env)
    assert (served.returncode, served.stdout, served.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert plain.returncode == (1 if case == "an exception ends the program" else 0), plain.stderr
    if everything:
        counted = sample.served("-c", code)
        assert set(counted.names) >= SERVED, counted.statistics["misses"]
        assert counted.statistics["refused"] == []


FLAGS = ["", "-I", "-E", "-s", "-B", "-X dev", "-X utf8", "-b", "-W error", "-u"]
if sys.version_info >= (3, 11):
    FLAGS.append("-P")


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("what", [["-m", "tool", "x"], ["-m", "shapes", "y"], ["tool.py"], ["shapes"]], ids=" ".join)
def test_ways_to_run(sample: Sample, flags: str, what: list[str]) -> None:
    if flags in ("-I", "-E", "-P") and what[0] == "-m":
        what = ["-c", f"import sys, runpy; sys.path[:0] = {sample.path.split(':')!r}; sys.argv[1:] = {what[2:]!r};"
                      f"runpy.run_module({what[1]!r}, run_name='__main__', alter_sys=True)"]  # fmt: skip
    elif what[0] != "-m":
        what = [str(sample.root / "main" / what[0]), *what[1:]]
    plain = sample.plain(*flags.split(), *what, code=None)
    served = sample.served(*flags.split(), *what, code=None)
    assert (served.done.returncode, served.stdout, served.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    if plain.returncode == 0:
        assert served.statistics["hits"] > 0


@pytest.mark.parametrize("option", [["-X", "importtime"], ["-v"]], ids=" ".join)
def test_what_the_interpreter_says_of_imports(sample: Sample, option: list[str]) -> None:
    code = "import plain, shapes, hidden, zipped, fractions, html.parser"

    def imports(text: str) -> list[str]:
        if option == ["-v"]:
            lines = [line.partition(" # ")[0] for line in text.splitlines() if line.startswith("import '")]
        else:
            lines = [line.split("|")[-1].rstrip() for line in text.splitlines() if line.startswith("import time:")]
        # What the start-up hook brings, and what its statistics at exit bring.
        return [line for line in lines if "pycds" not in line]

    plain = imports(sample.plain(*option, "-c", code).stderr)
    env = {"PYTHONPATH": sample.path, "PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(sample.archive)}
    assert imports(sample.python(*option, "-c", code, env=env).stderr) == plain
    assert len(plain) > 20


@pytest.mark.parametrize("change", ["edited", "touched", "removed", "package instead"])
def test_reload_and_import_after_a_change(tmp_path: Path, change: str) -> None:
    sample = make_sample(tmp_path / "own")
    code = SHOW + textwrap.dedent(f"""
        import time
        change = {change!r}
        import plain
        def alter(name):
            path = sys.path[1] + "/" + name + ".py"
            if change == "edited":
                with open(path, "a") as file: file.write("ADDED = 'line'\\n")
            elif change == "touched":
                os.utime(path, (1, 1))
            elif change == "removed":
                os.unlink(path)
            else:
                os.mkdir(path[:-3])
                with open(path[:-3] + "/__init__.py", "w") as file: file.write("PACKAGE = True\\n")
        for name in ("plain", "lazy", "tool"):
            alter(name)
        importlib.invalidate_caches()
        for name in ("lazy", "tool"):
            try:
                module = importlib.import_module(name)
                show(module.__file__, list(vars(module)))
            except ImportError as error:
                show(error)
        try:
            show(importlib.reload(plain).__file__, list(vars(plain)))
        except ImportError as error:
            show(error)
        """)
    served = sample.served("-c", code)
    other = make_sample(tmp_path / "other")
    plain = other.plain("-c", code)
    assert served.stdout.replace("/own/", "/other/") == plain.stdout
    assert served.stderr == plain.stderr
    assert "plain" in served.names


def test_other_flags_need_and_get_an_archive_of_their_own(tmp_path: Path) -> None:
    sample = make_sample(tmp_path / "own")
    code = (
        SHOW
        + IMPORT_ALL
        + "for m in MODULES: show(m.__doc__, getattr(m, '__cached__', None))\nassert print('asserted')"
    )
    for flag in ("-O", "-OO"):
        plain = sample.plain(flag, "-c", code)
        refused = sample.served(flag, "-c", code)
        assert (refused.stdout, refused.stderr) == (plain.stdout, plain.stderr)
        assert [refusal["reason"] for refusal in refused.statistics["refused"]] == ["flags"]
        sample.dump(flag)
        served = sample.served(flag, "-c", code)
        assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
        assert {"plain", "shapes.circle", *ZIPPED[:1]} <= set(served.names)

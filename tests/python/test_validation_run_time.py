"""Validation: what a program does to the import system, and what happens to its files while it runs."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from conftest import Python
from validation_rows import FILES, STANDARD, Row, Way, steps, without, write

OTHERS = without("alpha")
ALL = f"imports({STANDARD!r})\n"


def run(program: str, hits: str = "", misses: str = "", reason: str = "", **fields: object) -> Row:
    """A program that differs from the traced one, which imports the standard modules.

    ``misses`` names modules, all with the same word of their reason.
    """
    fields.setdefault("traced", ALL)
    return Row(program=program, hits=hits, misses=dict.fromkeys(misses.split(), reason), **fields)  # type: ignore[arg-type]


MINE = """
class Mine:
    "Finds and loads the modules named."
    def __init__(self, names): self.names = names.split()
    def find_spec(self, name, path=None, target=None):
        show("asked for", name, path is None, target)
        if name in self.names:
            return importlib.util.spec_from_loader(name, self, origin="mine")
    def create_module(self, spec): return None
    def exec_module(self, module): module.VERSION = "mine"
def front(finder):
    "In front of all finders but those that were there before the program: a plain run has none of these."
    ours = sum("pycds" in type(entry).__module__ for entry in sys.meta_path)
    sys.meta_path.insert(ours, finder)
class Loud(importlib.machinery.SourceFileLoader):
    def get_code(self, name):
        show("loading", name)
        return super().get_code(name)
def hook(loader=Loud, suffixes=(".py",)):
    return importlib.machinery.FileFinder.path_hook((loader, list(suffixes)))
"""

FINDERS = {
    "a finder put in front": run(MINE + "sys.meta_path.insert(0, Mine('alpha pack.inner'))\n" + ALL, without("alpha", "pack.inner", "pack")),
    "a finder put in front, that finds nothing": run(MINE + "sys.meta_path.insert(0, Mine(''))\n" + ALL, STANDARD),
    "a finder put before the ordinary ones": run(MINE + "front(Mine('alpha pack.inner'))\n" + ALL, without("alpha", "pack.inner")),
    "a finder put behind": run(MINE + "sys.meta_path.append(Mine('alpha nowhere'))\n" + ALL + "imports('nowhere')", STANDARD),
    "a finder before that finds the same file": run(MINE + dedent("""
        class Same(Mine):
            def find_spec(self, name, path=None, target=None):
                if name == "alpha":
                    return importlib.util.spec_from_file_location(name, path_of("one/alpha.py"))
        path_of = path
        front(Same(""))
        """) + ALL, OTHERS),
    "a finder before that finds another file": run(MINE + dedent("""
        path_of = path
        class Other(Mine):
            def find_spec(self, name, path=None, target=None):
                if name == "alpha":
                    return importlib.util.spec_from_file_location(name, path_of("other/alpha.py"))
        front(Other(""))
        """) + ALL, OTHERS, "alpha", setup=write("other/alpha.py")),
    "a finder that raises": run(MINE + dedent("""
        class Raising(Mine):
            def find_spec(self, name, path=None, target=None):
                if name == "alpha":
                    raise ImportError("not today", name=name)
        front(Raising(""))
        """) + ALL, OTHERS),
    "a finder that changes the path while asked": run(MINE + dedent("""
        path_of = path
        class Changing(Mine):
            def find_spec(self, name, path=None, target=None):
                if name == "alpha":
                    sys.path.insert(0, path_of("other"))
        front(Changing(""))
        """) + ALL, OTHERS, "alpha", setup=write("other/alpha.py")),
    "a finder without find_spec": run(MINE + dedent("""
        class Nothing: pass
        try:
            sys.meta_path.insert(0, Nothing())
            imports("alpha")
        finally:
            del sys.meta_path[0]
        """) + ALL, OTHERS),
    "the path finder taken away": run(dedent("""
        from importlib.machinery import PathFinder
        sys.meta_path.remove(PathFinder)
        """) + ALL, "", STANDARD),
    "the path finder taken away and put back": run(dedent("""
        from importlib.machinery import PathFinder
        sys.meta_path.remove(PathFinder)
        imports("alpha")
        sys.meta_path.append(PathFinder)
        """) + ALL, STANDARD),
    "a path finder of the program's own": run(dedent("""
        from importlib.machinery import PathFinder
        class Own(PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                show("asked for", name)
                return super().find_spec(name, path, target)
        sys.meta_path[sys.meta_path.index(PathFinder)] = Own
        """) + ALL, STANDARD),
    "finders copied into a new list": run("sys.meta_path = list(sys.meta_path)\n" + ALL, STANDARD),
    "a path hook put in front": run(MINE + "sys.path_hooks.insert(0, hook())\nsys.path_importer_cache.clear()\n" + ALL, "", STANDARD),
    "a path hook put in front, the cache as it was": run(MINE + "import one_first\nsys.path_hooks.insert(0, hook())\n" + ALL, "one_first",
        traced="import one_first\n" + ALL, files=FILES + " one/one_first.py"),
    "a path hook put behind": run(MINE + "sys.path_hooks.append(hook())\nsys.path_importer_cache.clear()\n" + ALL, STANDARD),
    "a path hook for one directory": run(MINE + dedent("""
        def only(entry):
            if entry != path("two"):
                raise ImportError
            return hook()(entry)
        sys.path_hooks.insert(0, only)
        sys.path_importer_cache.clear()
        """) + ALL, without("beta"), "beta"),
    "a path hook that claims nothing": run(dedent("""
        def nothing(entry):
            raise ImportError
        sys.path_hooks.insert(0, nothing)
        sys.path_importer_cache.clear()
        """) + ALL, STANDARD),
    "a path hook for other suffixes first": run(MINE + dedent("""
        from importlib.machinery import FileFinder, SourceFileLoader
        sys.path_hooks.insert(0, FileFinder.path_hook((Loud, [".special", ".py"])))
        sys.path_importer_cache.clear()
        """) + ALL, "", STANDARD, setup=write("one/alpha.special")),
    "no path hooks": run("sys.path_hooks.clear()\nsys.path_importer_cache.clear()\n" + ALL, "", STANDARD),
    "no path hooks, the cache as it was": run("import one_first\nsys.path_hooks.clear()\n" + ALL, "one_first",
        traced="import one_first\n" + ALL, files=FILES + " one/one_first.py"),
    "the importer cache emptied": run("imports('alpha')\nsys.path_importer_cache.clear()\n" + ALL, STANDARD),
    "the importer cache is another dictionary": run("sys.path_importer_cache = {}\n" + ALL, STANDARD),
    "the importer cache knows no finder for a directory": run("sys.path_importer_cache[path('one')] = None\n" + ALL, "local beta", "alpha pack both", ),
    "the importer cache has another finder for a directory": run(MINE + dedent("""
        class Entry:
            def find_spec(self, name, target=None):
                if name == "alpha":
                    return importlib.util.spec_from_loader(name, Mine(""), origin="entry")
        sys.path_importer_cache[path("one")] = Entry()
        """) + ALL, "local beta", "alpha both"),
    "the importer cache has an earlier directory's finder": run(MINE + dedent("""
        class Entry:
            def find_spec(self, name, target=None):
                if name == "alpha":
                    return importlib.util.spec_from_loader(name, Mine(""), origin="entry")
        sys.path_importer_cache[path("zero")] = Entry()
        """) + ALL, OTHERS, "alpha"),
    "the importer cache has a finder with loaders of its own": run(MINE + dedent("""
        sys.path_importer_cache[path("one")] = hook()(path("one"))
        """) + ALL, "local beta", "alpha both pack"),
    "a finder in the cache got more loaders": run(MINE + dedent("""
        from importlib.machinery import FileFinder
        import one_first
        importlib.machinery.PathFinder.find_spec("nowhere")
        finder = sys.path_importer_cache[path("one")]
        finder._loaders.insert(0, (".special", Loud))
        finder._path_mtime = -1
        """) + ALL, "one_first local beta", "alpha", traced="import one_first\n" + ALL, files=FILES + " one/one_first.py", setup=write("one/alpha.special")),
    "invalidate_caches": run("imports('alpha pack')\nimportlib.invalidate_caches()\n" + ALL, STANDARD),
    "sys.modules says no": run("sys.modules['alpha'] = None\nsys.modules['pack.inner'] = None\n" + ALL, without("alpha", "pack.inner")),
    "sys.modules has another": run("import types\nsys.modules['alpha'] = types.ModuleType('alpha')\nimport alpha\nshow(alpha.__spec__)\n" + f"imports({OTHERS!r})", OTHERS),
    "the source suffixes changed": run("importlib.machinery.SOURCE_SUFFIXES.insert(0, '.special')\n" + ALL, STANDARD, setup=write("one/alpha.special")),
    "pycs are checked from now on": run("import _imp\n_imp.check_hash_based_pycs = 'always'\n" + ALL, STANDARD),
    "the cache prefix set by the program": run("sys.pycache_prefix = path('cache')\n" + ALL, "local beta"),
    "the cache prefix set by the program, with other code there": run("sys.pycache_prefix = path('cache')\n" + ALL, "local beta", "alpha",
        change=lambda tree: tree.compile("one/alpha.py", "v2", to="cache" + str(tree.pyc("one/alpha.py").parent).replace("/__pycache__", "") + "/" + tree.pyc("one/alpha.py").name)),
    "no byte code is written": run("sys.dont_write_bytecode = True\n" + ALL, STANDARD),
}  # fmt: skip

OLD = (
    MINE
    + """
class Old:
    "A finder and loader as up to 3.3; the import system asks it up to 3.11."
    def __init__(self, names): self.names = names.split()
    def find_module(self, name, path=None):
        show("asked the old way for", name, path is None)
        return self if name in self.names else None
    def load_module(self, name):
        show("loading the old way", name)
        module = sys.modules[name] = type(sys)(name)
        module.VERSION, module.__loader__ = "old", self
        return module
class OldEntry:
    "A path entry finder as up to 3.11."
    def __init__(self, loader, portions=()): self.loader, self.portions = loader, portions
    def find_loader(self, name):
        if name != "alpha":
            return None, self.portions
        show("asked for a loader", name)
        return self.loader, self.portions
class OldestEntry:
    def __init__(self, loader): self.loader = loader
    def find_module(self, name):
        if name == "alpha":
            show("asked for a module", name)
            return self.loader
def only(entry, finder):
    "A path hook for one directory."
    def hook(asked):
        if asked != entry:
            raise ImportError
        return finder
    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.pop(entry, None)
"""
)

OF_OLD = {
    "a finder of old in front of all": run(OLD + "sys.meta_path.insert(0, Old('alpha pack.inner'))\n" + ALL, without("alpha", "pack.inner")),
    "a finder of old before the ordinary ones": run(OLD + "front(Old('alpha pack.inner'))\n" + ALL, without("alpha", "pack.inner"), "alpha pack.inner"),
    "a finder of old right before the path finder": run(OLD + "sys.meta_path.insert(-1, Old('alpha pack.inner'))\n" + ALL, without("alpha", "pack.inner"), "alpha pack.inner"),
    "a finder of old that finds nothing": run(OLD + "front(Old(''))\n" + ALL, STANDARD),
    "a finder of old behind": run(OLD + "sys.meta_path.append(Old('alpha nowhere'))\n" + ALL + "imports('nowhere')", STANDARD),
    "a finder of old whose loader is new": run(OLD + dedent("""
        class Half(Old):
            def find_module(self, name, path=None):
                return Mine("") if name in self.names else None
        front(Half("alpha"))
        """) + ALL, OTHERS, "alpha"),
    "a finder of old that raises": run(OLD + dedent("""
        class Raising(Old):
            def find_module(self, name, path=None):
                if name == "alpha":
                    raise ImportError("not today", name=name)
        front(Raising(""))
        """) + ALL, OTHERS, "alpha"),
    "a path hook with find_loader, an earlier directory": run(OLD + "only(path('zero'), OldEntry(Old('')))\n" + ALL, without("alpha", "pack", "both"), "alpha"),
    "a path hook with find_loader, the module's directory": run(OLD + "only(path('one'), OldEntry(Old('')))\n" + ALL, "local beta", "alpha both pack"),
    "a path hook with find_loader that gives portions": run(OLD + "only(path('zero'), OldEntry(None, [path('three')]))\nimports('three_part')\n" + ALL, "local"),
    "a path hook with find_module": run(OLD + "only(path('zero'), OldestEntry(Old('')))\n" + ALL, "local", "alpha"),
}  # fmt: skip
"""Finders without find_spec."""

if sys.version_info < (3, 12):
    FINDERS.update(OF_OLD)

GROWS = write(
    "one/grow/__init__.py",
    text="import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\nVERSION = __path__\n",
)

PATH = {
    "a directory put in front": run("sys.path.insert(0, path('three'))\n" + ALL, OTHERS, "alpha", "found elsewhere", setup=write("three/alpha.py")),
    "a directory put in front, after an import": run("imports('both')\nsys.path.insert(0, path('three'))\n" + ALL, OTHERS, "alpha", "found elsewhere", setup=write("three/alpha.py")),
    "a directory put in front that did not exist": run("sys.path.insert(0, path('three'))\nimports('both')\nwrite('three/alpha.py', 'v2')\nimportlib.invalidate_caches()\n" + ALL, OTHERS, "alpha"),
    "a directory put in front that appears unannounced": run("sys.path.insert(0, path('three'))\nimports('both')\nwrite('three/alpha.py', 'v2')\n" + ALL, STANDARD),
    "a relative directory put in front": run("sys.path.insert(0, '../three')\n" + ALL, OTHERS, "alpha", "found elsewhere", setup=write("three/alpha.py")),
    "a relative directory, after chdir": run("sys.path.insert(0, 'three')\nimports('alpha')\nos.chdir(ROOT)\nforget('alpha')\n" + ALL, OTHERS, setup=write("three/alpha.py")),
    "the empty entry, after chdir": run("sys.path.insert(0, '')\nimports('both')\nos.chdir(path('three'))\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "the empty entry, the directory gone": run("sys.path.insert(0, '')\nos.mkdir(path('gone'))\nos.chdir(path('gone'))\nos.rmdir(path('gone'))\n" + ALL, "pack.inner"),
    "unusual spellings": run("sys.path[:] = [entry.replace('/one', '/./two/../one') for entry in sys.path]\n" + ALL, "beta local"),
    "a stroke at the end": run("sys.path[:] = [entry + '/' if ROOT in entry else entry for entry in sys.path]\n" + ALL, "pack.inner"),
    "entries that are no strings": run("import pathlib\nsys.path[:0] = [pathlib.Path(path('three')), None, 3]\n" + ALL, STANDARD, setup=write("three/alpha.py")),
    # Up to 3.10 PathFinder asks the path hooks for bytes too, which raises TypeError in a plain run.
    "an entry that is bytes": run("sys.path.insert(0, os.fsencode(path('three')))\n" + ALL, STANDARD if sys.version_info >= (3, 11) else "importlib", setup=write("three/alpha.py")),
    "a path that is a tuple": run("sys.path = (path('three'), *sys.path)\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "a path that is a list of the program's own kind": run("class Own(list): pass\nsys.path = Own([path('three'), *sys.path])\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "the path emptied": run("sys.path.clear()\n" + ALL, "", "alpha beta local"),
    "entries of the path removed": run("sys.path.remove(path('one'))\n" + ALL, "beta local", "alpha both"),
    "an entry that is a str of the program's own kind": run("class Own(str): pass\nsys.path.insert(0, Own(path('three')))\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "a package's path extended in front": run("import pack\npack.__path__.insert(0, path('more'))\n" + ALL, without("pack.inner"), "pack.inner", setup=write("more/inner.py")),
    "a package's path extended behind": run("import pack\npack.__path__.append(path('more'))\nimports('pack.new')\n" + ALL, STANDARD, setup=write("more/new.py")),
    "a package's path replaced": run("import pack\npack.__path__ = [path('more')]\n" + ALL, without("pack.inner", "pack.other"), "pack.inner pack.other", setup=write("more/inner.py")),
    "a package's path is a tuple": run("import pack\npack.__path__ = (path('more'), *pack.__path__)\n" + ALL, without("pack.inner"), "pack.inner", setup=write("more/inner.py")),
    "a package's path removed": run("import pack\ndel pack.__path__\n" + ALL, without("pack.inner", "pack.other")),
    "a package that extends its own path by what was not there": run(f"imports('grow grow.leaf {STANDARD}')", f"grow grow.leaf {STANDARD}", traced=f"imports('grow grow.leaf {STANDARD}')",
        setup=steps(GROWS, write("one/grow/leaf.py", "v1")),
        change=write("zero/grow/leaf.py")),
    "a package that extends its own path behind": run(f"imports('grow grow.leaf {STANDARD}')", f"grow grow.leaf {STANDARD}", traced=f"imports('grow grow.leaf {STANDARD}')",
        setup=steps(GROWS, write("two/grow/__init__.py", text=""), write("two/grow/leaf.py", "v1"))),
    "a module of the package's other directory comes first": run(f"imports('grow grow.leaf {STANDARD}')", f"grow {STANDARD}", "grow.leaf", traced=f"imports('grow grow.leaf {STANDARD}')",
        setup=steps(GROWS, write("two/grow/__init__.py", text=""), write("two/grow/leaf.py", "v1")),
        change=write("one/grow/leaf.py")),
    "a namespace's path grows": run("imports('space.part_one')\nsys.path.append(path('three'))\nimports('space.part_three')\n" + ALL, STANDARD, setup=write("three/space/part_three.py")),
    "a namespace's path grows in front": run("imports('space.part_one')\nsys.path.insert(0, path('three'))\n" + ALL, without("space.part_two"), "space.part_two", setup=write("three/space/part_two.py")),
}  # fmt: skip

# In 3.8 invalidate_caches does not make a namespace package look for its portions anew: the old one is imported.
NEW_PORTION = (without("space.part_two"), "space.part_two") if sys.version_info >= (3, 9) else (STANDARD,)

CREATED = {
    "a new name in the script's directory": run("write('app/fresh.py', 'v2')\nimports('fresh')\n" + ALL, STANDARD),
    "a shadow in the script's directory": run("write('app/alpha.py', 'v2')\n" + ALL, OTHERS, "alpha"),
    "a shadow in the script's directory, after an import from there": run("imports('local')\nwrite('app/alpha.py', 'v2')\n" + ALL, OTHERS, "alpha"),
    "a shadow in the script's directory, after many imports": run("imports('local both pack space.part_two')\nwrite('app/alpha.py', 'v2')\n" + ALL, OTHERS, "alpha"),
    "a shadow on the path, after many imports": run("imports('local both pack space.part_two')\nwrite('zero/alpha.py', 'v2')\n" + ALL, OTHERS, "alpha"),
    "a shadow that is a package": run("imports('both')\nwrite('zero/alpha/__init__.py', 'v2')\n" + ALL, OTHERS, "alpha"),
    "a shadow beside it that is a package": run("imports('both')\nwrite('one/alpha/__init__.py', 'v2')\n" + ALL, OTHERS, "alpha"),
    "a shadow in a directory that was made a package": run("imports('both')\nwrite('zero/alpha/__init__.py', 'v2')\n" + ALL, OTHERS, "alpha", setup=write("zero/alpha/data.txt")),
    "a shadow in a package": run("imports('pack.other')\nwrite('one/pack/inner/__init__.py', 'v2')\n" + ALL, without("pack.inner"), "pack.inner"),
    "a shadow in a package's directory that was there": run("imports('pack.other')\nwrite('one/pack/inner/__init__.py', 'v2')\n" + ALL, without("pack.inner"), "pack.inner", setup=write("one/pack/inner/data.txt")),
    "a shadow of a portion": run("imports('space.part_one')\nwrite('zero/space/part_two.py', 'v2')\n" + ALL, STANDARD),
    "a shadow of a portion, after invalidate_caches": run("imports('space.part_one')\nwrite('zero/space/part_two.py', 'v2')\nimportlib.invalidate_caches()\n" + ALL, *NEW_PORTION),
    "a shadow, after invalidate_caches": run("imports('both')\nwrite('zero/alpha.py', 'v2')\nimportlib.invalidate_caches()\n" + ALL, OTHERS, "alpha"),
    "a new module in a package": run("imports('pack.inner')\nwrite('one/pack/fresh.py', 'v2')\nimports('pack.fresh')\n" + ALL, STANDARD),
    "a new package": run("imports('pack.inner')\nwrite('zero/fresh/__init__.py', 'v2')\nwrite('zero/fresh/leaf.py', 'v2')\nimports('fresh.leaf')\n" + ALL, STANDARD),
    "a name that was looked for in vain": run("imports('fresh')\nwrite('zero/fresh.py', 'v2')\nimports('fresh')\n" + ALL, STANDARD),
    "written by another process": run("import subprocess\nimports('both')\nsubprocess.run(['cp', path('three/alpha.py'), path('zero/alpha.py')], check=True)\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "written by a thread": run("import threading\nimports('both')\nthread = threading.Thread(target=write, args=('zero/alpha.py', 'v2'))\nthread.start(); thread.join()\n" + ALL, OTHERS, "alpha"),
    "written by a module that is imported": run("import writes\n" + ALL, OTHERS + " writes", "alpha", traced="import writes\n" + ALL,
        setup=write("one/writes.py", text="import os, sys\nif 'write' in sys.argv:\n    os.rename(os.path.dirname(__file__) + '/../three/alpha.py', os.path.dirname(__file__) + '/../zero/alpha.py')\n"),
        change=write("three/alpha.py"), at_run=Way(arguments=("{root}/app/main.py", "write"))),
    "linked into place": run("imports('both')\nos.link(path('three/alpha.py'), path('zero/alpha.py'))\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "renamed into place": run("imports('both')\nos.rename(path('three/alpha.py'), path('zero/alpha.py'))\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "a whole directory renamed into place": run("imports('both')\nos.rmdir(path('zero'))\nos.rename(path('three'), path('zero'))\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "an extension module made": run("imports('both')\nimport shutil\nshutil.copy(path('three/x'), path('zero/alpha' + importlib.machinery.EXTENSION_SUFFIXES[0]))\n" + ALL, OTHERS, "alpha", setup=write("three/x", text="nothing")),
    "plugins by computed names": run(dedent("""
        import pkgutil, plugins
        names = sorted(info.name for info in pkgutil.iter_modules(plugins.__path__))
        show(names)
        imports(" ".join("plugins." + name for name in names))
        for number in range(3):
            imports(f"plug_{number}")
        """), "plugins plugins.first plugins.second plug_0 plug_2", "plug_1",
        traced="imports('plugins plugins.first plugins.second plug_0 plug_1 plug_2')",
        files="one/plugins/__init__.py one/plugins/first.py one/plugins/second.py one/plug_0.py one/plug_1.py one/plug_2.py",
        change=lambda tree: [tree.write("one/plugins/third.py"), tree.write("one/plugins/fourth/__init__.py"), tree.write("zero/plug_1.py")]),
}  # fmt: skip

EDITED = {
    "before its import": run("imports('both')\nwrite('one/alpha.py', 'version 2')\n" + ALL, OTHERS, "alpha", "source has changed"),
    "before its import, same size and time": run("imports('both')\nwrite('one/alpha.py', 'v2', os.stat(path('one/alpha.py')).st_mtime_ns)\n" + ALL, OTHERS, "alpha", "source has changed"),
    "before its import, same size and time, no .pyc": run("imports('both')\nimport shutil\nshutil.rmtree(path('one/__pycache__'))\nwrite('one/alpha.py', 'v2', os.stat(path('one/alpha.py')).st_mtime_ns)\n" + ALL, "beta pack.inner", "alpha", "source has changed"),
    "removed before its import": run("imports('both')\nos.remove(path('one/alpha.py'))\n" + ALL, OTHERS, "alpha"),
    "a package removed before its import": run("import shutil\nimports('both')\nshutil.rmtree(path('one/pack'))\n" + ALL, without("pack", "pack.inner", "pack.other")),
    "a submodule removed after its package": run("imports('pack')\nos.remove(path('one/pack/inner.py'))\n" + ALL, without("pack.inner"), "pack.inner"),
    "replaced by a link before its import": run("imports('both')\nos.remove(path('one/alpha.py'))\nos.symlink('../three/alpha.py', path('one/alpha.py'))\n" + ALL, OTHERS, "alpha", setup=write("three/alpha.py")),
    "the .pyc replaced before its import": run("imports('both')\nos.replace(path('prepared.pyc'), importlib.util.cache_from_source(path('one/alpha.py')))\n" + ALL, OTHERS, "alpha",
        change=lambda tree: tree.compile("one/alpha.py", "v2", to="prepared.pyc")),
    "reload, nothing edited": run("import alpha, pack, pack.inner\nfor module in (alpha, pack, pack.inner):\n    describe(importlib.reload(module))\n" + ALL, STANDARD),
    "reload after an edit": run("import alpha\nwrite('one/alpha.py', 'version 2')\ndescribe(importlib.reload(alpha))\n" + ALL, STANDARD),
    "reload after an edit of the package": run("import pack.inner\nwrite('one/pack/__init__.py', 'version 2')\nwrite('one/pack/inner.py', 'version 3')\nfor module in (pack.inner, pack):\n    describe(importlib.reload(module))\n" + ALL, STANDARD),
    "reload after a removal": run("import alpha\nos.remove(path('one/alpha.py'))\ntry:\n    importlib.reload(alpha)\nexcept ImportError as error:\n    show(error)\n" + ALL, STANDARD),
    "reload after a shadow": run("import alpha\nwrite('zero/alpha.py', 'v2')\nimportlib.invalidate_caches()\ndescribe(importlib.reload(alpha))\n" + ALL, STANDARD),
    "reload of a module that was not served": run("import alpha\nos.utime(path('one/alpha.py'), (9, 9))\ndescribe(importlib.reload(alpha))\n" + ALL, OTHERS, change=write("one/alpha.py")),
    "find_spec, later the import": run("spec = importlib.util.find_spec('alpha')\nshow(spec)\n" + ALL + "show(alpha_spec := sys.modules['alpha'].__spec__)\n", STANDARD),
    "find_spec, an edit, the import": run("spec = importlib.util.find_spec('alpha')\nwrite('one/alpha.py', 'version 2')\n" + ALL, OTHERS, "alpha", "source has changed"),
    "find_spec, an edit, the execution": run("spec = importlib.util.find_spec('alpha')\nmodule = importlib.util.module_from_spec(spec)\nwrite('one/alpha.py', 'version 2')\nspec.loader.exec_module(module)\ndescribe(module)\n" + f"imports({OTHERS!r})", OTHERS, "alpha", "source has changed"),
    "find_spec, a removal, the execution": run("spec = importlib.util.find_spec('alpha')\nmodule = importlib.util.module_from_spec(spec)\nos.remove(path('one/alpha.py'))\nos.remove(spec.cached)\ntry:\n    spec.loader.exec_module(module)\nexcept OSError as error:\n    show(type(error), error)\n" + f"imports({OTHERS!r})", OTHERS, "alpha"),
    "find_spec, a shadow, the execution": run("spec = importlib.util.find_spec('alpha')\nmodule = importlib.util.module_from_spec(spec)\nwrite('zero/alpha.py', 'v2')\nspec.loader.exec_module(module)\ndescribe(module)\n" + f"imports({OTHERS!r})", OTHERS),
    "find_spec, a shadow, the import": run("spec = importlib.util.find_spec('alpha')\nwrite('zero/alpha.py', 'v2')\n" + ALL, OTHERS, "alpha"),
    "find_spec of a submodule": run("spec = importlib.util.find_spec('pack.inner')\nshow(spec, list(name for name in sys.modules if name.startswith('pack')))\n" + ALL, STANDARD),
    "find_spec with no import": run("for name in 'alpha pack pack.inner space space.part_one nowhere'.split():\n    show(importlib.util.find_spec(name))\n" + ALL, STANDARD),
    "forgotten and imported again": run(ALL + f"forget({STANDARD!r})\n" + ALL, STANDARD),
    "forgotten, edited and imported again": run(ALL + "forget('alpha')\nwrite('one/alpha.py', 'version 2')\n" + ALL, STANDARD),
    "forgotten, a shadow, and imported again": run(ALL + "forget('alpha pack.inner')\nwrite('zero/alpha.py', 'v2')\nwrite('one/pack/inner/__init__.py', 'v2')\n" + ALL, STANDARD),
    "forgotten, removed, and imported again": run(ALL + "forget('alpha')\nos.remove(path('one/alpha.py'))\n" + ALL, STANDARD),
    "a package forgotten, its submodules not": run(ALL + "forget('pack')\nwrite('one/pack/__init__.py', 'version 2')\n" + ALL, STANDARD),
    "forgotten after an edit that was put back": run("import shutil\nshutil.copy2(path('one/alpha.py'), path('kept'))\nwrite('one/alpha.py', 'version 2')\nimports('alpha')\nforget('alpha')\nshutil.copy2(path('kept'), path('one/alpha.py'))\n" + ALL, OTHERS),
    "its import fails, is mended, and tried again": run("imports('fails')\nwrite('one/fails.py', 'v3')\nimports('fails')\n" + ALL, STANDARD, traced="imports('fails')\n" + ALL,
        setup=write("one/fails.py", text="raise ValueError('at first')\n")),
}  # fmt: skip

TABLE = {
    f"{theme}: {name}": row
    for theme, rows in (("finders", FINDERS), ("path", PATH), ("created", CREATED), ("edited", EDITED))
    for name, row in rows.items()
}


@pytest.mark.parametrize("row", TABLE)
def test_while_the_program_runs(python: Python, tmp_path: Path, row: str) -> None:
    TABLE[row].check(python, tmp_path)

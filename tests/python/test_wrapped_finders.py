"""Programs that put every finder of sys.meta_path into a wrapper, as Mercurial does to make its imports lazy.

Each runs plain and served, and must print the same; what a uniform wrapper finds comes from the archive.
"""

from __future__ import annotations

import pytest

from conftest import Made, MakeArchive, Python, write_files

PRELUDE = """\
import importlib.abc, importlib.machinery, importlib.util, sys, threading  # which LazyLoader imports
names = "wave colorsys package package.module space.part".split()
class Slotted:
    __slots__ = ("finder",)
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path, target=None):
        return changed(self.finder.find_spec(name, path, target))
    def __getattr__(self, name):
        return getattr(self.finder, name)
class Plain(Slotted):
    pass
class Told(Slotted):
    __slots__ = ("kind",)
    def __init__(self, finder):
        self.finder, self.kind = finder, "of " + str(finder)
def changed(spec):
    if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
        spec.loader = importlib.util.LazyLoader(spec.loader)
    return spec
class Own:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == "colorsys":
            return importlib.util.spec_from_loader(name, Loader())
class Loader(importlib.abc.Loader):
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        module.VALUE = "its own"
def wrap(kind):
    sys.meta_path[:] = [kind(finder) for finder in sys.meta_path]
def show():
    for name in names:
        __import__(name)
        module = sys.modules[name]
        kinds = [type(module).__name__, type(object.__getattribute__(module, "__spec__").loader).__name__]
        print(name, *kinds, getattr(module, "VALUE", None), module.__spec__.origin, type(module).__name__)
    for name in ("nowhere", "wave.nowhere", "atexit", "zipimport"):
        try:
            print(name, __import__(name).__name__)
        except ImportError as error:
            print(name, type(error).__name__, error)
"""

SERVED = {
    "slots": "wrap(Slotted)",
    "attributes": "wrap(Plain)",
    "taken off again": "wrap(Slotted)\nsys.meta_path[:] = [wrapper.finder for wrapper in sys.meta_path]",
    "a finder of its own within": "sys.meta_path.insert(-1, Own)\nwrap(Slotted)",
    "a finder of its own in front": "wrap(Slotted)\nsys.meta_path.insert(0, Own)",
    "a finder of its own behind": "wrap(Slotted)\nsys.meta_path.append(Own)\nnames.append('colorsys')",
    "a wrapper that counts": """
        asked = []
        def find_spec(self, name, path, target=None):
            asked.append(name)
            return self.finder.find_spec(name, path, target)
        Slotted.find_spec = find_spec
        wrap(Slotted)
        import fractions
        print("fractions" in asked, sorted(set(asked))[:3])
        """,
    "imports within a function of importlib": """
        wrap(Slotted)
        import importlib
        print(importlib.import_module("package.module").VALUE)
        """,
}
NOT_SERVED = {
    "a wrapper that knows more": "wrap(Told)",
    "two kinds of wrappers": "wrap(Slotted)\nsys.meta_path[-1] = Plain(sys.meta_path[-1].finder)",
    "a finder of its own between": "wrap(Slotted)\nsys.meta_path.insert(-1, Own)",
    "some left as they were": """
        from importlib.machinery import BuiltinImporter, FrozenImporter
        sys.meta_path[:] = [f if f in (BuiltinImporter, FrozenImporter) else Slotted(f) for f in sys.meta_path]
        """,
    "a wrapper around wrappers": "wrap(Slotted)\nwrap(Plain)",
}


@pytest.fixture
def made(python: Python, make_archive: MakeArchive) -> Made:
    files = {
        "package/__init__.py": "VALUE = 1\n",
        "package/module.py": "VALUE = 2\n",
        "space/part.py": "VALUE = 3\n",
        "all.py": "import wave, colorsys, fractions, package.module, space.part\n",
    }
    write_files(python.directory, files)
    return make_archive("all.py")


@pytest.mark.parametrize("case", [*SERVED, *NOT_SERVED])
def test_a_program_sees_the_same(python: Python, made: Made, case: str) -> None:
    text = {**SERVED, **NOT_SERVED}[case]
    write_files(python.directory, {"change.py": text})
    program = f"{PRELUDE}exec(open('change.py').read())\nshow()\n"
    plain = python("-c", program)
    served = python.served(made.archive, "-c", program)
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    if not served.statistics:
        # a lazy module of a lazy loader never gets its names from 3.13 on, so what writes them cannot be imported
        assert case == "a wrapper around wrappers"
        without = python("-c", f"{program}import fractions\nprint(fractions.Fraction)", code=None)
        assert "module 'fractions' has no attribute" in without.stderr
        return
    modules = {"wave", "package", "package.module", "space.part"}
    missed = {name for name, _reason in served.statistics["archives"][0]["missed"]}
    assert missed <= {"colorsys"} or case in NOT_SERVED  # which the program's own finder has
    assert (modules <= set(served.names)) == (case in SERVED)


def test_a_change_is_seen(python: Python, made: Made) -> None:
    """Validation is what it is without a wrapper."""
    (python.directory / "package" / "module.py").write_text("VALUE = 'changed'\n")
    program = f"{PRELUDE}wrap(Slotted)\nshow()\n"
    plain = python("-c", program)
    served = python.served(made.archive, "-c", program)
    assert served.stdout == plain.stdout
    assert "package.module Lazy" in plain.stdout.replace("_Lazy", "Lazy") and "changed" in plain.stdout
    assert "package.module" not in served.names
    assert "package" in served.names

"""Linking a module while another is half linked: the collector, and with it any finalizer, may run in between."""

from __future__ import annotations

import json
import sys

from conftest import MakeArchive, Python, write_files

MODULES = 60

# Each finalizer asks for the code of another module and leaves garbage behind for the next collection.
PROGRAM = """\
    import gc, importlib.util, sys
    names = [f"m{number}" for number in range(60)]
    if "trace" in sys.argv:
        for name in names:
            __import__(name)
        sys.exit()
    gc.disable()
    loaders = {name: importlib.util.find_spec(name).loader for name in names}
    left = iter(names)
    codes = {}

    def read(name):
        codes[name] = loaders[name].get_code(name)

    class Garbage:
        def __init__(self):
            self.itself = self
        def __del__(self):
            name = next(left, None)
            if name is not None:
                read(name)
                Garbage()

    Garbage()
    gc.enable()
    gc.set_threshold(1)
    for name in left:
        read(name)
    gc.set_threshold(700)
    for name, code in codes.items():
        found = {}
        exec(code, found)
        assert found["has"](f"{name} 3") and not found["has"]("other"), name
    print(len(codes))
"""


def test_what_is_asked_for_within_a_link_is_read_plainly(python: Python, make_archive: MakeArchive) -> None:
    for number in range(MODULES):
        # A set of constants becomes a frozenset, which is made while its module is linked.
        words = ", ".join(f"'m{number} {word}'" for word in range(6))
        write_files(python.directory, {f"m{number}.py": f"def has(word): return word in {{{words}}}\n"})
    write_files(python.directory, {"app.py": PROGRAM})
    made = make_archive("app.py", "trace")
    served = python.served(made.archive, "app.py", env={"PYTHONMALLOC": "debug"})
    assert served.stdout == f"{MODULES}\n"
    misses = served.statistics["misses"]
    within = misses.pop("imported while another module was linked", 0)
    assert misses == {}, json.dumps(misses)
    assert len([name for name in served.names if name[0] == "m"]) + within >= MODULES
    # From 3.12 on the collector runs between instructions of Python, and never within a link.
    assert (within > 0) == (sys.version_info < (3, 12))

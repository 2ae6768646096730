"""Record the modules of a program for the oracle: ``record.py RECORD PROGRAM [ARGS]``.

One line a module that came from a source file through the ordinary loader, in
order of first use: name, origin, cached, search locations (separated by NUL),
with tabs between.  Written when the program ends, however it ends.
"""

import atexit
import os
import sys


class Recorder:
    """Meta-path finder that asks all the others and notes what they say."""

    def __init__(self, path):
        self.lines = {}
        atexit.register(self.write, path)

    def find_spec(self, name, path=None, target=None):
        from _frozen_importlib_external import SourceFileLoader

        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if type(spec.loader) is SourceFileLoader and spec.cached:
                    locations = "\0".join(spec.submodule_search_locations or ())
                    self.lines.setdefault(name, f"{name}\t{spec.origin}\t{spec.cached}\t{locations}")
                return spec
        return None

    def write(self, path):
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(line + "\n" for line in self.lines.values())


if __name__ == "__main__":
    sys.meta_path.insert(0, Recorder(sys.argv[1]))
    sys.argv[:] = sys.argv[2:]
    sys.path[0] = os.path.dirname(sys.argv[0])
    __file__ = sys.argv[0]
    with open(__file__, "rb") as file:
        source = file.read()
    exec(compile(source, __file__, "exec"))

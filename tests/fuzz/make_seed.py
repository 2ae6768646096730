"""A small archive of real code objects, as a seed for the fuzz targets: make_seed.py FILE, with PyCDS installed.

Nothing of this machine is in it but the identity of the interpreter: paths are relative.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from pycds._core import Plan

SOURCES = {
    "one": "KEYS = ('a', 2.5, (b'xy', None))\ndef has(of):\n    return of in {'a', 'key', 7, ('a', 2.5)}\n",
    "two": "from one import has\n"
    "KEYS = ('a', 2.5, (b'xy', None))\nhas2 = lambda of: has(of) or of in {'a', 'key', 7}\n",
}


def main(target: str) -> None:
    """Write the archive."""
    target = os.path.abspath(target)
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        plan = Plan()
        for name, text in SOURCES.items():
            path = Path("srv", f"{name}.py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            status = path.stat()
            plan.add(
                name,
                compile(text, str(path), "exec"),
                loader="source",
                origin=str(path),
                cached=None,
                search_entry="srv",
                locations=None,
                stamp_path=str(path),
                stamp=(status.st_mtime_ns, status.st_ctime_ns, status.st_size),
                pyc=None,
                pyc_elsewhere=False,
                marshalled=b"",
                random_hashes=False,
                frozenset_orders={
                    frozenset(["a", "key", 7]): ("a", "key", 7),
                    frozenset(["a", "key", 7, ("a", 2.5)]): ("a", "key", 7, ("a", 2.5)),
                },
            )
        plan.write(target, "seed")
        os.chdir("/")


if __name__ == "__main__":
    main(sys.argv[1])

"""Try the PyCDS that is installed for this Python: trace, dump and serve a small program, in a directory of its own.

What cibuildwheel runs against each wheel (see ``pyproject.toml``), and the test of the source distribution.  Ends
with a message and code 1 where the modules of the program are not served.
"""

import json
import os
import subprocess
import sys
import tempfile

PROGRAM = "import sys, leaf, json, decimal\nprint(leaf.twice(sys.argv[1]))\n"
LEAF = "def twice(word):\n    return word + word\n"


def run(directory, *arguments, **environ):
    """Run this interpreter there; what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYCDS", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=directory, env={**kept, **environ}, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}")
    return done.stdout.decode()


def main():
    """Trace, dump, serve, compare."""
    with tempfile.TemporaryDirectory(prefix="pycds-try-") as directory:
        for name, text in (("app.py", PROGRAM), ("leaf.py", LEAF)):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        archive, statistics = (os.path.join(directory, name) for name in ("app.pycds", "statistics.json"))
        run(directory, "-m", "pycds", "trace", "app.lst", "--", "app.py", "ab")
        run(directory, "-m", "pycds", "dump", "app.lst", archive)
        run(directory, "-m", "pycds", "verify", "--live", archive)
        said = run(
            directory, "app.py", "ab", PYCDSMODE="SHARE", PYCDSARCHIVE=archive, PYCDSPOLICY="on", PYCDSSTATS=statistics
        )
        with open(statistics, encoding="utf-8") as file:
            counted = json.load(file)
    served = counted["archives"][0]["served"]
    if said.split() != ["abab"] or not {"leaf", "json", "decimal"} <= set(served) or counted["misses"]:
        sys.exit(f"not served as it should be: printed {said!r}, served {served}, missed {counted['misses']}")
    print(f"{len(served)} modules served")


if __name__ == "__main__":
    main()

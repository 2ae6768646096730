"""Programs that change classes of importlib: such a change counts, unless it has no part in imports."""

from __future__ import annotations

import pytest

from conftest import MakeArchive, Python, write_files

LOSES = "del importlib.machinery.PathFinder.find_distributions"
OBSERVES = """\
find = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda *words: print("asked for", words[0]) or find(*words)
"""
PROGRAM = """\
import importlib.machinery, sys
import first
{change}
import second
import wave, colorsys
print(second.__spec__.origin, type(second.__loader__), hasattr(importlib.machinery.PathFinder, "find_distributions"))
"""


@pytest.mark.parametrize(
    ("change", "served"),
    [
        (LOSES, True),
        (f"{LOSES}\n{OBSERVES}", False),
        (f"{LOSES}\nimport chunk_of_its_own\n{OBSERVES}", False),
        (f"{OBSERVES}\n{LOSES}", False),
        ("importlib.machinery.PathFinder.find_distributions = None", True),
        (f"{LOSES}\nimportlib.machinery.PathFinder.more = 1", False),
        ("importlib.machinery.FileFinder.find_distributions = 1", False),
    ],
)
def test_changed_classes(python: Python, make_archive: MakeArchive, change: str, served: bool) -> None:
    files = {"first.py": "", "second.py": "", "chunk_of_its_own.py": "", "app.py": PROGRAM.format(change=change)}
    app = write_files(python.directory, files) / "app.py"
    made = make_archive(app)
    plain, found = python(app), python.served(made.archive, app)
    assert (found.stdout, found.stderr) == (plain.stdout, plain.stderr)
    assert "first" in found.names
    assert ("second" in found.names, "wave" in found.names) == (served, served)
    assert set(found.statistics["misses"]) == (set() if served else {"import classes were changed"})

"""Path entries that are directories within zip files: the operating system knows nothing of them."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from conftest import MakeArchive, Python, write_files

APP = """\
import sys
sys.path[1:1] = sys.argv[1:]
import alpha, beta
print(alpha.WHERE, beta.WHERE, alpha.__file__, [type(sys.path_importer_cache.get(p)).__name__ for p in sys.argv[1:]])
"""


def make_zip(path: Path, **modules: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in modules.items():
            archive.writestr(name.replace("__", "/") + ".py", text)


@pytest.fixture
def place(python: Python) -> Path:
    write_files(
        python.directory,
        {"app/main.py": APP, "lib/alpha.py": "WHERE = 'directory'\n", "lib/beta.py": "WHERE = 'directory'\n"},
    )
    make_zip(python.directory / "some.zip", inside__gamma="", gamma="")
    return python.directory


def both(python: Python, archive: Path, *words: str | Path) -> tuple[str, list[str]]:
    plain = python(*words)
    served = python.served(archive, *words)
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    return plain.stdout, served.names


def test_a_zip_directory_that_holds_nothing(python: Python, place: Path, make_archive: MakeArchive) -> None:
    words = (place / "app/main.py", place / "some.zip/inside", place / "lib")
    made = make_archive(*words)
    printed, names = both(python, made.archive, *words)
    assert printed.startswith("directory directory")
    assert {"alpha", "beta"} <= set(names)


def test_a_zip_directory_comes_to_hold_a_module(python: Python, place: Path, make_archive: MakeArchive) -> None:
    words = (place / "app/main.py", place / "some.zip/inside", place / "lib")
    made = make_archive(*words)
    make_zip(place / "some.zip", inside__alpha="WHERE = 'zip'\n")
    printed, names = both(python, made.archive, *words)
    assert printed.startswith("zip directory")
    assert "beta" in names
    assert "alpha" not in names


@pytest.mark.skipif(sys.version_info < (3, 10), reason="zipimport asks for no code: nothing is served from a zip file")
@pytest.mark.parametrize("has_pyc", [False, True])
def test_how_often_a_module_in_a_zip_file_is_compiled(
    python: Python, place: Path, make_archive: MakeArchive, has_pyc: bool
) -> None:
    """To be found (before 3.15) and to be run, by a plain start; to be found alone, by a served one.

    Never where a .pyc is beside it.
    """
    write_files(place, {"packed/alpha.py": "WHERE = 'zip'\n"})
    if has_pyc:
        python("-m", "compileall", "-q", "-b", "packed")
    with zipfile.ZipFile(place / "packed.zip", "w") as archive:
        for file in (place / "packed").iterdir():
            archive.write(file, file.name)
    hook = "sys.addaudithook(lambda event, args: event == 'compile' and print('compile', args[1]))\n"
    (place / "app/main.py").write_text(APP.replace("import alpha", hook + "import alpha"))
    words = (place / "app/main.py", place / "packed.zip", place / "lib")
    made = make_archive(*words)
    plain, served = python(*words), python.served(made.archive, *words)
    assert "zip directory" in served.stdout and "alpha" in served.names
    times = [done.stdout.count(f"compile {place}/packed.zip/alpha.py") for done in (plain, served)]
    to_be_found = 1 if sys.version_info < (3, 15) else 0
    assert times == ([0, 0] if has_pyc else [to_be_found + 1, to_be_found])


def test_a_zip_directory_unknown_to_the_archive(python: Python, place: Path, make_archive: MakeArchive) -> None:
    made = make_archive(place / "app/main.py", place / "lib")
    make_zip(place / "other.zip", deep__alpha="WHERE = 'zip'\n")
    printed, names = both(python, made.archive, place / "app/main.py", place / "other.zip/deep", place / "lib")
    assert printed.startswith("zip directory")
    assert "beta" in names

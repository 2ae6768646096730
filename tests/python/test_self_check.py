"""The self-check: an interpreter that does not link what it dumps gets no archive, and one line that says why."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from conftest import Python, write_files

# Run by the interpreter that examines itself and by no other.
EXAMINED = "import sys\nif any('self_check.examination' in word for word in sys.argv):\n"

DIES = EXAMINED + "    import os, signal\n    os.kill(os.getpid(), signal.SIGSEGV)\n"

# The second time, when the code is read to be compared with, it is another.
DIFFERS = (
    EXAMINED
    + """\
    from importlib.machinery import SourceFileLoader
    ordinary = SourceFileLoader.get_code
    asked = set()
    def get_code(self, name):
        code = ordinary(self, name)
        again = name in asked
        asked.add(name)
        return code.replace({change}) if again and "specimens.functions" in name else code
    SourceFileLoader.get_code = get_code
"""
)


@pytest.fixture
def patched(python: Python) -> Python:
    """An interpreter that was never checked and imports ``sitecustomize`` from a directory of the test's."""
    for marker in python.home.iterdir():
        marker.unlink()
    python.environ["PYTHONPATH"] = str(python.directory / "patch")
    return python


def dump(python: Python, code: int) -> str:
    write_files(python.directory, {"names": "json\njson.decoder\n"})
    return python.pycds("dump", "names", "app.pycds", code=code).stderr


def test_an_interpreter_that_passes_is_remembered(patched: Python) -> None:
    dump(patched, code=0)
    (marker,) = patched.home.iterdir()
    assert marker.name.startswith("self-check-")
    # From now on nothing is examined: this one would die.
    write_files(patched.directory, {"patch/sitecustomize.py": DIES})
    dump(patched, code=0)


def test_where_nothing_can_be_remembered_the_dump_succeeds(patched: Python) -> None:
    patched.home.rmdir()
    patched.home.write_text("no directory")
    dump(patched, code=0)
    assert (patched.directory / "app.pycds").exists()


def test_an_interpreter_that_dies_gets_no_archive(patched: Python) -> None:
    write_files(patched.directory, {"patch/sitecustomize.py": DIES})
    message = dump(patched, code=4)
    assert "fails PyCDS's self-check, so nothing is archived for it: the interpreter died by SIGSEGV" in message
    assert len(message.splitlines()) == 1
    assert not (patched.directory / "app.pycds").exists()
    assert list(patched.home.iterdir()) == []


@pytest.mark.parametrize("change", ["co_firstlineno=77", "co_consts=code.co_consts[:-1] + (None, 2)"])
def test_an_interpreter_that_links_other_code_gets_no_archive(patched: Python, change: str) -> None:
    write_files(patched.directory, {"patch/sitecustomize.py": DIFFERS.format(change=change)})
    message = dump(patched, code=4)
    assert "what was served differs from what was compiled: pycds.self_check.specimens.functions" in message
    assert change.partition("=")[0] in message
    assert not (patched.directory / "app.pycds").exists()


def test_a_running_program_is_not_disturbed(patched: Python) -> None:
    """``pycds run`` runs its program whatever becomes of the archive."""
    write_files(patched.directory, {"patch/sitecustomize.py": DIES, "app.py": "print('ran')\n"})
    done = patched.pycds("run", "--", "app.py")
    assert done.stdout == "ran\n"


def test_another_build_is_examined_anew(patched: Python) -> None:
    code = """if True:
        import json, sys
        from pycds import _core, self_check
        names = {self_check._marker() for _ in range(2)}
        sys.version += " (patched)"
        names.add(self_check._marker())
        identity = _core.identity()
        _core.identity = lambda: {**identity, "build": "another"}
        names.add(self_check._marker())
        print(json.dumps(len(names)))
    """
    assert json.loads(patched("-c", code).stdout) == 3


def test_the_specimens_say_what_differs() -> None:
    """The comparison is worth something: it sees each change that is made."""
    from pycds.self_check.examination import differences

    source = Path(sys.modules["pycds"].__path__[0], "self_check", "specimens", "functions.py")
    plain = compile(source.read_text(), str(source), "exec", dont_inherit=True)
    assert list(differences(plain, compile(source.read_text(), str(source), "exec", dont_inherit=True), "x")) == []
    inner = next(constant for constant in plain.co_consts if hasattr(constant, "co_consts"))
    for change in (
        {"co_firstlineno": 1},
        {"co_name": "other"},
        {"co_stacksize": inner.co_stacksize + 1},
        {"co_consts": (*inner.co_consts, 0.0)},
        {"co_filename": "elsewhere"},
        {"co_flags": inner.co_flags ^ 0x20},
    ):
        other = inner.replace(**change)
        changed = plain.replace(co_consts=tuple(other if item is inner else item for item in plain.co_consts))
        assert list(differences(changed, plain, "x")), change
    for one, two in ((0.0, -0.0), (1, True), ((1, 2), (1, 2, 3)), ("a", b"a"), (1.0, 1), (2**70, 2**70 + 1)):
        assert list(differences(one, two, "x")), (one, two)

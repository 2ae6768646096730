"""Where nothing is out of the ordinary, the core serves without pycds/_startup.py: to the same effect.

A trace list with a relative name, which serving does not look at, is reason enough to go the long way.
"""

from __future__ import annotations

import sys
from typing import Dict, List

import pytest

from conftest import Made, MakeArchive, Python, write_files

pytestmark = pytest.mark.skipif(sys.version_info < (3, 10), reason="there is no sys.orig_argv")

LONG_WAY = {"PYCDSLIST": "relative"}

SHOW = """\
import sys
import wave, module
print(sys.argv[1:], __name__, module.VALUE, 'pycds._startup' in sys.modules, flush=True)
"""


@pytest.fixture
def made(python: Python, make_archive: MakeArchive) -> Made:
    write_files(
        python.directory,
        {"module.py": "VALUE = 1\n", "app.py": SHOW, "pycds": SHOW, "-odd.py": SHOW, "skip.py": "no\n" + SHOW},
    )
    return make_archive("app.py")


SHORT: Dict[str, List[str]] = {
    "a script": ["app.py", "a", "-m", "pycds"],
    "a script by another name": ["./app.py"],
    "a script with options": ["-u", "-B", "app.py", "-x"],
    "a module": ["-m", "app", "b"],
    "code": ["-c", SHOW, "pycds"],
}
LONG: Dict[str, List[str]] = {
    "an option that is not usual": ["-X", "dev", "app.py"],
    "letters together": ["-uB", "app.py"],
    "a line that is skipped": ["-x", "skip.py"],
    "code behind its letter": ["-c" + SHOW],
    "a module behind its letter": ["-mapp"],
    "a script that is called pycds": ["pycds"],
    "a module of PyCDS": ["-m", "pycds", "--version"],
    "standard input": [],
}


@pytest.mark.parametrize("case", [*SHORT, *LONG])
def test_both_ways_serve_the_same(python: Python, made: Made, case: str) -> None:
    words = {**SHORT, **LONG}[case]
    ends = [python.served(made.archive, *words, stdin=SHOW, code=None, env=env) for env in ({}, LONG_WAY)]
    assert (ends[0].stdout, ends[0].stderr) == (ends[1].stdout, ends[1].stderr)
    assert ends[0].returncode == ends[1].returncode == 0
    told = [
        {key: value for key, value in end.statistics.items() if key not in ("pid", "attach_ns", "link_ns", "archives")}
        for end in ends
    ]
    assert told[0] == told[1]
    served = [[archive["served"] for archive in end.statistics.get("archives", [])] for end in ends]
    assert served[0] == served[1]


@pytest.mark.parametrize("case", [*SHORT, *LONG])
def test_which_way_is_gone(python: Python, made: Made, case: str) -> None:
    """Without anything to be done at the end, the short way imports nothing of the package."""
    env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(made.archive)}
    done = python(*{**SHORT, **LONG}[case], stdin=SHOW, env=env)
    if "--version" not in done.args:
        assert done.stdout.rstrip().endswith(str(case in LONG))


@pytest.mark.parametrize(
    "env",
    [
        {"PYCDSPOLICY": "off"},
        {"PYCDSPOLICY": "nonsense"},
        {"PYCDSVALIDATION": "nonsense"},
        {"PYCDSMEMO": "nonsense"},
        {"PYCDSVERBOSE": "1"},
        {"PYCDSSTATS": "relative"},
        {"PYCDSARCHIVE": "relative.pycds"},
        {"PYCDSARCHIVE": ""},
        {"PYCDSARCHIVE": "/nowhere/x.pycds"},
        LONG_WAY,
    ],
    ids=str,
)
def test_what_is_to_be_told_is_told_in_python(python: Python, made: Made, env: Dict[str, str]) -> None:
    served = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(made.archive), **env}
    assert python("app.py", env=served).stdout == "[] __main__ 1 True\n"


@pytest.mark.parametrize(
    "env", [{"PYCDSVALIDATION": "digest"}, {"PYCDSVALIDATION": "sealed"}, {"PYCDSPOLICY": "on"}], ids=str
)
def test_words_are_understood(python: Python, made: Made, env: Dict[str, str]) -> None:
    served = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(made.archive), **env}
    assert python("app.py", env=served).stdout == "[] __main__ 1 False\n"
    assert (python.directory / "module.py").write_text(
        "VALUE = 20\n"
    )  # another size: within a second, nobody sees another time
    expected = 1 if env.get("PYCDSVALIDATION") == "sealed" else 20
    assert python("app.py", env=served).stdout == f"[] __main__ {expected} False\n"


def test_the_memo_is_off(python: Python, made: Made) -> None:
    code = (
        "import json; import pycds; print([archive['regexes']['served'] for archive in pycds.statistics()['archives']])"
    )
    archive = python.directory / "regexes.pycds"
    python.traced(python.directory / "regexes", "-c", code)
    python.pycds("dump", python.directory / "regexes", archive)
    env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive)}
    assert python("-c", code, env={**env, "PYCDSMEMO": "off"}).stdout == "[0]\n"
    assert python("-c", code, env=env).stdout != "[0]\n"


def test_the_package_knows_what_is_attached(python: Python, made: Made) -> None:
    """Afterwards, everything is as if the package had been imported in the first place."""
    code = f"""
import sys
assert "pycds" not in sys.modules
core = sys.modules["pycds._core"]
import pycds, pycds._core, pycds._startup
assert pycds._core is core and core.__spec__.name == core.__name__ == "pycds._core" and core.__package__ == "pycds"
assert pycds._startup.finders is core.attached and sys.meta_path[0] is core.attached[0] and len(core.attached) == 1
assert pycds.attach({str(made.archive)!r}) and len(core.attached) == 1
pycds._startup.start()
assert len(core.attached) == 1
print(len(pycds.statistics()["archives"]))
"""
    env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(made.archive)}
    assert python("-c", code, env=env).stdout == "1\n"


def test_options_of_the_archive_are_taken_up(python: Python, made: Made) -> None:
    shipped = python.directory / "shipped.pycds"
    python.pycds("dump", "--startup-gc", made.trace_list, shipped)
    code = "import gc, sys; print(gc.isenabled(), 'pycds.startup_gc' in sys.modules)"
    for archive, chosen, shown in (
        (shipped, {}, "True"),
        (shipped, {"PYCDSSTARTUPGC": "off"}, "False"),
        (made.archive, {}, "False"),
        (made.archive, {"PYCDSSTARTUPGC": "on"}, "True"),
    ):
        env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive), **chosen}
        assert python("-c", code, env=env).stdout.split()[1] == shown


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("del sys.meta_path", "RuntimeError"),
        ("sys.meta_path = ()", "SystemError"),
        ("sys.flags = None", "AttributeError"),
        ("del sys.flags", "AttributeError"),
        ("sys.argv = ['']", ""),
        ("sys.argv = None", ""),
        ("del sys.argv", ""),
        ("sys.orig_argv = None", "not done"),
        ("sys.orig_argv = ['python', None]", "not done"),
        ("sys.orig_argv = ['python', '\\udc80']", "not done"),
        ("del sys.hexversion", "not done"),
        ("sys.hexversion = 0x030b00a1", "not done"),
        ("os.environ['PYCDSARCHIVE'] += '.not'", "Refusal"),
    ],
)
def test_either_attached_or_not(python: Python, made: Made, change: str, error: str) -> None:
    """What fails has changed nothing, so that the long way can begin."""
    code = f"""
import os, sys
import pycds._core as core
os.environ.update(PYCDSMODE="SHARE", PYCDSARCHIVE={str(made.archive)!r})
del os.environ["PYCDSSTATS"]
before = list(sys.meta_path)
{change}
try:
    done = "" if core.start() else "not done"
except Exception as error:
    done = type(error).__name__
assert core.attached == [finder for finder in getattr(sys, "meta_path", ()) if finder not in before], core.attached
assert bool(core.attached) == (done == ""), done
print(done)
"""
    (python.directory / "direct.py").write_text(code)
    done = python("direct.py", env={"PYCDSSTATS": "unset within"})
    assert done.stdout.strip() == error

"""``pycds snapshot explain``, and what is executed right before the checkpoint (``--warm-up``)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conftest import Python, write_files
from snapshots import PLAIN, Snapshots, needed, refused

pytestmark = needed

FAULTS = Path(__file__).parents[2] / "src" / "snapshot" / "fault.hpp"


@pytest.fixture
def snapshots(python: Python) -> Snapshots:
    return Snapshots(python)


# --- what is in it --------------------------------------------------------------------------------------------

PROGRAM = """\
import json, mmap, os, sys, threading, tool
KEPT = []
worker = threading.Thread(target=lambda: KEPT.append(bytearray(9000)))
worker.start()
worker.join()
LARGE = bytearray(5_000_000)
LARGE[::4096] = b"x" * len(LARGE[::4096])
if __name__ == "__main__":
    print(len(sys.modules))
"""


def explained(snapshots: Snapshots, **more: int) -> str:
    text: str = snapshots.python.pycds("snapshot", "explain", snapshots.file, **more).stdout
    return text


def test_explain(snapshots: Snapshots) -> None:
    quiet = {"PYTHONDONTWRITEBYTECODE": "1"}  # a plain run would change the directory
    seed = {"PYTHONHASHSEED": "7", "LEVEL": "secret", **quiet}
    write_files(snapshots.python.directory, {"tool.py": "import os\nLEVEL = os.environ.get('LEVEL')\n"})
    snapshots.create(PROGRAM, "--vary", "FREE_*", env=seed)
    modules = int(snapshots.run(env=seed).stdout)
    snapshots.run(plain=True, env=quiet)
    text = snapshots.python.pycds("snapshot", "explain", "--json", snapshots.file, env=seed).stdout
    assert "secret" not in text
    told = json.loads(text)
    inspected = json.loads(snapshots.python.pycds("snapshot", "inspect", snapshots.file).stdout)
    assert told["snapshot"]["here_and_now"] == "nothing is wrong"
    assert told["frozen"]["hash_seed"] == "7"
    assert told["frozen"]["modules"] == modules
    assert told["restored_with"]["variables_asked_for"]["LEVEL"] == "tool"
    assert "PYTHONHASHSEED" in told["restored_with"]["other_variables"]
    assert "FREE_*" in told["restored_with"]["may_differ"]
    assert told["watched_files"]["sources"] > 10
    assert sum(told["watched_files"].values()) == len(inspected["files"])
    assert told["refusals"]["environment"]["times"] == 1
    check_pages(told, {kind: one["bytes"] for kind, one in inspected["mappings"].items()})


def check_pages(told: dict[str, dict[str, int]], mappings: dict[str, int]) -> None:
    """Every byte has one owner, and next to all of them a known one."""
    payload = told["payload"]
    assert sum(payload.values()) == mappings["payload"] + mappings["stack"] + mappings["copy"]
    assert sum(told["unmodified"].values()) == mappings["file"]
    assert told["nowhere"]["zero"] == mappings["zero"]
    assert payload["stack"] == mappings["stack"]
    assert payload["malloc, large blocks"] > 5_000_000
    assert payload["Python's small objects"] > 500_000
    assert payload["malloc, heap"] > 100_000
    assert 0 < payload["malloc, arenas of threads"] < 500_000
    assert 0 < payload["thread-local storage"] <= 6 * 4096
    assert 0 < payload[next(path for path in payload if "/libc.so" in path)] < 1_000_000
    assert payload.get("other memory", 0) < 200_000


def test_explain_for_people(snapshots: Snapshots) -> None:
    snapshots.create(PLAIN)
    for _ in range(2):
        snapshots.run(plain=True, code=3, env={"OTHER": "secret"})
    text = explained(snapshots)
    assert re.search(r"here and now +nothing is wrong", text)
    assert re.search(r"hash seed +random", text)
    assert re.search(r"environment +2 times: .*--vary", text)
    assert "libc.so.6" in text
    (snapshots.python.directory / "app.py").write_text(PLAIN + "\n")
    assert re.search(r"here and now +a file or directory has changed since \(.*app\.py\)", explained(snapshots))
    snapshots.file.write_bytes(snapshots.file.read_bytes()[:3000])
    assert explained(snapshots, code=3) == ""


def test_every_refusal_has_its_advice() -> None:
    from pycds.snapshot.explain import ADVICE

    words = re.findall(r'return \{"([a-z-]+)", ', FAULTS.read_text())
    assert set(words) - {"none", "unknown"} == set(ADVICE)


# --- what is executed before the checkpoint -------------------------------------------------------------------

TOOL = {"tool.py": "CACHE = []\n"}


@pytest.mark.parametrize("how", ["--at=main", "--at=call", "--after-import=tool"])
def test_warm_up(snapshots: Snapshots, how: str) -> None:
    """Before the hooks; of its own names nothing is left."""
    write_files(snapshots.python.directory, TOOL)
    call = "pycds.checkpoint()\n" if how == "--at=call" else ""
    hook = "pycds.before_checkpoint(lambda: tool.CACHE.append('hook'))"
    program = (
        f"import pycds, sys, tool\n{hook}\n{call}if __name__ == '__main__':\n"
        "    print(tool.CACHE, 'mine' in globals(), 'decimal' in sys.modules)\n"
    )
    code = "import decimal, tool\nmine = 1\ndef warm():\n    tool.CACHE.append(mine)\nwarm()"
    snapshots.create(program, how, "--warm-up", code)
    hooks = [] if how == "--after-import=tool" else ["hook"]
    assert snapshots.run().stdout == f"{[1, *hooks]} False True\n"


def test_warm_up_sees_the_program_and_is_refreshed(snapshots: Snapshots) -> None:
    program = "import sys\nCACHE = []\nif __name__ == '__main__':\n    print(CACHE)\n"
    code = 'import __main__\n__main__.CACHE.append("it\'s")'
    snapshots.create(program, "--warm-up", code)
    assert snapshots.run().stdout == '["it\'s"]\n'
    (snapshots.python.directory / "app.py").write_text(program.replace("[]", "['new']"))
    snapshots.python.pycds("snapshot", "refresh", snapshots.file)
    assert snapshots.run().stdout == "['new', \"it's\"]\n"


FAILURES = {
    "x = 1\nx / 0": "line 2 of --warm-up has raised ZeroDivisionError: division by zero",
    "raise SystemExit(0)": "line 1 of --warm-up has raised SystemExit: 0",
    "import no_such_module": "has raised ModuleNotFoundError: No module named 'no_such_module'",
    "print('warm')": r"prints before the checkpoint \(warm\)",
    "import time; NOW = time.time()": r"__warm_up__ calls time\(\)",
    "import os; LEVEL = os.environ.get('LEVEL')": "__warm_up__ asks for LEVEL before the checkpoint",
    "import socket, sys; sys.kept = socket.socket()": r"descriptor \d+ is open \(socket:",
}


def test_what_warm_up_must_not_do(snapshots: Snapshots) -> None:
    """The same as a program; a program that hides exceptions hides none of these."""
    program = "import pycds\ntry:\n    pycds.checkpoint()\nexcept BaseException:\n    pass\n"
    for code, message in FAILURES.items():
        done = snapshots.create(program, "--at=call", "--vary=LEVEL", "--warm-up", code, code=4)
        assert re.search(message, refused(done)), done.stderr
    assert not snapshots.file.exists()
    done = snapshots.create(program, "--warm-up", "x =", code=2)
    assert "--warm-up cannot be compiled: invalid syntax" in done.stderr

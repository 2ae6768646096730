"""What words name: the program on a command line of ours, or on that of an interpreter that has started."""

from __future__ import annotations

import os

import pytest

from pycds import program
from pycds.errors import UsageError
from pycds.run import parse_options


@pytest.mark.parametrize(
    ("words", "kind", "target", "flags"),
    [
        (["app.py", "-x"], "script", "app.py", []),
        (["-W", "error", "-OO", "app.py"], "script", "app.py", ["-W", "error", "-O", "-O"]),
        (["-Im", "json.tool"], "module", "json.tool", ["-I"]),
        (["--check-hash-based-pycs", "never", "a"], "script", "a", ["--check-hash-based-pycs", "never"]),
    ],
)
def test_what_an_interpreter_runs(words: list[str], kind: str, target: str, flags: list[str]) -> None:
    found = program.running(words)
    assert found is not None
    assert (found.kind, found.target, found.flags) == (kind, target, flags)


@pytest.mark.parametrize("words", [[], ["-"], ["-c", "pass"], ["-V"], ["--help"], ["-W"], ["-I"]])
def test_an_interpreter_that_runs_nothing_known(words: list[str]) -> None:
    assert program.running(words) is None


@pytest.mark.parametrize(
    ("words", "kind", "target", "flags", "arguments"),
    [
        (["-m", "a.b", "-x"], "module", "a.b", [], ["-x"]),
        (["-ma.b"], "module", "a.b", [], []),
        (["-Bmjson"], "module", "json", ["-B"], []),
        (["-c", "x", "--", "y"], "code", "x", [], ["--", "y"]),
        (["-OOE", "-X", "dev", "-Xutf8", "-W", "error", "-cx"], "code", "x",
         ["-O", "-O", "-E", "-X", "dev", "-X", "utf8", "-W", "error"], []),
        (["--check-hash-based-pycs", "always", "-m", "x"], "module", "x", ["--check-hash-based-pycs", "always"], []),
        (["--", "/", "-v"], "script", "/", [], ["-v"]),
    ],
)  # fmt: skip
def test_programs(words: list[str], kind: str, target: str, flags: list[str], arguments: list[str]) -> None:
    parsed = program.parse(words)
    assert (parsed.kind, parsed.target, parsed.flags, parsed.arguments) == (kind, target, flags, arguments)


@pytest.mark.parametrize("words", [[], ["-"], ["-O"], ["-X"], ["-Z", "x"], ["--version"], ["-m"]])
def test_programs_that_are_none(words: list[str]) -> None:
    with pytest.raises(UsageError):
        program.parse(words)


def test_options_end_at_the_program() -> None:
    options = parse_options(["--archive", "a", "x.py", "--policy", "on"])
    assert options.archive == os.path.abspath("a")
    assert (options.policy, options.program) == ("auto", ["x.py", "--policy", "on"])

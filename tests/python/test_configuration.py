"""Settings in files: command line > environment > pyproject.toml > the user's file > defaults."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from conftest import Python, write_files
from enabled_environment import Environment

SHOW = (
    "import os; names = ('VALIDATION', 'MEMO', 'FASTEXIT', '_STORE_LIMIT'); "
    "print(*(os.environ.get('PYCDS' + name, '-') for name in names))"
)


@pytest.fixture
def user_file(python: Python) -> Path:
    python.environ["XDG_CONFIG_HOME"] = str(python.directory / "config")
    path = python.directory / "config" / "pycds" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def configure(python: Python, table: str) -> None:
    (python.directory / "pyproject.toml").write_text(f"[project]\nname = 'x'\n[tool.pycds]\n{table}\n")


def shown(python: Python, *options: str, **env: str) -> str:
    """What the environment of a program is under `pycds run`."""
    return python.pycds("run", *options, "--", "-c", SHOW, env=env).stdout.rstrip("\n")


def test_each_has_its_turn(python: Python, user_file: Path) -> None:
    assert shown(python) == "- - - -"
    user_file.write_text("validation = 'digest'\nmemo = false\nstore-limit = '700M'\n")
    assert shown(python) == "digest off - 700M"
    configure(python, "validation = 'sealed'\nfast-exit = true")
    assert shown(python) == "sealed off on 700M"
    assert shown(python, PYCDSVALIDATION="exact", PYCDS_STORE_LIMIT="1G") == "exact off on 1G"
    served = python.pycds(
        "run", "--validation=digest", "--no-fast-exit", "--", "-c", SHOW, env={"PYCDSVALIDATION": "exact"}
    )
    assert served.stdout.split()[:3] == ["digest", "off", "off"]


def test_the_nearest_table_counts(python: Python, user_file: Path) -> None:
    """A pyproject.toml without it is passed by."""
    configure(python, "validation = 'digest'")
    write_files(python.directory, {"a/pyproject.toml": "[project]\nname = 'a'\n", "a/b/c.py": SHOW})
    nested = python.directory / "a" / "b"
    assert python.pycds("run", "--", "c.py", cwd=nested).stdout.startswith("digest")
    (python.directory / "a" / "pyproject.toml").write_text("[tool.pycds]\n")
    assert python.pycds("run", "--", "c.py", cwd=nested).stdout.startswith("-")


def test_the_store_is_where_it_says(python: Python, user_file: Path) -> None:
    """Relative to the file, whatever the working directory is."""
    configure(python, "home = 'kept'")
    write_files(python.directory, {"sub/app.py": "import wave\n"})
    python.pycds("run", "--", "app.py", cwd=python.directory / "sub", env={"PYCDS_HOME": ""})
    assert len(list((python.directory / "kept").glob("app.py-*.pycds"))) == 1


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("validaton = 'exact'", "[tool.pycds] has 'validaton', which is none of fast-exit, home, memo"),
        ("validation = 'exactly'", "[tool.pycds] validation is 'exactly'; it can be \"exact\""),
        ("memo = 'on'", "memo is 'on'; it can be true or false"),
        ("fast-exit = 1", "fast-exit is 1; it can be true or false"),
        ("store-limit = 'much'", "store-limit is 'much'; it can be a size"),
        ("store-limit = true", "store-limit is True; it can be a size"),
        ("home = ''", "home is ''; it can be a directory"),
        ("validation = ", "pyproject.toml is not TOML: "),
    ],
)
def test_mistakes_in_one_line(python: Python, table: str, told: str) -> None:
    configure(python, table)
    for command in (("run", "--", "-c", "print('run')"), ("status",), ("enable",)):
        done = python.pycds(*command, code=2)
        assert done.stdout == ""
        assert done.stderr.startswith(f"pycds: {python.directory / 'pyproject.toml'}")
        assert told in done.stderr
        assert done.stderr.count("\n") == 1
    findings = json.loads(python.pycds("doctor", "--json", code=1).stdout)
    assert told in json.dumps(findings, ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"tool = 1\n[tool.pycds]\n", b"[[tool.pycds]]\n", b"[tool]\npycds = 3\n"]
)
def test_what_is_no_table(python: Python, content: bytes) -> None:
    (python.directory / "pyproject.toml").write_bytes(content + b"# pycds\n")
    done = python.pycds("run", "--", "-c", "print('run')", code=2)
    assert done.stderr.count("\n") == 1
    assert str(python.directory / "pyproject.toml") in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "[tool.'pycds']\nvalidation = 'digest'",
        "[ tool . pycds ]\nvalidation = 'digest'",
        "[tool]\npycds = {validation = 'digest'}",
        "[tool]\npycds.validation = 'digest'",
        "tool.pycds.validation = 'digest'",
        "\ufeff[tool.pycds]\nvalidation = 'digest'",
    ],
)
def test_a_table_may_be_written_otherwise(python: Python, text: str) -> None:
    (python.directory / "pyproject.toml").write_text(text, encoding="utf-8")
    assert shown(python).startswith("digest")


def test_a_mistake_leaves_help_and_the_ways_out(environment: Environment) -> None:
    configure(environment.python, "validaton = 'exact'")
    for command in ("--help", "--version", "doctor", "unwrap --all", "disable", "wrap --help", "run --help"):
        assert environment.pycds(*command.split(), code=None).returncode == (1 if command == "doctor" else 0)


def test_no_table_no_parser(python: Python, user_file: Path) -> None:
    """Most who start programs have none, and pay for looking alone; a broken file of somebody else is not read."""
    (python.directory / "pyproject.toml").write_text("[project\nthis is not TOML")
    done = python("-X", "importtime", "-m", "pycds", "run", "--policy", "off", "--", "-c", "print('run')")
    assert done.stdout == "run\n"
    assert "pycds.configuration" in done.stderr
    assert "tomllib" not in done.stderr and "tomli" not in done.stderr


def test_status_says_what_is_configured(python: Python, user_file: Path) -> None:
    configure(python, "validation = 'digest'\nmemo = true")
    lines = python.pycds("status", env={"PYCDSMEMO": "off"}).stdout.splitlines()
    file = python.directory / "pyproject.toml"
    assert f"configured: PYCDSVALIDATION=digest ({file})" in lines
    assert f"            PYCDSMEMO=on ({file}; the environment has another)" in lines


def test_enable_takes_it_down(environment: Environment, program: Path) -> None:
    """Programs read no file: what was configured when it was called holds, unless the environment says otherwise."""
    python = environment.python
    configure(python, "memo = false\nhome = 'kept'\nstore-limit = 1")
    configured = {"PYCDS_HOME": ""}
    told = environment.pycds("enable", "--validation=digest", env=configured).stdout
    assert f"; configured in {python.directory / 'pyproject.toml'}." in told
    assert f"it keeps archives in {python.directory / 'kept'}." in told
    (python.directory / "pyproject.toml").unlink()
    settings = json.loads(environment.pycds("status", "--json", env=configured).stdout)["settings"]
    kept = python.directory / "kept"
    assert settings == {
        "PYCDSMEMO": "off", "PYCDS_HOME": str(kept), "PYCDS_STORE_LIMIT": "1", "PYCDSVALIDATION": "digest",
    }  # fmt: skip
    told = environment.pycds("status", env=configured).stdout
    assert f"on (validation digest, memo off, at most 1 in the store, archives in {kept})" in told
    assert f"store:      {kept}: " in told  # where programs keep them, though no file says so any more
    environment.served(program, env=configured)
    log = kept / "background.log"
    while not log.exists() or not log.read_text():
        time.sleep(0.05)
    (archive,) = kept.glob("*.pycds")
    assert "package" in environment.served(program, env=configured)
    assert "@regex" not in (kept / f"{archive.name}.lst").read_text()
    # The least recently used of two is more than may be kept.
    environment.served("-m", "package", env=configured)
    while len(log.read_text().splitlines()) < 2:
        time.sleep(0.05)
    assert len(list(kept.glob("*.pycds"))) == 1 and not archive.exists()
    assert environment.served(program, env={"PYCDS_HOME": str(python.home)}) == []

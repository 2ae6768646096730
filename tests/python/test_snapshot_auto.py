"""Snapshots that come by themselves: `pycds run --snapshot auto` and `pycds wrap --snapshot`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import snapshots as needs_them
from conftest import Python, clean_environment, write_files
from enabled_environment import SITE_PACKAGES, Environment, make_environment
from pycds.restored_script import RESTORER as RESTORER_OF_SCRIPTS

pytestmark = needs_them.needed

TOOL = """\
#!{executable}
import json, os, sys
import part
if __name__ == "__main__":
    executable = os.path.basename(os.readlink("/proc/self/exe"))
    print(json.dumps([executable, part.value, sys.argv, __file__, getattr(sys, "orig_argv", 0)]))
    sys.exit(3)
"""


class Programs(Environment):
    """`app.py` and the console script `tool`, both of the same text, and `part.py`, which both import."""

    def __init__(self, python: Python, executable: Path) -> None:
        super().__init__(python, executable)
        self.directory = python.directory
        self.python.environ["PYTHONPATH"] = str(self.directory)
        self.executable = executable
        self.text = TOOL.format(executable=executable)
        write_files(self.directory, {"app.py": self.text, "part.py": "value = 1\n"})
        self.tool = executable.parent / "tool"
        self.tool.write_text(self.text)
        self.tool.chmod(0o755)

    def run(self, *words: str, **options: Any) -> Any:
        """What `app.py` tells under `pycds run --snapshot auto`: how it ran, and the rest."""
        done = self.pycds("run", "--snapshot", "auto", *words, "--", "app.py", "a", "b", code=3, **options)
        assert done.stderr == ""
        return json.loads(done.stdout)

    def call(self, path: str | os.PathLike[str], *arguments: str, **env: str) -> Any:
        """What `tool` tells."""
        done = self.called(path, *arguments, **env)
        assert (done.returncode, done.stderr) == (3, "")
        return json.loads(done.stdout)

    def called(self, path: str | os.PathLike[str], *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        environ = clean_environment(PYCDS_HOME=str(self.python.home), **{**self.python.environ, **env})
        return subprocess.run(
            [path, *arguments],
            env=environ,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def snapshots(self) -> list[str]:
        return sorted(path.name.partition(".pycds")[2] for path in self.python.home.glob("*.snapshot"))

    def age_snapshots(self) -> None:
        """Make them older than they are: what is new is not made again at once."""
        for path in self.python.home.glob("*.snapshot"):
            os.utime(path, (0, path.stat().st_mtime - 3600))

    def plain(self, *arguments: str) -> Any:
        return json.loads(self("app.py", *arguments, code=3).stdout)


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture
def programs(python: Python, executable: Path) -> Iterator[Programs]:
    found = Programs(python, executable)
    before = set(executable.parent.iterdir())
    yield found
    found.hook.write_text((SITE_PACKAGES / "pycds.pth").read_text())
    for added in set(executable.parent.iterdir()) - before:
        added.unlink()


def test_the_second_run_has_it_made_and_the_third_is_restored(programs: Programs) -> None:
    plain = programs.plain("a", "b")
    assert programs.run() == plain and programs.snapshots() == []
    assert programs.run() == plain
    (line,) = programs.wait(1)
    assert "a snapshot, " in line and programs.snapshots() == [".snapshot"]
    absolute = os.path.join(programs.directory, plain[3])  # relative before Python 3.9
    assert programs.run() == ["restorer", *plain[1:3], absolute, *plain[4:]]
    assert programs.run("--fast-exit") == plain  # that is another one
    programs.wait(2)
    assert programs.run("--fast-exit")[0] == "restorer"
    assert programs.stays_silent(2)
    assert programs.snapshots() == [".fast.snapshot", ".snapshot"]
    programs.pycds("prune", "--size", "0")
    assert list(programs.python.home.glob("*.pycds*")) == []


def test_what_has_changed_is_seen_at_once_and_made_anew(programs: Programs) -> None:
    plain = programs.plain("a", "b")
    programs.run(), programs.run()
    programs.wait(1)
    programs.age_snapshots()
    write_files(programs.directory, {"part.py": "value = 'another'\n"})
    assert programs.run()[:2] == [plain[0], "another"]
    assert programs.run()[:2] == [plain[0], "another"]
    programs.wait(2)
    assert programs.run()[:2] == ["restorer", "another"]


@pytest.mark.parametrize("damage", ["empty", "header", "removed"])
def test_a_damaged_one_is_no_obstacle(programs: Programs, damage: str) -> None:
    plain = programs.plain("a", "b")
    programs.run(), programs.run()
    programs.wait(1)
    (file,) = programs.python.home.glob("*.snapshot")
    if damage == "removed":
        file.unlink()
    elif damage == "empty":
        os.truncate(file, 0)
    else:
        with open(file, "r+b") as content:
            content.seek(300)
            content.write(b"damage")
    programs.age_snapshots()
    assert programs.run() == plain
    if damage != "removed":
        assert programs.run() == plain
    programs.wait(2)
    assert programs.run()[0] == "restorer"


def test_what_cannot_be_written_down_runs_from_its_archive(programs: Programs) -> None:
    write_files(programs.directory, {"part.py": "import threading, time\nvalue = 2\nopen('written', 'w').close()\n"})
    plain = programs.plain("a", "b")
    assert programs.run() == plain
    assert programs.run() == plain
    assert "not made: PycdsError: no snapshot can be made: " in programs.wait(1)[0]
    assert programs.run() == plain
    assert programs.snapshots() == [] and programs.stays_silent(1)
    assert "no snapshot can be made" in programs.pycds("doctor", code=None).stdout


def test_nothing_is_made_where_it_should_not(programs: Programs) -> None:
    for _ in range(3):
        programs.run(env={"CI": "true"})
    assert programs.stays_silent(0) and programs.snapshots() == []
    done = programs.pycds("run", "--snapshot", "auto", "--policy", "on", "--", "app.py", code=2)
    assert "--policy on" in done.stderr


def test_a_script_is_restored_and_can_be_made_plain(programs: Programs) -> None:
    link = programs.directory / "link"
    link.symlink_to(programs.tool)
    plain, before = programs.call(programs.tool, "x"), programs.tool.read_bytes()
    done = programs.pycds("wrap", "--snapshot", "--vary", "TOOL_*", "tool")
    assert done.stdout == "wrapped tool with --snapshot --vary 'TOOL_*'\n"
    lines = programs.tool.read_text().splitlines()
    assert lines[0] == f"#!{programs.tool.parent / RESTORER_OF_SCRIPTS} --script"
    assert lines[1:-2] == programs.text.splitlines()[1:]  # so that numbers of lines are the same
    assert programs.tool.stat().st_mode & 0o777 == 0o755
    assert programs.call(programs.tool, "x", TOOL_A="1") == [RESTORER_OF_SCRIPTS, *plain[1:]]
    for path in (link, "./link"):
        plain = programs.call(path, PYCDSENABLED="off")
        plain[3] = os.path.join(programs.directory, plain[3])  # relative before Python 3.9
        assert programs.call(path) == [RESTORER_OF_SCRIPTS, *plain[1:]]
    # Whoever starts it by its interpreter has the plain program.
    assert json.loads(programs(programs.tool, code=3).stdout)[0] == plain[0]
    assert programs.pycds("list").stdout.count("--snapshot --vary 'TOOL_*'") == 1
    assert "tool --snapshot" in programs.pycds("doctor", code=None).stdout
    assert programs.pycds("unwrap", "tool").stdout == "unwrapped tool\n"
    assert programs.tool.read_bytes() == before
    assert not (programs.tool.parent / RESTORER_OF_SCRIPTS).exists()


def test_a_restored_script_runs_plainly_where_it_must(programs: Programs, executable: Path) -> None:
    plain = programs.call(programs.tool)
    programs.pycds("wrap", "--snapshot", "tool")
    assert programs.call(programs.tool)[0] == RESTORER_OF_SCRIPTS
    assert programs.call(programs.tool, PYCDSENABLED="off") == plain
    assert programs.call(programs.tool, PYCDSMODE="MANUALLY") == plain
    assert programs.call(programs.tool, OTHER="1") == plain
    (snapshot,) = programs.python.home.glob("*.snapshot")
    os.truncate(snapshot, 1000)
    assert programs.call(programs.tool) == plain
    shutil.rmtree(programs.python.home)
    assert programs.call(programs.tool) == plain
    package = programs.hook.parent / "pycds"
    package.rename(package.with_name("away"))
    try:
        assert programs.call(programs.tool) == plain
    finally:
        package.with_name("away").rename(package)


def test_a_script_is_made_anew_when_it_has_run_plainly(programs: Programs) -> None:
    programs.pycds("wrap", "--snapshot", "tool")
    write_files(programs.directory, {"part.py": "value = 'another'\n"})
    programs.age_snapshots()
    executable, value = programs.call(programs.tool)[:2]
    assert executable != RESTORER_OF_SCRIPTS and value == "another"
    assert any("a snapshot" in line for line in programs.wait(2))  # the other is its archive
    assert programs.call(programs.tool)[:2] == [RESTORER_OF_SCRIPTS, "another"]


def test_a_script_that_cannot_be_written_down_stays_as_it_is(programs: Programs) -> None:
    write_files(programs.directory, {"part.py": "value = print('printed')\n"})
    before = programs.tool.read_bytes()
    done = programs.pycds("wrap", "--snapshot", "tool", code=4)
    assert "tool is wrapped without a snapshot: no snapshot can be made: the program prints" in done.stderr
    assert programs.tool.read_bytes() == before
    assert done.stdout == "wrapped tool\n"
    assert RESTORER_OF_SCRIPTS not in os.listdir(programs.tool.parent)
    assert "--snapshot" not in programs.pycds("list").stdout


def test_several_scripts_at_once(programs: Programs) -> None:
    """Each changes the directory that is on the search path of all; one of which none can be made changes it again."""
    for name, text in (("second", programs.text), ("printing", programs.text.replace("import part", "print('early')"))):
        programs.tool.with_name(name).write_text(text)
        programs.tool.with_name(name).chmod(0o755)
    done = programs.pycds("wrap", "--snapshot", "tool", "printing", "second", code=4)
    wrapped = ["wrapped tool with --snapshot", "wrapped printing", "wrapped second with --snapshot"]
    assert done.stdout.splitlines() == wrapped and done.stderr.count("\n") == 1
    assert programs.tool.with_name("printing").read_text().startswith(f"#!{programs.executable}")
    for name in ("tool", "second"):
        assert programs.call(programs.tool.with_name(name))[0] == RESTORER_OF_SCRIPTS


def test_a_script_without_a_newline_at_its_end(programs: Programs) -> None:
    programs.tool.write_text(programs.text.rstrip("\n"))
    programs.pycds("wrap", "--snapshot", "tool")
    assert programs.call(programs.tool)[0] == RESTORER_OF_SCRIPTS
    programs.pycds("unwrap", "tool")
    assert programs.tool.read_text() == programs.text.rstrip("\n")


def test_a_script_that_was_written_anew(programs: Programs) -> None:
    programs.pycds("wrap", "--snapshot", "tool")
    wrapped = programs.tool.read_text()
    programs.tool.write_text(programs.text)  # as an upgrade of its package does
    assert "pycds wrap --snapshot tool" in programs.pycds("doctor", code=1).stdout
    programs.pycds("wrap", "--snapshot", "tool")
    assert programs.tool.read_text() == wrapped
    programs.tool.write_text("".join(wrapped.splitlines(keepends=True)[:-2]))
    done = programs.called(programs.tool)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "no line names its interpreter any more" in done.stderr

"""``pycds wrap``: single console scripts of an environment are served, with settings of their own."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import PROGRAM_MODULES, Python, clean_environment
from enabled_environment import SITE_PACKAGES, Environment, make_environment, own

OFF = (SITE_PACKAGES / "pycds.pth").read_text()

TOOL = """\
#!{executable}
class Kept:
    def __del__(self): print("deleted")
kept = Kept()
import app
"""
DELETES = "result 42 package 1 spread.part.deep\ndeleted\n"
"""What it prints without --fast-exit."""


class Wrapping(Environment):
    """With console scripts, and PyCDS not enabled."""

    def __init__(self, python: Python, executable: Path, modules: Path) -> None:
        super().__init__(python, executable)
        self.python.environ["PYTHONPATH"] = str(modules)
        self.scripts = executable.parent
        self.tool = self.add("tool")

    def add(self, name: str, text: str = TOOL) -> Path:
        script = self.scripts / name
        script.write_text(text.format(executable=self.python.executable))
        script.chmod(0o755)
        return script

    def refused(self, *words: str | Path, code: int = 2, **options: Any) -> str:
        """The one line that a command is refused with; nothing was written."""
        before = self.hook.read_bytes()
        done = self.pycds(*words, code=code, **options)
        assert (done.stdout, done.stderr.count("\n"), done.stderr[:7]) == ("", 1, "pycds: ")
        assert self.hook.read_bytes() == before
        return done.stderr

    def listed(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in json.loads(self.pycds("list", "--json").stdout)}


@pytest.fixture
def environment(python: Python, executable: Path, program: Path) -> Iterator[Wrapping]:
    found = Wrapping(python, executable, program.parent)
    before = set(found.scripts.iterdir())
    yield found
    found.hook.write_text(OFF)
    for added in set(found.scripts.iterdir()) - before:
        added.unlink()


def test_a_wrapped_command_is_served_and_nothing_else_is(environment: Wrapping, program: Path) -> None:
    plain = environment(environment.tool)
    text = environment.tool.read_bytes()
    assert environment.pycds("wrap", "tool").stdout == "wrapped tool\n"
    assert environment.tool.read_bytes() == text
    env = clean_environment(**environment.python.environ, PYCDS_HOME=str(environment.python.home))
    first = subprocess.run([environment.tool], env=env, capture_output=True, text=True, check=True)
    assert (first.stdout, first.stderr) == (plain.stdout, plain.stderr)
    environment.wait(1)
    assert environment.listed()["tool"]["has_archive"]
    assert own(environment.served(environment.tool)) == PROGRAM_MODULES
    (archive,) = environment.archives()
    assert environment.listed()["tool"]["archive"] == str(archive)
    # It is the archive that `pycds run` has.
    environment.pycds("run", "--policy", "on", "--", "tool")
    assert environment.served(program) == []
    assert environment.served("-m", "package") == []
    assert environment.served(environment.tool, env={"PYCDSENABLED": "off"}) == []
    assert environment.archives() == [archive]
    assert environment.stays_silent(1)


def test_other_programs_do_not_import_pycds(environment: Wrapping, program: Path, tmp_path: Path) -> None:
    environment.pycds("wrap", "tool")
    text = "import sys\nprint([name for name in sys.modules if name.startswith('pycds')])\n"
    (program.parent / "shows.py").write_text(text)
    for words in (["shows.py"], ["-c", text]):
        assert environment(*words).stdout == "[]\n"
    # One of its name elsewhere is another program: that costs it a look at its path.
    other = tmp_path / "tool"
    other.write_text(text)
    assert environment(other).stdout == "['pycds', 'pycds.enabled']\n"
    assert list(environment.python.home.glob("*.pycds*")) == []


@pytest.mark.parametrize("how", ["a link", "a relative path", "by way of a link to the directory"])
def test_ways_to_its_script(environment: Wrapping, tmp_path: Path, how: str) -> None:
    environment.pycds("wrap", "tool")
    environment(environment.tool)
    environment.wait(1)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").symlink_to(environment.tool)
    (tmp_path / "scripts").symlink_to(environment.scripts)
    script, directory = {
        "a link": (str(tmp_path / "bin" / "tool"), tmp_path),
        "a relative path": ("tool", environment.scripts),
        "by way of a link to the directory": (str(tmp_path / "scripts" / "tool"), tmp_path),
    }[how]
    assert own(environment.served(script, cwd=directory)) == PROGRAM_MODULES
    assert len(environment.archives()) == 1


def test_settings(environment: Wrapping, program: Path) -> None:
    """The variables of a process come before those of its command, and these before the environment's."""
    other = environment.add("other")
    assert environment.pycds("wrap", "--fast-exit", "tool").stdout == "wrapped tool with --fast-exit\n"
    assert environment(environment.tool).stdout == DELETES.replace("deleted\n", "")
    assert environment(environment.tool, env={"PYCDSFASTEXIT": "off"}).stdout == DELETES
    assert environment(other).stdout == DELETES
    environment.pycds("wrap", "other", "--no-fast-exit")
    environment.pycds("enable", "--fast-exit")
    assert environment(other).stdout == DELETES
    assert environment(environment.tool).stdout == DELETES.replace("deleted\n", "")
    environment.pycds("wrap", "tool")
    assert environment(environment.tool).stdout == DELETES.replace("deleted\n", "")
    assert environment.listed()["tool"]["settings"] == {}
    environment.wait(2)
    environment.pycds("wrap", "tool", "--validation", "sealed")
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    assert environment(environment.tool).stdout.startswith("result 42")
    assert environment(other).stdout.startswith("result 43")
    assert environment(environment.tool, env={"PYCDSVALIDATION": "exact"}).stdout.startswith("result 43")


def test_enable_and_disable_keep_what_is_wrapped(environment: Wrapping, program: Path) -> None:
    mode = stat.S_IMODE(os.stat(environment.hook).st_mode)
    environment.pycds("wrap", "tool", "--startup-gc")
    wrapped = environment.hook.read_text()
    environment.pycds("enable")
    assert "wrapped:    tool; see `pycds list`" in environment.pycds("status").stdout
    assert json.loads(environment.pycds("status", "--json").stdout)["wrapped"] == {"tool": {"PYCDSSTARTUPGC": "on"}}
    environment(program)
    environment.wait(1)
    off, still = environment.pycds("disable").stdout.splitlines()
    assert "PyCDS is off" in off
    assert still == "Still wrapped: tool; `pycds unwrap --all` ends that."
    assert environment.hook.read_text() == wrapped
    assert stat.S_IMODE(os.stat(environment.hook).st_mode) == mode
    environment(environment.tool)
    environment.wait(2)
    assert environment.pycds("unwrap", "--all").stdout == "unwrapped tool\n"
    assert environment.hook.read_text() == OFF
    assert environment.served(environment.tool) == []
    assert environment.pycds("unwrap", "--all").stdout == "no command is wrapped\n"
    assert list(environment.python.home.glob("switch-*")) == []


def test_pycdsmode_decides(environment: Wrapping, program: Path, tmp_path: Path) -> None:
    environment.pycds("wrap", "tool", "--fast-exit")
    for script in (environment.tool, program):
        environment(script, env={"PYCDSMODE": "TRACE", "PYCDSLIST": str(tmp_path / "list")})
        assert "package.inner.leaf" in (tmp_path / "list").read_text()
        (tmp_path / "list").unlink()
    assert environment(environment.tool, env={"PYCDSMODE": "MANUALLY"}).stdout == DELETES
    assert list(environment.python.home.glob("*.pycds*")) == []


def test_what_is_no_console_script(environment: Wrapping) -> None:
    environment.add("shell", "#!/bin/sh\n")
    environment.add("foreign", "#!/nowhere/bin/python\n")
    for name, said in (
        ("nowhere", "'nowhere' is no console script of this environment"), ("../tool", "is no console script"),
        ("shell", "is not a Python script"), ("foreign", "belongs to /nowhere/bin/python"), ("it's", "is no console"),
        ("pycds", "pycds itself is not wrapped"), ("python", "python itself"), ("python3.9", "python3.9 itself"),
    ):  # fmt: skip
        assert said in environment.refused("wrap", "tool", name)
        assert environment.listed() == {}
    environment.pycds("wrap", "tool")
    assert "'other' is not wrapped" in environment.refused("unwrap", "tool", "other")
    assert "or --all" in environment.refused("unwrap")
    assert "or --all" in environment.refused("unwrap", "--all", "tool")
    assert list(environment.listed()) == ["tool"]


def test_the_list(environment: Wrapping) -> None:
    assert environment.pycds("list").stdout == "no command is wrapped; `pycds wrap NAME` wraps one\n"
    environment.add("other")
    environment.pycds("wrap", "--validation", "digest", "--fast-exit", "--no-startup-gc", "other")
    environment.pycds("wrap", "tool")
    (environment.scripts / "other").unlink()
    head, other, tool = (line.split() for line in environment.pycds("list").stdout.splitlines())
    assert head == ["command", "options", "archive", "script"]
    assert other == ["other", "--validation", "digest", "--no-startup-gc", "--fast-exit", "-", "gone"]
    assert tool == ["tool", "-", "not", "made", "yet", str(environment.tool)]


def test_doctor(environment: Wrapping) -> None:
    environment.pycds("wrap", "tool", "--fast-exit")
    assert "tool --fast-exit, without an archive" in environment.pycds("doctor").stdout
    environment(environment.tool)
    environment.wait(1)
    assert "tool --fast-exit\n" in environment.pycds("doctor").stdout
    environment.tool.unlink()
    told = environment.pycds("doctor", code=1).stdout
    assert "'tool' is no console script of this environment" in told
    assert "-> pycds unwrap tool, or install it again" in told
    environment.pycds("unwrap", "tool")
    assert environment.pycds("doctor").stdout.endswith("no problems\n")


def test_another_pycds_brings_its_own_file(environment: Wrapping) -> None:
    """As an upgrade does: that is told, until something is switched on or off."""
    environment.pycds("enable", "--validation", "digest")
    environment.pycds("wrap", "tool", "--fast-exit")
    environment.hook.write_text(OFF)
    assert "what was on is gone" in environment.pycds("status").stdout
    told = environment.pycds("doctor", code=1).stdout
    assert "-> pycds enable --validation digest switches all of it on again; `pycds disable` forgets it" in told
    environment.pycds("disable")
    environment.pycds("doctor")
    assert "gone" not in environment.pycds("status").stdout


def test_what_another_pycds_has_taken_away_comes_back_with_anything(environment: Wrapping) -> None:
    environment.add("other")
    environment.pycds("wrap", "tool", "--fast-exit")
    environment.hook.write_text(OFF)
    assert environment.pycds("list").stdout.endswith("before PyCDS was installed anew: tool\n")
    assert environment.pycds("wrap", "other").stdout.splitlines() == [
        "wrapped other", "on again, as before PyCDS was installed anew: tool"
    ]  # fmt: skip
    assert [line.split()[0] for line in environment.pycds("list").stdout.splitlines()[1:]] == ["other", "tool"]
    environment.hook.write_text(OFF)
    assert "unwrapped tool\n" in environment.pycds("unwrap", "--all").stdout
    environment.pycds("doctor")


def test_a_line_that_was_changed_by_hand(environment: Wrapping) -> None:
    environment.pycds("wrap", "tool")
    line = environment.hook.read_text()
    for changed in (
        line.replace("{}", "{**{}}"),
        line.replace("in wrapped)", "in [*wrapped])"),
        line + "import os\n",
        "",
    ):
        environment.hook.write_text(changed)
        for words in (["wrap", "tool"], ["unwrap", "--all"], ["list"], ["status"]):
            assert "was changed by hand" in environment.refused(*words, code=1)
        assert "without wrapped commands" in environment.pycds("doctor", code=1).stdout
    environment.hook.write_text(line.replace("{}", "{**{}}"))
    environment.pycds("disable")
    assert environment.hook.read_text() == OFF
    environment.hook.unlink()
    assert "no such file" in environment.pycds("wrap", "tool", code=1).stderr


def test_site_packages_that_cannot_be_written(environment: Wrapping) -> None:
    """The same with a full disk: what was there stays, and nothing is left behind."""
    before = set(environment.hook.parent.iterdir())
    code = """\
import signal, resource, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
from pycds.commands import main
sys.exit(main(sys.argv[1:]))
"""
    done = environment("-B", "-c", code, "wrap", "tool", code=1)
    assert done.stderr.count("\n") == 1
    assert "cannot be written: File too large; the environment's owner can do this" in done.stderr
    if os.geteuid() == 0:  # whom modes do not stop
        code = (
            "import os, sys\nos.replace = lambda *names: os.open('/proc/nowhere', os.O_CREAT)\n"
            + code[code.index("from") :]
        )
        assert "cannot be written" in environment("-B", "-c", code, "wrap", "tool", code=1).stderr
    else:
        environment.hook.parent.chmod(0o555)
        assert "cannot be written" in environment.refused("wrap", "tool", code=1)
        environment.hook.parent.chmod(0o755)
    assert environment.hook.read_text() == OFF
    assert set(environment.hook.parent.iterdir()) == before


def test_a_store_that_is_not_there(environment: Wrapping) -> None:
    """It is for the archives, and for telling what an upgrade took: wrapping does without."""
    for home in ("/proc/nowhere", str(environment.python.home / "not" / "yet")):
        env = {"PYCDS_HOME": home}
        environment.pycds("wrap", "tool", env=env)
        assert environment(environment.tool, env=env).stdout == DELETES
        assert list(environment.listed()) == ["tool"]
        environment.pycds("unwrap", "tool", env=env)


CHANGES = """\
import sys
from pycds import switch
def change(wrapped):
    print("here", flush=True)
    sys.stdin.readline()
    return {**wrapped, "first": {}}
switch.change_wrapped(change)
"""


def test_two_at_once_lose_nothing(environment: Wrapping) -> None:
    """The second waits until the first, which has read the line, has written it."""
    env = clean_environment(**environment.python.environ, PYCDS_HOME=str(environment.python.home))
    command = [environment.python.executable]
    with subprocess.Popen(
        [*command, "-c", CHANGES], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "here\n"
        with subprocess.Popen([*command, "-m", "pycds", "wrap", "tool"], env=env) as second:
            end = time.monotonic() + 60
            while second.poll() is None and not waits_for_a_lock(second.pid) and time.monotonic() < end:
                time.sleep(0.01)
            first.communicate("\n")
    assert (first.returncode, second.returncode) == (0, 0)
    assert sorted(environment.listed()) == ["first", "tool"]


def waits_for_a_lock(process: int) -> bool:
    waiting = [line.split() for line in Path("/proc/locks").read_text().splitlines() if " -> " in line]
    return str(process) in (word for words in waiting for word in words)


def test_another_name_of_the_interpreter(environment: Wrapping) -> None:
    """Installers write the name by which they were called; an archive belongs to a name."""
    text = TOOL.replace("{executable}", str(environment.scripts / "python3"))
    tool = environment.add("tool", text)
    environment.pycds("wrap", "tool")
    env = clean_environment(**environment.python.environ, PYCDS_HOME=str(environment.python.home))
    subprocess.run([tool], env=env, stdout=subprocess.DEVNULL, check=True)
    environment.wait(1)
    assert environment.listed()["tool"]["archive"] == str(environment.archives()[0])


def test_an_environment_of_a_package(python: Python, tmp_path: Path) -> None:
    """An upgrade of the package leaves its command wrapped; uninstalling PyCDS leaves nothing."""
    environment = Environment(python, make_environment(tmp_path / "venv"))
    pip = [sys.executable, "-m", "pip", "--python", environment.python.executable, "--disable-pip-version-check"]

    def install(version: str) -> None:
        source = tmp_path / f"greeter-{version}"
        source.mkdir()
        wheel = make_wheel(source, version)
        words = ["install", "--quiet", "--no-deps", "--no-index", "--upgrade", str(wheel)]
        subprocess.run([*pip, *words], check=True, env=clean_environment())

    install("1.0")
    environment.pycds("wrap", "greet")
    script = Path(environment.python.executable).with_name("greet")
    assert environment(script).stdout == "1.0\n"
    environment.wait(1)
    assert "greeter" in environment.served(script)
    install("2.0")
    environment.age()
    assert environment(script).stdout == "2.0\n"
    environment.wait(2)
    assert "greeter" in environment.served(script)
    text = script.read_bytes()
    subprocess.run([*pip, "uninstall", "--yes", "--quiet", "pycds"], check=True, env=clean_environment())
    left = [path for path in (tmp_path / "venv").rglob("*") if "pycds" in path.name or path.name == "cds"]
    assert left == []
    assert (environment(script).stdout, script.read_bytes()) == ("2.0\n", text)


def make_wheel(directory: Path, version: str) -> Path:
    """A wheel with one module and one console script."""
    files = {
        "greeter.py": f"def main():\n    print({version!r})\n",
        f"greeter-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: greeter\nVersion: {version}\n",
        f"greeter-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"greeter-{version}.dist-info/entry_points.txt": "[console_scripts]\ngreet = greeter:main\n",
    }
    files[f"greeter-{version}.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    for name, text in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)
    made = shutil.make_archive(str(directory / "wheel"), "zip", directory)
    return Path(made).rename(directory.parent / f"greeter-{version}-py3-none-any.whl")


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_restored_script_is_made_plain_again_in_every_build(environment: Wrapping, end: str) -> None:
    """A PyCDS with snapshots has wrapped it; this one may have none."""
    plain = environment.tool.read_text().rstrip("\n") + end
    first, _, rest = plain.partition("\n")
    lines = f"# pycds interpreter: {first[2:]}\n# pycds snapshot: /nowhere/tool.snapshot"
    restorer = environment.scripts / ".pycds-restorer"
    restorer.write_bytes(b"")
    restored = f"#!{restorer} --script\n{rest}{lines}\n" if end else f"#!{restorer} --script\n{rest}\n{lines}"
    environment.tool.write_text(restored)
    assert environment.pycds("run", "--policy", "off", "--", "tool").stdout == DELETES
    environment.pycds("wrap", "tool")
    assert environment.tool.read_text() == plain
    assert not restorer.exists()

"""``pycds run``: the first run makes the archive, later ones use it, and the program notices nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import PROGRAM_MODULES, Python, clean_environment, write_files


class Runner:
    """Runs programs through ``pycds run`` and tells whether they were served."""

    def __init__(self, python: Python) -> None:
        self.python = python
        self.statistics = python.directory.parent / "run.json"

    def __call__(self, *words: str | os.PathLike[str], flags: tuple[str, ...] = (), **options: Any) -> Any:
        self.statistics.unlink(missing_ok=True)
        env = {"PYCDSSTATS": str(self.statistics), **options.pop("env", {})}
        return self.python(*flags, "-m", "pycds", "run", *words, env=env, **options)

    @property
    def served(self) -> list[str]:
        """The modules served in the last run."""
        if not self.statistics.exists():
            return []
        return [name for a in json.loads(self.statistics.read_text())["archives"] for name in a["served"]]

    def files(self) -> set[str]:
        """What is in the store, by kind."""
        return (
            {path.name.split(".pycds")[1] for path in self.python.home.iterdir() if ".pycds" in path.name}
            if self.python.home.exists()
            else set()
        )


@pytest.fixture
def run(python: Python) -> Runner:
    return Runner(python)


def test_the_first_run_makes_the_archive_and_the_second_uses_it(run: Runner, program: Path) -> None:
    plain = run.python(program, "3", code=3)
    first = run("--", program, "3", code=3)
    assert (first.stdout, first.stderr) == (plain.stdout, plain.stderr)
    assert run.served == []
    assert run.files() == {"", ".lst"}
    second = run("--", program, "3", code=3)
    assert (second.stdout, second.stderr) == (plain.stdout, plain.stderr)
    assert [name for name in run.served if name in PROGRAM_MODULES] == PROGRAM_MODULES
    assert run.files() == {"", ".lst", ".runs"}


def test_what_is_no_archive_is_replaced_in_the_store_and_nowhere_else(
    run: Runner, program: Path, tmp_path: Path
) -> None:
    run("--", program)
    (archive,) = run.python.home.glob("*.pycds")
    other = tmp_path / "other.pycds"
    for path in (archive, other):
        path.write_text("hello\n")
    assert run("--", program).stderr == ""
    run("--", program)
    assert [name for name in run.served if name in PROGRAM_MODULES] == PROGRAM_MODULES
    assert "is no archive of PyCDS" in run("--archive", other, "--", program, code=2).stderr
    assert other.read_text() == "hello\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--", "app.py"],
        ["app.py"],
        ["--policy", "auto", "app.py"],
        ["--policy=auto", "--", "-X", "dev", "app.py"],
        ["-m", "package"],
        ["--", "-mpackage"],
        ["-c", "import plain, package.inner.leaf; print(plain.answer())"],
        ["--", "-B", "-O", "app.py"],
        ["--", "-OO", "-m", "package"],
        ["--", "-I", "app.py"],
        ["--", "-Xfrozen_modules=off", "-m", "package"],
    ],
    ids=" ".join,
)
def test_ways_to_name_a_program(run: Runner, program: Path, words: list[str]) -> None:
    start = next(
        n for n, word in enumerate(words) if word[:8] not in ("--", "--policy", "--policy=") and word != "auto"
    )
    plain = run.python(*words[start:], code=None)
    for _ in range(2):
        done = run(*words, code=plain.returncode)
        assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)
    if plain.returncode == 0:
        assert set(run.served) & {"plain", "package.inner"}


def test_the_interpreters_own_flags_are_passed_on(run: Runner, program: Path) -> None:
    code = "import plain, sys; print(sys.flags.optimize, sys.flags.no_user_site, sys._xoptions, plain.__doc__)"
    flags = ("-OO", "-s", "-X", "utf8=1")
    for _ in range(2):
        assert run("-c", code, flags=flags).stdout == "2 1 {'utf8': '1'} None\n"
    assert "plain" in run.served


@pytest.mark.parametrize("flags", [["-O"], ["-OO"], ["-B", "-O"], ["-X", "frozen_modules=off", "-W", "ignore"]])
@pytest.mark.parametrize(
    "environment", [{}, {"PYTHONDONTWRITEBYTECODE": "1"}, {"PYTHONWARNINGS": "ignore", "PYTHONOPTIMIZE": "1"}]
)
def test_stats_finds_the_archive_whatever_the_flags(
    python: Python, program: Path, flags: list[str], environment: dict[str, str]
) -> None:
    for command in (["run"], ["stats", "--json"]):
        done = python.pycds(*command, "--", *flags, "-c", "import plain", env=environment)
    assert '"plain"' in done.stdout


def test_the_environment_is_as_it_was(run: Runner, program: Path) -> None:
    code = "import os; print(sorted(k for k in os.environ if not k.startswith('PYCDS')))"
    plain = run.python("-c", code).stdout
    assert run("-c", code).stdout == plain
    assert run("-c", code).stdout == plain
    off = run("--policy", "off", "-c", "import os; print([k for k in os.environ if k.startswith('PYCDS')])")
    assert off.stdout == "['PYCDS_HOME', 'PYCDSSTATS']\n"


def test_standard_input_goes_to_the_program(run: Runner) -> None:
    for _ in range(2):
        assert run("-c", "import sys; print(sys.stdin.read()[::-1])", stdin="abc").stdout == "cba\n"


def test_a_changed_source_makes_the_archive_anew(run: Runner, program: Path) -> None:
    run("app.py")
    write_files(program.parent, {"plain.py": "import colorsys\ndef answer(): return 'new ' * 5\n"})
    changed = run("app.py")
    assert "new new" in changed.stdout
    assert run.served == []
    assert "new new" in run("app.py").stdout
    assert {"plain", "colorsys", "package"} <= set(run.served)


def test_a_deleted_source_makes_the_archive_anew(run: Runner, program: Path) -> None:
    run("app.py")
    program.write_text("import plain\nprint('less')\n")
    (program.parent / "package" / "inner" / "leaf.py").unlink()
    run("app.py")
    assert run.served == []
    assert run("app.py").stdout == "less\n"
    assert "plain" in run.served


def test_new_imports_come_into_the_archive(run: Runner, program: Path) -> None:
    write_files(program.parent, {"choice.py": "import sys, importlib\nimportlib.import_module(sys.argv[1])\n"})
    run("choice.py", "plain")
    run("choice.py", "package")
    assert "package" not in run.served
    assert ".missed" in run.files()
    run("choice.py", "plain")  # the archive is made anew, with what the run before was lacking
    assert run.served == []
    run("choice.py", "package")
    assert "package" in run.served
    run("choice.py", "plain")
    assert "plain" in run.served


def test_nothing_is_noted_beside_threads_that_outlive_the_program(run: Runner, program: Path) -> None:
    waits = "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    text = f"import sys, importlib, threading, time\nimportlib.import_module(sys.argv[1])\n{waits}\n"
    write_files(program.parent, {"choice.py": text})
    run("choice.py", "plain")
    run("choice.py", "package")
    assert "plain" not in run.served and "threading" in run.served
    assert ".missed" not in run.files()  # noting it imports, which the interpreter's end beside a thread may not bear


def test_a_module_that_cannot_be_archived_is_not_asked_for_again(run: Runner, program: Path) -> None:
    """What the dump has skipped once is no reason to make the archive anew at every run."""
    write_files(
        program.parent,
        {
            "loader.py": """\
                import importlib.machinery as m, sys
                class Rewriting(m.SourceFileLoader):
                    def source_to_code(self, data, path, *more, _optimize=-1):
                        return compile("x = 'rewritten'", path, "exec")
                class Finder:
                    def find_spec(self, name, path=None, target=None):
                        if name == "odd":
                            spec = m.PathFinder.find_spec(name, path)
                            spec.loader = Rewriting(name, spec.origin)
                            return spec
                sys.meta_path.insert(1 if 'pycds' in type(sys.meta_path[0]).__module__ else 0, Finder())
                import odd, plain
                print(odd.x)
            """,
            "odd.py": "x = 'as written'\n",
        },
    )
    for number in range(3):
        assert run("loader.py").stdout == "rewritten\n"
        assert bool(run.served) == (number > 0)
        assert "odd" not in run.served


@pytest.mark.slow
def test_a_program_that_keeps_importing_new_modules_is_served_all_the_same(run: Runner, program: Path) -> None:
    write_files(
        program.parent,
        {
            "generate.py": """\
                import importlib, os, plain, sys
                name = f"made{len(os.listdir('made'))}"
                open(f"made/{name}.py", "w").write("x = 1\\n")
                sys.path.append("made")
                importlib.import_module(name)
            """
        },
    )
    (program.parent / "made").mkdir()
    served = []
    for _ in range(24):
        run("generate.py")
        served.append(bool(run.served))
    assert sum(served[-12:]) >= 8


@pytest.mark.parametrize(
    "code", ["import os; os.kill(os.getpid(), {n})", "import signal, os; os.kill(os.getpid(), {n})"]
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGSEGV])
def test_death_by_signal_is_passed_on(run: Runner, code: str, number: int) -> None:
    text = code.format(n=int(number))
    for _ in range(2):
        assert run("-c", text, code=None).returncode == run.python("-c", text, code=None).returncode != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_traced_program(run: Runner, number: int) -> None:
    code = f"""\
import signal, sys
import os, time
signal.signal({int(number)}, lambda *a: (os.write(1, b"got it\\n"), os._exit(9)))
os.write(1, b"ready\\n")
while True:  # not signal.pause(): the signal may come just before it
    time.sleep(0.01)
"""
    started = subprocess.Popen(
        [sys.executable, "-m", "pycds", "run", "-c", code],
        stdout=subprocess.PIPE, text=True, cwd=run.python.directory,
        env=clean_environment(PYCDS_HOME=str(run.python.home)),
        # Under nohup it is ignored, and what is ignored stays so.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )  # fmt: skip
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    started.send_signal(number)
    out, _ = started.communicate(timeout=60)
    assert (out, started.returncode) == ("got it\n", 9)


def test_an_interrupt_from_the_terminal_reaches_the_program_once(run: Runner) -> None:
    code = """\
import signal, time
count = 0
def handler(*a):
    global count
    count += 1
signal.signal(signal.SIGINT, handler)
print("ready", flush=True)
deadline = time.monotonic() + 30
while not count and time.monotonic() < deadline: time.sleep(0.01)
time.sleep(0.2)
print("interrupts", count, flush=True)
"""
    started = subprocess.Popen(
        [sys.executable, "-m", "pycds", "run", "-c", code],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=run.python.directory, start_new_session=True,
        env=clean_environment(PYCDS_HOME=str(run.python.home)),
    )  # fmt: skip
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does: the whole group
    out, err = started.communicate(timeout=60)
    assert (out, err, started.returncode) == ("interrupts 1\n", "", 0)


def test_a_console_script_of_this_environment(run: Runner, program: Path, tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    script = commands / "apptool"
    script.write_text(f"#!{sys.executable} -s\nimport sys\nsys.path.insert(0, {str(program.parent)!r})\n"
                      "import plain\nprint(plain.answer(), sys.argv, sys.flags.no_user_site)\n")  # fmt: skip
    script.chmod(0o755)
    env = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    for _ in range(2):
        assert run("--", "apptool", "x", env=env).stdout == f"42 {[str(script), 'x']!r} 1\n"
    assert "plain" in run.served


@pytest.mark.parametrize(
    ("shebang", "says"),
    [
        ("#!/bin/sh", "is not a Python script"),
        ("", "is not a Python script"),
        ("#!/opt/elsewhere/bin/python3", "belongs to /opt/elsewhere/bin/python3"),
    ],
)
def test_other_commands_are_refused(run: Runner, tmp_path: Path, shebang: str, says: str) -> None:
    script = tmp_path / "bin" / "apptool"
    script.parent.mkdir()
    script.write_text(f"{shebang}\necho no\n")
    script.chmod(0o755)
    done = run("--", "apptool", env={"PATH": str(script.parent)}, code=2)
    (line,) = done.stderr.splitlines()
    assert says in line


def test_policy_on_needs_a_usable_archive_and_makes_none(run: Runner, program: Path, tmp_path: Path) -> None:
    archive = tmp_path / "own.pycds"
    refused = run("--archive", archive, "--policy", "on", "--", "app.py", code=3)
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert line.startswith("pycds: ")
    assert str(archive) in line
    assert not archive.exists()
    run("--archive", archive, "--", "app.py")
    assert archive.exists()
    done = run("--archive", archive, "--policy=on", "--", "app.py")
    assert "plain" in run.served
    # out of date is not unusable: what has changed is a miss
    write_files(program.parent, {"plain.py": "def answer(): return 'not the one of the archive'\n"})
    before = archive.read_bytes()
    done = run("--archive", archive, "--policy=on", "--", "app.py")
    assert "not the one" in done.stdout
    assert "package" in run.served
    assert archive.read_bytes() == before


def test_a_damaged_archive_is_made_anew(run: Runner, program: Path) -> None:
    run("app.py")
    (archive,) = [path for path in run.python.home.iterdir() if path.suffix == ".pycds"]
    archive.write_bytes(archive.read_bytes()[:1000])
    run("app.py")
    assert run.served == []
    run("app.py")
    assert "plain" in run.served


@pytest.mark.parametrize("obstacle", ["file", "directory"])
def test_where_no_archive_can_be_kept_the_program_runs(
    run: Runner, program: Path, tmp_path: Path, obstacle: str
) -> None:
    archive = tmp_path / "place" / "own.pycds"
    if obstacle == "file":
        archive.parent.write_text("in the way")
    else:
        archive.mkdir(parents=True)
    done = run("--archive", archive, "--", "app.py", "5", code=5)
    assert "result 42" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: ")


def test_a_failing_dump_does_not_touch_the_programs_result(run: Runner, program: Path) -> None:
    done = run("--archive", "own.pycds", "-c", "import os; os.mkdir('own.pycds'); print('fine')", code=0)
    assert done.stdout == "fine\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: no archive made: ")


def test_without_the_site_module_there_is_no_archive(run: Runner) -> None:
    done = run("--", "-S", "-E", "-c", "print('fine')")
    assert (done.stdout, done.stderr, run.files()) == ("fine\n", "", set())
    done = run("--policy", "on", "--", "-S", "-c", "print('fine')", code=3)
    assert (done.stdout, "-S" in done.stderr) == ("", True)


def test_a_mended_module_comes_into_the_archive(run: Runner, program: Path) -> None:
    files = {"mended.py": "x = (\n", "main.py": "import plain\nimport mended\n"}
    write_files(program.parent, files)
    for _ in range(2):
        run("main.py", code=1)
    write_files(program.parent, {"mended.py": "x = 1\n"})
    for _ in range(2):  # the first notes that it is lacking, the second makes the archive anew
        run("main.py")
    run("main.py")
    assert {"plain", "mended"} <= set(run.served)
    archives = list(run.python.home.glob("*.pycds"))
    before = [path.stat().st_mtime_ns for path in archives]
    run("main.py")
    assert [path.stat().st_mtime_ns for path in archives] == before


def test_a_damaged_segment_is_made_anew(run: Runner, program: Path) -> None:
    archive = run.python.directory / "own.pycds"
    words = ("--archive", archive, "--", "app.py")
    run(*words)
    data = bytearray(archive.read_bytes())
    listed = json.loads(run.python.pycds("inspect", "--json", archive).stdout)["modules"]
    (plain,) = [module for module in listed if module["name"] == "plain"]
    data[plain["segment_offset"] + plain["segment_size"] // 2] ^= 0xFF
    archive.unlink()
    archive.write_bytes(data)
    run(*words)
    assert "plain" not in run.served
    assert "package" in run.served
    run(*words)
    assert run.python.pycds("verify", archive).stdout.endswith("no problems\n")
    run(*words)
    assert "plain" in run.served


def test_an_untrusted_place_is_said_and_not_written_to(run: Runner, program: Path) -> None:
    place = run.python.directory / "open"
    place.mkdir()
    place.chmod(0o777)
    words = ("--archive", place / "own.pycds", "--", "app.py")
    for _ in range(3):
        done = run(*words)
        (line,) = done.stderr.splitlines()
        assert "not be trusted" in line
        assert done.stdout.startswith("result 42")
    assert list(place.iterdir()) == []


def test_without_a_home_the_program_runs(python: Python) -> None:
    words = "import os, sys; [os.environ.pop(n, None) for n in ('HOME', 'PYCDS_HOME', 'XDG_CACHE_HOME')]; "
    words += "os.path.expanduser = lambda path: path; "  # a user that no one knows
    words += "from pycds import run; sys.exit(run.main(['--', '-c', 'print(42)']))"
    done = python("-c", words)
    assert done.stdout == "42\n"
    (line,) = done.stderr.splitlines()
    assert "the program runs without an archive" in line


def test_an_archive_that_others_may_write_to_is_said_and_left_alone(run: Runner, program: Path) -> None:
    archive = run.python.directory / "own.pycds"
    words = ("--archive", archive, "--", "app.py")
    run(*words)
    archive.chmod(0o666)
    before = archive.stat().st_mtime_ns
    for _ in range(2):
        done = run(*words)
        (line,) = done.stderr.splitlines()
        assert "not trusted" in line
        assert done.stdout.startswith("result 42")
    assert archive.stat().st_mtime_ns == before


DROP_RIGHTS = "import ctypes, os, sys; [ctypes.CDLL(None).prctl(24, n, 0, 0, 0) for n in (1, 2, 3)]; "
"""Before an exec: root, too, must keep to the modes of files (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER)."""


def test_an_old_archive_in_a_read_only_place_still_serves(run: Runner, program: Path) -> None:
    place = run.python.directory / "fixed"
    place.mkdir()
    archive = place / "own.pycds"
    run("--archive", archive, "--", "app.py")
    write_files(program.parent, {"plain.py": "def answer(): return 'another'\n"})
    place.chmod(0o555)
    limited = ("-c", DROP_RIGHTS + "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])", "-m", "pycds", "run")
    env = {"PYCDSSTATS": str(run.statistics)}
    for _ in range(2):
        done = run.python(*limited, "--archive", archive, "--", "app.py", env=env)
        assert "another" in done.stdout
        assert done.stderr == ""
        assert "package" in run.served
    done = run.python(*limited, "--archive", place / "new.pycds", "--", "app.py", env=env)
    (line,) = done.stderr.splitlines()
    assert "cannot be written to" in line
    assert {path.name for path in place.iterdir()} == {"own.pycds", "own.pycds.lst"}
    done = run.python(*limited[:-1], "trace", place / "new.lst", "--", "app.py", code=2)
    (line,) = done.stderr.splitlines()
    assert "cannot be written to" in line
    place.chmod(0o755)


@pytest.mark.parametrize("name", ["python", "python3", sys.executable])
def test_python_is_left_out(run: Runner, program: Path, name: str) -> None:
    (line,) = run("--", name, "app.py", code=2).stderr.splitlines()
    assert "leave `" in line
    assert line.endswith("app.py")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--"],
        ["--archive"],
        ["--policy", "maybe", "x.py"],
        ["--archive="],
        ["-m"],
        ["nowhere.py"],
        ["--archiv", "x"],
    ],
    ids=" ".join,
)
def test_usage_errors_are_one_line_and_code_2(run: Runner, words: list[str]) -> None:
    done = run(*words, code=2)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 or "Usage:" in done.stderr


def test_no_command_line_library_on_the_way_to_a_served_program(run: Runner, program: Path) -> None:
    run("app.py", flags=("-X", "importtime"))
    done = run("app.py", flags=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "plain" in imported
    heavy = {"click", "rich", "subprocess", "json.decoder", "hashlib", "typing", "argparse"}
    if sys.version_info[:2] == (3, 9):
        heavy.remove("typing")  # which runpy itself imports there, by way of importlib.abc
    assert not imported & heavy


def test_different_programs_have_different_archives(run: Runner, program: Path) -> None:
    write_files(program.parent, {"other/app.py": "import json\n"})
    run("app.py")
    run("other/app.py")
    run("-m", "package")
    run("-m", "package", cwd=program.parent)
    assert len([path for path in run.python.home.iterdir() if path.suffix == ".pycds"]) == 3


def test_first_runs_at_the_same_time(run: Runner, program: Path) -> None:
    command = [sys.executable, "-m", "pycds", "run", "--", "app.py"]
    env = clean_environment(PYCDS_HOME=str(run.python.home))
    started = [
        subprocess.Popen(
            command, cwd=program.parent, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    outputs = {one.communicate(timeout=120) for one in started}
    assert len(outputs) == 1
    (output,) = outputs
    assert output[0].startswith("result 42")
    assert output[1] == ""
    assert {one.returncode for one in started} == {0}
    run("app.py")
    assert [name for name in run.served if name in PROGRAM_MODULES] == PROGRAM_MODULES
    assert run.files() == {"", ".lst", ".runs"}


def test_children_of_a_served_program_are_served(run: Runner, program: Path, tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, 'app.py'], check=True)"
    run("-c", code)
    done = run("-c", code, env={"PYCDSSTATS": str(tmp_path / "child-%p.json")})
    assert "result 42" in done.stdout
    saved = [json.loads(path.read_text()) for path in tmp_path.glob("child-*.json")]
    assert any("plain" in a["served"] for statistics in saved for a in statistics["archives"])


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams_are_the_programs_affair(
    run: Runner, program: Path, tmp_path: Path, closed: tuple[int, ...]
) -> None:
    """As under cron: what is closed is closed for the program, which runs all the same."""
    came = tmp_path / "came"
    write_files(program.parent, {"silent.py": f"import plain\nopen({str(came)!r}, 'a').write('x')\n"})
    closing = (
        f"import os, sys; [os.close(n) for n in {closed}]; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    for words in (["--policy", "off"], [], []):
        run.python("-c", closing, "-m", "pycds", "run", *words, "silent.py")
    assert came.read_text() == "xxx"


# --- taking the command line apart ----------------------------------------------------------------------

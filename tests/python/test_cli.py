"""The commands: what they print, their exit codes, and that help is there."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import MakeArchive, Python, module_names
from pycds import _core

COMMANDS = [
    "run", "enable", "disable", "wrap", "unwrap", "list", "status", "doctor", "prune", "export", "import",
    "trace", "dump", "inspect", "verify", "stats", "bench", "report", "snapshot",
]  # fmt: skip


def test_the_commands_are_listed(python: Python) -> None:
    done = python.pycds("--help")
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout
    assert "Exit codes" in done.stdout
    assert python.pycds(code=2).stderr.startswith("Usage: pycds")
    assert python.pycds("--version").stdout.startswith("pycds, version ")


INTERRUPTING = """\
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ.get("INTERRUPT_AT"):
            del os.environ["INTERRUPT_AT"]
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""
"""A sitecustomize: Ctrl-C when a module is looked for."""


@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("verify", "pycds.configuration"), ("verify", "pycds.errors"), ("verify", "pycds.commands"),
        ("verify", "click"), ("verify", "pycds.commands.verify"), ("run", "pycds.run"), ("run", "pycds.launch"),
    ],
)  # fmt: skip
def test_an_interrupt_is_no_traceback_whenever_it_comes(
    python: Python, program: Path, tmp_path: Path, command: str, module: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING)
    env = {"PYTHONPATH": str(tmp_path), "INTERRUPT_AT": module}
    done = python.pycds(command, "app.py", env=env, code=130)
    assert (done.stdout, done.stderr.strip()) == ("", "")


def test_the_command_is_installed(python: Python) -> None:
    command = Path(sys.executable).with_name("pycds")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == python.pycds("--version").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(python: Python, command: str) -> None:
    done = python.pycds(command, "--help")
    assert done.stdout.startswith(f"Usage: pycds {command}")
    assert len(done.stdout) > 300
    assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize("words", [[], ["create", "x", "--", "app.py"], ["verify", "x"], ["magic"]])
def test_a_build_without_snapshots_says_so(python: Python, words: list[str]) -> None:
    """Its programs may name a checkpoint all the same, and nothing of snapshots is installed."""
    if hasattr(_core, "snapshot_dump"):
        pytest.skip("built with snapshots")
    done = python.pycds("snapshot", *words, code=3)
    assert done.stdout == ""
    assert done.stderr == "pycds: this PyCDS was built without snapshots (docs/snapshot.md)\n"
    assert python("-c", "import pycds; print(pycds.checkpoint())").stdout == "False\n"
    installed = [str(file) for file in importlib.metadata.files("pycds") or ()]
    assert not [file for file in installed if file.startswith(("pycds/snapshot", "pycds/refresh", "pycds/restorer"))]


@pytest.mark.parametrize(
    "words",
    [
        ["magic"], ["--magic"], ["dump"], ["dump", "a"], ["dump", "a", "b", "c"], ["verify"], ["inspect"],
        ["inspect", "--largest", "x", "a"], ["trace"], ["trace", "a.lst"], ["stats"], ["trace", "a.lst", "--", "no.py"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_usage_errors_end_with_code_2(python: Python, words: list[str]) -> None:
    done = python.pycds(*words, code=2)
    assert done.stdout == ""
    assert done.stderr


EMPTY_NAMES = [
    "run|", "run|-m|", "run|--archive||--|app.py", "run|--archive=|app.py", "build|-o|", "build|--from-trace|",
    "build|--only|", "build|--exclude|", "wrap|", "unwrap|", "prune|--size|", "export|x|", "export||--all",
    "import|", "trace||app.py", "trace|a.lst|", "dump||x.pycds", "dump|a.lst|", "inspect|", "verify|",
    "verify|--live|", "stats|", "stats|--archive||app.py", "stats|--json=|app.py", "bench|", "bench|--json=|app.py",
    "bench|--archive||app.py", "bench|--pyperf=|app.py", "bench|--compare||", "report|-o||app.py",
    "report|--speedscope||app.py", "report|-o|x.html|",
]  # fmt: skip
"""What an unset variable makes of command lines."""

ONE_BY_ONE = """\
import sys
from pycds.__main__ import main
for line in sys.stdin.read().splitlines():
    sys.argv[1:] = line.split("|")
    print(main(), file=sys.stderr, flush=True)
"""


def test_an_empty_name_is_called_one(python: Python, program: Path) -> None:
    (python.directory / "a.lst").write_text("plain\n")
    done = python("-c", ONE_BY_ONE, stdin="\n".join(EMPTY_NAMES))
    assert done.stdout == ""
    said = done.stderr.splitlines()
    assert said[1::2] == ["2"] * len(EMPTY_NAMES)
    for words, line in zip(EMPTY_NAMES, said[::2]):
        what = "nothing was given for --size: " if words.startswith("prune") else "an empty name was given for "
        assert line.startswith(f"pycds: {what}"), words


@pytest.mark.parametrize("command", [["run"], ["trace", "a.lst"], ["bench"]], ids=" ".join)
def test_a_program_of_the_machine_s_own(python: Python, command: list[str]) -> None:
    """As PyInstaller makes them; Python would find null bytes in it."""
    shutil.copy("/bin/true", python.directory / "bundled")
    done = python.pycds(*command, "--", "./bundled", "word", code=2)
    assert done.stdout == ""
    assert (
        done.stderr == "pycds: ./bundled is a program of its own (as PyInstaller makes them): start it without pycds\n"
    )


def test_trace(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "a.lst"
    done = python.pycds("trace", trace_list, "--", "app.py", "4", code=4)
    assert "result 42" in done.stdout
    assert done.stderr == f"{trace_list}: {len(module_names(trace_list))} modules\n"
    assert "plain" in module_names(trace_list)
    python.pycds("trace", trace_list, "-c", "import wave")
    assert {"plain", "wave"} <= set(module_names(trace_list))
    python.pycds("trace", "--overwrite", trace_list, "--", "-m", "package")
    assert "package.__main__" in module_names(trace_list)
    assert "plain" not in module_names(trace_list)


def test_trace_passes_on_a_death_by_signal(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "a.lst"
    done = python.pycds("trace", trace_list, "-c", "import plain, os; os.kill(os.getpid(), 15)", code=-15)
    assert done.stderr.endswith(" modules\n")
    assert "plain" in module_names(trace_list)


def test_trace_into_what_cannot_be_written(python: Python, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "a.lst"):
        (line,) = python.pycds("trace", path, "-c", "print('run')", code=2).stderr.splitlines()
        assert line.startswith("pycds: ")


def test_verify(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    assert python.pycds("verify", made.archive).stdout.endswith(" modules, no problems\n")
    damaged = bytearray(made.archive.read_bytes())
    damaged[len(damaged) // 2] ^= 0x40
    made.archive.write_bytes(damaged)
    done = python.pycds("verify", made.archive, code=1)
    assert done.stdout.startswith(f"{made.archive}: ")
    assert re.search(r"\d problems?; dump it again", done.stderr)


@pytest.mark.parametrize("command", ["verify", "inspect"])
def test_what_is_no_archive_ends_with_code_3(python: Python, program: Path, command: str) -> None:
    for path in (program, python.directory, python.directory / "nowhere"):
        done = python.pycds(command, path, code=3)
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("pycds: ")
        assert str(path) in line


def test_inspect(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    shown = python.pycds("inspect", "--largest", "3", made.archive).stdout
    for text in ("Sections", "Largest modules", str(made.archive), "search path", str(python.directory)):
        assert text in shown
    assert "Modules in order" not in shown
    listed = python.pycds("inspect", "--modules", "--largest", "0", made.archive).stdout
    assert "package.inner.leaf" in listed
    assert "Largest" not in listed


def test_inspect_as_json(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    content = json.loads(python.pycds("inspect", "--json", made.archive).stdout)
    assert content["header"]["file_size"] == made.archive.stat().st_size
    assert content["header"]["modules"] == len(content["modules"])
    (plain,) = [module for module in content["modules"] if module["name"] == "plain"]
    assert plain["origin"] == str(python.directory / "plain.py")
    assert plain["code_objects"] == 2
    assert content["sections"]


def test_paths_that_no_encoding_knows(python: Python, tmp_path: Path) -> None:
    odd = python.directory / os.fsdecode(b"caf\xe9\x1b[31m")
    odd.mkdir()
    (odd / "modul.py").write_text("x = 1\n")
    trace_list, archive = tmp_path / "a.lst", odd / "a.pycds"
    code = "import sys, os; sys.path.insert(0, os.fsdecode(b'caf\\xe9\\x1b[31m')); import modul"
    python.traced(trace_list, "-c", code)
    assert "caf\\udce9\\x1b[31m" in python.pycds("dump", trace_list, archive).stderr
    for command in (["inspect"], ["inspect", "--modules"], ["verify"]):
        assert "caf\\udce9\\x1b[31m" in python.pycds(*command, archive).stdout
    assert json.loads(python.pycds("inspect", "--json", archive).stdout)["archive"] == str(archive)
    done = python.pycds("stats", "--archive", archive, "--", "-c", code)
    assert "caf\\udce9\\x1b[31m" in done.stderr


def test_stats(python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path) -> None:
    made = make_archive(program)
    (python.directory / "plain.py").write_text("def answer(): return 'another'\n")
    saved = tmp_path / "stats.json"
    done = python.pycds("stats", "--archive", made.archive, "--json", saved, "--", "app.py", "5", code=5)
    assert "another" in done.stdout
    statistics = json.loads(saved.read_text())
    assert statistics["misses"] == {"source has changed": 1}
    assert statistics["hits"] > 0
    shown = python.pycds("stats", saved)
    assert shown.stdout == ""
    for text in ("hits", "source has changed", "plain", str(made.archive), "link"):
        assert text in shown.stderr
    assert json.loads(python.pycds("stats", "--json", "-", saved).stdout)["misses"] == statistics["misses"]
    live = python.pycds("stats", "--archive", made.archive, "--", "app.py")
    assert "another" in live.stdout
    assert "source has changed" in live.stderr


def test_stats_of_what_run_keeps(python: Python, program: Path) -> None:
    (line,) = python.pycds("stats", "--", "app.py", code=3).stderr.splitlines()
    assert "no archive yet" in line
    python.pycds("run", "--", "app.py")
    assert "hits" in python.pycds("stats", "--", "app.py").stderr


def test_archives_that_cannot_be_used(python: Python, program: Path, make_archive: MakeArchive) -> None:
    """By who is given one it ends with 3; by who makes it anew, with 2 where that would be another's file."""
    other = make_archive(program, flags=["-O"]).archive
    used = [["stats", "--archive", file, "--", "app.py"] for file in (other, program, "nowhere")]
    used += [["verify", "--live", other], ["verify", "--live", program]]
    made = [
        [*words, "--archive", program, "--", "app.py"] for words in (["run"], ["bench"], ["report", "-o", "r.html"])
    ]
    for code, commands in ((3, used), (2, made)):
        for words in commands:
            done = python.pycds(*words, code=code)
            (line,) = done.stderr.splitlines()
            assert line.startswith("pycds: ") and "result" not in done.stdout
            assert any(str(word) in line for word in words if word in (other, program, "nowhere"))
    python.pycds("stats", "--archive", other, "--", "-O", "app.py")


@pytest.mark.parametrize(("end", "code"), [("os._exit(9)", 9), ("os.kill(os.getpid(), 15)", -15), ("os._exit(0)", 2)])
def test_stats_end_as_a_program_does_that_leaves_none(
    python: Python, program: Path, make_archive: MakeArchive, end: str, code: int
) -> None:
    archive = make_archive("-c", "import plain").archive
    done = python.pycds("stats", "--archive", archive, "--", "-c", f"import os, plain; {end}", code=code)
    assert done.stderr.startswith("pycds: the program left no statistics")


def test_stats_tell_children_apart(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    code = "import subprocess, sys; subprocess.run([sys.executable, 'app.py'], check=True)"
    done = python.pycds("stats", "--archive", made.archive, "--", "-c", code)
    assert "child " in done.stderr


def test_stats_are_those_of_the_program_itself(python: Python, program: Path, make_archive: MakeArchive) -> None:
    """Also where a child of it ends later, when nobody waits for what it leaves any more."""
    made = make_archive(program)
    later = "open('begun', 'w'); import plain, time; time.sleep(0.5)"
    code = f"""\
import os, subprocess, sys, time
import package.inner.leaf
subprocess.Popen([sys.executable, "-c", {later!r}])
while not os.path.exists("begun"):
    time.sleep(0.01)
"""
    done = python.pycds("stats", "--json", "--archive", made.archive, "--", "-c", code)
    served = json.loads(done.stdout)["archives"][0]["served"]
    assert "package.inner.leaf" in served and "plain" not in served
    assert done.stderr == ""


def test_what_the_output_cannot_encode(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    place = made.archive.with_name("b\u00e9.pycds")
    made.archive.rename(place)
    done = python.pycds("inspect", place, env={"PYTHONIOENCODING": "ascii"})
    assert "b\\xe9.pycds" in done.stdout


def test_prune_all_or_some(python: Python) -> None:
    assert "not both" in python.pycds("prune", "--all", "--size", "1G", code=2).stderr


@pytest.mark.parametrize("content", ["{}", "{", '{"archives": [], "hits": "many"}', "[]"])
def test_a_file_without_statistics(python: Python, tmp_path: Path, content: str) -> None:
    path = tmp_path / "stats.json"
    path.write_text(content)
    (line,) = python.pycds("stats", path, code=2).stderr.splitlines()
    assert line.startswith(f"pycds: {path} ")


def test_output_into_a_closed_pipe_is_no_traceback(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    code = f"""\
import subprocess, sys
p = subprocess.Popen([sys.executable, "-m", "pycds", "inspect", "--json", {str(made.archive)!r}],
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
p.stdout.read(10); p.stdout.close()
print(p.stderr.read().decode())
"""
    assert python("-c", code).stdout.strip() == ""


def test_inspect_shows_what_is_sound_of_a_damaged_archive(
    python: Python, program: Path, make_archive: MakeArchive
) -> None:
    archive = make_archive(program).archive
    modules = json.loads(python.pycds("inspect", "--json", archive).stdout)["modules"]
    data = bytearray(archive.read_bytes())
    data[modules[0]["segment_offset"] + modules[0]["segment_size"] // 2] ^= 0xFF
    archive.write_bytes(data)
    done = python.pycds("inspect", archive, code=3)
    assert "for Python" in done.stdout
    for words in (["inspect"], ["inspect", "--json"]):
        (line,) = python.pycds(*words, archive, code=3).stderr.splitlines()
        assert "verify" in line


def test_statistics_that_cannot_be_written_are_told_before_the_program_runs(
    python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path
) -> None:
    archive = make_archive(program).archive
    for path in (tmp_path, tmp_path / "none" / "x.json"):
        done = python.pycds("stats", "--archive", archive, f"--json={path}", "--", "app.py", code=2)
        (line,) = done.stderr.splitlines()
        assert str(tmp_path) in line
        assert done.stdout == ""
    (line,) = python.pycds("stats", archive, code=2).stderr.splitlines()
    assert "is an archive" in line


@pytest.mark.parametrize("words", [["--help"], ["inspect"], ["inspect", "--json"], ["verify"]], ids=" ".join)
def test_output_that_cannot_be_written_is_one_line(
    python: Python, program: Path, make_archive: MakeArchive, words: list[str]
) -> None:
    archive = make_archive(program).archive
    command = [sys.executable, "-m", "pycds", *words, *([] if words == ["--help"] else [str(archive)])]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=python.directory
        )
    (line,) = done.stderr.splitlines()
    assert "No space left" in line
    assert done.returncode == 1


def test_what_is_not_readable_has_the_code_of_its_kind(
    python: Python, program: Path, make_archive: MakeArchive
) -> None:
    made = make_archive(program)
    made.archive.chmod(0)
    made.trace_list.chmod(0)
    for words, code in (
        (["verify", made.archive], 3), (["inspect", made.archive], 3), (["dump", made.trace_list, "new.pycds"], 4),
    ):  # fmt: skip
        drop = "import ctypes, os, sys; [ctypes.CDLL(None).prctl(24, n, 0, 0, 0) for n in (1, 2, 3)]; "
        restart = drop + "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
        (line,) = python("-c", restart, "-m", "pycds", *words, code=code).stderr.splitlines()
        assert line.startswith("pycds: ")


def test_closed_streams_are_no_obstacle(python: Python, program: Path) -> None:
    (python.directory / "silent.py").write_text(
        "import plain, os\nopen('came', 'a').write(str(os.path.exists('/proc/self/fd/2')))\n"
    )
    closing = (
        "import os, sys; [os.close(n) for n in range(3)]; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    for words in (
        ["trace", "a.lst", "--", "silent.py"], ["dump", "a.lst", "a.pycds"], ["verify", "a.pycds"],
        ["inspect", "a.pycds"], ["stats", "--archive", "a.pycds", "--", "silent.py"],
    ):  # fmt: skip
        python("-c", closing, "-m", "pycds", *words)
    python("-c", closing, "app.py", env={"PYCDSMODE": "DUMP", "PYCDSLIST": "a.lst", "PYCDSARCHIVE": "b.pycds"})
    assert "no problems" in python.pycds("verify", "b.pycds").stdout
    assert (
        python.directory / "came"
    ).read_text() == "FalseFalse"  # it ran twice, and what was closed was closed for it


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(python: Python, shell: str) -> None:
    """What click does, through all that stands before it."""
    source = python("-m", "pycds", env={"_PYCDS_COMPLETE": f"{shell}_source"}).stdout
    assert "_PYCDS_COMPLETE" in source

    def completed(*words: str) -> str:
        line = {"COMP_WORDS": " ".join(words[:-1]) if shell == "fish" else " ".join(words)}
        line["COMP_CWORD"] = words[-1] if shell == "fish" else str(len(words) - 1)
        return python("-m", "pycds", env={"_PYCDS_COMPLETE": f"{shell}_complete", **line}).stdout

    assert "inspect" in completed("pycds", "ins")
    assert "--fast-exit" in completed("pycds", "enable", "--fa")
    assert "digest" in completed("pycds", "run", "--validation", "di")

"""The start-up hook: what each setting of the environment does, and what it never does."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from conftest import PROGRAM_MODULES, MakeArchive, Python, module_names, write_files

FLAGS = [["-I"], ["-E"], ["-s"], ["-X", "importtime"], ["-v"], ["-X", "dev"], ["-B"], ["-W", "error"]]


def test_a_program_is_served(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    plain = python(program)
    served = python.served(made.archive, program)
    assert (served.stdout, served.stderr) == (plain.stdout, plain.stderr)
    assert [name for name in served.names if name in PROGRAM_MODULES] == PROGRAM_MODULES
    assert served.statistics["hits"] == len(served.names)
    assert served.statistics["misses"] == {}


def test_without_the_switch_nothing_is_loaded(python: Python) -> None:
    done = python("-c", "import sys; print([n for n in sys.modules if n.startswith('pycds')], sys.meta_path[0])")
    assert done.stdout.startswith("[] ")


SHORT_WAY = sys.version_info >= (3, 10)  # sys.orig_argv is there


def test_serving_loads_nothing_but_the_core(python: Python, program: Path, make_archive: MakeArchive) -> None:
    archive = make_archive(program).archive
    code = "import sys; print(*sorted(sys.modules))"
    env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive)}
    added = set(python("-c", code, env=env).stdout.split()) - set(python("-c", code).stdout.split())
    assert added == ({"pycds._core"} if SHORT_WAY else {"pycds", "pycds._core", "pycds._startup"})


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_serving_under_flags(python: Python, make_archive: MakeArchive, flags: list[str]) -> None:
    code = "import wave, colorsys; print(wave.__file__, colorsys.rgb_to_hsv(1, 0, 0))"
    made = make_archive("-c", code)
    served = python.served(made.archive, *flags, "-c", code)
    assert served.stdout == python("-c", code).stdout
    assert {"wave", "colorsys"} <= set(served.names)


# Before 3.11 there are no columns to leave out, and no module of the standard library is frozen.
NEW_FLAGS = [["-X", "no_debug_ranges"], ["-X", "frozen_modules=off"]] if sys.version_info >= (3, 11) else []


@pytest.mark.parametrize("flags", [["-O"], ["-OO"], *NEW_FLAGS], ids=" ".join)
def test_flags_that_change_code_need_their_own_archive(
    python: Python, make_archive: MakeArchive, flags: list[str]
) -> None:
    code = "import wave\nprint(bool(wave.__doc__))"
    plain = make_archive("-c", code)
    refused = python.served(plain.archive, *flags, "-c", code)
    assert refused.stdout == python(*flags, "-c", code).stdout
    assert [refusal["reason"] for refusal in refused.statistics["refused"]] == ["flags"]
    own = make_archive("-c", code, flags=flags, name="own")
    served = python.served(own.archive, *flags, "-c", code)
    assert "wave" in served.names
    assert served.stdout == refused.stdout


def bad_archives(directory: Path, good: Path) -> dict[str, Path]:
    """A file for each way of not being an archive, by the reason expected."""
    whole = good.read_bytes()
    files = {
        "empty": b"",
        "foreign": b"#!/bin/sh\necho no archive\n" * 200,
        "truncated": whole[: len(whole) // 2],
    }
    paths = {}
    for reason, content in files.items():
        paths[reason] = directory / f"{reason}.pycds"
        paths[reason].write_bytes(content)
    paths["missing"] = directory / "nowhere.pycds"
    paths["not-a-file"] = directory / "directory.pycds"
    paths["not-a-file"].mkdir()
    paths["not-a-file "] = directory / "fifo.pycds"
    os.mkfifo(paths["not-a-file "])
    return paths


def test_an_archive_that_cannot_be_used(
    python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path
) -> None:
    made = make_archive(program)
    plain = python(program, "3", code=3)
    for reason, archive in bad_archives(tmp_path, made.archive).items():
        for policy in ("auto", "nonsense"):
            served = python.served(archive, program, "3", code=3, env={"PYCDSPOLICY": policy})
            assert served.stdout == plain.stdout, reason
            (refusal,) = served.statistics["refused"]
            assert refusal["reason"] == reason.strip()
            assert "\n" not in refusal["message"]
            assert len(served.stderr.splitlines()) == (policy == "nonsense")
        ended = python.served(archive, program, code=3, env={"PYCDSPOLICY": "on"})
        assert ended.stdout == ""
        (line,) = ended.stderr.splitlines()
        assert line == f"pycds: {refusal['message']}"
        assert str(archive) in line
        off = python.served(archive, program, env={"PYCDSPOLICY": "off"})
        assert (off.stderr, off.statistics) == ("", {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another owner")
def test_an_archive_of_someone_else_is_not_trusted(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    os.chown(made.archive, 65534, 65534)
    served = python.served(made.archive, program)
    assert "result 42" in served.stdout
    assert served.statistics["hits"] == 0


def test_an_archive_that_anyone_may_write_to_is_not_trusted(
    python: Python, program: Path, make_archive: MakeArchive
) -> None:
    made = make_archive(program)
    made.archive.chmod(0o666)
    served = python.served(made.archive, program)
    assert "result 42" in served.stdout
    assert served.statistics["hits"] == 0


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"PYCDSMODE": "share"}, "pycds: PYCDSMODE='share' is not one of SHARE, TRACE, DUMP, MANUALLY; ignored"),
        ({"PYCDSMODE": ""}, None),
        ({"PYCDSMODE": "MANUALLY"}, None),
        ({"PYCDSMODE": "SHARE"}, None),
        ({"PYCDSMODE": "SHARE", "PYCDSVERBOSE": "1"}, "[cds] archive not used (missing): PYCDSMODE=SHARE without"),
        ({"PYCDSMODE": "SHARE", "PYCDSVERBOSE": "loud"}, "pycds: PYCDSVERBOSE='loud' is not 0, 1 or 2; using 0"),
        ({"PYCDSMODE": "TRACE"}, "pycds: PYCDSMODE=TRACE without PYCDSLIST"),
    ],
)
def test_odd_settings_cost_one_line(python: Python, program: Path, env: dict[str, str], line: str | None) -> None:
    done = python(program, env=env)
    assert "result 42" in done.stdout
    if line is None:
        assert done.stderr == ""
    else:
        assert done.stderr.startswith(line)
        assert len(done.stderr.splitlines()) == 1


def test_dumping_at_start_up(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list, archive = tmp_path / "a.lst", tmp_path / "a.pycds"
    python.traced(trace_list, program)
    env = {"PYCDSMODE": "DUMP", "PYCDSLIST": str(trace_list), "PYCDSARCHIVE": str(archive)}
    done = python("-c", "print('not reached')", env=env)
    assert done.stdout == ""
    assert f"{archive}: " in done.stderr
    assert python.served(archive, program).statistics["hits"] >= len(PROGRAM_MODULES)


@pytest.mark.parametrize("missing", ["PYCDSLIST", "PYCDSARCHIVE", "the list itself"])
def test_dumping_at_start_up_that_cannot_be(python: Python, tmp_path: Path, missing: str) -> None:
    env = {"PYCDSMODE": "DUMP", "PYCDSLIST": str(tmp_path / "a.lst"), "PYCDSARCHIVE": str(tmp_path / "a.pycds")}
    env.pop(missing, None)
    done = python("-c", "print('not reached')", env=env, code=4 if missing == "the list itself" else 2)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: ")
    assert not (tmp_path / "a.pycds").exists()


def test_child_processes_are_served(python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path) -> None:
    made = make_archive(program)
    code = f"import subprocess, sys; subprocess.run([sys.executable, {str(program)!r}], check=True)"
    pattern = tmp_path / "child-%p.json"
    env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(made.archive), "PYCDSSTATS": str(pattern)}
    python("-c", code, env=env)
    saved = [json.loads(path.read_text()) for path in tmp_path.glob("child-*.json")]
    assert len(saved) == 2
    assert {statistics["pid"] for statistics in saved} == {
        int(path.stem.split("-")[1]) for path in tmp_path.glob("child-*.json")
    }
    assert any("plain" in archive["served"] for statistics in saved for archive in statistics["archives"])


def test_after_fork_and_in_threads(python: Python, program: Path, make_archive: MakeArchive) -> None:
    code = """\
import importlib, os, threading
import plain
pid = os.fork()
if pid == 0:
    import package.inner.leaf
    print("child", package.inner.leaf.names("c"), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
names = ["package", "package.inner", "package.inner.leaf", "spread.part.deep"] * 4
threads = [threading.Thread(target=importlib.import_module, args=(name,)) for name in names]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
import spread.part.deep
print("parent", plain.answer(), spread.part.deep.HERE)
"""
    made = make_archive(program)
    served = python.served(made.archive, "-c", code)
    assert served.stdout.splitlines() == ["child 2", "parent 42 spread.part.deep"]
    assert set(PROGRAM_MODULES) <= set(served.names)


def test_in_subinterpreters(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    code = """\
import sys
sys.path.insert(0, '')
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
inner = '''
import sys
sys.path.insert(0, '')
import plain, package.inner.leaf
from pycds import statistics
counted = statistics()
print("inner", plain.answer(), counted["hits"] > 0 or [r["reason"] for r in counted["refused"]], flush=True)
'''
for _ in range(3):
    one = interpreters.create()
    print(interpreters.run_string(one, inner) or "fine", flush=True)
    interpreters.destroy(one)
import plain
print("outer", plain.answer())
"""
    for policy in ("auto", "on"):
        served = python.served(made.archive, "-c", code, env={"PYCDSPOLICY": policy})
        lines = served.stdout.splitlines()
        assert lines[-1] == "outer 42"
        inner = [line for line in lines if line.startswith("inner")]
        assert len(inner) == 3
        assert set(inner) <= {"inner 42 True", "inner 42 ['unsupported']"}


def test_changed_and_deleted_sources_are_imported_as_ever(
    python: Python, program: Path, make_archive: MakeArchive
) -> None:
    made = make_archive(program)
    plain = python.directory / "plain.py"
    plain.write_text("def answer():\n    return 'changed, and longer than it was before'\n")
    shutil.rmtree(python.directory / "spread")
    write_files(python.directory, {"spread/part/deep.py": "HERE = 'rebuilt elsewhere'\n"})
    served = python.served(made.archive, program)
    assert "changed, and longer" in served.stdout
    assert "rebuilt elsewhere" in served.stdout
    assert "plain" not in served.names
    assert served.statistics["misses"]["source has changed"] == 2
    assert "package.inner.leaf" in served.names


def test_a_module_that_comes_to_stand_before_another_wins(
    python: Python, program: Path, make_archive: MakeArchive
) -> None:
    made = make_archive("-c", "import wave; print(wave.__name__)")
    write_files(python.directory, {"wave.py": "__name__ = 'mine'\n"})
    served = python.served(made.archive, "-c", "import wave; print(wave.__name__)")
    assert served.stdout == "mine\n"
    assert "wave" not in served.names


def test_a_module_that_imports_itself_again(python: Python, make_archive: MakeArchive) -> None:
    """As opencv's cv2: it takes itself out of sys.modules and imports another module of its name."""
    write_files(
        python.directory,
        {
            "twice/__init__.py": """\
                import importlib, os, sys
                sys.path.insert(0, os.path.dirname(__file__))
                del sys.modules['twice']
                native = importlib.import_module('twice')
                sys.path.pop(0)
                WHICH = ('outer', native.WHICH)
            """,
            "twice/twice.py": "WHICH = 'inner'\n",
        },
    )
    code = "import twice; print(twice.WHICH, twice.__file__)"
    made = make_archive("-c", code)
    served = python.served(made.archive, "-c", code)
    assert served.stdout == python("-c", code).stdout
    assert "twice" in served.names


def test_statistics_that_cannot_be_written_cost_one_line(
    python: Python, program: Path, make_archive: MakeArchive, tmp_path: Path
) -> None:
    made = make_archive(program)
    env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(made.archive), "PYCDSSTATS": str(tmp_path / "no" / "where.json")}
    done = python(program, "6", env=env, code=6)
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: cannot write ")


def test_verbose_says_what_is_served(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive("-c", "import plain")
    code = "import plain, package"
    served = python.served(made.archive, "-c", code, env={"PYCDSVERBOSE": "1"})
    assert "[cds] exec_module cached 'plain'" in served.stderr.splitlines()
    assert "[cds] find_spec missed 'package': not in the archive" in served.stderr.splitlines()
    assert "plain" in served.names
    louder = python.served(made.archive, "-c", code, env={"PYCDSVERBOSE": "2"})
    assert len(louder.stderr.splitlines()) > len(served.stderr.splitlines())


def test_the_hook_runs_once(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    code = "import site, sys; site.main(); print([type(f).__name__ for f in sys.meta_path].count('Finder'))"
    assert python.served(made.archive, "-c", code).stdout == "1\n"


def installed_hook() -> Path:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return Path(sys.prefix) / "lib" / version / "site-packages" / "pycds.pth"


def test_this_is_an_installed_pycds() -> None:
    import pycds

    assert installed_hook().exists(), "pycds.pth is not installed: the tests would test nothing"
    assert pycds.__file__


def test_the_hook_without_its_package_is_silent(python: Python) -> None:
    """A half-removed installation must not speak at each start of Python."""
    code = f"exec(open({str(installed_hook())!r}).readline()); import sys; print('runs', 'pycds' in sys.modules)"
    done = python("-S", "-c", code, env={"PYCDSMODE": "SHARE", "PYCDSARCHIVE": "nowhere.pycds"})
    assert (done.stdout, done.stderr) == ("runs False\n", "")


def test_children_in_another_directory_find_the_files(python: Python, program: Path, make_archive: MakeArchive) -> None:
    archive = make_archive(program).archive
    code = (
        "import os, subprocess, sys; os.chdir('/'); subprocess.run([sys.executable, '-c', 'import json'], check=True)"
    )
    env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": os.path.relpath(archive, python.directory), "PYCDSPOLICY": "on",
           "PYCDSSTATS": "stats-%p.json"}  # fmt: skip
    python("-c", code, env=env)
    assert len(list(python.directory.glob("stats-*.json"))) == 2
    python("-c", code, env={"PYCDSMODE": "TRACE", "PYCDSLIST": "both.lst"})
    assert "json" in module_names(python.directory / "both.lst")


@pytest.mark.parametrize("mode", ["SHARE", "TRACE", "DUMP"])
def test_the_command_itself_is_not_subject_to_the_environment(python: Python, program: Path, mode: str) -> None:
    env = {"PYCDSMODE": mode, "PYCDSARCHIVE": "none.pycds", "PYCDSLIST": "none.lst", "PYCDSPOLICY": "on"}
    assert python.pycds("--version", env=env).stdout.startswith("pycds, version")
    assert python("-X", "dev", "-m", "pycds", "--version", env=env).stdout.startswith("pycds, version")
    assert "result 42" in python.pycds("run", "--", "app.py", env=env).stdout
    command = Path(sys.executable).with_name("pycds")
    assert python(command, "--version", env=env).stdout.startswith("pycds, version")
    assert not (python.directory / "none.lst").exists()
    if mode == "SHARE":  # a program's arguments make it no pycds
        python("-c", "print('not reached')", "-m", "pycds", env=env, code=3)
        python("app.py", "pycds", env=env, code=3)

"""``pycds enable``: every program of an environment is served, and its archive is made behind its back."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import PROGRAM_MODULES, Python, clean_environment, write_files
from enabled_environment import SITE_PACKAGES, Environment, make_environment, own
from pycds import missed, program, reasons, store

OFF = (SITE_PACKAGES / "pycds.pth").read_text()


SEES = """\
    import atexit, os, sys
    import package.inner.leaf
    print(sorted(os.environ.items()))
    print(sys.argv, sys.path, sys.flags, sys.orig_argv if sys.version_info >= (3, 10) else "")
    print([type(finder).__name__ for finder in sys.meta_path if "pycds" not in type(finder).__module__])
    print("the next descriptor", os.dup(0))
    atexit.register(print, "at exit")
    sys.exit(int(sys.argv[1]))
"""


def test_the_first_run_leads_to_an_archive_and_the_second_uses_it(environment: Environment, program: Path) -> None:
    seen = write_files(environment.python.directory, {"sees.py": SEES}) / "sees.py"
    plain = environment(seen, "3", code=3, env={"PYCDSENABLED": "off"})
    expected = plain.stdout.replace("('PYCDSENABLED', 'off'), ", "")
    first = environment(seen, "3", code=3)
    assert (first.stdout, first.stderr) == (expected, plain.stderr)
    (line,) = environment.wait(1)
    assert "sees.py-" in line and " modules, " in line
    second = environment(seen, "3", code=3)
    assert (second.stdout, second.stderr) == (expected, plain.stderr)
    assert own(environment.served(seen, "0")) == ["package", "package.inner", "package.inner.leaf"]
    (archive,) = environment.archives()
    environment.pycds("verify", archive)
    assert {path.name.split(".pycds")[1] for path in environment.python.home.glob("*.pycds*")} == {
        "", ".lst", ".runs"
    }  # fmt: skip
    assert environment.stays_silent(1)


def test_run_and_enable_share_an_archive(environment: Environment, program: Path) -> None:
    environment.pycds("run", "--", program)
    assert own(environment.served(program)) == PROGRAM_MODULES
    assert own(environment.served("-W", "ignore", program)) == []
    environment.wait(1)
    assert own(environment.served("-W", "ignore", program)) == PROGRAM_MODULES
    assert len(environment.archives()) == 2


@pytest.mark.parametrize(
    "words", [["-m", "package"], ["-mpackage"], ["-X", "utf8", "-m", "package"], ["-O", "app.py"], ["-u", "app.py"]]
)
def test_ways_to_run(environment: Environment, program: Path, words: list[str]) -> None:
    assert environment.served(*words) == []
    environment.wait(1)
    assert "package" in environment.served(*words)
    # `pycds run` takes the same archive for the same words.
    environment.pycds("run", "--policy", "on", "--", *words)


def test_a_console_script(environment: Environment, program: Path) -> None:
    script = write_files(environment.python.directory, {"tool": f"#!{environment.python.executable}\nimport app\n"})
    (script / "tool").chmod(0o755)
    env = clean_environment(PYCDS_HOME=str(environment.python.home), CI="", PYTHONPATH=str(program.parent))
    for _ in range(2):
        done = subprocess.run([str(script / "tool")], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.startswith("result 42")
        environment.wait(1)
    statistics = environment.python.directory / "s.json"
    subprocess.run([str(script / "tool")], env={**env, "PYCDSSTATS": str(statistics)}, check=True)
    assert '"app"' in statistics.read_text()


@pytest.mark.parametrize(
    "words", [["-c", "import plain"], ["-"], [], ["-m", "pycds", "status"], ["-h"], ["nowhere.py"]], ids=str
)
def test_what_cannot_be_known_again_is_left_alone(environment: Environment, program: Path, words: list[str]) -> None:
    plain = environment(*words, stdin="import plain\n", code=None, env={"PYCDSENABLED": "off"})
    done = environment(*words, stdin="import plain\n", code=None)
    if "status" not in words:
        assert (done.stdout, done.stderr, done.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    # A script that is not there is known to the interpreter alone, after the start-up hook: its list names no module
    # of it, and that is all.
    if words != ["nowhere.py"]:
        assert list(environment.python.home.glob("*.pycds*")) == []


@pytest.mark.parametrize("env", [{"PYCDSENABLED": "off"}, {"CI": "true"}, {"PYCDS_HOME": "/proc/nowhere"}], ids=str)
def test_nothing_is_made_where_that_is_not_wanted(environment: Environment, program: Path, env: dict[str, str]) -> None:
    for _ in range(2):
        done = environment(program, env=env)
        assert (done.stdout[:9], done.stderr) == ("result 42", "")
    assert list(environment.python.home.glob("*.pycds*")) == []
    assert environment.stays_silent()


def test_archives_are_served_where_none_are_made(environment: Environment, program: Path) -> None:
    environment(program)
    environment.wait(1)
    assert own(environment.served(program, env={"CI": "1"})) == PROGRAM_MODULES
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    environment.age()
    assert own(environment.served(program, env={"CI": "1"})) == [name for name in PROGRAM_MODULES if name != "plain"]
    assert environment.stays_silent(1)


def test_others_may_not_write_to_the_store(environment: Environment, program: Path) -> None:
    environment(program)
    environment.wait(1)
    environment.python.home.chmod(0o777)
    done = environment(program)
    assert (done.stdout[:9], done.stderr) == ("result 42", "")
    assert environment.served(program) == []
    assert environment.stays_silent(1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is let into the directories of others")
def test_root_leaves_the_stores_of_others_alone(environment: Environment, program: Path) -> None:
    home = environment.python.home
    before = {path.name for path in home.iterdir()}  # `pycds enable` was here
    os.chown(home, 4711, 4711)
    for place in (home, home / "not" / "yet"):
        done = environment(program, env={"PYCDS_HOME": str(place)})
        assert (done.stdout[:9], done.stderr) == ("result 42", "")
    assert environment.stays_silent()
    assert {path.name for path in home.iterdir()} <= {"background.lock"} | before


def test_a_change_is_seen_at_once_and_the_archive_follows(environment: Environment, program: Path) -> None:
    environment(program)
    environment.wait(1)
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    assert environment(program).stdout.startswith("result 43")
    assert environment.stays_silent(1)  # the archive is too young to be made anew
    environment.age()
    assert environment(program).stdout.startswith("result 43")
    environment.wait(2)
    assert own(environment.served(program)) == PROGRAM_MODULES


def test_what_an_archive_lacks_comes_into_it(environment: Environment, program: Path) -> None:
    optional = write_files(program.parent, {"optional.py": "import sys\nif sys.argv[1:]:\n    import plain\n"})
    environment(optional / "optional.py")
    environment.wait(1)
    environment.age()
    assert own(environment.served(optional / "optional.py", "x")) == []
    environment.wait(2)
    assert own(environment.served(optional / "optional.py", "x")) == ["plain"]


def test_a_failure_is_told_and_not_tried_again(environment: Environment, program: Path) -> None:
    environment(program)
    environment.wait(1)
    (archive,) = environment.archives()
    archive.unlink()
    archive.mkdir()  # nothing can be put in its place
    (archive / "file").touch()
    done = environment(program)
    assert (done.stdout[:9], done.stderr) == ("result 42", "")
    assert environment.stays_silent(1)  # a directory as old as this is as good as a new archive
    environment.age()
    environment(program)
    assert "not made: " in environment.wait(2)[1]
    environment(program)
    assert environment.stays_silent(2)
    assert "not made: " in Path(f"{archive}.failed").read_text()
    assert "not made: " in environment.pycds("status").stdout
    (archive / "file").unlink()
    archive.rmdir()
    environment.age(48 * 3600)
    environment(program)
    environment.wait(3)
    assert not Path(f"{archive}.failed").exists()
    assert own(environment.served(program)) == PROGRAM_MODULES


def test_many_processes_at_once_make_one_archive(environment: Environment, program: Path) -> None:
    env = clean_environment(PYCDS_HOME=str(environment.python.home), CI="")
    command = [environment.python.executable, str(program)]
    running = [
        subprocess.Popen(command, env=env, cwd=program.parent, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    assert {one.communicate()[0] for one in running} == {environment(program, env={"PYCDSENABLED": "off"}).stdout}
    said = environment.wait(1)
    assert "made already" not in said[0]
    assert environment.stays_silent(len(environment.wait(1))) or all("made already" in line for line in said[1:])
    (archive,) = environment.archives()
    environment.pycds("verify", archive)
    assert own(environment.served(program)) == PROGRAM_MODULES


@pytest.mark.parametrize(
    "end", ["sys.exit(7)", "os._exit(7)", "os.kill(os.getpid(), 2)", "os.kill(os.getpid(), 9)", "raise SystemExit('x')"]
)
def test_ends(environment: Environment, program: Path, end: str) -> None:
    ends = write_files(program.parent, {"ends.py": f"import os, sys, plain\nprint('out', flush=True)\n{end}\n"})
    plain = environment(ends / "ends.py", code=None, env={"PYCDSENABLED": "off"})
    for _ in range(2):
        done = environment(ends / "ends.py", code=None)
        assert (done.stdout, done.stderr, done.returncode) == (plain.stdout, plain.stderr, plain.returncode)
        if "os._exit" not in end and ", 9)" not in end:
            environment.wait(1)
    assert done.returncode == -signal.SIGINT or ", 2)" not in end


def test_children_that_end_as_programs_do(environment: Environment, program: Path) -> None:
    text = """\
        import os, sys, plain
        for _ in range(3):
            child = os.fork()
            if not child:
                sys.exit(0)
            os.waitpid(child, 0)
    """
    forks = write_files(program.parent, {"forks.py": text}) / "forks.py"
    environment(forks)
    environment.wait(1)
    assert environment.stays_silent(1)
    assert own(environment.served(forks)) == ["plain"]


def test_what_forked_workers_import_comes_into_the_archive(environment: Environment, program: Path) -> None:
    text = """\
        import os, sys
        child = os.fork()
        if not child and sys.argv[1:]:
            import plain
        if child:
            os.waitpid(child, 0)
    """
    forks = write_files(program.parent, {"forks.py": text}) / "forks.py"
    environment(forks)
    environment.wait(1)
    environment.age()
    environment(forks)
    assert environment.stays_silent(1)
    environment(forks, "x")
    environment.wait(2)
    assert environment.served(forks, "x", env={"PYCDSSTATS": f"{environment.python.directory}/%p.json"}) == []
    served = [file.read_text() for file in environment.python.directory.glob("*.json")]
    assert len(served) == 2
    assert sum('"plain"' in text for text in served) == 1


def test_nobody_waits_for_the_background(environment: Environment, program: Path) -> None:
    """What a program was given to write to ends with it, though its archive is still being made."""
    reader, writer = os.pipe()
    env = clean_environment(PYCDS_HOME=str(environment.python.home), CI="")
    with open(environment.python.home / "background.lock", "w") as lock:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [environment.python.executable, str(program)]
        subprocess.run(command, env=env, pass_fds=[writer], stdout=writer, stderr=writer, check=True, timeout=60)
        os.close(writer)
        assert b"result 42" in b"".join(iter(lambda: os.read(reader, 4096), b""))
    os.close(reader)
    environment.wait(1)


def test_settings(environment: Environment, program: Path) -> None:
    environment.pycds("enable", "--validation", "sealed", "--fast-exit", "--startup-gc")
    assert "on (validation sealed, startup-gc, fast-exit)" in environment.pycds("status").stdout
    text = """\
        import plain
        class Kept:
            def __del__(self): print("deleted")
        kept = Kept()
        print(plain.answer())
    """
    deletes = write_files(program.parent, {"deletes.py": text}) / "deletes.py"
    assert environment(deletes).stdout == "42\n"
    assert environment(deletes, env={"PYCDSFASTEXIT": "off"}).stdout == "42\ndeleted\n"
    environment.wait(1)
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    assert environment(deletes).stdout == "42\n"
    assert environment(deletes, env={"PYCDSVALIDATION": "exact"}).stdout == "43\n"
    environment.pycds("enable")
    assert environment(deletes).stdout == "43\ndeleted\n"


def test_on_and_off(environment: Environment, program: Path) -> None:
    mode = stat.S_IMODE(os.stat(environment.hook).st_mode)
    kept = os.open(environment.hook, os.O_RDONLY)  # as an installer's cache would have it
    on = os.read(kept, 4096)
    assert "PyCDS is off" in environment.pycds("disable").stdout
    assert environment.hook.read_text() == OFF
    assert os.pread(kept, 4096, 0) == on
    os.close(kept)
    assert environment.pycds("disable").stdout.rstrip().endswith("as it was.")
    environment(program)
    assert list(environment.python.home.glob("*.pycds*")) == []
    assert "enabled:    off" in environment.pycds("status").stdout
    assert "PyCDS is on" in environment.pycds("enable").stdout
    assert stat.S_IMODE(os.stat(environment.hook).st_mode) == mode
    environment.hook.write_text(environment.hook.read_text().replace("{}", "{**{}}"))
    done = environment.pycds("status", code=1)
    assert "was changed by hand" in done.stderr and done.stderr.count("\n") == 1
    environment.pycds("disable")
    assert environment.hook.read_text() == OFF


def test_uninstalling_takes_everything_away(python: Python, tmp_path: Path) -> None:
    environment = Environment(python, make_environment(tmp_path / "venv"))
    environment.pycds("enable", "--fast-exit")
    pip = [sys.executable, "-m", "pip", "--python", environment.python.executable]
    subprocess.run([*pip, "uninstall", "--yes", "--quiet", "pycds"], check=True, env=clean_environment())
    left = [path for path in (tmp_path / "venv").rglob("*") if "pycds" in path.name or path.name == "cds"]
    assert left == []
    done = environment("-c", "import sys; print('pycds' in sys.modules)")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_pycdsmode_decides(environment: Environment, program: Path, tmp_path: Path) -> None:
    environment(program, env={"PYCDSMODE": "TRACE", "PYCDSLIST": str(tmp_path / "list")})
    assert "package.inner.leaf" in (tmp_path / "list").read_text()
    environment(program, env={"PYCDSMODE": "MANUALLY"})
    assert list(environment.python.home.glob("*.pycds*")) == []


def test_prune(environment: Environment, program: Path) -> None:
    for number, name in enumerate(("first", "second", "third")):
        environment(write_files(program.parent, {f"{name}.py": "import plain\n"}) / f"{name}.py")
        environment.wait(number + 1)
    for age, name in ((300, "third"), (200, "first"), (100, "second")):
        for path in environment.python.home.glob(f"{name}.py*"):
            then = path.stat().st_mtime - age
            os.utime(path, (then, then))
    one = sum(path.stat().st_blocks * 512 for path in environment.python.home.glob("second.py*"))
    tried = environment.pycds("prune", "--size", str(one), "--dry-run").stdout.splitlines()
    assert [line.partition(".py-")[0].rpartition("/")[2] for line in tried[:-1]] == ["third", "first"]
    assert len(environment.archives()) == 3
    environment.pycds("prune", env={"PYCDS_STORE_LIMIT": str(one)})
    assert [path.name.partition(".py-")[0] for path in environment.archives()] == ["second"]
    assert "is no size" in environment.pycds("prune", "--size", "much", code=2).stderr
    assert ": 0 archives" in environment.pycds("prune", "--all").stdout
    assert {path.suffix for path in environment.python.home.iterdir()} <= {".lock", ".log", ""}


def test_archives_of_scripts_that_are_gone_are_pruned(python: Python, tmp_path: Path) -> None:
    """And no other: not where the directory is gone as well, nor a module's, whatever scripts it has started."""
    starting = "import subprocess, sys; subprocess.run([sys.executable, 'gone/app.py'], check=True)"
    write_files(python.directory, {f"{name}/app.py": "import json\n" for name in ("here", "gone", "away")})
    write_files(python.directory, {"starting.py": starting})
    archives: dict[str, Path] = {}
    for words in (["here/app.py"], ["gone/app.py"], ["away/app.py"], ["-m", "starting"]):
        before = set(python.home.glob("*.pycds"))
        python.pycds("run", "--", *words)
        (archives[words[-1]],) = set(python.home.glob("*.pycds")) - before
    gone = python.directory / "gone" / "app.py"
    assert f"{gone}\n" in Path(store.list_of(str(archives["starting"]))).read_text()
    gone.unlink()
    (python.directory / "away").rename(tmp_path / "away")
    pruned, rest = python.pycds("prune", "--dry-run").stdout.splitlines()
    assert pruned.startswith(f"would remove {archives['gone/app.py']}, ") and pruned.endswith(f"; {gone} is gone")
    assert ": would be left: 3 archives, " in rest
    assert python.pycds("prune").stdout.startswith(pruned.replace("would remove", "removed"))
    del archives["gone/app.py"]
    assert set(python.home.glob("*.pycds")) == set(archives.values())


def test_the_store_is_kept_within_its_limit(environment: Environment, program: Path) -> None:
    for number, name in enumerate(("first", "second")):
        environment(
            write_files(program.parent, {f"{name}.py": "import plain\n"}) / f"{name}.py",
        )
        environment.wait(number + 1)
    environment.age()
    # The limit is that of the process that makes the third.
    environment(program, env={"PYCDS_STORE_LIMIT": "1"})
    environment.wait(3)
    assert [path.name.partition(".py-")[0] for path in environment.archives()] == ["app"]


def test_the_reasons_of_outdated_archives() -> None:
    elsewhere = {"another --check-hash-based-pycs"}
    assert {
        reason
        for reason, (meaning, advice) in reasons.MISSES.items()
        if advice.startswith("dump again") or reason == "not found any more"
    } - elsewhere == missed.OUTDATED


def test_the_store_of_one_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last of what names a file is the archive: what lies beside it goes with it."""
    from pycds import pruning

    monkeypatch.setenv("PYCDS_HOME", str(tmp_path))
    archive = store.archive_for(program.Program([], "script", sys.executable, []), [])
    for path in (archive, store.list_of(archive), store.missed_of(archive), f"{archive}.lst.0-1.part"):
        Path(path).write_bytes(b"x" * 5000)
    (kept,) = pruning.kept(str(tmp_path))
    assert (kept.archive, len(kept.files)) == (archive, 4)
    assert kept.bytes == 4 * 8192
    assert pruning.prune(str(tmp_path), 0, keep=archive) == []
    assert pruning.prune(str(tmp_path), 0) == [kept]
    assert list(tmp_path.iterdir()) == []


def test_plain_runs_are_plain(environment: Environment, program: Path) -> None:
    """Those of `pycds bench` and `report`, and of `pycds run --policy off`, where programs are served by themselves."""
    environment.pycds("run", "--", program)
    see = write_files(environment.python.directory, {"see.py": "import sys; print('pycds._core' in sys.modules)\n"})
    environment.pycds("run", "--", see / "see.py")
    assert environment(see / "see.py").stdout == "True\n"
    assert environment.pycds("run", "--policy", "off", "--", see / "see.py").stdout == "False\n"
    (see / "log.py").write_text("import sys; open('log', 'a').write(f\"{'pycds._core' in sys.modules}\\n\")\n")
    environment.pycds("run", "--", see / "log.py")
    (environment.python.directory / "log").unlink()
    environment.pycds("bench", "--pairs", "2", "--", see / "log.py")
    log = (environment.python.directory / "log").read_text().split()
    assert log.count("False") == log.count("True") >= 2, log

"""Tracing: what is recorded, by which processes, and what is left when they end badly."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import PROGRAM_MODULES, Python, module_names, write_files


def own(trace_list: Path, python: Python) -> list[str]:
    """The names in a list that come from the test's directory, in order."""
    found = []
    for line in trace_list.read_text().splitlines():
        fields = line.split("\t")
        if len(fields) > 2 and fields[2].startswith(str(python.directory)):
            found.append(fields[0])
    return found


def fields_of(trace_list: Path, name: str) -> list[str]:
    (line,) = [line for line in trace_list.read_text().splitlines() if line.split("\t")[0] == name]
    return line.split("\t")


def no_parts(trace_list: Path) -> bool:
    return [path.name for path in trace_list.parent.glob(f"{trace_list.name}*")] == [trace_list.name]


def test_modules_are_recorded_in_order_of_first_use(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    done = python.traced(trace_list, program)
    assert "result 42" in done.stdout
    assert done.stderr == ""
    assert own(trace_list, python) == PROGRAM_MODULES
    assert no_parts(trace_list)


def test_a_line_tells_how_a_module_was_found(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    python.traced(trace_list, program)
    here = str(python.directory)
    assert fields_of(trace_list, "plain") == ["plain", "source", f"{here}/plain.py", here, "PathFinder"]
    assert fields_of(trace_list, "package.inner") == [
        "package.inner", "source", f"{here}/package/inner/__init__.py", f"{here}/package", "PathFinder",
    ]  # fmt: skip
    assert fields_of(trace_list, "spread")[1] == "namespace"


def test_the_search_path_of_the_run_is_recorded(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    expected = python("-c", "import sys; print('\\n'.join(sys.path[1:]))").stdout.splitlines()
    python.traced(trace_list, program)
    path = [line.partition(" ")[2] for line in trace_list.read_text().splitlines() if line.startswith("@path ")]
    assert path == [str(python.directory), *expected]


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("import sys; sys.exit(7)", 7),
        ("raise ValueError('no')", 1),
        ("import os; os._exit(5)", 5),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -11),
    ],
)
def test_nothing_is_lost_however_the_program_ends(
    python: Python, program: Path, tmp_path: Path, ending: str, code: int
) -> None:
    trace_list = tmp_path / "app.lst"
    python.traced(trace_list, "-c", f"import plain, package\n{ending}", code=code)
    merged = python("-c", f"from pycds import journal; print(*journal.load({str(trace_list)!r}).modules)").stdout
    assert {"plain", "package"} <= set(merged.split())
    assert no_parts(trace_list)
    assert own(trace_list, python) == ["plain", "package"]


FORKING = """\
import os, sys
import plain
pid = os.fork()
if pid == 0:
    import package
    {ending}
os.waitpid(pid, 0)
import package.inner.leaf
"""


@pytest.mark.parametrize("ending", ["sys.exit()", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_forked_child_adds_what_is_new(python: Python, program: Path, tmp_path: Path, ending: str) -> None:
    trace_list = tmp_path / "app.lst"
    write_files(python.directory, {"forking.py": FORKING.format(ending=ending)})
    python.traced(trace_list, "forking.py")
    assert own(trace_list, python) == ["plain", "package", "package.inner", "package.inner.leaf"]
    assert no_parts(trace_list)


def test_a_child_that_outlives_its_parent_is_merged(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    write_files(
        python.directory,
        {
            "outlive.py": """\
                import os, sys, time
                import plain
                read, write = os.pipe()
                if os.fork() == 0:
                    os.close(write)
                    os.read(read, 1)  # until the parent has gone
                    for _ in range(500):
                        if os.getppid() != int(sys.argv[1] or 0) and not os.path.exists(f"/proc/{sys.argv[1]}"):
                            break
                        time.sleep(0.01)
                    import package
                    print("child done")
            """
        },
    )
    # The shell's `exec` keeps the pid, so that the child can wait for its parent's end.
    command = f'exec "{sys.executable}" outlive.py $$'
    done = python(
        "-c",
        f"import subprocess; subprocess.run({['/bin/sh', '-c', command]!r}, check=True)",
        env={"PYCDSMODE": "TRACE", "PYCDSLIST": str(trace_list)},
    )
    assert "child done" in done.stdout
    assert own(trace_list, python) == ["plain", "package"]


def test_of_two_processes_that_end_together_one_merges_both(python: Python, program: Path, tmp_path: Path) -> None:
    """Each is still there while the other looks, so neither may leave the merging to the other."""
    trace_list = tmp_path / "app.lst"
    done = python(
        "-c",
        f"""if True:
            import os, subprocess, sys
            from pycds import journal
            path = {str(trace_list)!r}
            sleepers = [subprocess.Popen(["/bin/sleep", "100"]) for _ in range(2)]
            parts = [journal.part_path(path, start, sleeper.pid) for start, sleeper in enumerate(sleepers)]
            try:
                for name, part in zip(("first", "second"), parts):
                    journal.append(part, f"{{journal.trace_list.HEADER}}\\n{{name}}\\tsource\\t/nowhere/{{name}}.py\\n")
                journal.merge_at_exit(path, parts[1])
                print(os.path.exists(path))
                journal.merge_at_exit(path, parts[0])
                print(*journal.read_file(path).modules)
            finally:
                for sleeper in sleepers:
                    sleeper.kill()
                    sleeper.wait()
        """,
    )
    assert done.stdout.splitlines() == ["False", "first second"]
    assert no_parts(trace_list)


def test_children_started_afresh_are_recorded_too(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    write_files(
        python.directory,
        {
            "pool.py": """\
                import multiprocessing
                def work(n):
                    import package.inner.leaf
                    return n
                if __name__ == "__main__":
                    for method in ("fork", "spawn"):
                        with multiprocessing.get_context(method).Pool(2) as pool:
                            print(pool.map(work, range(4)))
                    import plain
            """
        },
    )
    done = python.traced(trace_list, "pool.py")
    assert done.stdout == "[0, 1, 2, 3]\n" * 2
    python("-c", f"from pycds import journal; journal.load({str(trace_list)!r})")
    assert set(own(trace_list, python)) >= {"package", "package.inner", "package.inner.leaf", "plain"}
    assert len(module_names(trace_list)) == len(set(module_names(trace_list)))


def test_a_lookup_is_not_an_import(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    code = "import importlib.util as u; print(u.find_spec('plain').origin); u.find_spec('package'); import package"
    python.traced(trace_list, "-c", code)
    assert own(trace_list, python) == ["package"]


def test_a_lazily_used_lookup_is_recorded_once_it_is_in_use(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    code = """\
import importlib.util, sys
spec = importlib.util.find_spec('plain')
module = sys.modules['plain'] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""
    python.traced(trace_list, "-c", code)
    assert own(trace_list, python) == ["plain"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-m", "package"], ["package", "package.__main__", "package.inner"]),
        (["-m", "package.inner.leaf"], ["package", "package.inner", "package.inner.leaf"]),
        (["package"], []),
    ],
)
def test_what_runs_as_main(
    python: Python, program: Path, tmp_path: Path, arguments: list[str], expected: list[str]
) -> None:
    trace_list = tmp_path / "app.lst"
    python.traced(trace_list, *arguments, code=None)
    assert own(trace_list, python) == expected


def test_zip_files_sourceless_and_extension_modules(python: Python, tmp_path: Path) -> None:
    write_files(python.directory, {"bare.py": "x = 1\n"})
    python("-c", "import py_compile; py_compile.compile('bare.py', 'bare.pyc')")
    (python.directory / "bare.py").unlink()
    with zipfile.ZipFile(python.directory / "lib.zip", "w") as archive:
        archive.writestr("zipped/__init__.py", "")
        archive.writestr("zipped/inner.py", "")
    trace_list = tmp_path / "app.lst"
    python.traced(trace_list, "-c", "import sys; sys.path.insert(0, 'lib.zip'); import bare, zipped.inner, _ctypes")
    here = python.directory
    assert fields_of(trace_list, "bare")[1:4] == ["sourceless", f"{here}/bare.pyc", str(here)]
    assert fields_of(trace_list, "zipped")[1] == "zip"
    assert fields_of(trace_list, "zipped")[3].endswith("lib.zip")
    assert fields_of(trace_list, "zipped.inner")[3].endswith("lib.zip/zipped")
    assert fields_of(trace_list, "_ctypes")[1] == "extension"
    path = [line for line in trace_list.read_text().splitlines() if line.startswith("@path ")]
    assert path[0] == f"@path {here}/lib.zip"


def test_finders_see_what_they_would_see(python: Python, program: Path, tmp_path: Path) -> None:
    """The recorder asks the finders behind it in order, with the same arguments, and takes the first answer."""
    write_files(
        python.directory,
        {
            "finders.py": """\
                import importlib.util, sys
                class Old:  # no find_spec: passed over from 3.12 on
                    def find_module(self, name, path=None):
                        return None
                class Mine:
                    asked = []
                    def find_spec(self, name, path, target=None):
                        self.asked.append((name, path, target))
                        if name == "made":
                            return importlib.util.spec_from_file_location("made", "plain.py")
                sys.meta_path[1:1] = [Old(), Mine()]
                import made, package.inner
                print(made.answer(), [(n, p if p is None else list(p), t) for n, p, t in Mine.asked])
            """
        },
    )
    plain = python("finders.py").stdout
    trace_list = tmp_path / "app.lst"
    assert python.traced(trace_list, "finders.py").stdout == plain
    assert fields_of(trace_list, "made")[1] == "source"
    assert fields_of(trace_list, "made")[4] == "__main__.Mine"


def test_a_missing_module_is_missing_as_ever(python: Python, tmp_path: Path) -> None:
    code = "try:\n import nowhere\nexcept ModuleNotFoundError as e: print(e.name, e)"
    plain = python("-c", code)
    traced = python.traced(tmp_path / "app.lst", "-c", code)
    assert (traced.stdout, traced.stderr) == (plain.stdout, plain.stderr)


def test_a_list_is_added_to(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    python.traced(trace_list, "-c", "import plain")
    python.traced(trace_list, "-c", "import package, plain")
    assert own(trace_list, python) == ["plain", "package"]


def test_the_originals_list_is_added_to(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    trace_list.write_text("package\njson\n")
    python.traced(trace_list, "-c", "import plain, package")
    names = module_names(trace_list)
    assert names[:2] == ["package", "json"]
    assert "plain" in names
    assert fields_of(trace_list, "package")[1] == "source"


def test_undecodable_paths_survive(python: Python, tmp_path: Path) -> None:
    odd = python.directory / os.fsdecode(b"caf\xe9\tx")
    odd.mkdir()
    (odd / "modul.py").write_text("x = 1\n")
    trace_list = tmp_path / "app.lst"
    python.traced(trace_list, "-c", "import sys, os; sys.path.insert(0, os.fsdecode(b'caf\\xe9\\tx')); import modul")
    shown = python(
        "-c", f"from pycds import journal; print(ascii(journal.load({str(trace_list)!r}).modules['modul'].entry))"
    ).stdout
    assert shown.strip() == ascii(str(odd))


def test_a_list_that_cannot_be_written_costs_one_line(python: Python, program: Path, tmp_path: Path) -> None:
    done = python.traced(tmp_path / "nowhere" / "app.lst", program)
    assert "result 42" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: cannot trace into ")
    done = python.traced(tmp_path, program)
    assert "result 42" in done.stdout
    assert len(done.stderr.splitlines()) == 1


def test_a_program_that_closes_every_descriptor_keeps_its_files(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    code = """\
import os
os.closerange(3, 256)
with open('own.txt', 'w') as file:
    import plain
    file.write('mine')
print(open('own.txt').read())
"""
    assert python.traced(trace_list, "-c", code).stdout == "mine\n"
    assert own(trace_list, python) == ["plain"]


def test_a_changed_directory_and_relative_entries(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = Path("sub.lst")
    (python.directory / "elsewhere").mkdir()
    python.traced(trace_list, "-c", "import os; os.chdir('elsewhere'); import sys; sys.path.append('..'); import plain")
    assert (python.directory / "sub.lst").exists()
    names = own(python.directory / "sub.lst", python)
    assert names == ["plain"]


def test_modules_imported_before_are_recorded_first(python: Python, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    python.traced(trace_list, "-c", "import wave")
    names = module_names(trace_list)
    assert names.index("encodings") < names.index("wave")
    assert not [name for name in names if name.startswith("pycds")]


def test_pycds_leaves_no_module_behind_but_its_own(python: Python, tmp_path: Path) -> None:
    code = "import sys; print(*sorted(n for n in sys.modules if not n.startswith('pycds')))"
    plain = set(python("-c", code).stdout.split())
    traced = set(python.traced(tmp_path / "app.lst", "-c", code).stdout.split())
    assert traced - plain <= {"atexit"}


@pytest.mark.parametrize("flags", [["-I"], ["-E"], ["-s"], ["-O"], ["-OO"], ["-X", "importtime"], ["-v"]])
def test_tracing_under_flags(python: Python, tmp_path: Path, flags: list[str]) -> None:
    trace_list = tmp_path / "app.lst"
    done = python.traced(trace_list, *flags, "-c", "import wave; print('ok')")
    assert done.stdout == "ok\n"
    assert "wave" in module_names(trace_list)


def test_subinterpreters(python: Python, program: Path, tmp_path: Path) -> None:
    trace_list = tmp_path / "app.lst"
    code = """\
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import plain
one = interpreters.create()
print(interpreters.run_string(one, "import sys; sys.path.insert(0, '.'); import package.inner") or "fine")
interpreters.destroy(one)
import spread.part.deep
"""
    assert python.traced(trace_list, "-c", code).stdout == "fine\n"
    assert own(trace_list, python) == ["plain", "package", "package.inner", "spread.part.deep"]
    assert no_parts(trace_list)


def test_threads(python: Python, tmp_path: Path) -> None:
    files = {f"m{n}.py": f"import m{n - 1}\n" if n % 10 else "" for n in range(60)}
    write_files(python.directory, files)
    code = """\
import importlib, threading
threads = [threading.Thread(target=importlib.import_module, args=(f'm{n}',)) for n in range(60)]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    trace_list = tmp_path / "app.lst"
    python.traced(trace_list, "-c", code)
    assert sorted(own(trace_list, python)) == sorted(name[:-3] for name in files)

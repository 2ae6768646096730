"""Processes that programs of an enabled environment spawn: served as parts of those, and seeing nothing of it."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path

import pytest

from conftest import write_files
from enabled_environment import Environment

PROGRAM = """\
    import concurrent.futures, multiprocessing, os, sys
    import plain

    def work(number):
        import package.inner.leaf
        print(sorted(os.environ.items()), sys.argv, sys.path, sys.flags, sys.modules["__main__"].__file__)
        print([type(finder).__name__ for finder in sys.meta_path if "pycds" not in type(finder).__module__])
        print("the next descriptor", os.dup(0), flush=True)
        return number * plain.answer()

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            print(*pool.map(work, [1, 2]))
"""


def served(environment: Environment, *words: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Of a run and all that it spawned: the modules served, by the archive's name without its digest."""
    directory = environment.python.directory.parent / "statistics"
    directory.mkdir(exist_ok=True)
    for file in directory.iterdir():
        file.unlink()
    environment(*words, env={"PYCDSSTATS": f"{directory}/%p"}, code=None)
    found: dict[str, list[str]] = {}
    for file in directory.iterdir():
        for archive in json.loads(file.read_text())["archives"]:
            found.setdefault(Path(archive["archive"]).name.rpartition("-")[0], []).extend(archive["served"])
    return found


def names(environment: Environment) -> list[str]:
    """Those of the archives, without their digests."""
    return [path.name.rpartition("-")[0] for path in environment.archives()]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_are_recorded_and_served_and_see_nothing_of_it(
    environment: Environment, program: Path, method: str
) -> None:
    spawns = write_files(program.parent, {"spawns.py": PROGRAM}) / "spawns.py"
    plain = environment(spawns, method, env={"PYCDSENABLED": "off"})
    expected = plain.stdout.replace("('PYCDSENABLED', 'off'), ", "")
    assert environment(spawns, method).stdout == expected
    environment.wait(2)
    assert names(environment) == ["spawns.py", "spawns.py-worker"]
    found = environment(spawns, method)
    assert (found.stdout, found.stderr) == (expected, plain.stderr)
    assert environment.stays_silent(2)
    found = served(environment, spawns, method)
    assert "plain" in found["spawns.py"]
    # Children of the fork server leave by os._exit(), without statistics; it imports the main module from 3.14 on.
    assert {"plain", "package.inner.leaf"} <= set(found["spawns.py-worker"]) or method == "forkserver"
    assert "threading" in found["spawns.py-worker"]


def test_a_change_is_seen_by_workers_at_once(environment: Environment, program: Path) -> None:
    spawns = write_files(program.parent, {"spawns.py": PROGRAM}) / "spawns.py"
    environment(spawns, "spawn")
    environment.wait(2)
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    assert environment(spawns, "spawn").stdout.endswith("43 86\n")
    environment.age()
    assert environment(spawns, "spawn").stdout.endswith("43 86\n")
    environment.wait(4)
    assert "plain" in served(environment, spawns, "spawn")["spawns.py-worker"]


NESTED = """\
    import multiprocessing, os, signal, sys

    def inner():
        import plain
        print("inner", plain.answer(), flush=True)

    def outer():
        child = multiprocessing.get_context("spawn").Process(target=inner)
        child.start()
        child.join()
        os.kill(os.getpid(), signal.SIGTERM)

    if __name__ == "__main__":
        os.chdir(sys.argv[1])
        child = multiprocessing.get_context("spawn").Process(target=outer)
        child.start()
        child.join()
        print(child.exitcode)
"""


def test_a_workers_worker_is_the_programs(environment: Environment, program: Path) -> None:
    write_files(program.parent, {"nested.py": NESTED})
    nested = program.parent / "nested.py"
    assert environment(nested, "/").stdout == "inner 42\n-15\n"
    environment.wait(2)
    assert names(environment) == ["nested.py", "nested.py-worker"]
    assert "plain" in served(environment, nested, "/")["nested.py-worker"]


STARTS = """\
    import subprocess, sys
    text = "from multiprocessing.spawn import spawn_main; spawn_main(__import__('plain'))"
    command = [sys.executable, "-c", text]
    if "shell" in sys.argv:
        command = ["sh", "-c", '"$@"; true', "sh", *command]
    subprocess.run(command, stderr=subprocess.DEVNULL)
    print("done")
"""


def test_workers_of_what_cannot_be_known_again_are_left_alone(environment: Environment, program: Path) -> None:
    write_files(program.parent, {"starts.py": STARTS})
    assert environment("-c", textwrap.dedent(STARTS)).stdout == "done\n"
    assert environment.stays_silent()
    assert names(environment) == []
    assert environment("starts.py", "shell").stdout == "done\n"
    environment.wait(1)
    assert names(environment) == ["starts.py"]
    assert environment("starts.py").stdout == "done\n"
    environment.wait(2)
    assert names(environment) == ["starts.py", "starts.py-worker"]


def test_workers_of_pytest(environment: Environment, program: Path) -> None:
    tests = {f"test_{name}.py": f"import plain\ndef test_{name}(): assert plain.answer() == 42\n" for name in "ab"}
    write_files(program.parent / "suite", tests)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "1", "suite"]
    assert "2 passed" in environment(*words, timeout=400).stdout  # xdist waits for its workers, on loaded machines long
    environment.wait(2)
    assert names(environment) == ["pytest", "pytest-worker"]
    found = served(environment, *words)
    assert "execnet.gateway_base" in found["pytest"]
    assert {"plain", "_pytest.config"} <= set(found["pytest-worker"])

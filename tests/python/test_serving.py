"""Serving where programs are more than one thread of one interpreter in one process."""

# ruff: noqa: E501 - the programs within are easier to read with a statement a line
from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

import pytest

from conftest import LOOPS_FOR_EVER
from sample_program import ZIPPED, Sample, make_sample

LIBRARY = ["argparse", "csv", "decimal", "email.message", "fractions", "http.client", "json", "logging", "pickletools",
           "tarfile", "unittest.mock", "xml.dom.minidom", "zipfile", "concurrent.futures.process", "multiprocessing.spawn",
           "multiprocessing.forkserver", "multiprocessing.popen_fork", "multiprocessing.popen_spawn_posix",
           "multiprocessing.popen_forkserver", "multiprocessing.resource_tracker"]  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("serving") / "installed", more=LIBRARY)


PROGRAMS = {
    "threads import the same": """
        import importlib, sys, threading
        # Beforehand: collections puts collections.abc into sys.modules while it is executed, and a
        # thread that asks for it earlier does not wait for its parent, in a plain run either
        # (importlib._bootstrap._find_and_load_unlocked takes a parent that is in sys.modules).
        import collections
        names = ["circular_a"] if sys.version_info >= (3, 9) else []  # see LOOPS_FOR_EVER
        names += ["shapes.circle", "plain", "json", "decimal", "xml.dom.minidom", "hidden", "zipped",
                  "unittest.mock", "http.client", "tarfile"]
        barrier, found = threading.Barrier(8), []
        def work(number):
            barrier.wait()
            for name in names[number:] + names[:number]:
                found.append((name, id(importlib.import_module(name))))
        sys.setswitchinterval(1e-6)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        import circular_a, shapes
        print(len(set(found)), len(found), circular_a.both(), shapes.Circle(2).area())
        """,
    "threads import circularly": """
        import importlib, sys, threading
        sys.setswitchinterval(1e-6)
        # All from the same end: from both ends it is a race in a plain run too.
        barrier = threading.Barrier(8)
        results = []
        def work():
            barrier.wait()
            results.append(importlib.import_module("circular_a").both())
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join(30)
        print(results, sys.modules["circular_b"].SEEN)
        """,
    "find_spec and get_code in threads": """
        import importlib.util, sys, threading
        sys.setswitchinterval(1e-6)
        codes = []
        def work():
            for _ in range(50):
                for name in ("lazy", "tool", "fractions"):
                    codes.append(importlib.util.find_spec(name).loader.get_code(name))
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(codes), len(set(codes)))
        """,
    "fork, then import on both sides": """
        import os, sys, shapes
        sys.stdout.flush()
        child = os.fork()
        import plain, hidden, zipped, xml.dom.minidom, json
        text = f"{plain.answer()} {hidden.HIDDEN} {zipped.NAME} {shapes.Circle(1).area()} {json.dumps([1])}"
        if child:
            print("status", os.waitpid(child, 0)[1], text)
        else:
            os.write(1, (text + chr(10)).encode())
            os._exit(0)
        """,
    "fork while importing": """
        import os, sys, threading
        sys.setswitchinterval(1e-6)
        def work():
            import xml.dom.minidom, http.client, unittest.mock, decimal, tarfile
        thread = threading.Thread(target=work); thread.start()
        statuses = []
        for number in range(8):
            child = os.fork()
            if not child:
                os._exit(number)  # a lock of the import system may be held for ever here, archive or not
            statuses.append(os.waitpid(child, 0)[1])
        thread.join()
        print(statuses)
        """,
    "subprocesses": """
        import subprocess, sys
        for arguments in (["-c", "import shapes; print(shapes.LEAF)"], ["-I", "-c", "import json; print(json.dumps(1))"],
                          ["-m", "tool", "x"], ["-S", "-c", "import sys; print('site' in sys.modules)"],
                          ["-O", "-c", "import plain; print(plain.answer())"]):
            print(subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout)
        """,
    **{
        f"multiprocessing by {method}": f"""
        import multiprocessing, sys
        import plain
        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            with context.Pool(2) as pool:
                print(pool.map(plain.answer, ["all", "some", "no", "none"] * 10)[:6])
            with __import__("concurrent.futures").futures.ProcessPoolExecutor(2, mp_context=context) as executor:
                print(list(executor.map(plain.answer, ["all", "no"])))
        """
        for method in ("fork", "spawn", "forkserver")
    },
    "asyncio": """
        import asyncio, plain
        async def main():
            loop = asyncio.get_running_loop()
            import json, xml.dom.minidom
            results = await asyncio.gather(*(loop.run_in_executor(None, __import__, name) for name in
                                             ("shapes", "circular_a", "decimal", "tarfile", "hidden")))
            print([module.__name__ for module in results])
        asyncio.run(main())
        """,
    "execv": """
        import os, sys, plain
        if sys.argv[1:]:
            import shapes
            print("second life", shapes.LEAF)
        else:
            os.execv(sys.executable, [sys.executable, sys.argv[0], "again"])
        """,
    "a daemon thread imports at the end": """
        import threading, time, plain
        def work():
            while True:
                import shapes, json
                for name in ("shapes", "json"):
                    __import__("sys").modules.pop(name, None)
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.05)
        print("main ends")
        """,
    # Beside a daemon thread that imports too, that could end in the use of a freed lock: _PyImport_Fini, up to 3.12.
    "nothing is imported at the end": """
        import plain, sys
        sys.addaudithook(lambda event, arguments: print(arguments[0], flush=True) if event == "import" else None)
        """,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_of_many_parts(sample: Sample, tmp_path: Path, program: str) -> None:
    if program == "threads import circularly" and sys.version_info < (3, 9):
        pytest.skip(LOOPS_FOR_EVER)
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(PROGRAMS[program]))
    quiet = ["-W", "ignore"]  # of forks with threads; the warnings name the process
    plain = sample.plain(*quiet, script)
    for _ in range(3 if "thread" in program or "fork" in program else 1):
        served = sample.served(*quiet, script)
        assert (sorted(served.stdout.splitlines()), served.stderr) == (sorted(plain.stdout.splitlines()), plain.stderr)
        assert served.statistics["hits"] > 0


SUBINTERPRETERS = """
import json, sys
import plain
CODE = '''
import json, sys
import plain, shapes, hidden, colorsys
assert plain.answer() == 42 and shapes.Circle(1).area() > 3 and colorsys.rgb_to_hsv(1, 0, 0) == (0.0, 1.0, 1)
if "pycds._startup" in sys.modules:
    from pycds._startup import statistics
    found = statistics()
    import os
    os.write(1, (json.dumps([found["hits"], [refusal["reason"] for refusal in found["refused"]]]) + chr(10)).encode())
'''
try:
    import _interpreters as interpreters
    made = [interpreters.create(kind) for kind in ("legacy", "isolated", "legacy", "isolated")]
    run = lambda one: interpreters.exec(one, CODE)
except ImportError:
    import _xxsubinterpreters as interpreters
    kinds = [{"isolated": kind} for kind in (True, False, True, False)] if sys.version_info >= (3, 9) else [{}] * 4
    made = [interpreters.create(**kind) for kind in kinds]
    run = lambda one: interpreters.run_string(one, CODE)
for one in made:
    problem = run(one)
    if problem is not None:
        print("problem", problem)
import shapes, zipped
for one in made[:2]:
    interpreters.destroy(one)
import circular_a, html.parser
for one in made[2:]:
    run(one)
    interpreters.destroy(one)
print(plain.answer(), circular_a.both(), shapes.Circle(2).area())
"""


def test_subinterpreters(sample: Sample) -> None:
    """Each serves from a mapping of its own, or has left the archive out and counted why."""
    plain = sample.plain("-c", SUBINTERPRETERS)
    served = sample.served("-c", SUBINTERPRETERS)
    lines = served.stdout.splitlines()
    counts = [json.loads(line) for line in lines if line.startswith("[")]
    assert [line for line in lines if not line.startswith("[")] == plain.stdout.splitlines()
    assert served.stderr == plain.stderr
    assert len(counts) in (4, 6), served.stdout
    for hits, refused in counts:
        assert hits > 3 or refused == ["unsupported"], counts
    assert served.statistics["hits"] > 3


def test_two_archives(sample: Sample, tmp_path: Path) -> None:
    """One attached behind the other serves what the first lacks; the same one twice is attached once."""
    names = tmp_path / "names"
    names.write_text("filecmp\nmailbox\n")
    second = tmp_path / "second.pycds"
    sample.python("-m", "pycds", "dump", names, second)
    program = f"""if True:
        import pycds
        print(pycds.attach({str(second)!r}), pycds.attach({str(second)!r}))
        import plain, filecmp, shapes
        print([[a["hits"] > 0, "filecmp" in a["served"], "plain" in a["served"]] for a in pycds.statistics()["archives"]])
    """
    served = sample.served("-c", program)
    assert served.stdout == "True True\n[[True, False, True], [True, True, False]]\n"


def test_two_archives_with_the_same_module(sample: Sample, tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("filecmp\nfractions\nplain\ncolorsys\nshapes\nzipped\n")
    second = tmp_path / "second.pycds"
    sample.python("-m", "pycds", "dump", names, second, env={"PYTHONPATH": sample.path})
    program = f"""if True:
        import pycds
        pycds.attach({str(second)!r})
        import plain, colorsys, shapes, fractions, zipped
        expected = {{"plain", "colorsys", "shapes", "fractions", *{ZIPPED[:1]!r}}}
        print(plain.answer(), colorsys.rgb_to_hsv(1, 0, 0), shapes.LEAF, fractions.Fraction(1, 2), zipped.NAME)
        first, second = pycds.statistics()["archives"]
        print(sorted(set(first["served"]) & set(second["served"])), first["misses"], second["misses"])
        print(expected <= {{*first["served"], *second["served"]}})
    """
    served = sample.served("-c", program)
    assert served.stdout == "42 (0.0, 1.0, 1) shapes.sub.leaf 1/2 zipped\n[] {} {}\nTrue\n"


def test_detached_by_the_program(sample: Sample) -> None:
    """Taking the finder away, or letting it die, leaves what was served intact."""
    program = """if True:
        import gc, sys
        from pycds._core import Finder
        for _ in range(5):
            finder = Finder(sys.argv[1])
            sys.meta_path.insert(0, finder)
            for name in ("plain", "shapes", "shapes.circle", "shapes.sub", "shapes.sub.leaf", "fractions"):
                sys.modules.pop(name, None)
            import plain, shapes, fractions
            spec = finder.find_spec("lazy", None)
            sys.meta_path.remove(finder)
            del finder
            gc.collect()
            print(plain.answer(), shapes.Circle(1).area(), fractions.Fraction(1, 2), spec.loader.get_code("lazy").co_names)
        del spec
        gc.collect()
        print(plain.answer())
    """
    done = sample.plain("-c", program, sample.archive)
    assert done.stdout.splitlines() == ["42 3.141592653589793 1/2 ('LOADED', 'print')"] * 5 + ["42"]

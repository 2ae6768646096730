"""Start-up GC: no collections until start-up is over, then freeze and collect as usual."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Python
from option_programs import seen

STEP = 10_000

HEAD = """
import gc, json, sys
plain, before = json.loads(sys.argv[1])  # gc.get_threshold() without the option, and get_freeze_count()
def frozen():  # more than without the option: 3.12 starts with some
    return gc.get_freeze_count() - before
found = []  # what each collection had to look at
def watch(phase, info):
    if phase == 'start':
        found.append((info['generation'], len(gc.get_objects())))
gc.callbacks.append(watch)
def make(count):
    return [[i] for i in range(count)]
def import_something(names=iter(('colorsys', 'this', 'sched', 'bisect', 'chunk_of_nothing'))):
    sys.stdout, out = None, sys.stdout
    __import__(next(names))
    sys.stdout = out
"""


def run(python: Python, directory: Path, program: str, *, option: bool = True, **how: object) -> list[str]:
    """The lines that a program prints.  It must say the same of itself whether it ends well or not."""
    probe = python(
        "-c", "import gc, json; print(json.dumps([gc.get_threshold(), gc.get_freeze_count()]))"
    ).stdout.strip()
    options = ["startup-gc"] if option else []
    done = seen(python, directory / "app", HEAD + program, options=options, arguments=[probe], **how)  # type: ignore[arg-type]
    assert (done.code, done.stderr) == (0, b""), done
    return done.stdout.decode().splitlines()


def test_nothing_is_collected_before_a_step(python: Python, tmp_path: Path) -> None:
    program = f"kept = make({STEP // 2}); import_something(); print(len(found), frozen())"
    assert run(python, tmp_path, program) == ["0 0"]
    assert run(python, tmp_path, program, option=False) != ["0 0"]


def test_while_modules_are_imported_the_collector_finds_nothing(python: Python, tmp_path: Path) -> None:
    program = f"""
kept = []
for _ in range(3):
    import_something()
    kept.append(make({STEP}))
print([size < 50 for generation, size in found])
print(gc.get_threshold()[0], frozen() > {2 * STEP})
"""
    assert run(python, tmp_path, program) == ["[True, True, True]", f"{STEP} True"]


def test_start_up_ends_when_nothing_is_imported(python: Python, tmp_path: Path) -> None:
    program = f"""
kept = [make({STEP + 1000})]
import_something()
kept.append(make({STEP + 1000}))  # the first in which something was imported
print(list(gc.get_threshold()) != plain)
kept.append(make({STEP + 1000}))
print(list(gc.get_threshold()) == plain, [type(c).__name__ for c in gc.callbacks if c is not watch])
end = frozen()
print(end > {STEP})
del found[:]
kept.append(make(50_000))
print(len(found) > 3, frozen() == end)
"""
    lines = run(python, tmp_path, program)
    # Ours stands before the program's callback, so that it stays, and does nothing.
    assert lines[1:] == ["True ['StartUp']", "True", "True True"]


def test_garbage_is_collected_when_start_up_is_over(python: Python, tmp_path: Path) -> None:
    program = f"""
class Cycle:
    freed = 0
    def __init__(self): self.me = self
    def __del__(self): Cycle.freed += 1
for _ in range(100): Cycle()
kept = make(4 * {STEP})
before = Cycle.freed
for _ in range(20_000): Cycle()
print(before, Cycle.freed > 10_000)
gc.collect()
print(Cycle.freed)
"""
    # What was garbage when start-up ended is frozen for good.
    assert run(python, tmp_path, program) == ["0 True", "20000"]
    assert run(python, tmp_path, program, option=False) == ["100 True", "20100"]


def test_a_program_that_always_imports_is_collected_in_the_end(python: Python, tmp_path: Path) -> None:
    program = f"""
import types
class Cycle:
    alive = 0
    def __init__(self): self.me = self; Cycle.alive += 1; Cycle.most = max(Cycle.most, Cycle.alive)
    def __del__(self): Cycle.alive -= 1
    most = 0
for i in range(2_000_000 // 1000):
    for _ in range(1000): Cycle()
    sys.modules['m%d' % i] = types.ModuleType('m')
print(Cycle.most <= 101 * {STEP}, Cycle.alive < Cycle.most + 1)
"""
    assert run(python, tmp_path, program) == ["True True"]


OWN: dict[str, tuple[str, list[str]]] = {
    "disabled": (
        f"gc.disable(); kept = make(4 * {STEP}); print(gc.isenabled(), len(found)); gc.enable(); "
        f"kept.append(make({STEP})); print(len(found) > 0)",
        ["False 0", "True"],
    ),
    "is_enabled": ("print(gc.isenabled(), gc.get_debug(), gc.garbage)", ["True 0 []"]),
    "own_thresholds": (
        f"gc.set_threshold(500, 5, 5); kept = make({STEP}); print(len(found) > 5, gc.get_threshold()[0], frozen())",
        ["True 500 0"],
    ),
    "own_thresholds_of_none": (
        f"gc.set_threshold(0); kept = make(5 * {STEP}); print(len(found), gc.get_threshold()[0])",
        ["0 0"],
    ),
    "asked_for": (
        "class C: pass\nimport weakref\nc = C(); c.me = c; r = weakref.ref(c); del c\n"
        "print(r() is not None); gc.collect(); print(r(), found[-1][0], frozen(), len(found))",
        ["True", "None 2 0 1"],
    ),
    "asked_for_the_young": ("gc.collect(0); print([g for g, _ in found], frozen())", ["[0] 0"]),
    "frozen": (
        "gc.freeze(); print(frozen() > 1000); gc.unfreeze(); print(gc.get_freeze_count())",
        ["True", "0"],
    ),
    "callbacks_removed": (
        f"gc.callbacks[:] = [watch]; kept = make(2 * {STEP}); print(len(found) > 0, frozen())",
        ["True 0"],
    ),
    "forked": (
        f"import os\np = os.fork()\nif not p:\n    kept = make(4 * {STEP}); "
        "print(list(gc.get_threshold()) == plain, flush=True); os._exit(0)\nos.waitpid(p, 0)",
        ["True"],
    ),
    "in_a_thread": (
        f"import threading\nt = threading.Thread(target=make, args=[4 * {STEP}]); t.start(); t.join()\n"
        f"kept = make(4 * {STEP}); print(list(gc.get_threshold()) == plain)",
        ["True"],
    ),
}
"""What a program that has to do with the collector itself sees."""


@pytest.mark.parametrize(("program", "lines"), OWN.values(), ids=OWN)
def test_a_program_that_steers_the_collector(python: Python, tmp_path: Path, program: str, lines: list[str]) -> None:
    assert run(python, tmp_path, program) == lines


def test_thresholds_set_before_are_kept(python: Python, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    env = {"PYTHONPATH": str(tmp_path / "lib"), "PYCDSMODE": "", "PYCDSSTARTUPGC": "on"}
    start = (
        "import gc\ngc.set_threshold({})\nfrom pycds import startup_gc\nstartup_gc.enable()\n"
        "print(gc.get_threshold()[0], len(gc.callbacks))"
    )
    for threshold, shown in (("0", "0 0"), ("50000", "50000 0"), ("900", f"{STEP} 1")):
        assert python("-c", start.format(threshold), env=env).stdout.strip() == shown


SAME: dict[str, str] = {
    "exit_code": "sys.exit(3)",
    "exception": "1 / 0",
    "finalizer_at_the_end": "class C:\n    def __del__(self): print('freed')\nc = C()",
    "cycle_at_the_end": "class C:\n    def __del__(self): print('freed')\nc = C(); c.me = c",
    "output": "f = open('out', 'w'); f.write('text'); print('text')",
    "threads": "import threading\nthreading.Thread(target=print, args=['thread']).start()",
    "processes": (
        "import multiprocessing as m\nif __name__ == '__main__':\n"
        "    p = m.get_context('fork').Process(target=print, args=[1]); p.start(); p.join()"
    ),
}


BOTH = ["startup-gc", "fast-exit"]


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, BOTH[:1]) for name in SAME), *((name, BOTH) for name in SAME if not name.endswith("at_the_end"))],
)
def test_what_is_left_behind_is_the_same(python: Python, tmp_path: Path, name: str, options: list[str]) -> None:
    plain = seen(python, tmp_path / "app", "import gc, sys\n" + SAME[name])
    other = seen(python, tmp_path / "app", "import gc, sys\n" + SAME[name], options=options)
    assert (other.code, other.stdout, other.stderr, other.files) == (
        plain.code,
        plain.stdout,
        plain.stderr,
        plain.files,
    )


def test_an_archive_carries_the_option(python: Python, tmp_path: Path) -> None:
    work = tmp_path / "carrying"
    work.mkdir()
    (work / "app.py").write_text("import colorsys, gc\nprint(gc.get_threshold()[0])")
    python.traced(work / "app.lst", "app.py", cwd=work)
    python.pycds("dump", "--startup-gc", "app.lst", "app.pycds", cwd=work)
    plain = python("app.py", cwd=work).stdout
    for env, shown in (({}, f"{STEP}\n"), ({"PYCDSSTARTUPGC": "off"}, plain), ({"PYCDSSTARTUPGC": "on"}, f"{STEP}\n")):
        assert python.served(work / "app.pycds", "app.py", cwd=work, env=env).stdout == shown
    assert python.pycds("run", "--archive", "app.pycds", "--no-startup-gc", "--", "app.py", cwd=work).stdout == plain
    assert "startup-gc" in python.pycds("inspect", "app.pycds", cwd=work).stdout


def test_the_first_run_is_with_the_option_too(python: Python, tmp_path: Path) -> None:
    (python.directory / "app.py").write_text("import gc\nprint(gc.get_threshold()[0])")
    for _ in range(2):  # the first is traced, the second served
        assert python.pycds("run", "--archive", "app.pycds", "--startup-gc", "--", "app.py").stdout == f"{STEP}\n"

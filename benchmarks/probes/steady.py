"""Run a benchmark of pyperformance until it is warm, then time it: ``steady.py DIRECTORY MODULE SECONDS [ARGUMENTS]``.

The benchmark's file is imported as a module of its name from DIRECTORY, so that its code can come from an archive; what
it does when run as a program is then done with the stand-in for ``pyperf``.  With SECONDS 0 nothing is timed.
"""

import ast
import gc
import importlib
import os
import sys

import pyperf_stand_in

VALUES = 10  # times taken in a process, of which the least disturbed counts
WARM = 3  # of the same length, before


def main_block(module):
    """The code below ``if __name__ == "__main__"``."""
    source = module.__spec__.loader.get_source(module.__name__)
    for node in ast.parse(source).body:
        if isinstance(node, ast.If) and "__name__" in ast.dump(node.test):
            return compile(ast.Module(body=node.body, type_ignores=[]), module.__file__, "exec")
    raise SystemExit(module.__name__ + " cannot be run as a program")


def loops_for(time, seconds):
    """So many loops that they take about ``seconds``."""
    loops = 1
    while time(loops) < seconds:
        loops *= 2
    return loops


directory, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
sys.path.insert(0, directory)
sys.modules["pyperf"] = pyperf_stand_in
pyperf_stand_in.arguments[:] = sys.argv[4:]
module = importlib.import_module(name)
exec(main_block(module), module.__dict__)
report = []
for label, time in pyperf_stand_in.timed if seconds else []:
    loops = loops_for(time, seconds)
    for _ in range(WARM):
        time(loops)
    gc.collect()
    best = min(time(loops) for _ in range(VALUES))
    report.append(f"{label} {best * 1e12 / loops:.0f}\n")  # picoseconds a loop
if seconds:
    os.write(int(os.environ["BENCH_CLOCK_FD"]), "".join(report).encode())

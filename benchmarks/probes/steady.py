"""Run a benchmark of pyperformance and time it on demand: ``steady.py DIRECTORY MODULE SECONDS [ARGUMENTS]``.

The benchmark's file is imported as a module of its name from DIRECTORY, so that its code can come from an archive; what
it does when run as a program is then done with the stand-in for ``pyperf``.  Standard input says what to do next:
``labels``; ``warm LABEL LOOPS``, with 0 for as many as take SECONDS; ``time LABEL LOOPS``, picoseconds a loop.  Each is
answered with a line.
"""

import ast
import gc
import importlib
import os
import sys

import pyperf_stand_in

WARM = 3  # timings before the first that counts


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


def warm(time, loops):
    """Run until code is specialized; the number of loops."""
    loops = loops or loops_for(time, seconds)
    begin = pyperf_stand_in.perf_counter()
    time(loops)
    while pyperf_stand_in.perf_counter() - begin < WARM * seconds:
        time(loops)
    gc.collect()
    return loops


answers = os.fdopen(os.dup(1), "w", 1)
os.dup2(2, 1)  # a benchmark that prints does not answer
directory, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
sys.path.insert(0, directory)
sys.modules["pyperf"] = pyperf_stand_in
pyperf_stand_in.arguments[:] = sys.argv[4:]
module = importlib.import_module(name)
exec(main_block(module), module.__dict__)
timed = dict(pyperf_stand_in.timed)
for line in sys.stdin:
    word, *given = line.split()
    if word == "labels":
        answer = " ".join(timed)
    elif word == "warm":
        answer = warm(timed[given[0]], int(given[1]))
    else:
        answer = round(timed[given[0]](int(given[1])) * 1e12 / int(given[1]))
    print(answer, file=answers)

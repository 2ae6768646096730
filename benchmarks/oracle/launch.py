"""Run a program with every module of a record already in memory: ``launch.py RECORD EXTENSION-DIR PROGRAM [ARGS]``.

Everything up to the program's own compilation is kept out of the figures: its
wall and processor time go to ``BENCH_CLOCK_FD``, for the harness to subtract.
"""

from time import perf_counter_ns, process_time_ns

wall, processor = perf_counter_ns(), process_time_ns()

import sys  # noqa: E402  (the clock comes first)

phases = getattr(sys.modules.get("pycds.phases"), "clock", None)
if phases is not None:  # python -m benchmarks explain
    phases.change_to("measurement")
    phases.stop()
sys.path[0] = sys.argv[2]
import preload  # noqa: E402

preload.run(sys.argv[1], sys.argv[3:], wall, processor, phases)

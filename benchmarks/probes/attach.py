"""Time one attach in a fresh process: ``attach.py ARCHIVE``."""

import os
import sys
from time import perf_counter_ns

from pycds._core import Finder

begin = perf_counter_ns()
finder = Finder(sys.argv[1])
elapsed = perf_counter_ns() - begin
own = finder.statistics()["attach_ns"]
os.write(int(os.environ["BENCH_CLOCK_FD"]), b"outer_ns %d\nattach_ns %d\n" % (elapsed, own))

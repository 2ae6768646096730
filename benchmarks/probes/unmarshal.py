"""``marshal.loads`` of the same modules, bytes in memory, in a fresh process: ``unmarshal.py ARCHIVE``."""

import gc
import os
import sys
from marshal import loads
from time import perf_counter_ns, process_time_ns

from pycds._core import Image

payloads = []
size = 0
for module in Image(sys.argv[1]).modules():
    path = module["cached"] or module["origin"]
    if not path.endswith(".pyc"):  # the main script, of which there is none
        continue
    with open(path, "rb") as file:
        payloads.append(file.read()[16:])
    size += len(payloads[-1]) + 16
gc.collect()
gc.disable()
begin, processor = perf_counter_ns(), process_time_ns()
codes = [loads(payload) for payload in payloads]
elapsed, processor = perf_counter_ns() - begin, process_time_ns() - processor
text = f"outer_ns {elapsed}\nouter_cpu_ns {processor}\nmodules {len(codes)}\npyc_bytes {size}\n"
os.write(int(os.environ["BENCH_CLOCK_FD"]), text.encode())

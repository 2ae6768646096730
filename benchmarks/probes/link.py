"""Link every module of an archive in a fresh process, run none: ``link.py ARCHIVE DIRECTORY``.

``DIRECTORY`` is the first entry of the path that the archive was made with.
"""

import gc
import os
import sys
from time import perf_counter_ns, process_time_ns

from pycds._core import Finder, Image

sys.path[0] = sys.argv[2]
modules = Image(sys.argv[1]).modules()
locations = {module["name"]: module["locations"] for module in modules}
finder = Finder(sys.argv[1])
sys.meta_path.insert(0, finder)  # it asks the finders behind it
gc.collect()
gc.disable()
served = []
for module in modules:
    name = module["name"]
    parent = name.rpartition(".")[0]
    spec = finder.find_spec(name, locations.get(parent) if parent else None)
    if spec is not None:
        served.append((spec.loader.get_code, name))
begin, processor = perf_counter_ns(), process_time_ns()
codes = [get_code(name) for get_code, name in served]
elapsed, processor = perf_counter_ns() - begin, process_time_ns() - processor
statistics = finder.statistics()
report = {
    "outer_ns": elapsed,
    "outer_cpu_ns": processor,
    "link_ns": statistics["link_ns"],
    "modules": len(modules),
    "found": len(codes),
    "bytes": statistics["linked_bytes"],
}
text = "".join(f"{key} {value}\n" for key, value in report.items())
os.write(int(os.environ["BENCH_CLOCK_FD"]), text.encode())

"""Clock around the imports of a benchmark program.

``with imports_timed(): import …`` reports the nanoseconds that the block took, by the
clock and of processor time, and the monotonic clock at its end, to the file descriptor named by ``BENCH_CLOCK_FD``;
without it, to standard error.
The module itself needs nothing that a starting interpreter has not loaded.
"""

import os
import sys
from time import perf_counter_ns, process_time_ns


class imports_timed:
    """Context manager: report the time of its block."""

    def __enter__(self):
        self.processor = process_time_ns()
        self.begin = perf_counter_ns()

    def __exit__(self, *error):
        end = perf_counter_ns()
        elapsed = end - self.begin
        processor = process_time_ns() - self.processor
        descriptor = os.environ.get("BENCH_CLOCK_FD")
        if descriptor is None:
            print("imports: %.3f ms" % (elapsed / 1e6), file=sys.stderr)
        else:
            os.write(int(descriptor), b"import_ns %d\nimport_cpu_ns %d\nimport_end_ns %d\n" % (elapsed, processor, end))

"""Clock around the imports of a benchmark program.

``with imports_timed(): import …`` reports the nanoseconds that the block took, and
the monotonic clock at its end, to the file descriptor named by ``BENCH_CLOCK_FD``;
without it, to standard error.
The module itself needs nothing that a starting interpreter has not loaded.
"""

import os
import sys
from time import perf_counter_ns


class imports_timed:
    """Context manager: report the time of its block."""

    def __enter__(self):
        self.begin = perf_counter_ns()

    def __exit__(self, *error):
        end = perf_counter_ns()
        elapsed = end - self.begin
        descriptor = os.environ.get("BENCH_CLOCK_FD")
        if descriptor is None:
            print("imports: %.3f ms" % (elapsed / 1e6), file=sys.stderr)
        else:
            os.write(int(descriptor), b"import_ns %d\nimport_end_ns %d\n" % (elapsed, end))

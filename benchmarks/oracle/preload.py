"""Fill the oracle's store from a record, then become the program.

Only modules that a starting interpreter has anyway are imported here; any other
would be missing from the imports that are timed later.
"""

import gc
import os
import sys
from time import perf_counter_ns, process_time_ns

import _oracle


class Oracle:
    """What stands in ``sys.meta_path``: programs look at the class of what they find there."""

    find_spec = _oracle.find_spec  # a built-in function, which does not bind


def fill(record):
    """Load the code of each module of the record (marshal, untimed) and put it in the store."""
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import SourceFileLoader

    template = ModuleSpec("template", None, origin="template", is_package=False)
    template.has_location = True
    template.cached = "template"
    _oracle.configure(template, SourceFileLoader)
    with open(record, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            name, origin, cached, locations = line.rstrip("\n").split("\t")
            if name in sys.modules:
                continue
            code = SourceFileLoader(name, origin).get_code(name)
            _oracle.add(name, code, origin, cached, tuple(locations.split("\0")) if locations else None)


def restore_collector(counts):
    """Set the collector's counters back to ``counts``, with everything loaded so far out of its sight.

    Were they left at zero, collections would come later than in a plain run, and one of the expensive full ones
    could fall away: that would be no merit of the oracle's.  Returns objects that must be kept.
    """
    gc.freeze()
    for _ in range(counts[2]):
        gc.collect(1)  # adds one to the count of the oldest generation
    for _ in range(counts[1]):
        gc.collect(0)
    gc.enable()
    return [[] for _ in range(counts[0] - gc.get_count()[0])]


def run(record, arguments, wall, processor, phases):
    """Fill, report what that took, and run the program as ``__main__``; ``phases`` counts its time from then on."""
    counts = gc.get_count()
    gc.disable()
    fill(record)
    sys.meta_path.insert(0, Oracle())
    main = sys.modules["__main__"].__dict__
    for name in [name for name in main if not name.startswith("__")]:
        del main[name]
    program = arguments[0]
    sys.argv[:] = arguments
    sys.path[0] = os.path.dirname(program)
    main["__file__"] = program
    main["__doc__"] = None
    del sys.modules["preload"]
    if os.environ.get("BENCH_ORACLE_CHECK"):
        import atexit

        atexit.register(lambda: os.write(descriptor, b"oracle_unused %d\n" % _oracle.remaining()))
    descriptor = int(os.environ["BENCH_CLOCK_FD"])
    main["__keep__"] = restore_collector(counts)
    spent = perf_counter_ns() - wall, process_time_ns() - processor
    os.write(descriptor, b"untimed_wall_ns %d\nuntimed_cpu_ns %d\n" % spent)
    if phases is not None:
        import _frozen_importlib_external

        _oracle.run_bodies_with(_frozen_importlib_external.exec)
        phases.resume()
        phases.change_to("rest")
    with open(program, "rb") as file:
        source = file.read()
    exec(compile(source, program, "exec"), main)

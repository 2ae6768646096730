"""What modules know of the process that they are in.  The interpreter's own handlers for forks have run already."""

import gc
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List

_generators: "List[Any]" = []
"""Of random numbers, which are to be seeded anew."""

_date_parsers: "List[Any]" = []
"""Of dateutil: each has this year in it, for years of two digits."""


def prepare(unseeded: "Iterable[Any]") -> None:
    """Before the checkpoint: find what must be made anew and cannot be found by a name.

    ``unseeded``: generators of random numbers that have chosen a seed by themselves.
    """
    _generators.extend(unseeded)
    parser = sys.modules.get("dateutil.parser._parser")
    if parser is not None:
        _date_parsers.extend(found for found in gc.get_objects() if isinstance(found, parser.parserinfo))


def refresh() -> None:
    """Numbers of the process, times, and random numbers: no two restored processes may have the same."""
    loaded: Callable[[str], Any] = sys.modules.get
    threading = loaded("threading")
    if threading is not None and hasattr(threading.main_thread(), "_set_native_id"):
        threading.main_thread()._set_native_id()  # no handler does it in 3.11
    multiprocessing = loaded("multiprocessing.process")
    if multiprocessing is not None:
        key = multiprocessing.AuthenticationString(os.urandom(32))
        multiprocessing.current_process()._config["authkey"] = key
    logging = loaded("logging")
    if logging is not None:
        logging._startTime = time.time_ns() if isinstance(logging._startTime, int) else time.time()  # ns from 3.13 on
    for generator in _generators:
        generator.seed()
    for parser in _date_parsers:
        parser._year = time.localtime().tm_year
        parser._century = parser._year // 100 * 100
    numpy = loaded("numpy.random.mtrand")
    if numpy is not None:
        bits = numpy._rand._bit_generator
        attribute = "seed_seq" if hasattr(bits, "seed_seq") else "_seed_seq"  # up to 1.24
        if getattr(bits, attribute) is not None:  # not seeded on purpose
            numpy._rand.seed()
    f2py = loaded("numpy.f2py.rules")
    if f2py is not None:
        _date_generated_code(f2py)
    for module, name in (("tempfile", "_name_sequence"), ("uuid", "_node"), ("uuid", "_last_timestamp")):
        if loaded(module) is not None:
            setattr(loaded(module), name, None)


def _date_generated_code(f2py: "Any") -> None:
    """The date stands in the comments of what f2py generates; SciPy imports it."""
    before = time.asctime(time.gmtime(f2py.generationtime))
    f2py.generationtime = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    now = time.asctime(time.gmtime(f2py.generationtime))
    f2py.module_rules["modulebody"] = f2py.module_rules["modulebody"].replace(before, now)

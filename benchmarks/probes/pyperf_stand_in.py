"""What pyperformance's benchmarks ask of ``pyperf``: takes down the functions to be timed instead of timing them.

The real one starts processes of its own, in which nothing would be known of archives.
"""

import argparse
from time import process_time as perf_counter  # the benchmarks' clock: what others did on the machine is not counted

timed = []
"""Pairs of a name and a function from a number of loops to seconds."""

arguments = []
"""The benchmark's arguments."""

__all__ = ["Runner", "arguments", "perf_counter", "python_implementation", "timed"]


def python_implementation():
    return "cpython"


class Runner:
    """Puts what it is given into ``timed``."""

    def __init__(self, values=None, processes=None, add_cmdline_args=None, **others):
        self.argparser = argparse.ArgumentParser()
        self.metadata = {}

    def parse_args(self, args=None):
        return self.argparser.parse_args(arguments if args is None else args)

    def bench_time_func(self, name, function, *given, **options):
        timed.append((name, lambda loops: function(loops, *given)))

    def bench_func(self, name, function, *given, **options):
        def time(loops):
            begin = perf_counter()
            for _ in range(loops):
                function(*given)
            return perf_counter() - begin

        timed.append((name, time))

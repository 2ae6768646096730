"""What pyperformance's benchmarks ask of ``pyperf``: takes down the functions to be timed instead of timing them.

The real one starts processes of its own, in which nothing would be known of archives.
"""

import argparse
from time import perf_counter

__all__ = ["Runner", "perf_counter", "python_implementation"]


def python_implementation():
    return "cpython"


class Runner:
    """Collects ``timed``: pairs of a name and a function from a number of loops to seconds."""

    timed = []
    arguments = []

    def __init__(self, values=None, processes=None, add_cmdline_args=None, **others):
        self.argparser = argparse.ArgumentParser()
        self.metadata = {}

    def parse_args(self, args=None):
        return self.argparser.parse_args(self.arguments if args is None else args)

    def bench_time_func(self, name, function, *arguments, **options):
        self.timed.append((name, lambda loops: function(loops, *arguments)))

    def bench_func(self, name, function, *arguments, **options):
        def time(loops):
            begin = perf_counter()
            for _ in range(loops):
                function(*arguments)
            return perf_counter() - begin

        self.timed.append((name, time))

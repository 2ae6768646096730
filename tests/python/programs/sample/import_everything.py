"""Imports all of the sample, for the trace."""

import importlib
import sys

NAMES = [
    "plain",
    "shapes",
    "shapes.__main__",
    "circular_a",
    "reimports_itself",
    "replaces_itself",
    "raises",
    "failing.works",
    "failing.broken",
    "spaces.inner",
    "spaces.deep.end",
    "lazy",
    "tool",
    "hidden",
    "zipped",
    "zipped_package.inside",
    "colorsys",
    "wave",
    "fractions",
    "unittest.mock",
    "multiprocessing.pool",
    "concurrent.futures.thread",
    "html.parser",
]

for name in NAMES + sys.argv[1:]:
    try:
        importlib.import_module(name)
    except (ImportError, ZeroDivisionError):
        pass

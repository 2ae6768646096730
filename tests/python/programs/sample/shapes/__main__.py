import sys

from . import LEAF

print(__name__, __spec__.name, __spec__.origin, __package__, __file__, sys.argv, LEAF)

"""Run a program, then stay as it is until standard input ends: ``hold.py PROGRAM [ARGS]``.

One byte to the descriptor ``BENCH_HOLD_FD`` says that the program is done.
"""

import os
import sys

sys.argv[:] = sys.argv[1:]
__file__ = sys.argv[0]
sys.path[0] = os.path.dirname(__file__)
with open(__file__, "rb") as file:
    source = file.read()
try:
    exec(compile(source, __file__, "exec"))
except SystemExit as ending:
    if ending.code:
        raise
os.write(int(os.environ["BENCH_HOLD_FD"]), b".")
os.read(0, 1)

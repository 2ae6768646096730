"""The trace list under libFuzzer, by way of atheris: trace_list_fuzzer.py [libFuzzer's options] CORPUS...

An empty scratch directory must be named by SCRATCH; one in memory is best.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

with atheris.instrument_imports(include=["pycds.trace_list", "pycds.journal"]):
    import exercise_trace_list

SCRATCH = Path(os.environ["SCRATCH"])


def run(data: bytes) -> None:
    """One execution."""
    exercise_trace_list.exercise(data, SCRATCH)


def main() -> None:
    """Until libFuzzer says so."""
    # To merge corpora, libFuzzer starts itself again, by a shell and this word.
    atheris.Setup([f"{sys.executable} {__file__}", *sys.argv[1:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

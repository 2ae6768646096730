"""Run a command and wait for everything that it leaves behind: python reaper.py STATUS COMMAND...

What works in the background is adopted by this process, so the next command finds it done.  The command's exit code
is written to the file STATUS: what it printed is its own.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def _hurry() -> None:
    """Let what works in the background have the processor as anybody: nobody waits for it but this test."""
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        try:
            Path(f"/proc/{pid}/autogroup").write_text("0")
            os.setpriority(os.PRIO_PROCESS, int(pid), 0)
        except OSError:  # it has ended, or we are not root
            pass


if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
    sys.exit("prctl: cannot adopt what is left behind")
code = subprocess.Popen(sys.argv[2:]).wait()
Path(sys.argv[1]).write_text(str(code))
while True:
    _hurry()
    try:
        # Not for ever: one that was adopted just now has to be hurried, too.
        if os.waitpid(-1, os.WNOHANG) == (0, 0):
            time.sleep(0.02)
    except ChildProcessError:
        break

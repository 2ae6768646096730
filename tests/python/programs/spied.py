"""Waits in a function of the shop while py-spy looks at it; prints the stack that py-spy shows.

spied.py PY_SPY: this command dumps the process ``spied.py``, which has been started for it
"""

import re
import subprocess
import sys

if len(sys.argv) == 1:
    import shop.cart

    class Waiting(dict):
        def values(self):
            print("ready", flush=True)
            sys.stdin.read()
            return super().values()

    basket = shop.cart.Basket("me")
    basket.things = Waiting()
    basket.total()
else:
    child = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    for options in (
        ["dump"],
        ["dump", "--locals"],
        ["dump", "--native"],
        ["record", "-d", "1", "-f", "raw", "--idle", "-o", "spied.raw"],
    ):
        command = [sys.argv[1], *options, "--pid", str(child.pid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        text = done.stdout.replace(str(child.pid), "PID")
        if options[-1] == "--native":
            # Frames of the C library and the interpreter around the same ones of Python.
            text = "\n".join(line for line in text.splitlines() if ".py:" in line)
        print(options[:2], done.returncode, re.sub("0x[0-9a-f]+", "0x", text))
        if done.returncode:
            print(done.stderr)
    child.communicate("")

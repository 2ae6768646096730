"""mypy: check one small file, without a cache."""

import os
import sys
import tempfile

from import_clock import imports_timed

with imports_timed():
    from mypy import api

with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "small.py")
    with open(path, "w") as file:
        file.write("def double(x: int) -> int:\n    return 2 * x\n")
    out, _, status = api.run(["--cache-dir", os.devnull, "--no-site-packages", path])
    print(out.splitlines()[-1])
sys.exit(status)

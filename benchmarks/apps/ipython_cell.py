"""IPython: a shell without history that runs one cell."""

import os
import tempfile

from import_clock import imports_timed

with tempfile.TemporaryDirectory() as directory:
    os.environ["IPYTHONDIR"] = directory
    with imports_timed():
        from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_cell("print(sum(range(10)))")
    shell.history_manager.end_session()

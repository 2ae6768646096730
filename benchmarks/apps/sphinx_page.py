"""Sphinx: one page, written as HTML."""

import os
import sys
import tempfile

from import_clock import imports_timed

with imports_timed():
    from sphinx.cmd.build import main

with tempfile.TemporaryDirectory() as directory:
    source, target = os.path.join(directory, "source"), os.path.join(directory, "target")
    os.mkdir(source)
    with open(os.path.join(source, "conf.py"), "w") as file:
        file.write("project = 'bench'\n")
    with open(os.path.join(source, "index.rst"), "w") as file:
        file.write("Title\n=====\n\nA line of *text*.\n")
    sys.exit(main(["-q", "-b", "html", source, target]))

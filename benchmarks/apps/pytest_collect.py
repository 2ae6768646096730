"""pytest: collect and run one file with one test, plugins of the environment off."""

import os
import sys
import tempfile

from import_clock import imports_timed

os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"

with imports_timed():
    import pytest

with tempfile.TemporaryDirectory() as directory:
    test = os.path.join(directory, "test_one.py")
    with open(test, "w") as file:
        file.write("def test_sum():\n    assert 1 + 1 == 2\n")
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", directory, test]))

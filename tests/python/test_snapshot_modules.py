"""Modules that ask for something when they are imported, and keep nothing that a restored process must not have."""

from __future__ import annotations

import time

import pytest

from conftest import Python
from snapshots import Snapshots, needed

pytestmark = needed


@pytest.fixture
def snapshots(python: Python) -> Snapshots:
    return Snapshots(python)


def test_what_multiprocessing_shares(snapshots: Snapshots) -> None:
    """Its heap knows its process's number, and begins anew where that is another one."""
    snapshots.create(
        """\
        import multiprocessing.sharedctypes
        def change(value):
            value.value += 2
        if __name__ == "__main__":
            value = multiprocessing.sharedctypes.Value("i", 3)
            child = multiprocessing.get_context("fork").Process(target=change, args=(value,))
            child.start()
            child.join()
            print(value.value)
        """
    )
    assert snapshots.run().stdout == "5\n"


def test_the_date_of_what_f2py_generates(snapshots: Snapshots) -> None:
    pytest.importorskip("numpy")
    snapshots.create(
        """\
        import numpy.f2py.rules as rules, sys, time
        if __name__ == "__main__":
            made = time.asctime(time.gmtime(rules.generationtime))
            print(rules.generationtime >= int(sys.argv[1]), rules.module_rules["modulebody"].count(made))
        """
    )
    later = int(time.time()) + 1
    time.sleep(1)
    assert snapshots.run(str(later)).stdout == "True 1\n"


def test_dates_that_are_always_the_same(snapshots: Snapshots) -> None:
    """Modules that only ask how the C library writes them."""
    snapshots.create(
        "import calendar, xmlrpc.client\nDAYS = list(calendar.day_name)\nif __name__ == '__main__':\n    print(DAYS)\n"
    )
    assert snapshots.run().stdout == snapshots.python(snapshots.python.directory / "app.py").stdout

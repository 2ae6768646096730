"""A plugin of pytest, for those who name it: ``pytest -p pycds.pytest_plugin``, or so in the project's ``addopts``.

Where PyCDS is enabled it only tells what became of that.  Elsewhere it does for this program, and for the workers of
pytest-xdist, what ``pycds enable`` does for all, from here on: what pytest imports before it knows its plugins is over.
PYTEST_DONT_REWRITE: there is no assertion in it.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Optional

import pytest

from pycds import _startup, enabled

_SERVED = "pycds_served"
"""In what a worker reports: how many modules it was served."""

_workers: Dict[str, int] = {}


def pytest_addoption() -> None:
    """Begin; of all hooks this one comes first, before any ``conftest.py``, in workers as well."""
    enabled.start({})


def pytest_report_header() -> str:
    """One line: served, recorded, or why neither."""
    if _startup.finders:
        statistics = _startup.statistics()["archives"][-1]
        return f"pycds: served from {os.path.basename(statistics['archive'])}"
    if any(type(finder).__module__ == "pycds.tracer" for finder in sys.meta_path):
        return "pycds: recorded; an archive will be made when this run has ended"
    return f"pycds: not used: {_obstacle()}"


def _obstacle() -> str:
    for name, value in (("PYCDSENABLED", "off"), ("PYCDSPOLICY", "off")):
        if os.environ.get(name) == value:
            return f"{name}={value}"
    if _startup.refusals:
        return _startup.refusals[-1]["message"]
    if enabled.is_in_ci():
        return "there is no archive, and none is made where CI is set"
    return "there is no archive, and none can be made; `pycds doctor` tells more"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many modules came from archives: here, and in each worker."""
    if _startup.finders or any(_workers.values()):
        parts = [f"{_count()} here", *(f"{count} in {name}" for name, count in sorted(_workers.items()))]
        terminalreporter.write_line(f"pycds: modules from archives: {', '.join(parts)}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker reports to its master."""
    output: Optional[Dict[str, Any]] = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_SERVED] = _count()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker has reported."""
    _workers[node.gateway.id] = (getattr(node, "workeroutput", None) or {}).get(_SERVED, 0)


def _count() -> int:
    hits: int = _startup.statistics()["hits"]
    return hits

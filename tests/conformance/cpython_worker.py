"""Runs regrtest in the interpreter under test, and records the outcome of every test.

Copied into the installation under test and started as ``python -m cpython_worker RECORD [REGRTEST ARGUMENTS]``, the
same for plain and served runs.  The record is a line for each event, the ``ascii()`` of a tuple:

    ("start", id)  ("stop", id)  (OUTCOME, id, detail)  ("file", state, detail)

A test that has started and never stopped was running when the process died.  regrtest's own ``--junit-xml`` would say
nothing about subtests, and captures what the tests print.
"""

from __future__ import annotations

import os
import sys
from typing import Any
from unittest.case import _SubTest

RECORD = ""
PROCESS = 0


def record(*event: str) -> None:
    """Append an event.  No descriptor stays open: tests count them.  Forked children of tests do not report."""
    if os.getpid() != PROCESS:
        return
    descriptor = os.open(RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, (ascii(event) + "\n").encode("ascii"))
    finally:
        os.close(descriptor)


def identity(test: Any) -> str:
    """A test's id, by its class's method: some tests have an attribute ``id`` of their own; some objects have none."""
    if isinstance(test, _SubTest):  # which asks its test for it
        return f"{identity(test.test_case)} {test._subDescription()}"
    method = getattr(type(test), "id", None)
    return str(test) if method is None else str(method(test))


def parts() -> tuple[Any, str, Any]:
    """Where regrtest loads and runs a file: the module and the function's name; and the module of its result class."""
    try:
        from test.libregrtest import single, testresult  # type: ignore[import-not-found]
    except ImportError:  # up to 3.10
        from test.libregrtest import runtest  # type: ignore[import-not-found]
        from test.support import testresult  # type: ignore[import-not-found]

        return runtest, "_runtest_inner2", testresult
    return single, "_load_run_test", testresult


def install() -> None:
    """Let regrtest use a result class that records."""
    running, load_and_run_name, testresult = parts()

    class Recording(testresult.RegressionTestResult):  # type: ignore[misc]
        def startTest(self, test: Any) -> None:
            record("start", identity(test))
            super().startTest(test)

        def stopTest(self, test: Any) -> None:
            super().stopTest(test)
            record("stop", identity(test))

        def addSuccess(self, test: Any) -> None:
            super().addSuccess(test)
            record("passed", identity(test), "")

        def addFailure(self, test: Any, err: Any) -> None:
            super().addFailure(test, err)
            record("failed", identity(test), self._exc_info_to_string(err, test))

        def addError(self, test: Any, err: Any) -> None:
            super().addError(test, err)
            record("error", identity(test), self._exc_info_to_string(err, test))

        def addSkip(self, test: Any, reason: str) -> None:
            super().addSkip(test, reason)
            record("skipped", identity(test), str(reason))

        def addExpectedFailure(self, test: Any, err: Any) -> None:
            super().addExpectedFailure(test, err)
            record("expected failure", identity(test), "")

        def addUnexpectedSuccess(self, test: Any) -> None:
            super().addUnexpectedSuccess(test)
            record("unexpected success", identity(test), "")

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            super().addSubTest(test, subtest, err)
            if err is None:
                record("passed", identity(subtest), "")
            else:
                outcome = "failed" if issubclass(err[0], test.failureException) else "error"
                record(outcome, identity(subtest), self._exc_info_to_string(err, test))

    testresult.RegressionTestResult = Recording

    load_and_run = getattr(running, load_and_run_name)

    def recording_load_and_run(*arguments: Any) -> Any:
        try:
            result = load_and_run(*arguments)
        except BaseException as error:
            record("file", type(error).__name__, str(error))
            raise
        record("file", "completed", "")
        return result

    setattr(running, load_and_run_name, recording_load_and_run)


def main() -> None:
    """Become ``python -m test`` with the arguments after the record's name."""
    global RECORD, PROCESS
    RECORD, PROCESS = sys.argv[1], os.getpid()
    del sys.argv[1]
    install()
    from test.libregrtest.main import main as regrtest  # type: ignore[import-not-found]

    regrtest()


if __name__ == "__main__":
    main()

"""A bar that shows how far a command has come."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Iterator, Optional

from pycds.dumper import Progress


@contextmanager
def shown(quiet: bool) -> Iterator[Optional[Progress]]:
    """What to call for it; None where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("collecting"), progress.BarColumn(), progress.MofNCompleteColumn(),
        progress.TextColumn("modules"),
    )  # fmt: skip
    # Without a thread of its own: processes may be forked.
    with progress.Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("collecting", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total, refresh=done % 128 == 0)

"""Opening an archive for a command, showing figures of one, and how far one has come."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Optional, Sequence

from pycds._startup import printable
from pycds.errors import ARCHIVE_UNUSABLE, PycdsError, refuse_empty

if TYPE_CHECKING:
    from pycds._core import Image
    from pycds.dumper import Progress


def open_archive(path: str) -> Image:
    """An archive for reading.  Raises PycdsError: with code 2 for an empty name, else 3."""
    refuse_empty(path, "the archive")
    from pycds._core import Image, Refusal

    try:
        return Image(path)
    except Refusal as refusal:
        raise PycdsError(refusal.message, ARCHIVE_UNUSABLE) from refusal


def size(count: int) -> str:
    """Bytes for people."""
    if count < 10_000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 10_000_000 else f"{count / 1e6:.1f} MB"


def milliseconds(nanoseconds: int) -> str:
    """Nanoseconds for people."""
    return f"{nanoseconds / 1e6:.2f} ms"


def tables(stderr: bool = False) -> Callable[..., None]:
    """What shows a table: its title, its rows, and the names of its columns, with ":right" for numbers."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(stderr=stderr, soft_wrap=True, highlight=False)
    # Without a terminal there is no width to fit into: nothing may be cut off for a program that reads this.
    if not console.is_terminal:
        console.width = 10_000

    def table(title: str, rows: Iterable[Sequence[str]], *columns: str) -> None:
        made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=any(columns))
        for column in columns:
            name, _, right = column.partition(":")
            made.add_column(name, justify="right" if right else "left", overflow="fold")
        for row in rows:
            made.add_row(*(escape(printable(cell)) for cell in row))
        console.print(made)

    return table


@contextmanager
def progress(quiet: bool) -> Iterator[Optional[Progress]]:
    """What is to be called with how far a dump has come, to be shown by a bar; None where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import console, progress

    columns = (progress.TextColumn("collecting"), progress.BarColumn(), progress.MofNCompleteColumn())
    err = console.Console(stderr=True)
    # Without a thread of its own: processes may be forked.
    with progress.Progress(*columns, console=err, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("collecting", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total, refresh=done % 128 == 0)

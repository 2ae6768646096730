"""``python -m cds.dump LIST ARCHIVE``, and ``cds.dump.run_dump(list, archive)``: an archive from a trace list."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence, Union

    from pycds.dumper import DumpSummary

    PathLike = Union[str, os.PathLike[str]]


def run_dump(class_list: "PathLike", archive: "PathLike") -> "DumpSummary":
    """Make an archive from a trace list, and print one line about it on stderr.

    Unlike the original's, this returns; it imports none of the listed modules.  Raises pycds.PycdsError when the
    list cannot be read, nothing of it could be archived or the archive cannot be written.
    """
    from pycds import dumper

    summary = dumper.dump(class_list, archive)
    dumper.report(summary)
    return summary


def main(words: "Sequence[str]") -> int:
    """The command; its exit code."""
    if list(words) in (["-h"], ["--help"]):
        sys.stdout.write("usage: python -m cds.dump LIST ARCHIVE\n")
        return 0
    if len(words) != 2:
        sys.stderr.write("usage: python -m cds.dump LIST ARCHIVE\n")
        return 2
    from pycds import dumper

    return dumper.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

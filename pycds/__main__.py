"""The command ``pycds``, also as ``python -m pycds``."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

_WAYS_OUT = ("doctor", "disable", "unwrap", "--help", "-h", "--version")
"""Commands that a mistake in a file does not keep from working; the first tells it among other things."""


def main() -> int:
    """Run a command; its exit code.  Modules of ours are imported in here, where an interrupt is no traceback."""
    try:
        return _dispatch(sys.argv[1:])
    except KeyboardInterrupt:
        from pycds.errors import INTERRUPTED

        return INTERRUPTED


def _dispatch(words: "List[str]") -> int:
    """``run`` alone starts programs and must be quick, so it does without the command line library."""
    from pycds import configuration
    from pycds.errors import UsageError

    try:
        configuration.apply(os.environ)
    except UsageError as error:
        is_help = ("--help" in words[:2] and words[0] != "run") or words[:2] == ["run", "--help"]
        if words and words[0] not in _WAYS_OUT and not is_help:
            from pycds._startup import warn

            warn(str(error))
            return error.exit_code
    if words[:1] == ["run"] and words[1:2] not in ([], ["--help"], ["-h"]):
        from pycds.run import main as run

        return run(words[1:])
    from pycds.commands import main as command_line

    return command_line(words)


if __name__ == "__main__":
    sys.exit(main())

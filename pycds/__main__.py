"""The command ``pycds``, also as ``python -m pycds``."""

import os
import sys

from pycds import configuration
from pycds._startup import warn
from pycds.errors import UsageError

_WAYS_OUT = ("doctor", "disable", "unwrap", "--help", "-h", "--version")
"""Commands that a mistake in a file does not keep from working; the first tells it among other things."""


def main() -> int:
    """Dispatch: ``run`` alone starts programs and must be quick, so it does without the command line library."""
    words = sys.argv[1:]
    try:
        configuration.apply(os.environ)
    except UsageError as error:
        is_help = ("--help" in words[:2] and words[0] != "run") or words[:2] == ["run", "--help"]
        if words and words[0] not in _WAYS_OUT and not is_help:
            warn(str(error))
            return error.exit_code
    if words[:1] == ["run"] and words[1:2] not in ([], ["--help"], ["-h"]):
        from pycds.run import main as run

        return run(words[1:])
    from pycds.commands import main as command_line

    return command_line(words)


if __name__ == "__main__":
    sys.exit(main())

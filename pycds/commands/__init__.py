"""The command line: a file per command, each loaded when it is called.

``run`` itself does not pass through here when it starts a program; see ``pycds/__main__.py``.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import sys
from typing import List, NoReturn, Optional, Sequence

import click

from pycds import __version__, unsupported
from pycds.errors import ARCHIVE_UNUSABLE, INTERRUPTED, PROBLEMS_FOUND, USAGE, PycdsError

COMMANDS = {
    "run": "Run a program from its archive.",
    "enable": "Serve every program of this environment from now on.",
    "disable": "Take back `pycds enable`.",
    "build": "Archive everything importable in this environment.",
    "wrap": "Serve single console scripts of this environment.",
    "unwrap": "Take back `pycds wrap` for some of them.",
    "list": "Show the wrapped commands.",
    "status": "Show what is enabled, and what was made in the background.",
    "doctor": "Look whether everything is in place, and what to do where not.",
    "prune": "Remove the archives that were used the longest ago.",
    "export": "Write archives of the store into one file, for another machine.",
    "import": "Take archives out of such a file into the store.",
    "trace": "Run a program and record what it imports.",
    "dump": "Make an archive from a trace list.",
    "inspect": "Show what is in an archive.",
    "verify": "Check every checksum, bound and reference of an archive.",
    "stats": "Run a program and show what was served, what was not, and why.",
    "bench": "Measure a program with and without its archive.",
    "report": "Write a page about a program's start.",
    "snapshot": "Write a program down when it has been imported, and restore it.",
}
"""In the order in which a user meets them, each with its line of ``pycds --help``."""


_COMPLETION = "_PYCDS_COMPLETE"
"""Set by a shell that asks how a command line could go on, in further variables: click answers."""


class CommandGroup(click.Group):
    """Finds each command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        """In the order in which a user meets them; `list` is a command here once that was loaded."""
        return [*COMMANDS]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Whole lines, where click's own would end in dots; and no command is loaded for them."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Load ``pycds.commands.NAME``."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pycds.commands.{cmd_name}").command
        # `run` runs the program all the same, `doctor` tells the reason among others.
        line = unsupported.reason() if cmd_name not in ("run", "doctor") else None
        if line is not None:
            command.callback = functools.partial(_refuse, line)
        return command


def _refuse(line: str, **arguments: object) -> NoReturn:
    """Stands in for every command where archives are not supported; help and usage errors come before it."""
    raise PycdsError(line, ARCHIVE_UNUSABLE)


@click.command(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 success; 1 the command found problems; 2 usage error; 3 archive unusable, "
    "or Python not supported; 4 nothing could be dumped, the archive could not be written or the trace list is "
    "unreadable; 126 the interpreter could not be started; 130 interrupted (Ctrl-C). run, trace and stats end as the "
    "program that they run does; bench and report end with 1 where it ended otherwise from the archive, bench also "
    "where --compare finds it worse.",
)
@click.version_option(__version__, prog_name="pycds")
def group() -> None:
    """Make Python programs start fast.

    PyCDS keeps the code of a program's modules in an archive, as ready-made objects that are linked when a module is
    imported, instead of being unmarshalled one by one at each start.

    \b
    For all programs: pycds enable
    The short way:    pycds run -- app.py
    The same by hand: pycds trace app.lst -- app.py
                      pycds dump app.lst app.pycds
                      PYCDSMODE=SHARE PYCDSARCHIVE=app.pycds python app.py
    """


def main(words: Sequence[str]) -> int:
    """Run a command; its exit code."""
    from pycds._startup import warn

    _stand_in_for_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # stderr has that of itself
        sys.stdout.reconfigure(errors="backslashreplace")
    if (
        not words and _COMPLETION not in os.environ
    ):  # a usage error; click 8.1, the last for Python 3.8 and 3.9, calls it none
        with click.Context(group, info_name="pycds", **group.context_settings) as context:
            click.echo(group.get_help(context), err=True)
        return USAGE
    try:
        result = group.main(list(words), prog_name="pycds", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except PycdsError as error:
        warn(str(error))
        return error.exit_code
    except ImportError as error:
        if error.name != "pycds._core":
            raise
        warn(unsupported.without_core(error))
        return ARCHIVE_UNUSABLE
    except BrokenPipeError:  # the reader has seen enough
        _give_up_output()
        return 141
    except OSError as error:
        warn(f"{error.filename or 'cannot write the output'}: {error.strerror or error}")
        _give_up_output()
        return PROBLEMS_FOUND
    return result if isinstance(result, int) else 0


def _stand_in_for_closed_streams() -> None:
    """Where a standard descriptor is closed, no file of ours may get its number.

    What is opened here is closed on exec, so that a program that a command runs finds its descriptors as they were.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _give_up_output() -> None:
    """What is still buffered goes nowhere, so that the interpreter's end does not complain of it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""``pycds wrap``: serve single console scripts of this environment."""

from __future__ import annotations

import importlib.util
from functools import partial
from typing import Any, Callable, Dict, Iterable, Optional, Tuple

import click

from pycds import switch, wrapping
from pycds._startup import printable, warn
from pycds.commands.settings import settings, settings_options, told
from pycds.errors import ARCHIVE_UNUSABLE, NOTHING_DUMPED, PycdsError, UsageError


@click.command(
    "wrap",
    help="""Serve these console scripts of this environment from now on, as `pycds enable` would serve every program,
    whether or not it is on. They are started as before, and have the archives that `pycds run` has for them. Other
    programs are left alone.

    The scripts are not touched: their names go into pycds.pth, so they stay wrapped when their packages are upgraded,
    and nothing is left when PyCDS is uninstalled. After an upgrade of PyCDS, wrap again; `pycds doctor` tells.

    Options given here hold for these commands and come before those of `pycds enable`; variables such as
    PYCDSFASTEXIT come before both. A command that is wrapped already gets the options given now.

    With --snapshot they are restored from a snapshot, which is made now, and made anew in the background when the
    program, its options or the machine have changed. For that their scripts are touched: the first line names the
    restorer, the last ones the interpreter and the snapshot. `pycds unwrap` takes that back. After an upgrade of their
    package, wrap them again; `pycds doctor` tells. A command of which no snapshot can be made is wrapped without one.

    \b
    Examples:
      pycds wrap aws black
      pycds wrap --fast-exit http
      pycds wrap --snapshot --fast-exit aws
    """,
)
@click.option("--snapshot", is_flag=True, help="Restore these commands from snapshots (docs/snapshot.md).")
@click.option("--vary", metavar="NAME,...", default="", help="With --snapshot: see `pycds snapshot create --help`.")
@settings_options("these commands")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def command(
    snapshot: bool,
    vary: str,
    validation: Optional[str],
    startup_gc: Optional[bool],
    fast_exit: Optional[bool],
    names: Tuple[str, ...],
) -> int:
    """Write them into the line."""
    chosen = settings(validation, startup_gc, fast_exit)
    if snapshot and importlib.util.find_spec("pycds.snapshot") is None:
        raise PycdsError("this PyCDS was built without snapshots (docs/snapshot.md)", ARCHIVE_UNUSABLE)
    if vary and not snapshot:
        raise UsageError("--vary goes with --snapshot")
    lost = switch.lost()
    unmade: Dict[str, str] = {}
    if snapshot:
        own = {**chosen, "PYCDSSNAPSHOT": "on", **({"PYCDSVARY": vary} if vary else {})}
        unmade = restore(tuple(dict.fromkeys(names)), own, chosen)
    else:
        wrapping.wrap(names, chosen)
    for name in dict.fromkeys(names):
        options = told(chosen if name in unmade or not snapshot else own)
        click.echo(printable(f"wrapped {name}{' with ' if options else ''}{options}"))
    if lost is not None:
        others = ["all programs"] if lost.settings is not None else []
        others += [name for name in sorted(lost.wrapped) if name not in names]
        if others:
            click.echo(printable(f"on again, as before PyCDS was installed anew: {', '.join(others)}"))
    for name, reason in unmade.items():
        warn(f"{name} is wrapped without a snapshot: {reason}")
    return NOTHING_DUMPED if unmade else 0


def restore(names: Tuple[str, ...], own: Dict[str, str], without: Dict[str, str]) -> Dict[str, str]:
    """Wrap commands and make their snapshots; why some could not be made, which then are wrapped ``without``.

    All that is written to the environment comes first: a snapshot made before would be one of another environment.
    """
    unmade: Dict[str, str] = {}
    remaining = names
    while remaining:
        wrapping.wrap(remaining, own)
        failed: Dict[str, str] = {}
        begun = _each(remaining, partial(wrapping.begin_restoring, settings=own), failed)
        if not failed:
            _each(begun.values(), partial(wrapping.make_snapshot, settings=own), failed)
        if not failed:
            break
        wrapping.wrap([*failed], without)  # and make their scripts plain again: then the others are of the past
        unmade.update(failed)
        remaining = tuple(name for name in remaining if name not in failed)
    return unmade


def _each(commands: Iterable[Any], act: Callable[[Any], Any], failed: Dict[str, str]) -> Dict[str, Any]:
    """What ``act`` gives for each, by name; why it failed goes into ``failed``."""
    given: Dict[str, Any] = {}
    for command in commands:
        name = command if isinstance(command, str) else command.name
        try:
            given[name] = act(command)
        except OSError as error:
            failed[name] = f"{error.filename or 'its script'}: {error.strerror or error}"
        except PycdsError as error:
            failed[name] = str(error)
    return given

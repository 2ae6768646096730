"""Wrapped commands: console scripts of this environment that are served whether or not its other programs are."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from typing import Dict, List, NamedTuple, Optional, Sequence

from pycds import enabled, launch, program, store, switch
from pycds._startup import OPTIONS
from pycds.errors import PROBLEMS_FOUND, PycdsError, UsageError, refuse_empty

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
"""What can stand in a line of Python, and is no option."""


class Command(NamedTuple):
    """A wrapped command."""

    name: str
    settings: switch.Settings
    script: str
    """Its file; empty where there is none that could be wrapped now."""
    archive: str
    """The archive that it has, or will have; empty without a script."""
    problem: str
    """Why there is no script."""

    @property
    def has_archive(self) -> bool:
        """Whether its archive was made."""
        return bool(self.archive) and os.path.isfile(self.archive)


def commands() -> List[Command]:
    """All wrapped commands, by name.  Raises PycdsError."""
    return [_command(name, settings) for name, settings in sorted(switch.state().wrapped.items())]


def _command(name: str, settings: switch.Settings) -> Command:
    try:
        script = find(name)
        interpreter, *flags = program.shebang(script)
    except PycdsError as error:
        return Command(name, settings, "", "", str(error))
    what = program.Program(flags, "script", script, [])
    archive = store.archive_for(what, launch.interpreter_flags(), os.path.abspath(interpreter))
    return Command(name, settings, script, archive, "")


def find(name: str) -> str:
    """The file of a console script.  Raises UsageError where the environment has none of this name."""
    refuse_empty(name, "a command")
    if name == "pycds" or name.rstrip("0123456789.") == "python":
        raise UsageError(f"{name} itself is not wrapped; name console scripts, for example: pycds wrap black")
    directories = list(dict.fromkeys(enabled.script_directories()))
    if os.path.dirname(name) in directories:
        raise UsageError(f"{name!r} is a path: give the command's name, {os.path.basename(name)}")
    for directory in directories:
        path = os.path.join(directory, name)
        if _NAME.fullmatch(name) and os.path.isfile(path):
            program.shebang(path)
            return path
    raise UsageError(f"{name!r} is no console script of this environment: there is none in {' or '.join(directories)}")


def wrap(names: Sequence[str], settings: switch.Settings) -> None:
    """Have these commands served with these settings; none of them where one cannot be.  Raises PycdsError."""
    for name in names:
        script = find(name)
        if "PYCDSSNAPSHOT" not in settings:
            _make_plain(script)
    switch.change_wrapped(lambda wrapped: {**wrapped, **{name: dict(settings) for name in names}})


class Restored(NamedTuple):
    """A wrapped command that is to be restored."""

    name: str
    interpreter: str
    script: str
    snapshot: str
    """Its file."""


def begin_restoring(name: str, settings: switch.Settings) -> Restored:
    """Have the script of a wrapped command name a restorer and a snapshot, which there need not be yet.

    That changes the directory of commands, which is on the search path of each of them: before any snapshot is made,
    or those made before were of another environment.  Raises PycdsError, and OSError.
    """
    from pycds import restored_script
    from pycds.snapshot import auto

    path = find(name)
    interpreter, *flags = program.shebang(path)
    what = program.Program(flags, "script", path, [])
    archive = store.archive_for(what, launch.interpreter_flags(), os.path.abspath(interpreter))
    file = auto.file_of(archive, settings.get("PYCDSFASTEXIT") == "on")
    store.make_directory(file)
    restored_script.put_restorer(path, file)
    return Restored(name, interpreter, path, file)


def make_snapshot(command: Restored, settings: switch.Settings) -> None:
    """Make the snapshot of such a command now.  Raises PycdsError, and OSError."""
    from pycds.snapshot import auto

    auto.create(command.snapshot, [command.name], settings.get("PYCDSVARY", ""), [command.interpreter])


def is_restored(command: Command) -> bool:
    """Whether the script of a command names the restorer: not so where its package was installed anew."""
    from pycds import restored_script

    return restored_script.interpreter_line(command.script) is not None


def _make_plain(path: str) -> None:
    """Have a script restored no more, if it is."""
    from pycds import restored_script

    try:
        restored_script.take_restorer(path)
    except OSError as error:
        why = f"{path} cannot be written: {error.strerror}; the environment's owner can do this"
        raise PycdsError(why, PROBLEMS_FOUND) from error


def unwrap(names: Optional[Sequence[str]]) -> List[str]:
    """Wrap these commands no more (None: all); which they were.  Raises PycdsError where one is not wrapped."""
    gone: List[str] = []

    def without(wrapped: Dict[str, switch.Settings]) -> Dict[str, switch.Settings]:
        for name in wrapped if names is None else names:
            refuse_empty(name, "a command")
            if name not in wrapped:
                raise UsageError(f"{name!r} is not wrapped; `pycds list` tells what is")
            gone.append(name)
        for name in gone:
            if "PYCDSSNAPSHOT" in wrapped[name]:
                with suppress(UsageError):  # it is gone
                    _make_plain(find(name))
        return {name: settings for name, settings in wrapped.items() if name not in gone}

    switch.change_wrapped(without)
    return list(dict.fromkeys(gone))


def all_in_words(settings: switch.Settings) -> List[str]:
    """Settings for people, with those that no option of a command gives."""
    options = " ".join(in_words(settings))
    words = [options] if options else []
    if "PYCDSMEMO" in settings:
        words.append(f"memo {settings['PYCDSMEMO']}")
    if "PYCDS_STORE_LIMIT" in settings:
        words.append(f"at most {settings['PYCDS_STORE_LIMIT']} in the store")
    if "PYCDS_HOME" in settings:
        words.append(f"archives in {settings['PYCDS_HOME']}")
    return words


def in_words(settings: switch.Settings) -> List[str]:
    """Settings as the options of a command."""
    words = [f"--validation {settings['PYCDSVALIDATION']}"] if "PYCDSVALIDATION" in settings else []
    for name, variable in OPTIONS.items():
        if variable in settings:
            words.append(f"--{name}" if settings[variable] == "on" else f"--no-{name}")
    if "PYCDSSNAPSHOT" in settings:
        words.append("--snapshot")
    if "PYCDSVARY" in settings:
        words.append(f"--vary {shlex.quote(settings['PYCDSVARY'])}")
    return words

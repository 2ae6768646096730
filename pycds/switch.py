"""The switch of an environment: what the line in its ``pycds.pth`` calls in every interpreter that starts.

``pycds.pth`` came with the package and goes with it, whatever is in it: nothing of a switched-on PyCDS stays in an
environment from which it was uninstalled, or in which another version was installed.  The store has a copy of what was
written last, so that somebody can be told of the latter.
"""

from __future__ import annotations

import ast
import os
from typing import Callable, Dict, NamedTuple, Optional

from pycds import _startup, background, journal, store
from pycds.errors import PROBLEMS_FOUND, PycdsError

Settings = Dict[str, str]
"""Variables as the environment could have them."""


class State(NamedTuple):
    """What an environment's line says."""

    settings: Optional[Settings] = None
    """Those of every program that is served; None: only the wrapped commands are."""
    wrapped: Dict[str, Settings] = {}  # noqa: RUF012 - never changed in place
    """The settings of each wrapped command, by its name."""


_HOOK = (
    'exec("try:\\n from pycds.{module} import start\\nexcept (ImportError, OSError, MemoryError): pass\\nelse: {call}")'
)
_OFF = (
    """import os, sys; "PYCDSMODE" in os.environ and "pycds._core" not in sys.modules and exec("try:\\n """
    """import _frozen_importlib as b, _frozen_importlib_external as e, _imp\\n done = """
    """os.environ['PYCDSMODE'] == 'SHARE' and b._load("""
    """e.spec_from_file_location('pycds._core', sitedir + '/pycds/_core' + _imp.extension_suffixes()[0]))"""
    """.start()\\nexcept Exception: done = False\\nif not done:\\n try: from pycds._startup import start\\n """
    """except (ImportError, OSError, MemoryError): pass\\n else: start()")\n"""
)
"""As ``data/pycds.pth``: where an archive is to be served, the core is loaded without looking for it, and without the
package, and does that alone if nothing is out of the ordinary (``_core.start()``); else ``_startup.py`` does what is
asked for.  ``sitedir`` is a variable of site.addpackage(), which executes the line."""
_ON = "import sys; " + _HOOK.format(module="enabled", call="start({arguments})") + "\n"
# Every program comes by here: those that are not wrapped with a look-up, and nothing imported.
_WRAPPED = (
    "import os, sys; wrapped = {arguments}; "
    '("PYCDSMODE" in os.environ or "".join(getattr(sys, "argv", ())[:1]).rpartition("/")[2] in wrapped) and '
    + _HOOK.format(module="enabled", call="start(None, wrapped)")
    + "\n"
)


def path() -> str:
    """The file ``pycds.pth`` of this environment.  Raises PycdsError where there is none."""
    package = os.path.dirname(os.path.abspath(_startup.__file__))
    found = os.path.join(os.path.dirname(package), "pycds.pth")
    if not os.path.isfile(found):
        raise PycdsError(
            f"{found}: no such file; PyCDS is not installed as a package there: install it with pip", PROBLEMS_FOUND
        )
    return found


def state() -> State:
    """What is switched on.  Raises PycdsError, also where the line is none that was written here."""
    found = _parse(_read(path()))
    if found is None:
        raise PycdsError(
            f"{path()} was changed by hand; `pycds disable` writes it again, without wrapped commands", PROBLEMS_FOUND
        )
    return found


def is_known() -> bool:
    """Whether the line is one that was written here, or came with the package.  Raises PycdsError."""
    return _parse(_read(path())) is not None


def lost() -> Optional[State]:
    """What was switched on before pycds.pth came anew with a PyCDS that was installed; None where nothing was lost.

    Known to the user who switched it on, as long as the store is there.  Raises PycdsError.
    """
    if _read(path()) != _OFF:
        return None
    try:
        return _parse(_read(_copy()))
    except PycdsError:
        return None


def turn_on(settings: Settings) -> State:
    """Have every program of the environment served; what is on now.  Raises PycdsError."""
    return _change(lambda now: State(settings, now.wrapped), anew=True)


def turn_off() -> State:
    """Have programs served where they are wrapped or PYCDSMODE asks for it; what is on now.  Raises PycdsError.

    What another pycds.pth has taken away (``lost()``) is forgotten.
    """
    return _change(lambda now: State(None, now.wrapped), anew=True, forgets=True)


def change_wrapped(change: Callable[[Dict[str, Settings]], Dict[str, Settings]]) -> State:
    """Replace the table of wrapped commands by what ``change`` makes of it; what is on now.

    Nothing is written where it raises.  Raises PycdsError.
    """
    return _change(lambda now: State(now.settings, change(now.wrapped)))


def _change(change: Callable[[State], State], anew: bool = False, forgets: bool = False) -> State:
    """Write what ``change`` makes of the state, with what was lost before, unless that is to be forgotten.

    ``anew``: a line that was changed by hand counts for nothing.
    """
    with journal.DirectoryLock(os.path.dirname(path())):
        before = State() if anew and not is_known() else (None if forgets else lost()) or state()
        after = change(before)
        text = _line(after)
        _write(path(), text)
    _keep_copy(text)
    return after


def _line(state: State) -> str:
    if state.settings is not None:
        arguments = [state.settings, state.wrapped] if state.wrapped else [state.settings]
        return _ON.replace("{arguments}", ", ".join(map(repr, arguments)))
    return _WRAPPED.replace("{arguments}", repr(state.wrapped)) if state.wrapped else _OFF


def _parse(text: str) -> Optional[State]:
    """The state that a line was written for; None where it is another line."""
    found = State()
    for template in (_ON, _WRAPPED):
        head, _, tail = template.partition("{arguments}")
        if text.startswith(head) and text.endswith(tail):
            try:
                arguments = ast.literal_eval(f"[{text[len(head) : -len(tail)]}]")
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return None
            if not all(isinstance(argument, dict) for argument in arguments):
                return None
            found = State(*arguments[:2]) if template is _ON else State(None, *arguments[:1])
    return found if _line(found) == text else None


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise PycdsError(f"{file} cannot be read: {reason}", PROBLEMS_FOUND) from error


def _write(file: str, text: str) -> None:
    """A new file takes the place of the old one: an installer may have linked that to its cache."""
    temporary = f"{file}.{os.getpid()}.tmp"
    try:
        mode = os.stat(file).st_mode & 0o777
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, file)
    except OSError as error:
        _remove(temporary)
        raise PycdsError(
            f"{file} cannot be written: {error.strerror}; the environment's owner can do this", PROBLEMS_FOUND
        ) from error


def _copy() -> str:
    """Where the store has a copy of the line.  Raises PycdsError."""
    return os.path.join(store.home(), f"switch-{store.digest([path()]):016x}")


def _keep_copy(text: str) -> None:
    """Keep a copy while anything is switched on, if the store is one to write to."""
    try:
        copy = _copy()
        if text == _OFF:
            _remove(copy)
        elif background.obstacle(copy) is None:
            store.make_directory(copy)
            with open(copy, "w", encoding="utf-8") as stream:
                stream.write(text)
    except (OSError, PycdsError):  # then nobody will be told
        pass


def _remove(file: str) -> None:
    try:
        os.unlink(file)
    except OSError:
        pass

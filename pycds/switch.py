"""The switch of an environment: what the line in its ``pycds.pth`` calls in every interpreter that starts.

``pycds.pth`` came with the package and goes with it, whatever is in it: nothing of a switched-on PyCDS stays in an
environment from which it was uninstalled, or in which another version was installed.
"""

from __future__ import annotations

import ast
import os
from typing import Dict, Optional

from pycds import _startup
from pycds.errors import PROBLEMS_FOUND, PycdsError

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
_ON = "import sys; " + _HOOK.format(module="enabled", call="start({settings})") + "\n"
_ON_HEAD = _ON.partition("{")[0]


def path() -> str:
    """The file ``pycds.pth`` of this environment.  Raises PycdsError where there is none."""
    package = os.path.dirname(os.path.abspath(_startup.__file__))
    found = os.path.join(os.path.dirname(package), "pycds.pth")
    if not os.path.isfile(found):
        raise PycdsError(
            f"{found}: no such file; PyCDS is not installed as a package there: install it with pip", PROBLEMS_FOUND
        )
    return found


def is_on() -> bool:
    """Whether the environment's programs are served.  Raises PycdsError."""
    return _read(path()).startswith(_ON_HEAD)


def is_known() -> bool:
    """Whether the line is one that was written here, or came with the package.  Raises PycdsError."""
    text = _read(path())
    return text == _OFF or (text.startswith(_ON_HEAD) and _settings_in(text) is not None)


def settings() -> Optional[Dict[str, str]]:
    """The variables that were given to ``pycds enable``, or None where it is off.  Raises PycdsError."""
    if not is_on():
        return None
    found = _settings_in(_read(path()))
    if found is None:
        raise PycdsError(
            f"{path()} was changed by hand; `pycds enable` or `pycds disable` writes it again", PROBLEMS_FOUND
        )
    return found


def _settings_in(text: str) -> Optional[Dict[str, str]]:
    try:
        found = ast.literal_eval(text[len(_ON_HEAD) : text.rindex("}") + 1])
    except (ValueError, SyntaxError):
        return None
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else None


def turn_on(variables: Dict[str, str]) -> None:
    """Have every program of the environment served.  Raises PycdsError."""
    _write(_ON.format(settings=repr(variables)))


def turn_off() -> None:
    """Have programs served where PYCDSMODE asks for it alone.  Raises PycdsError."""
    _write(_OFF)


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        raise PycdsError(f"{file} cannot be read: {error.strerror}", PROBLEMS_FOUND) from error


def _write(text: str) -> None:
    """A new file takes the place of the old one: an installer may have linked that to its cache."""
    file = path()
    temporary = f"{file}.{os.getpid()}.tmp"
    try:
        mode = os.stat(file).st_mode & 0o777
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, file)
    except OSError as error:
        raise PycdsError(
            f"{file} cannot be written: {error.strerror}; the environment's owner can do this", PROBLEMS_FOUND
        ) from error

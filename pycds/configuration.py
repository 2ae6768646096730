"""What is chosen once: ``[tool.pycds]`` of ``pyproject.toml``, and the user's own file.

The order is: command line, environment, ``pyproject.toml`` of the working directory or the nearest above it that has
the table, the user's file, defaults.  Commands take from the environment what their command line leaves open, so what
the files say becomes variables of the command's process where the environment has none (and so of the programs that
``pycds run`` starts).  Programs read no files: for all programs of an environment, ``pycds enable`` takes it down.
"""

import os
import sys
from stat import S_ISREG

from pycds.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, MutableMapping, Optional, Tuple


class Setting:
    """A value that a file gives, as the variable would have it, and that file."""

    def __init__(self, value: str, file: str) -> None:
        self.value = value
        self.file = file


def _word(*words: str) -> "Callable[[Any, str], Optional[str]]":
    return lambda value, directory: value if value in words else None


def _switch(value: "Any", directory: str) -> "Optional[str]":
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else None


def _size(value: "Any", directory: str) -> "Optional[str]":
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    from pycds import pruning
    from pycds.background import LIMIT

    try:
        pruning.limit({LIMIT: str(value)})
    except UsageError:
        return None
    return str(value)


def _directory(value: "Any", directory: str) -> "Optional[str]":
    is_path = isinstance(value, str) and value
    return os.path.abspath(os.path.join(directory, os.path.expanduser(value))) if is_path else None


KEYS = {
    "validation": ("PYCDSVALIDATION", _word("exact", "digest", "sealed"), '"exact", "digest" or "sealed"'),
    "memo": ("PYCDSMEMO", _switch, "true or false"),
    "startup-gc": ("PYCDSSTARTUPGC", _switch, "true or false"),
    "fast-exit": ("PYCDSFASTEXIT", _switch, "true or false"),
    "home": ("PYCDS_HOME", _directory, "a directory"),
    "store-limit": ("PYCDS_STORE_LIMIT", _size, 'a size such as "500M", or a number of bytes'),
}
"""Of each key: the variable that says the same, what makes its value of the file's, and what the file may say."""


def apply(environ: "MutableMapping[str, str]") -> None:
    """Set the variables that files choose and the environment does not have.  Raises UsageError."""
    for name, setting in read(environ).items():
        if not environ.get(name):  # what is empty says nothing
            environ[name] = setting.value
    if not environ.get("PYCDS_HOME"):
        home = _home_of_programs()
        if home:
            environ["PYCDS_HOME"] = home


def _home_of_programs() -> "Optional[str]":
    """The store that ``pycds enable`` or ``pycds wrap`` has taken down: commands look at that of the programs."""
    if not hook_has(b"PYCDS_HOME"):
        return None  # the rule, and nothing is imported
    from pycds import switch
    from pycds.errors import PycdsError

    try:
        state = switch.state()
    except PycdsError:
        return None
    settings = [state.settings or {}, *state.wrapped.values()]
    return next((one["PYCDS_HOME"] for one in settings if "PYCDS_HOME" in one), None)


def hook_has(word: bytes) -> bool:
    """Whether it stands in this environment's pycds.pth; ``switch.py`` knows what all of it says, and costs more."""
    package = os.path.dirname(os.path.abspath(__file__))
    try:
        return word in _content(os.path.join(os.path.dirname(package), "pycds.pth"))
    except UsageError:  # it cannot be read, so no interpreter does
        return False


def read(environ: "MutableMapping[str, str]") -> "Dict[str, Setting]":
    """What the files say, by variable, whether or not the environment has it too.  Raises UsageError."""
    found: Dict[str, Setting] = {}
    for path, tables in _files(environ):
        for name, value in _settings(path, tables):
            found.setdefault(name, value)
    return found


def user_file(environ: "MutableMapping[str, str]") -> str:
    """``$XDG_CONFIG_HOME/pycds/config.toml``, else the same in ``~/.config``."""
    base = environ.get("XDG_CONFIG_HOME") or ""
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "pycds", "config.toml")


def _files(environ: "MutableMapping[str, str]") -> "Iterator[Tuple[str, Tuple[str, ...]]]":
    """Files to be read, with the table in them that is ours; the first has the last word."""
    try:
        directory = os.getcwd()
    except OSError:  # it is gone
        directory = "/"
    while True:
        path = os.path.join(directory, "pyproject.toml")
        # Looked into before a parser is imported, which takes longer than most programs need for PyCDS at all.
        if b"pycds" in _content(path) and _table(path, ("tool", "pycds")) is not None:
            yield path, ("tool", "pycds")
            break
        parent = os.path.dirname(directory)
        if parent == directory:
            break
        directory = parent
    path = user_file(environ)
    if os.path.isabs(path) and _content(path).strip():
        yield path, ()


def _content(path: str) -> bytes:
    """Nothing where there is no such file.  Raises UsageError where it cannot be read."""
    try:
        if not S_ISREG(os.stat(path).st_mode):
            from pycds import targets

            if targets.is_endless(path):
                raise UsageError(f"{path} is not a regular file; mend it, or leave its settings out")
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return b""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; mend it, or leave its settings out") from None


def _settings(path: str, tables: "Tuple[str, ...]") -> "Iterator[Tuple[str, Setting]]":
    where = f"{path}: [{'.'.join(tables)}]" if tables else f"{path}:"
    for key, value in (_table(path, tables) or {}).items():
        if key not in KEYS:
            hint = "; this file has no tables" if key == "tool" and not tables else ""
            raise UsageError(f"{where} has {key!r}, which is none of {', '.join(sorted(KEYS))}{hint}")
        name, take, allowed = KEYS[key]
        taken = take(value, os.path.dirname(path))
        if taken is None:
            raise UsageError(f"{where} {key} is {value!r}; it can be {allowed}")
        yield name, Setting(taken, path)


def _table(path: str, tables: "Tuple[str, ...]") -> "Optional[Dict[str, Any]]":
    """What stands in the innermost of these tables; None where there is none.  Raises UsageError."""
    parser = __import__("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        table: Any = parser.loads(_content(path).decode("utf-8-sig"))
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    for name in tables:
        if not isinstance(table, dict) or name not in table:
            return None
        table = table[name]
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [{'.'.join(tables)}] is no table")
    return table

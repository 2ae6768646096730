"""What a program asks of its surroundings while it is prepared: the answers must hold where it is restored."""

import functools
import gc
import os
import sys
from types import MethodType

from pycds import _core
from pycds.snapshot import initial_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import AbstractSet, Any, Dict, Iterator, List, Optional, Set

_PASS_ON = {
    "importlib", "pycds", "os", "posixpath", "genericpath", "shutil", "pathlib", "random", "secrets", "uuid",
    "linecache", "collections", "functools",
}  # fmt: skip
"""Modules that pass a question on."""

MAY_ASK = {
    # subprocess tries what it can do, from 3.15 on; multiprocessing.heap compares the number before each use.
    "getpid": {"multiprocessing.process", "multiprocessing.heap", "subprocess"},
    # The last for names of its own, which need not differ from those of other processes.
    "urandom": {"multiprocessing.process", "numpy.random.mtrand", "opentelemetry.context"},
    "time": {"logging", "numpy.f2py.rules"},
    "gmtime": {"numpy.f2py.rules"},
    "asctime": {"numpy.f2py.rules"},
    "time_ns": {"logging"},
    "localtime": {"dateutil.parser._parser"},
    "strftime": {"_strptime", "calendar", "xmlrpc.client"},  # of dates that they have chosen
}
"""Modules that ask when they are imported, and whose answers are made anew by ``pycds.refresh`` or by themselves."""

_MATTERS = {
    "getcwd": "directory",
    "getcwdb": "directory",
    "isatty": "terminals",
    "get_terminal_size": "terminals",
    "gethostname": "host",
    "uname": "host",
}
"""Functions whose answers are compared where the snapshot is restored; all others must not be called."""

_ASKING_FOR_PATHS = ("stat", "lstat", "access", "readlink")
"""Functions of ``os``; those of ``os.path`` and ``pathlib`` call them, the import system does not."""

_ASKING_OTHERS = {"subprocess", "socket", "asyncio", "multiprocessing", "concurrent"}
"""Modules that pass on what is asked of others."""

_LATER = "; let it do so behind the checkpoint, or make the snapshot before that (--after-import, --at call)"
"""What can be done."""

_UNSTAMPED = ("/proc/", "/sys/", "/dev/")
"""Below these a stamp tells nothing of what is read."""


class Environment(dict):  # type: ignore[type-arg]  # subscripted only from 3.9 on
    """The variables behind ``os.environ``, and which of them were asked for, by which module first."""

    def __init__(self, variables: "Dict[bytes, bytes]") -> None:
        super().__init__(variables)
        self.asked: Dict[bytes, str] = {}

    def __getitem__(self, name: bytes) -> bytes:
        self.asked.setdefault(name, _asker())
        value: bytes = super().__getitem__(name)
        return value

    def __iter__(self) -> "Iterator[bytes]":
        self._ask_for_all()
        return super().__iter__()

    def items(self) -> "Any":
        """All of them: they are printed, say."""
        self._ask_for_all()
        return super().items()

    def _ask_for_all(self) -> None:
        self.asked = {**dict.fromkeys(dict.keys(self), _asker()), **self.asked}


class Arguments(list):  # type: ignore[type-arg]  # as above
    """``sys.argv``, and whether somebody has looked into it or changed it: a snapshot is made without arguments."""

    asking = ""

    def _ask(self, name: str, *arguments: "Any", **options: "Any") -> "Any":
        self.asking = self.asking or _asker()
        return getattr(list, name)(self, *arguments, **options)

    for _name in set(vars(list)) - set(vars(object)) | {"__repr__", "__eq__", "__ne__", "__lt__", "__gt__"}:
        if callable(getattr(list, _name)) and _name != "__class_getitem__":
            locals()[_name] = functools.partialmethod(_ask, _name)


class Watch:
    """From the beginning of a program's preparations to the checkpoint."""

    def __init__(self) -> None:
        self.directory = self.terminals = self.host = False
        self.problem: Optional[str] = None
        self.before = initial_environment()
        self.unseeded: Dict[int, Any] = {}
        """Generators of random numbers that chose a seed by themselves, but that of ``random`` itself; by id()."""
        self._opened: Set[str] = set()
        self._looked_at: Set[Any] = set()
        self._noting = [_noting(getattr(os, name), self._looked_at) for name in _ASKING_FOR_PATHS]
        self._lists = {name: getattr(sys, name) for name in ("argv", "orig_argv") if hasattr(sys, name)}
        for name, arguments in self._lists.items():
            setattr(sys, name, Arguments(arguments))
        self._variables: Dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # not in its type
        self._environment = Environment(self._variables)
        _put_variables(self._environment)
        for function in self._noting:
            _put_function(function.__wrapped__, function)
        if not _core.watch_files(self._told):
            self._object("this interpreter does not tell which files the program opens; no snapshot can be made by it")
        _core.watch_calls(self._called)

    def end(self) -> None:
        """The preparations are over."""
        if getattr(sys.getprofile(), "__self__", None) is not self:
            self._object(f"the program has set a profile function{_LATER}")
        _core.watch_calls(None)
        _core.watch_files(None)
        for function in self._noting:
            _put_function(function, function.__wrapped__)
        self._variables.clear()
        self._variables.update(dict.items(self._environment))
        _put_variables(self._variables)
        for name, arguments in self._lists.items():
            self._end_arguments(name, arguments)

    def asked_variables(self) -> "Dict[str, str]":
        """The names that the program has looked up, and the modules that did so first."""
        return {os.fsdecode(name): module for name, module in self._environment.asked.items()}

    def changes(self) -> "Dict[str, Optional[str]]":
        """The variables that the program has set, or removed (None)."""
        changed: Dict[str, Optional[str]] = {name: None for name in self.before if name not in os.environ}
        changed.update({name: value for name, value in os.environ.items() if self.before.get(name) != value})
        return changed

    def files(self) -> "Set[str]":
        """What was opened or listed, with absolute paths."""
        return self._absolute(self._opened)

    def looked_at(self) -> "Set[str]":
        """Of what the program asked whether it is there, or what it is."""
        return self._absolute({os.fsdecode(path) for path in self._looked_at})

    def _told(self, event: str, arguments: "Any") -> None:
        """Something is about to be opened or listed, or others to be asked."""
        if event not in ("open", "os.listdir", "os.scandir"):
            if not _is_about_the_processor(event, arguments):
                self._object(f"{_asker(_PASS_ON | _ASKING_OTHERS)} asks others before the checkpoint ({event}){_LATER}")
            return
        path, *rest = arguments
        if not isinstance(path, (str, bytes, os.PathLike, type(None))):
            return  # a descriptor, or a mistake
        name = os.fsdecode(os.curdir if path is None else path)
        if name.startswith(_UNSTAMPED) and name != os.devnull:
            self._object(f"{_asker()} reads {name} before the checkpoint, which is something else each time{_LATER}")
        if name != os.devnull and rest and isinstance(rest[-1], int) and rest[-1] & (os.O_WRONLY | os.O_RDWR):
            self._object(f"{_asker()} opens {name} for writing before the checkpoint{_LATER}")
        if not (name.endswith(".pyc") and "/__pycache__/" in name):  # its source is watched
            self._opened.add(name)

    def _object(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _absolute(self, names: "Set[str]") -> "Set[str]":
        if not all(os.path.isabs(name) for name in names):
            self.directory = True
        return {os.path.abspath(name) for name in names if not name.startswith(_UNSTAMPED)}

    def _end_arguments(self, name: str, arguments: "List[str]") -> None:
        watched: Any = getattr(sys, name)
        if not isinstance(watched, Arguments):
            self._object(f"the program has put another list in the place of sys.{name}{_LATER}")
            return
        arguments[:] = list.__getitem__(watched, slice(None))
        setattr(sys, name, arguments)
        if watched.asking or any(holder is not sys._getframe() for holder in gc.get_referrers(watched)):
            self._object(f"{watched.asking or 'the program'} looks at sys.{name} before the checkpoint{_LATER}")

    def _called(self, name: str, owner: object) -> None:
        if name in ("seed", "random", "getrandbits", "getstate") and self._is_right(name, owner):
            return
        asking = _asking()
        if asking is None or asking in MAY_ASK.get(name, ()):
            return
        if name in _MATTERS:
            setattr(self, _MATTERS[name], True)
        elif name == "seed":
            self._object(f"{asking} seeds a generator of random numbers before the checkpoint{_LATER}")
        else:
            self._object(f"{asking} calls {name}() before the checkpoint, and may keep what it says{_LATER}")

    def _is_right(self, name: str, owner: "Any") -> bool:
        """Whether a generator of random numbers can be called: it was seeded on purpose, or will be seeded anew."""
        if "Random" not in [kind.__name__ for kind in type(owner).__mro__]:
            return True  # another generator's: numpy's, say, of which `pycds.refresh` knows whether it was seeded
        chosen = _chosen_seed(sys._getframe(2)) if name == "seed" else None
        if owner is getattr(sys.modules.get("random"), "_inst", None):  # seeded anew by its own handler for forks
            return chosen is False
        if name == "seed" and chosen is not None:
            self.unseeded.pop(id(owner), None) if chosen else self.unseeded.update({id(owner): owner})
            return True
        return name != "seed" and id(owner) not in self.unseeded


def _chosen_seed(frame: "FrameType") -> "Optional[bool]":
    """Whether Random.seed(), whose frame this should be, was given a seed; None where it is another function's."""
    is_known = frame.f_code.co_name == "seed" and frame.f_globals.get("__name__") == "random"
    return frame.f_locals.get("a") is not None if is_known else None


def _is_about_the_processor(event: str, arguments: "Any") -> bool:
    """Whether a program is started that ``platform.uname()`` starts up to 3.8, as ``uuid`` does when it is imported.

    The kernel and its machine are compared where the snapshot is restored.
    """
    return event == "subprocess.Popen" and list(arguments[1]) == ["uname", "-p"]


def _put_variables(variables: "Dict[bytes, bytes]") -> None:
    views: List[Any] = [os.environ, os.environb]
    for view in views:
        view._data = variables


def _put_function(before: "Any", function: "Any") -> None:
    """Put a function into ``os``, and into the sets there that say what it can be called with."""
    setattr(os, function.__name__, function)
    for abilities in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        if before in abilities:
            abilities.discard(before)
            abilities.add(function)


def _noting(function: "Any", paths: "Set[Any]") -> "Any":
    """A function that does the same and notes the path it is called with.  A program may keep it.

    One that stays what it is as an attribute of a class, like those written in C: so pathlib has them up to 3.10.
    """

    @functools.wraps(function)
    def noting(noted: "Set[Any]", path: "Any", *arguments: "Any", **options: "Any") -> "Any":
        if isinstance(path, (str, bytes, os.PathLike)):
            noted.add(os.fspath(path))
        return function(path, *arguments, **options)

    return MethodType(noting, paths)


def _asking(pass_on: "AbstractSet[str]" = _PASS_ON) -> "Optional[str]":
    """The module that asks, behind those that pass it on; None where the import system does."""
    frame: Optional[FrameType] = sys._getframe(2)
    name = ""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name == "importlib._bootstrap_external":
            return _imported_by(frame)
        if name.partition(".")[0] not in pass_on:
            return name
        frame = frame.f_back
    return name


def _asker(pass_on: "AbstractSet[str]" = _PASS_ON) -> str:
    """The same, for people."""
    return _asking(pass_on) or "an import"


def _imported_by(frame: "FrameType") -> "Optional[str]":
    """The module whose import asks: one in C, or one of those that pass it on."""
    if frame.f_code.co_name not in ("create_module", "exec_module"):
        return None
    module = frame.f_locals.get("module") or frame.f_locals.get("spec")
    return str(getattr(module, "__name__", None) or getattr(module, "name", None))

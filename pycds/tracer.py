"""The recorder: notes each module that a process imports, and how it was found.

A meta-path finder at position 0 goes through the finders behind it as the import system would, and gives what they
found.  So it knows the finder and the spec of every import, wherever it came from.  What merely looks a module up
(``importlib.util.find_spec``) is told apart from an import, which holds the module's lock.
"""

import os
import sys
from time import time_ns

from pycds import journal, targets, trace_list
from pycds.trace_list import TracedModule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Set

    from pycds.trace_list import Code, Regex

# What `import importlib` would give, without an import: both are always there.
_bootstrap: "Any" = sys.modules["_frozen_importlib"]
_external: "Any" = sys.modules["_frozen_importlib_external"]

REGEX_MODULES = (
    ("re._constants", "re._parser", "re._casefix", "re._compiler")
    if sys.version_info >= (3, 11)
    else ("sre_constants", "sre_parse", "sre_compile")
)
"""The compiler of regular expressions; the last has its ``compile``."""

MOST_REGEXES = 5000
LONGEST_REGEX = 10_000
MOST_CODES = 5000
LONGEST_CODE = 100_000
"""Characters of a text that is compiled."""

MOST_ABSENT = 1000

UNRECORDED = (_bootstrap.BuiltinImporter, _bootstrap.FrozenImporter)


class Recording:
    """A trace in progress; ``close()`` ends it and merges it into the list.  Also a context manager.

    Raises UsageError where there is something that is not a trace list.
    """

    def __init__(self, list_path: str, note: "Optional[Callable[[str], None]]" = None, memo: bool = True) -> None:
        self._regexes: Optional[Set[Regex]] = set() if memo else None
        self._codes: Set[Code] = set()
        self._absent: Set[str] = set()
        self.list_path = targets.list_to_write(list_path)
        self._note = note
        self._seen: Set[str] = set()
        self._pending: Dict[str, TracedModule] = {}
        self._last_path: List[str] = []
        self._started = False
        self.script: Optional[str] = None
        """What the interpreter is about to run, if that is a file; see ``_startup.script``."""
        self._fork()
        self._recorder = Recorder(self)
        self.active = False

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self, loaded: bool = True) -> None:
        """Begin; with ``loaded``, the modules already imported from files are noted first.

        Raises OSError when nothing can be written beside the list.
        """
        try:
            journal.append(self._part, self._head())
        except OSError as error:  # the name that the caller knows
            raise OSError(error.errno, error.strerror, self.list_path) from error
        if loaded:
            for name, module in list(sys.modules.items()):
                self._add_loaded(name, module)
        sys.meta_path.insert(0, self._recorder)
        self.active = True
        if self._regexes is not None:
            self._begin_with_regexes(loaded)
            self._watch_compile(self.compiled_code)
        os.register_at_fork(after_in_child=self._fork)

    def close(self, merge: bool = True) -> None:
        """Stop recording and merge into the list.  Raises OSError; the part file is then left beside the list.

        Without ``merge`` it is left there in any case, and nothing is waited for.
        """
        if not self.active:
            return
        self.active = False
        if self._regexes is not None:
            self._watch_compile(None)
        try:
            sys.meta_path.remove(self._recorder)
        except ValueError:  # the program has put the finders in order itself
            pass
        self._settle_pending()
        if self.script is not None:
            self._append("")
        if os.path.exists(self._part):
            if merge:
                journal.merge_at_exit(self.list_path, self._part)
            else:
                journal.leave(self._part)

    def found(self, name: str, spec: "ModuleSpec", finder: object) -> None:
        """Take up what a finder behind the recorder found for ``name``."""
        if not self.active or name in self._seen:
            return
        module = describe(name, spec, finder)
        if module is None:
            return
        if name in _bootstrap._module_locks:
            self._write(module)
        else:
            self._pending[name] = module
        if self._pending:
            self._settle_pending()

    def not_found(self, name: str) -> None:
        """Take up a name that no finder has found for an import."""
        if not self.active or name in self._absent or len(self._absent) >= MOST_ABSENT:
            return
        if name.partition(".")[0] == "pycds" or name not in _bootstrap._module_locks:
            return
        try:
            trace_list.checked_name(name)
        except ValueError:  # not a name that a list can have
            return
        self._absent.add(name)
        path = self._path_lines() if sys.path != self._last_path else ""
        self._append(f"{path}{trace_list.format_absent(name)}\n")

    def watches(self, name: str) -> bool:
        """Whether ``name`` is the module whose ``compile`` is to be listened to."""
        return name == REGEX_MODULES[-1] and self.active and self._regexes is not None

    def watch_compiler(self, module: "ModuleType") -> None:
        """Note what the compiler of regular expressions is given from now on."""
        try:
            from pycds._core import record_regexes
        except ImportError:  # an interpreter without archives
            return
        record_regexes(module, self.compiled)

    def compiled(self, pattern: "Any", flags: "Any") -> None:
        """Take up a regular expression that the program has compiled."""
        try:
            from pycds._core import regex_key
        except ImportError:
            return
        seen = self._regexes
        if not self.active or seen is None or len(seen) >= MOST_REGEXES or regex_key(pattern, flags) is None:
            return
        regex = trace_list.regex(pattern, flags)
        if len(pattern) <= LONGEST_REGEX and regex not in seen:
            seen.add(regex)
            self._append(trace_list.format_regex(regex) + "\n")

    def compiled_code(self, mode: str, flags: int, optimize: int, filename: str, source: str) -> None:
        """Take up a text that the program has compiled."""
        code = (mode, flags, optimize, filename, source)
        if self.active and len(self._codes) < MOST_CODES and len(source) <= LONGEST_CODE and code not in self._codes:
            self._codes.add(code)
            self._append(trace_list.format_code(code) + "\n")

    @staticmethod
    def _watch_compile(listener: "Optional[Callable[[str, int, int, str, str], object]]") -> None:
        try:
            from pycds._core import record_compilations
        except ImportError:  # an interpreter without archives
            return
        record_compilations(listener)

    def _begin_with_regexes(self, loaded: bool) -> None:
        """Listen to a compiler that is there already; with ``loaded``, note what ``re`` still knows to be compiled."""
        module = sys.modules.get(REGEX_MODULES[-1])
        if type(module) is not type(sys):
            return
        self.watch_compiler(module)
        for key in list(getattr(sys.modules.get("re"), "_cache", ())) if loaded else ():
            if isinstance(key, tuple) and len(key) >= 3:
                self.compiled(key[1], key[2])

    def _add_loaded(self, name: str, module: "ModuleType") -> None:
        spec = getattr(module, "__spec__", None)
        if spec is None or getattr(spec, "name", None) != name or name in self._seen:
            return
        described = describe(name, spec, None)
        if described is not None and described.kind not in ("namespace", "extension"):
            self._write(described)

    def _settle_pending(self) -> None:
        """Write the modules that were looked up and have since turned out to be in use."""
        main = getattr(sys.modules.get("__main__"), "__spec__", None)
        running = getattr(main, "name", None)
        for name in [name for name in self._pending if name in sys.modules or name == running]:
            module = self._pending.pop(name, None)
            if module is not None and name not in self._seen:
                self._write(module)

    def _write(self, module: TracedModule) -> None:
        self._seen.add(module.name)
        text = ""
        if sys.path != self._last_path:
            text += self._path_lines()
        text += trace_list.format_module(module) + "\n"
        if self._note is not None:
            self._note(f"trace '{module.name}' {module.kind} {module.origin}")
        self._append(text)

    def _append(self, text: str) -> None:
        if self.script is not None:
            text = self._take_script() + text
        if not self._started:
            text = self._head() + text
        try:
            journal.append(self._part, text)
        except OSError:
            # The program may have changed its root, its user or its limits; its imports must not fail for that.
            return
        self._started = True

    def _take_script(self) -> str:
        """The line of the script, once it is known that it is one.

        Before the interpreter runs what it was given it asks the path hooks whether that is a directory or a zip file
        (``pymain_get_importer`` in Modules/main.c), and keeps the answer.
        """
        filename, missing = self.script or "", object()
        importer = sys.path_importer_cache.get(filename, missing)
        if importer is missing:
            return ""
        self.script = None
        path = absolute(filename)
        return trace_list.format_script((filename, path)) + "\n" if importer is None and path[:1] == "/" else ""

    def _head(self) -> str:
        self._started = True
        flags = sys.flags
        return (
            f"{trace_list.HEADER}\n"
            f"@python {'.'.join(map(str, sys.version_info[:3]))}\n"
            f"@flags optimize={flags.optimize} isolated={flags.isolated} no_site={flags.no_site}\n"
        )

    def _path_lines(self) -> str:
        self._last_path = list(sys.path)
        lines = "@path-again\n"
        for entry in self._last_path:
            if isinstance(entry, str):
                lines += f"@path {trace_list.escape(absolute(entry))}\n"
        return lines

    def _fork(self) -> None:
        """Begin a part file for this process, which has just come to be."""
        self._part = journal.part_path(self.list_path, time_ns(), os.getpid())
        self._last_path = []
        self._started = False


class Recorder:
    """The meta-path finder of a recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def find_spec(
        self, fullname: str, path: "Optional[Sequence[str]]" = None, target: "Any" = None
    ) -> "Optional[ModuleSpec]":
        """What the finders behind this one find, as ``importlib._bootstrap._find_spec`` asks them."""
        behind = False
        for finder in list(sys.meta_path):
            if finder is self:
                behind = True
                continue
            if not behind:
                continue
            try:
                find_spec = finder.find_spec
            except AttributeError:
                spec = _ask_legacy(finder, fullname, path)
            else:
                spec = find_spec(fullname, path, target)
            if spec is not None:
                self._recording.found(fullname, spec, finder)
                if self._recording.watches(fullname):
                    self._wait_for_compiler(spec)
                return spec
        self._recording.not_found(fullname)
        return None

    def _wait_for_compiler(self, spec: "ModuleSpec") -> None:
        if type(spec.loader) in (_external.SourceFileLoader, _external.SourcelessFileLoader):
            try:
                from pycds._core import after_exec
            except ImportError:
                return
            after_exec(spec.loader, self._recording.watch_compiler)

    def invalidate_caches(self) -> None:
        """Nothing is cached here."""


def _ask_legacy(finder: object, name: str, path: "Optional[Sequence[str]]") -> "Optional[ModuleSpec]":
    """What a finder without ``find_spec`` finds: until 3.11 it may have ``find_module``."""
    ask = getattr(_bootstrap, "_find_spec_legacy", None)
    return None if ask is None else ask(finder, name, path)


def describe(name: str, spec: "ModuleSpec", finder: object) -> "Optional[TracedModule]":
    """A module's line, or None for one that is not from a file, is the main script or PyCDS itself."""
    loader = getattr(spec, "loader", None)
    if loader in UNRECORDED or type(loader) in UNRECORDED:
        return None
    if name in ("pycds", "__main__") or name.startswith("pycds."):
        return None
    kind = loader_kind(spec)
    origin = spec.origin if isinstance(spec.origin, str) else None
    if kind == "other" and origin is None:
        return None
    finder_name = None
    if finder is not None:
        owner = finder if isinstance(finder, type) else type(finder)
        finder_name = owner.__qualname__
        if owner.__module__ not in ("_frozen_importlib", "_frozen_importlib_external"):
            finder_name = f"{owner.__module__}.{finder_name}"
    return TracedModule(name, kind, origin, search_entry(kind, spec), finder_name, time_ns())


def loader_kind(spec: "ModuleSpec") -> str:
    """One of ``trace_list.KINDS``."""
    loader = spec.loader
    if type(loader) is _external.SourceFileLoader:
        return "source"
    if type(loader) is _external.SourcelessFileLoader:
        return "sourceless"
    if type(loader) is _external.ExtensionFileLoader:
        return "extension"
    if spec.submodule_search_locations is not None and (
        loader is None or type(loader).__name__ in ("NamespaceLoader", "_NamespaceLoader")
    ):
        return "namespace"
    if type(loader).__name__ == "zipimporter":
        return "zip"
    return "other"


def search_entry(kind: str, spec: "ModuleSpec") -> "Optional[str]":
    """The path entry under which an ordinary path finder has found ``spec``."""
    if kind == "zip":
        loader: Any = spec.loader
        entry: str = os.path.join(loader.archive, loader.prefix)
        return entry.rstrip("/")
    if kind not in ("source", "sourceless", "extension") or not isinstance(spec.origin, str):
        return None
    directory, file = os.path.split(spec.origin)
    if spec.submodule_search_locations is not None and file.startswith("__init__."):
        directory = os.path.dirname(directory)
    return directory


def absolute(entry: str) -> str:
    """A path entry as the import system sees it: '' and relative ones start at the working directory."""
    if os.path.isabs(entry):
        return entry
    try:
        return os.path.join(os.getcwd(), entry) if entry else os.getcwd()
    except OSError:  # the working directory is gone
        return entry


def record(list_path: "str | os.PathLike[str]", *, overwrite: bool = False, loaded: bool = True) -> Recording:
    """Begin to record this process's imports into the trace list at ``list_path``.

    Use it as a context manager, or call ``close()`` on what it returns; a recording still open when the
    interpreter ends is closed then.  A list that exists is added to, unless ``overwrite``.  With ``loaded``
    the modules that the process has already imported from files come first.  Forked children record what they
    import in addition, into the same list.

    Raises PycdsError where there is a file that is not a trace list (it is left alone), and OSError when nothing can
    be written beside the list.
    """
    import atexit

    path = targets.list_to_write(os.fspath(list_path))
    if overwrite:
        discard(path)
    recording = Recording(path)
    recording.start(loaded)
    atexit.register(close_quietly, recording)
    return recording


def discard(list_path: str) -> None:
    """Remove a list and what earlier processes left beside it.  Raises OSError."""
    for path in [list_path, *(path for _start, _pid, path in journal.parts(list_path))]:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def close_unheard(recording: Recording) -> None:
    """Close at the end of a program that has not asked to be recorded: whatever goes wrong, it hears nothing of it."""
    try:
        recording.close(merge=False)
    except Exception:  # noqa: BLE001 - a full disk, no descriptor left, modules that the program has taken apart
        pass


def close_quietly(recording: Recording) -> None:
    """Close at the end of the interpreter: a list that cannot be written is told in one line."""
    try:
        recording.close()
    except OSError as error:
        from pycds._startup import warn

        warn(f"the trace list was not written: {error}")

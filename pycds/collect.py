"""Collect: from the names of a trace list to pristine code objects, by way of the ordinary finders and loaders.

No module is imported and no code of the program is run.  A module is looked up as an import would look it up (through
``sys.meta_path``, with the path of the traced run); a submodule through the search locations of its parent's spec.
What a loader gives is what a plain import would execute.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import stat
import sys
import time
from contextlib import contextmanager
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from pycds import codes, marshal_stream, tracer
from pycds.trace_list import TracedModule

if TYPE_CHECKING:
    from pycds.trace_list import Script

RACY_NS = 50_000_000
"""A file changed within this time may change again without its stamp telling."""

Kind = str


class Collected(NamedTuple):
    """A module's code and where it was found: the arguments of ``Plan.add``."""

    name: str
    code: CodeType
    loader: str
    origin: str
    cached: Optional[str]
    search_entry: Optional[str]
    locations: Optional[List[str]]
    stamp_path: str
    stamp: Tuple[int, int, int]
    """mtime_ns, ctime_ns and size of ``stamp_path`` before it was read."""
    pyc: Optional[str]
    pyc_elsewhere: bool
    marshalled: Optional[bytes]
    frozenset_orders: Dict[FrozenSet[Any], Tuple[Any, ...]]
    random_hashes: bool = False


class Place(NamedTuple):
    """Where something is that has no code: the arguments of ``Plan.add_place``."""

    kind: str
    """extension, namespace or absent."""
    name: str
    origin: str
    """Of an extension module; otherwise empty."""
    search_entry: Optional[str]
    """The path entry in which an extension module was found; for the others the only one that their package has."""
    locations: Optional[List[str]]


class Skipped(Exception):
    """A module is left out; ``str()`` is the reason."""


class NoCode(Exception):
    """A module has no code to archive, and none is missing: an extension module, a namespace package, a frozen one.

    ``place`` is where it was found, if the ordinary path finder found it.
    """

    def __init__(self, kind: Kind, place: Optional[Place] = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.place = place


class _Found(NamedTuple):
    spec: ModuleSpec
    entry: Optional[str]
    """The path entry a FileFinder found it in, where the ordinary path finder did."""
    by_path_finder: bool = False


class Collector:
    """Looks up and reads modules; use ``collecting(path)`` to get one."""

    def __init__(self) -> None:
        self._finders = [finder for finder in sys.meta_path if not _is_ours(finder)]
        self._found: Dict[str, _Found] = {}

    def collect(self, module: TracedModule) -> Collected:
        """The pristine code of a module.  Raises Skipped or NoCode."""
        found = self._find(module)
        spec = found.spec
        kind = tracer.loader_kind(spec)
        loader: Any = spec.loader
        if kind in ("namespace", "extension"):
            raise NoCode(kind, self._place(module.name, kind, found))
        if loader in tracer.UNRECORDED:
            raise NoCode(kind if kind != "other" else "built-in or frozen")
        if kind == "other" and not _loads_as_a_file(loader):
            raise Skipped(f"its loader {_type_name(loader)} may give other code each time")
        if kind == "zip" and not hasattr(loader, "exec_module"):
            raise Skipped("zipimport asks for no code before Python 3.10, so nothing can be served from a zip file")
        if module.kind == "other" and kind != "other":
            raise Skipped("the program's own finder or loader is not here")
        origin = spec.origin
        if not isinstance(origin, str):
            raise Skipped("its spec names no file")
        stamp_path = loader.archive if kind == "zip" else origin
        status = _settled(stamp_path)
        code, marshalled, orders = _read(loader, kind, spec)
        locations = spec.submodule_search_locations
        elsewhere = sys.pycache_prefix is not None
        return Collected(
            name=module.name,
            code=code,
            loader=kind,
            origin=origin,
            cached=None if elsewhere and kind == "source" else spec.cached,
            search_entry=found.entry if kind in ("source", "sourceless") else None,
            locations=None if locations is None else _list(locations),
            stamp_path=stamp_path,
            stamp=(status.st_mtime_ns, status.st_ctime_ns, status.st_size),
            pyc=spec.cached if kind == "source" else None,
            pyc_elsewhere=elsewhere,
            marshalled=marshalled,
            frozenset_orders=orders,
        )

    def absence(self, name: str) -> Optional[Place]:
        """That a module is nowhere, if it is and that can be kept."""
        parent = name.rpartition(".")[0]
        locations = self.locations_of(parent) if parent else None
        if (parent and locations is None) or self._sees(name, locations):
            return None
        return self._place_among("absent", name, None)

    def _sees(self, name: str, locations: Optional[List[str]]) -> bool:
        """Whether a finder finds a module, or may."""
        try:
            return self._ask_finders(name, locations) is not None
        except Skipped:
            return True

    def _place(self, name: str, kind: Kind, found: _Found) -> Optional[Place]:
        """Where an extension module or a namespace package is, as far as the ordinary path finder said so."""
        origin, locations = found.spec.origin, found.spec.submodule_search_locations
        if kind == "namespace":
            portions = _list(locations)
            is_plain = found.by_path_finder and all(isinstance(portion, str) for portion in portions)
            return self._place_among(kind, name, portions) if is_plain else None
        if found.entry is None or not isinstance(origin, str):
            return None
        return Place(kind, name, origin, found.entry, None if locations is None else _list(locations))

    def _place_among(self, kind: Kind, name: str, portions: Optional[List[str]]) -> Optional[Place]:
        """The place of what all entries of a path say together: of ``sys.path``, or of a path of one entry."""
        parent = name.rpartition(".")[0]
        locations = self.locations_of(parent) if parent else None
        if not parent:
            return Place(kind, name, "", None, portions)
        if locations is None or len(locations) != 1 or not isinstance(locations[0], str):
            return None
        return Place(kind, name, "", locations[0], portions)

    def locations_of(self, name: str) -> Optional[List[str]]:
        """Where submodules of a package are looked for; None where there is no such package."""
        try:
            locations = self._find(TracedModule(name)).spec.submodule_search_locations
        except Skipped:
            return None
        return None if locations is None else _list(locations)

    # --- finding ----------------------------------------------------------------------------------

    def _find(self, module: TracedModule) -> _Found:
        """Where a module comes from.  Raises Skipped."""
        known = self._found.get(module.name)
        if known is None:
            known = self._found[module.name] = self._search(module)
        return known

    def _search(self, module: TracedModule) -> _Found:
        parent = module.name.rpartition(".")[0]
        locations = self.locations_of(parent) if parent else None
        found = None
        if locations is not None or not parent:
            found = self._ask_finders(module.name, locations)
        if found is None or (module.origin and found.spec.origin != module.origin):
            found = self._as_recorded(module) or found
        if found is None:
            where = f" (it was {module.origin})" if module.origin else ""
            raise Skipped(f"not found{where}")
        return found

    def _ask_finders(self, name: str, path: Optional[List[str]]) -> Optional[_Found]:
        for finder in self._finders:
            find_spec = getattr(finder, "find_spec", None)
            if find_spec is None:
                continue
            try:
                spec = _find_spec(find_spec, name, path)
            except Exception as error:
                raise Skipped(f"finder {_type_name(finder)} raised {_exception(error)}") from error
            if spec is not None:
                is_path_finder = finder is PathFinder
                return _Found(spec, _entry(spec, path) if is_path_finder else None, is_path_finder)
        return None

    def _as_recorded(self, module: TracedModule) -> Optional[_Found]:
        """The module where the traced run found it, if a package's path or a finder of the program led there.

        No entry is claimed for it: each import must ask the finders of the program whether it is still the one.
        """
        if module.kind not in ("source", "sourceless", "zip") or not module.origin:
            return None
        if module.entry:
            spec = PathFinder.find_spec(module.name, [module.entry])
            if spec is not None and spec.origin == module.origin and spec.loader is not None:
                return _Found(spec, None)
        if module.kind != "zip" and os.path.isfile(module.origin):
            spec = importlib.util.spec_from_file_location(module.name, module.origin)
            if spec is not None and not module.origin.endswith(tuple(EXTENSION_SUFFIXES)):
                return _Found(spec, None)
        return None


@contextmanager
def collecting(path: Sequence[str]) -> Iterator[Collector]:
    """A collector that sees ``sys.path`` as the traced run did (as it is, where ``path`` is empty)."""
    # What other processes have written since this one began must be seen.  From 3.13 on this imports modules, which
    # must still be found.
    importlib.invalidate_caches()
    before = sys.path[:]
    if path:
        sys.path[:] = path
    try:
        yield Collector()
    finally:
        sys.path[:] = before


def _is_ours(finder: object) -> bool:
    return type(finder).__module__.partition(".")[0] == "pycds"


def _find_spec(find_spec: Any, name: str, path: Optional[List[str]]) -> Optional[ModuleSpec]:
    try:
        spec: Optional[ModuleSpec] = find_spec(name, path)
        return spec
    except (KeyError, ModuleNotFoundError):  # the latter from 3.15 on
        # A namespace package in a namespace package wants its parent in sys.modules, to follow its path.
        parent = name.rpartition(".")[0]
        if not parent or parent in sys.modules or path is None:
            raise
    stand_in = sys.modules[parent] = ModuleType(parent)
    stand_in.__path__ = path
    try:
        found: Optional[ModuleSpec] = find_spec(name, path)
        return found
    finally:
        del sys.modules[parent]


def _entry(spec: ModuleSpec, path: Optional[List[str]]) -> Optional[str]:
    """The entry of ``path`` (None: sys.path) in which a FileFinder found ``spec``."""
    kind = tracer.loader_kind(spec)
    directory = tracer.search_entry(kind, spec)
    if kind not in ("source", "sourceless", "extension") or directory is None:
        return None
    for entry in sys.path if path is None else path:
        if isinstance(entry, str) and (entry == directory or tracer.absolute(entry) == directory):
            importer = sys.path_importer_cache.get(entry or directory)
            return directory if type(importer) is FileFinder else None
    return None


def _list(locations: Any) -> List[str]:
    """Search locations as they are now: a namespace's list, without asking for its parent's module."""
    return list(getattr(locations, "_path", locations))


# --- scripts ------------------------------------------------------------------------------------------


def collect_script(script: Script) -> Collected:
    """The code of a script as the interpreter makes it of the file.  Raises Skipped."""
    filename, path = script
    status = _settled(path)
    if not stat.S_ISREG(status.st_mode):
        raise Skipped(f"{path}: not a regular file")
    try:
        with open(path, "rb") as file:
            made = codes.compile_script(file.read(), filename)
    except OSError as error:
        raise Skipped(f"{path}: {error.strerror}") from error
    except codes.Unsteady as error:
        raise Skipped(str(error)) from error
    return Collected(
        name=filename,
        code=made.code,
        loader="script",
        origin=filename,
        cached=None,
        search_entry=None,
        locations=None,
        stamp_path=path,
        stamp=(status.st_mtime_ns, status.st_ctime_ns, status.st_size),
        pyc=None,
        pyc_elsewhere=False,
        marshalled=None,
        frozenset_orders=made.frozenset_orders,
        random_hashes=made.random_hashes,
    )


# --- reading ------------------------------------------------------------------------------------------


def _loads_as_a_file(loader: Any) -> bool:
    """Whether a loader of another type gives the code that SourceFileLoader would: it overrides none of its means."""
    kind = type(loader)
    stock = SourceFileLoader if isinstance(loader, SourceFileLoader) else SourcelessFileLoader
    means = ("get_code", "get_data", "get_filename", "source_to_code", "path_stats", "path_mtime")
    return issubclass(kind, stock) and all(getattr(kind, name, None) is getattr(stock, name, None) for name in means)


def _settled(path: str) -> os.stat_result:
    """The status of a file that has not changed within the last moment.  Raises Skipped."""
    try:
        status = os.stat(path)
        while 0 <= time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < RACY_NS:
            time.sleep(RACY_NS / 1e9)
            status = os.stat(path)
    except OSError as error:
        raise Skipped(f"{path}: {error.strerror}") from error
    return status


def _read(
    loader: Any, kind: Kind, spec: ModuleSpec
) -> Tuple[CodeType, Optional[bytes], Dict[FrozenSet[Any], Tuple[Any, ...]]]:
    """The code as an import gets it, never executed, and the order of its frozensets' items.  Raises Skipped.

    Between the two, the marshalled code where the loader has compiled it.
    """
    compiled = False
    if isinstance(loader, SourceFileLoader):
        compile_source = loader.source_to_code

        def source_to_code(*arguments: Any, **keywords: Any) -> CodeType:
            nonlocal compiled
            compiled = True
            return compile_source(*arguments, **keywords)

        loader.source_to_code = source_to_code  # type: ignore[method-assign]
    try:
        code = loader.get_code(spec.name)
    except SyntaxError as error:
        raise Skipped(f"syntax error: {error.msg} ({error.filename}, line {error.lineno})") from error
    except UnicodeDecodeError as error:
        raise Skipped(f"undecodable source: {error}") from error
    except Exception as error:
        raise Skipped(f"loader raised {_exception(error)}") from error
    if code is None:
        raise Skipped("its loader has no code for it")
    orders: Dict[FrozenSet[Any], Tuple[Any, ...]] = {}
    data: Optional[bytes] = None
    if compiled or kind == "zip":
        # Later imports read what was written just now, and what the compiler leaves is not always what that gives.
        data = marshal.dumps(code)
        code = marshal.loads(data)
        if marshal_stream.holds_frozenset(code):
            orders = _orders(data)
    elif marshal_stream.holds_frozenset(code):
        path = spec.cached if isinstance(loader, SourceFileLoader) else loader.path
        orders = _orders(_pyc_payload(path, code))
    return code, data, orders


def _pyc_payload(path: Optional[str], code: CodeType) -> bytes:
    """The marshalled code of the .pyc that a loader has just read."""
    try:
        with open(path or "", "rb") as file:
            return file.read()[16:]
    except OSError:  # it has gone in this moment
        return marshal.dumps(code)


def _orders(data: bytes) -> Dict[FrozenSet[Any], Tuple[Any, ...]]:
    try:
        return {frozenset(items): items for items in marshal_stream.frozenset_orders(data)}
    except marshal_stream.MarshalError as error:
        raise Skipped(f"its marshalled code cannot be read: {error}") from error


def _type_name(value: object) -> str:
    kind = value if isinstance(value, type) else type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _exception(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

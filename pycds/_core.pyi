"""Typed face of the extension module: what the Python side may ask of the core.

Nothing here has logic in Python; see ``src/bindings``.  All paths are ``str``
(file-system encoding with ``surrogateescape``); all times are nanoseconds.
"""

from types import CodeType, ModuleType
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple, TypedDict

FORMAT_VERSION: int
"""Version of the archive format this build writes and reads."""

class Refusal(Exception):
    """An archive cannot be used by this interpreter.

    ``str()`` is the message.
    """

    reason: str
    """One of: missing, unreadable, not-a-file, empty, truncated, foreign,
    format-version, interpreter, flags, damaged, unsupported, untrusted."""
    message: str
    """One line: what, where, what to do."""

class Unarchivable(Exception):
    """A module's code holds something that the image cannot represent; ``str()`` is the reason."""

class Identity(TypedDict):
    """What must match between the interpreter that dumps and the one that attaches."""

    version: int  # sys.hexversion
    abi: str  # SOABI, e.g. "cpython-311-x86_64-linux-gnu"
    build: str  # ELF build-id of the file that holds the runtime, hex; or "size:mtime" where it has none
    optimize: int  # sys.flags.optimize
    debug_ranges: bool  # False under -X no_debug_ranges
    frozen_modules: bool  # False under -X frozen_modules=off
    debug: bool  # Py_DEBUG build

class WriteSummary(TypedDict):
    modules: int
    memos: int  # memo entries
    bytes: int  # size of the archive file
    code_objects: int
    strings: int  # canonical (interned) strings in the archive
    shared: int  # constants used by two modules or more, stored once
    segments_bytes: int
    pool_bytes: int

class Plan:
    """A dump in the making: add modules in order of first use, then write once.

    ``installation`` names the directories of the interpreter's installation and environment.
    """

    def __init__(self, installation: Sequence[str] = ...) -> None: ...
    def add(
        self,
        name: str,
        code: CodeType,
        *,
        loader: str,  # "source" | "sourceless" | "zip" | "other" | "script"
        origin: str,  # spec.origin
        cached: Optional[str],  # spec.cached
        search_entry: Optional[str],  # the path entry a FileFinder found it in; None: always ask the ordinary finders
        locations: Optional[Sequence[str]],  # spec.submodule_search_locations, None for a plain module
        stamp_path: str,  # the file whose stamp decides (source, sourceless pyc, or the zip)
        stamp: Tuple[int, int, int],  # (mtime_ns, ctime_ns, size) of stamp_path, before the code was read
        pyc: Optional[str],  # the .pyc that the loader looked at
        pyc_elsewhere: bool,  # under sys.pycache_prefix
        marshalled: Optional[bytes],  # of code that the loader has compiled; None: it came from the .pyc
        frozenset_orders: Mapping[frozenset[Any], tuple[Any, ...]],  # insertion order of each constant frozenset
        random_hashes: bool,  # not to be served where the hash seed is fixed
    ) -> None:
        """Capture the pristine (never executed) code object ``code``.

        Raises Unarchivable (module left out, plan unchanged), ValueError on a duplicate name.
        """
    def add_place(
        self, kind: str, name: str, origin: str, search_entry: Optional[str], locations: Optional[Sequence[str]]
    ) -> None:
        """Note where something is that has no code: "extension", "namespace", or "absent", which is nowhere.

        ``search_entry`` is the path entry in which an extension module was found.  A namespace package or an absent
        name was looked for in all of ``sys.path``; below a package, in ``search_entry`` alone.  ``locations`` are the
        portions of the namespace.  Raises ValueError for a name already there.
        """

    def add_memo(self, name: str, code: CodeType) -> None:
        """Keep a pristine code object under a name that no module can have, behind all modules.

        Raises as ``add``; ``add`` raises ValueError from then on.
        """
    def add_search_path(self, entries: Sequence[str]) -> None:
        """Record ``sys.path`` as it was, in order, before any module is added."""
    def write(self, path: str, creator: str = ..., options: Sequence[str] = ...) -> WriteSummary:
        """Lay out and write the archive: temporary file in the same directory, fsync, rename.

        ``options`` are names that ``Finder.options`` gives to those who attach it.  Raises OSError; the target is then
        as it was before.  Raises ValueError for an unknown option.  Same plan → same bytes.
        """

class Image:
    """An archive opened for reading by tools; nothing in it becomes a Python object of the runtime.

    Raises Refusal (never for another interpreter's identity: tools may look at any archive).
    """

    def __init__(self, path: str) -> None: ...
    @property
    def header(self) -> dict[str, Any]:
        """format_version, creator, identity (Identity), file_size, modules, places, memos, options (names), search_path
        (list of dicts: path, kind, mtime_ns, installed)."""
    def sections(self) -> list[dict[str, Any]]:
        """name, offset, size, items of each section, in file order."""
    def modules(self) -> list[dict[str, Any]]:
        """In first-use order: name, loader, origin, cached, locations, search_entry, stamp_path, mtime_ns, size,
        content (checksum), pyc, contested, segment_offset, segment_size, needed_once (bytes of the segment that become
        objects of the allocator: the code of bodies), code_objects, relocations."""
    def places(self) -> list[dict[str, Any]]:
        """Of what has no code: name, kind, origin, locations, search_entry and contested."""
    def memo(self) -> list[dict[str, Any]]:
        """name, segment_offset, segment_size and relocations of each memo entry."""
    def shared_constants(self) -> list[dict[str, Any]]:
        """Constants stored once for several modules: type, size (bytes), text (short preview), uses (modules)."""
    def verify(self) -> list[str]:
        """Check every checksum, bound, reference and relocation; the problems found, one line each."""
    def damaged(self) -> list[str]:
        """The modules and scripts whose segments are not what was written, by name."""

class Finder:
    """Meta-path finder over one archive, for the interpreter that created it.

    ``validation`` is "exact", "digest" or "sealed"; without ``memo`` no memo entry is used.
    Raises Refusal; ValueError for another validation.
    """

    def __init__(self, path: str, validation: str = ..., memo: bool = ...) -> None: ...
    def find_spec(self, fullname: str, path: Optional[Sequence[str]], target: Any = ...) -> Any: ...
    def invalidate_caches(self) -> None: ...
    def stale(self) -> list[tuple[str, str]]:
        """(module, reason) for each module whose file would now give other code; nothing is linked."""
    def witness_regex_module(self, module: ModuleType) -> None:
        """A module of the compiler of regular expressions was executed; after the last, it asks the archive."""
    def examine(self, fullname: str, path: Optional[Sequence[str]] = ...) -> Tuple[Optional[str], Any]:
        """Whether an import would be served now: the reason of the miss or None, and the spec or None.

        Nothing is counted or linked, so it can be asked again.
        """
    def options(self) -> list[str]:
        """What the archive asks for besides: "startup-gc", "fast-exit"."""
    def statistics(self) -> dict[str, Any]:
        """archive, modules, places (of what has no code), resolved (of these, how often one was found without a
        search, or found to be nowhere), hits, misses ({reason: count}), missed ([(name, reason)]), unarchived
        ([name]: looked up, not in the archive), served ([name]), direct (how many of them without frames of
        importlib), attach_ns, link_ns (all of it), read_ns (of these, reading and verifying segments),
        linked_bytes, linked_objects (code objects), relocations, interned, reused_strings, memos (memo entries in
        the archive), and regexes and codes: dicts of served, missed (not in the archive), not_kept (of a kind that
        is never kept), changed (the compiler is not as it was), repeated (given already), unreadable, served_ns,
        lacking (of those missed [(pattern, flags)], and [(mode, flags, optimize, filename, source)]) and used
        ([key] of those served)."""

class PhaseClock:
    """Counts the time of the thread that makes it, by phase, into the file at ``path``, which exists.

    From ``attached_ns`` on, for "measurement"; what passed before that, since the start-up hook was entered at
    ``begun_ns``, for "attach".  Raises OSError; RuntimeError where there is one already.  It lives as long as the
    interpreter.
    """

    def __init__(self, path: str, begun_ns: int, attached_ns: int) -> None: ...
    def change_to(self, phase: str) -> None:
        """From now on, count for this phase.  Raises ValueError for an unknown one."""
    def when_executed(self, name: str, function: Callable[[dict[str, Any]], object]) -> None:
        """Call ``function(globals)`` each time the body of the module ``name`` has been run."""
    def collection(self, moment: str, details: Mapping[str, int]) -> None:
        """One of ``gc.callbacks``."""
    def stop(self) -> None:
        """Count no more: in a forked child, say."""
    def resume(self) -> None:
        """Count again, in this thread; what has passed since ``stop()`` belongs to the phase of that moment."""

class PhaseCall:
    """A function whose calls count for a phase, without a frame of its own.  Its attributes are the function's."""

    def __init__(self, function: Callable[..., Any], phase: str) -> None: ...
    def __call__(self, *arguments: Any, **names: Any) -> Any: ...

class PhaseReport(TypedDict):
    """Of one process; the keys are the phases, in order."""

    nanoseconds: dict[str, int]
    entries: dict[str, int]  # how often each was entered

def read_phases(path: str, start_ns: int, end_ns: int) -> Optional[PhaseReport]:
    """What the PhaseClock of an ended process has left; None where it never counted.

    ``start_ns`` is before the process was started, ``end_ns`` after its end, of ``time.monotonic_ns``: the times of
    the phases add up to what lies between.  Raises OSError.
    """

class ImportPath:
    """What import statements call: those of served modules come to the body without frames of Python."""

    def __init__(self, finder: Finder) -> None: ...
    def install(self) -> bool:
        """Take the place of ``importlib._bootstrap._find_and_load``; False where it cannot do what that does here."""

def after_exec(loader: Any, function: Callable[[ModuleType], object]) -> None:
    """Call ``function(module)`` when a loader of one module has executed it; what it raises is forgotten."""

def regex_key(pattern: Any, flags: Any) -> Optional[str]:
    """The name under which an archive keeps what ``compile(pattern, flags)`` gives; None where it keeps none."""

def compilation_key(mode: str, flags: int, optimize: int, filename: str, source: str) -> Optional[str]:
    """The name under which an archive keeps what ``compile(source, filename, mode, flags, True, optimize)`` gives.

    None for what cannot be encoded.
    """

attached: List[Finder]
"""What ``start()`` has attached."""

def start() -> bool:
    """Serve the archive that the environment names, if nothing else is asked for that ``pycds._startup`` has to do.

    False where it has; nothing has changed then.  Raises what attaching raises (``Refusal``, OSError, MemoryError) and
    leaves the rest to ``pycds._startup`` as well.
    """

def serve_script(finder: Finder, filename: str) -> bool:
    """Have the interpreter run the archived code of the script ``filename`` that it was started with.

    False where the archive does not have it, in another interpreter than the main one, beside an audit hook written in
    C, and after the first call that could do it.
    """

def serve_compilations(finder: Finder) -> bool:
    """Have ``exec``, ``eval`` and ``compile`` ask the finder's archive first.

    False, and nothing done, in a subinterpreter, or where the archive has no results of pure work.
    """

def record_compilations(function: Optional[Callable[[str, int, int, str, str], object]]) -> bool:
    """Have ``exec``, ``eval`` and ``compile`` tell what they have compiled: the arguments of ``compilation_key``.

    What the function raises is forgotten; None ends it.  False, and nothing done, in a subinterpreter.
    """

def record_regexes(module: ModuleType, function: Callable[[Any, Any], object]) -> None:
    """Have ``module.compile`` tell ``function(pattern, flags)`` what it has compiled."""

def tracked_instances(types: Sequence[type]) -> list[Any]:
    """The objects among ``gc.get_objects()`` whose type is one of these itself, not one derived from it."""

def identity() -> Identity:
    """The identity of this interpreter, as an archive dumped now would record it."""

def watch_calls(function: Optional[Callable[[str, object], object]]) -> None:
    """Call ``function(name, owner)`` before calls of C functions that ask for what a process is; None: no more.

    ``owner`` is the object whose method it is: a module, say.
    """

def watch_files(function: Optional[Callable[[str, Tuple[Any, ...]], object]]) -> bool:
    """Call ``function(event, arguments)`` before something is opened or listed, or others are asked; None: no more.

    False where that cannot be done.
    """

def snapshot_prepare() -> None:
    """Be the first to register handlers for forks."""

def snapshot_dump(
    lists: Sequence[Sequence[str]],  # command, watched, looked_at, environment, free_names
    texts: Sequence[str],  # path, directory, host, python, made_by
    no_terminals: bool,
    began_ns: int,
) -> Optional[Tuple[List[bytes], List[bytes]]]:
    """Make a snapshot of this process: None.  In a process restored from it: its arguments and environment.

    Raises Refusal.
    """

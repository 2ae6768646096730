"""Fast exit: the interpreter ends as ever, but does not tear the heap down.

All that comes before is as it was: the wait for threads, ``atexit`` functions, flushing stdout and stderr.  Then,
where ``finalize_modules()`` (Python/pylifecycle.c) begins to take the modules apart, whatever holds output is finished
in the way in which it would have been when its last reference went, and ``sys.modules`` is emptied, its modules kept
alive by a reference that nothing gives up.  So there is nothing to tear down: the interpreter goes on to its end with
its own exit code, runs what C code has registered, and leaves.

What the interpreter lets go of at that moment, the same in all versions, are attributes of ``sys``, among them
``ps2``, which only an interactive one has, and a little later ``__interactivehook__``.  An object in the first is
where one notices; what is in the second is called with no frame below it, as when a last reference goes.
``gc.freeze()``, when the last atexit function runs, spares the collection that comes before.
"""

import atexit
import gc
import os
import sys
from _io import BytesIO, StringIO, _IOBase
from _weakref import ref

from pycds._core import tracked_instances
from pycds._startup import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Set

HOLDERS = (
    ("_pyio", "IOBase"),
    ("aifc", "Aifc_write"),
    ("dbm.dumb", "_Database"),
    ("fileinput", "FileInput"),
    ("multiprocessing.resource_tracker", "ResourceTracker"),
    ("shelve", "Shelf"),
    ("sunau", "Au_write"),
    ("tempfile", "_TemporaryFileCloser"),
    ("urllib.request", "URLopener"),
    ("wave", "Wave_write"),
    ("zipfile", "ZipFile"),
)
"""Classes of the standard library, no files, whose ``__del__`` writes what is left, or removes temporary files."""

CONNECTIONS = (("sqlite3", "Connection"),)
"""The same, but by ``close``: what ends them is no ``__del__``."""


_HAVE_GC = 1 << 14  # Include/object.h, Py_TPFLAGS_HAVE_GC: gc.get_objects() shows instances


_known: "Optional[List[Callable[[], Any]]]" = None
"""Weak references to what held output at a checkpoint; None where there was none."""


def enable() -> None:
    """Leave that way when this interpreter ends."""
    atexit.register(_prepare)  # before anything of the program, so that it runs after everything of the program


def remember() -> None:
    """At a checkpoint, where leaving that way is enabled: find now what holds output.

    The objects that there are become frozen.  So a restored process need not look at all of them when it ends, which
    would copy every page of the heap.
    """
    global _known
    _known = _without_collections(lambda: [_weak(holder) for holder in _holders()])
    gc.freeze()


def _without_collections(function: "Callable[[], Any]") -> "Any":
    """What the function gives.

    A collection meanwhile would finish files that only a cycle holds in whatever order, and so lose what a text stream
    has not yet given to its buffer.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return function()
    finally:
        if collects:
            gc.enable()


def _prepare() -> None:
    _without_collections(_freeze)


def _freeze() -> None:
    obstacle = _obstacle()
    if obstacle is not None:
        note(f"no fast exit: {obstacle}", 1)
        return
    if _known is not None:
        _known.extend([_weak(holder) for holder in _holders()])
    gc.freeze()
    sys.ps2 = _LastMoment()


def _obstacle() -> "Optional[str]":
    """Why this program's heap has to be torn down."""
    if sys.flags.verbose:
        return "python -v tells how the heap is torn down"
    if gc.get_debug():
        return "gc.set_debug() shows what is found at the end"
    for name in ("_gdbm", "_dbm"):
        if name in sys.modules:
            return f"{name} writes its files when its objects are freed"
    for holder in _loaded(CONNECTIONS):
        if not holder.__flags__ & _HAVE_GC:  # before 3.10
            return f"open {holder.__module__}.{holder.__qualname__}s cannot be found"
    for metaclass in type.__subclasses__(type):
        if metaclass.__module__ == "nanobind":
            return "nanobind complains of objects that were not freed"
    try:
        executable = os.readlink("/proc/self/exe")
        if executable == os.path.realpath(sys.executable) or _is_restorer(executable):
            return None
    except (OSError, TypeError, ValueError):
        pass
    return "the interpreter is part of another program"


def _is_restorer(executable: str) -> bool:
    """Whether the process is one that was restored: pycds.snapshot, which not every build has."""
    restorer = os.path.join(os.path.dirname(os.path.realpath(__file__)), "restorer")
    return executable == restorer or os.path.basename(executable) == ".pycds-restorer"  # restored_script.RESTORER


class _LastMoment:
    """What the interpreter lets go of when it begins to take the modules apart."""

    def __del__(self) -> None:
        if sys.is_finalizing():
            # A list lets go of its last item first.
            last: List[Callable[..., object]] = [_leave, *reversed(_without_collections(_finishers))]
            sys.__interactivehook__ = [_at_its_end(function) for function in last]  # type: ignore[assignment]  # a list


def _at_its_end(function: "Callable[..., object]") -> object:
    """An object that calls ``function`` when it goes, as the interpreter does: what it raises is told, no more."""
    return type("last", (), {"__del__": function})()


def _finishers() -> "List[Callable[[], object]]":
    """What has to be called so that no output is lost, in this order."""
    if _known is None:
        gc.unfreeze()  # gc.get_objects() shows nothing that is frozen
    standard = _standard_streams()
    connections = _loaded(CONNECTIONS)
    found = _holders()
    found += [holder for holder in (get() for get in _known or ()) if holder is not None]
    finishers = []
    for holder in _users_first([holder for holder in found if id(holder) not in standard]):
        if type(holder) in connections:
            finishers.append(holder.close)
        elif hasattr(type(holder), "__del__"):  # some have it from a later version on
            finishers.append(holder.__del__)
    return finishers


def _holders() -> "List[Any]":
    """What may hold output, among the objects that are not frozen."""
    types = _with_derived(_IOBase) | _loaded(HOLDERS)
    unbuffered = {BytesIO, StringIO}  # their memory is freed, no more
    return list(tracked_instances([*(types - unbuffered), *_loaded(CONNECTIONS)]))


def _weak(holder: "Any") -> "Callable[[], Any]":
    """What gives the object, if it is still there."""
    try:
        return ref(holder)
    except TypeError:
        return lambda: holder


def _leave(_: object) -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception:  # noqa: BLE001 - as when a stream is freed: there is nowhere to tell it
            pass
    _keep_everything()


def _standard_streams() -> "Set[int]":
    """Those that the interpreter itself has made: it finishes them itself."""
    found = set()
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        layer: Any = stream
        while layer is not None and id(layer) not in found:
            found.add(id(layer))
            try:
                layer = getattr(layer, "buffer", None) or getattr(layer, "raw", None)
            except ValueError:  # detached
                layer = None
    return found


def _loaded(names: "tuple[tuple[str, str], ...]") -> "Set[type]":
    """Those of the classes whose modules are loaded, and what is derived from them."""
    found: Set[type] = set()
    for module, name in names:
        holder = getattr(sys.modules.get(module), "__dict__", {}).get(name)
        if isinstance(holder, type):
            found |= _with_derived(holder)
    return found


def _with_derived(base: type) -> "Set[type]":
    found = {base}
    pending = [base]
    while pending:
        subclasses: List[type] = type.__subclasses__(pending.pop())
        for derived in subclasses:
            if derived not in found:
                found.add(derived)
                pending.append(derived)
    return found


def _users_first(found: "List[Any]") -> "List[Any]":
    """Each before those that it writes to: a text stream before its buffer, a zip file before its file."""
    known = {id(holder): holder for holder in found}
    order: List[Any] = []
    seen: Set[int] = set()
    for first in found:
        pending = [first]
        while pending:
            holder = pending[-1]
            if id(holder) in seen:
                pending.pop()
                if id(holder) in known:
                    order.append(known.pop(id(holder)))
                continue
            seen.add(id(holder))
            pending.extend(used for used in _used_by(holder, known) if id(used) not in seen)
    order.reverse()
    return order


def _used_by(holder: "Any", known: "Dict[int, Any]") -> "List[Any]":
    used = []
    for referent in gc.get_referents(holder):
        if id(referent) in known:
            used.append(referent)
        elif type(referent) is dict:  # its attributes
            used += [value for value in referent.values() if id(value) in known]
        elif type(referent) in (list, tuple):
            used += [value for value in referent if id(value) in known]
    return used


def _keep_everything() -> None:
    """Empty sys.modules without letting a module go.

    What a cycle in the permanent generation refers to is never freed.
    """
    kept: List[Any] = [dict(sys.modules)]
    kept.append(kept)
    sys.modules.clear()
    gc.freeze()

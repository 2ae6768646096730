"""Build: an archive of everything importable.  Several processes find, read and compile; this one archives.

What has changed or come since goes into a second archive beside it, until that is so much that all is made anew.
"""

from __future__ import annotations

import marshal
import os
import sys
import warnings
from contextlib import contextmanager
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from typing import Iterator, List, Optional

from pycds import collect, dumper, journal, live, pruning, self_check
from pycds.errors import NothingArchivable, NothingDumped
from pycds.parallel import ProcessEnded, in_processes
from pycds.trace_list import TracedModule, TraceList

_CHUNK = 16
"""Modules that a process takes at once: neighbours, for what it sees of directories is kept."""


def build(
    archive: str, trace: TraceList, jobs: int, full: bool, changes: Optional[str], progress: Optional[dumper.Progress]
) -> Optional[dumper.DumpSummary]:
    """Archive the modules of a list, or into ``changes`` what has changed of them; None where nothing has.

    With ``full``, without ``changes`` and where these are much, everything is made anew.  Raises PycdsError.
    """
    self_check.ensure()

    def write(trace: TraceList, archive: str) -> dumper.DumpSummary:
        try:
            return dumper.write_archive(
                trace, archive, archive, progress, collecting=lambda path: _collecting(trace, jobs)
            )
        except ProcessEnded as error:
            raise NothingDumped(f"cannot write {archive}: a process that was to read modules was killed") from error

    # Finders of other packages may import modules.
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, PathFinder]
    with journal.DirectoryLock(os.path.dirname(archive)):
        lacking = None if full else _lacking(archive, trace)
        if changes is None or lacking is None or 4 * len(lacking) > len(trace.modules):
            summary = write(trace, archive)
            pruning.remove([changes] if changes else [])
            return summary
        part = TraceList()
        part.put_path_first(trace.path)
        part.modules = {name: trace.modules[name] for name in lacking}
        try:
            return write(part, changes)
        except NothingArchivable:  # modules that do not compile, say; or none at all
            pruning.remove([changes])
            return None


def _lacking(archive: str, trace: TraceList) -> Optional[List[str]]:
    """Modules of a list that an archive does not have as they are now; None where it is not to be added to."""
    from pycds._core import Image, Refusal

    try:
        image = Image(archive)
        if [entry["path"] for entry in image.header["search_path"]] != trace.path:
            return None
        known = {module.name for module in live.examine(archive) if module.miss is None}
        known |= {place["name"] for place in image.places()} & set(trace.modules)
    except Refusal:
        return None
    if not known <= set(trace.modules):
        return None
    return [name for name in trace.modules if name not in known and not FrozenImporter.find_spec(name)]


class _Gathered:
    """A collector of the modules of a list in their order, from wherever they come."""

    def __init__(self, outcomes: Iterator[bytes]) -> None:
        self._outcomes = outcomes

    def collect(self, module: TracedModule) -> collect.Collected:
        """As ``Collector.collect``."""
        kind, found = marshal.loads(next(self._outcomes))
        if kind == "code":
            collected = collect.Collected(*found)
            compiled = collected.marshalled
            return collected if compiled is None else collected._replace(code=marshal.loads(compiled))
        if kind == "skipped":
            raise collect.Skipped(found)
        raise collect.NoCode(kind, collect.Place(*found) if found else None)


@contextmanager
def _collecting(trace: TraceList, jobs: int) -> Iterator[_Gathered]:
    modules = list(trace.modules.values())
    chunks = [modules[at : at + _CHUNK] for at in range(0, len(modules), _CHUNK)]

    def read(chunk: int) -> List[bytes]:
        warnings.simplefilter("ignore")
        collector = collect.Collector()
        return [_outcome(collector, module) for module in chunks[chunk]]

    with collect.collecting(trace.path), in_processes(read, len(chunks), jobs) as results:
        yield _Gathered(outcome for outcomes in results for outcome in outcomes)


def _outcome(collector: collect.Collector, module: TracedModule) -> bytes:
    try:
        collected = collector.collect(module)
        if collected.marshalled is not None:
            collected = collected._replace(code=None)  # type: ignore[arg-type]  # it is sent once
        return marshal.dumps(("code", tuple(collected)))
    except collect.NoCode as reason:
        return marshal.dumps((reason.kind, tuple(reason.place or ())))
    except (collect.Skipped, ValueError) as reason:  # the latter: too deep for marshal
        return marshal.dumps(("skipped", str(reason)))

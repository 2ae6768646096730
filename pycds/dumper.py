"""Dump: an archive from a trace list.  Trace, *collect, plan, write*."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Dict, List, NamedTuple, Optional, Sequence, Tuple

from pycds import __version__, codes, collect, journal, regexes, targets, tracer, unsupported
from pycds._startup import OPTIONS, counted, printable, warn
from pycds.errors import USAGE, NothingArchivable, NothingDumped, PycdsError, TraceListError, refuse_empty
from pycds.trace_list import TraceList

if TYPE_CHECKING:
    from typing import Union

    from pycds._core import WriteSummary

    PathLike = Union[str, os.PathLike[str]]

Progress = Callable[[int, int], None]
"""Called with the number of modules done and of all modules, now and then."""


class DumpSummary(NamedTuple):
    """What a dump did."""

    archive: str
    modules: int
    """Modules in the archive."""
    skipped: List[Tuple[str, str]]
    """Modules that were left out: name and reason."""
    without_code: Dict[str, int]
    """Modules that have no code to archive, by kind: namespace, extension, built-in or frozen."""
    bytes: int
    """Size of the archive."""
    seconds: float
    """Time taken, in seconds."""
    warnings: List[str]
    """Lines of the trace list that make no sense, and what else is worth knowing."""
    write: WriteSummary
    regexes: int = 0
    """Compiled regular expressions in the archive."""
    scripts: int = 0
    """Main scripts in the archive."""
    codes: int = 0
    """Compiled texts in the archive, of ``exec``, ``eval`` and ``compile``."""

    def one_line(self) -> str:
        """The summary that the commands print."""
        line = f"{self.archive}: {counted(self.modules, 'module')}, {self.bytes / 1e6:.2f} MB, {self.seconds:.2f} s"
        if self.skipped:
            line += f"; {len(self.skipped)} skipped"
        if self.scripts:
            line += f"; {counted(self.scripts, 'main script')}"
        if self.regexes:
            line += f"; {counted(self.regexes, 'regular expression')}"
        if self.codes:
            line += f"; {counted(self.codes, 'compiled text')}"
        without = sum(self.without_code.values())
        if without:
            line += f"; {without} {'has' if without == 1 else 'have'} no code"
        return line


def dump(
    trace_list: PathLike, archive: PathLike, *, progress: Optional[Progress] = None, options: Sequence[str] = ()
) -> DumpSummary:
    """Make an archive of the modules of a trace list, for interpreters like this one.

    No module is imported.  Modules that cannot be archived are left out and listed in the summary.  The archive
    appears in one step: an interrupted or failed dump leaves what was there before.  The same modules give the same
    bytes.

    ``options`` ("startup-gc", "fast-exit") are what the archive asks for in each process that starts from it; the
    environment of that process may decide otherwise.

    Raises TraceListError when the list cannot be read, NothingDumped when no module of it could be archived or the
    archive cannot be written, UsageError when there is a file that is not an archive; all are PycdsError, which is
    also raised where archives are not supported.
    """
    unsupported.require_core()
    unknown = [option for option in options if option not in OPTIONS]
    if unknown:
        raise ValueError(f"option {unknown[0]!r} is not one of {', '.join(OPTIONS)}")
    list_path, archive_path = os.fspath(trace_list), targets.archive_to_write(os.fspath(archive))
    return dump_list(read_list(list_path), list_path, archive_path, progress, options)


def read_list(list_path: str) -> TraceList:
    """Read a trace list, with the parts that its processes left.  Raises TraceListError, UsageError for no name."""
    refuse_empty(list_path, "the trace list")
    if targets.is_archive(list_path):
        raise TraceListError(f"{list_path} is an archive, not a trace list")
    if targets.is_endless(list_path):
        raise TraceListError(f"{list_path} is not a regular file; give a trace list")
    if os.path.islink(list_path) and os.path.isfile(list_path):
        list_path = os.path.realpath(list_path)  # the parts lie beside the file itself
    try:
        trace = journal.load(list_path)
    except OSError as error:
        raise TraceListError(f"cannot read the trace list {list_path}: {error.strerror}") from error
    if not trace.modules:
        for warning in trace.warnings[:1]:
            raise TraceListError(f"the trace list {list_path} names no module: {warning}")
        raise TraceListError(f"the trace list {list_path} names no module")
    here = "{}.{}.{}".format(*sys.version_info[:3])
    traced_by = trace.directives.get("python", here)
    if traced_by != here:
        trace.warnings.append(f"{list_path}: traced by Python {traced_by}, dumped by {here}")
    return trace


def dump_list(
    trace: TraceList,
    list_path: str,
    archive: str,
    progress: Optional[Progress] = None,
    options: Sequence[str] = (),
) -> DumpSummary:
    """Make an archive of a trace list in memory, if this interpreter passes the self-check.  Raises NothingDumped."""
    from pycds import self_check

    self_check.ensure()
    return write_archive(trace, list_path, archive, progress, options)


def write_archive(
    trace: TraceList,
    list_path: str,
    archive: str,
    progress: Optional[Progress] = None,
    options: Sequence[str] = (),
    collecting: Callable[[Sequence[str]], ContextManager[Any]] = collect.collecting,
) -> DumpSummary:
    """Collect, plan, write, unchecked.  Raises NothingDumped."""
    from pycds._core import Plan, Unarchivable

    began = time.perf_counter()
    plan = Plan(sorted({sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}))
    skipped: List[Tuple[str, str]] = []
    without_code: Dict[str, int] = {}
    names = list(trace.modules.values())
    archived = scripts = 0
    compiler: Dict[str, collect.Collected] = {}
    with collecting(trace.path) as collector:
        plan.add_search_path([tracer.absolute(entry) for entry in sys.path if isinstance(entry, str)])
        for number, module in enumerate(names):
            if progress is not None and number % 16 == 0:
                progress(number, len(names))
            try:
                found = collector.collect(module)
                plan.add(**found._asdict())
                archived += 1
                if module.name in tracer.REGEX_MODULES:
                    compiler[module.name] = found
            except collect.NoCode as reason:
                without_code[reason.kind] = without_code.get(reason.kind, 0) + 1
                if reason.place is not None:
                    plan.add_place(*reason.place)
            except (collect.Skipped, Unarchivable) as reason:
                skipped.append((module.name, str(reason)))
        for name in trace.absent:
            place = None if name in trace.modules else collector.absence(name)
            if place is not None:
                plan.add_place(*place)
        for script in trace.scripts:
            if script[0] in trace.modules or script[0] in trace.absent:  # up to 3.8: `python json`
                skipped.append((script[0], "a module has its name"))
                continue
            try:
                plan.add(**collect.collect_script(script)._asdict())
                scripts += 1
            except (collect.Skipped, Unarchivable) as reason:
                skipped.append((script[0], str(reason)))
        kept = {"scripts": scripts, "regexes": 0, "codes": 0}
        for entry in regexes.entries(trace.regexes, compiler):
            plan.add_memo(*entry)
            kept["regexes"] += 1
        for text in codes.entries(trace.codes):
            try:
                plan.add_memo(*text)
            except Unarchivable:  # it is compiled each time
                continue
            kept["codes"] += 1
        if not archived and not scripts:
            raise NothingArchivable(_nothing(list_path, skipped))
        if progress is not None:
            progress(len(names), len(names))
    try:
        written = plan.write(archive, f"pycds {__version__}", options)
    except OSError as error:
        raise NothingDumped(f"cannot write the archive {archive}: {error.strerror or error}") from error
    seconds = time.perf_counter() - began
    distrust = targets.distrust_of_place(archive)
    warnings = [*trace.warnings, *([f"{archive} will not be used where it is, because {distrust}"] if distrust else [])]
    return DumpSummary(archive, archived, skipped, without_code, written["bytes"], seconds, warnings, written, **kept)


def _nothing(list_path: str, skipped: List[Tuple[str, str]]) -> str:
    line = f"no module of {list_path} could be archived"
    if skipped:
        name, reason = skipped[0]
        line += f"; the first, {name}: {reason}"
    return line


def prune(trace: TraceList, list_path: str, summary: DumpSummary) -> None:
    """Take modules that are gone out of a list that ``pycds run`` keeps.  Raises OSError."""
    gone = [name for name, reason in summary.skipped if reason.startswith("not found")]
    scripts = [script for script in trace.scripts if not os.path.isfile(script[1])]
    if gone or scripts:
        for name in gone:
            del trace.modules[name]
        for script in scripts:
            del trace.scripts[script]
        journal.write_file(list_path, trace)


def main(words: Sequence[str]) -> int:
    """``[OPTIONS] LIST ARCHIVE``: dump without the command line library; for start-up, ``run`` and cds.

    ``--quiet``; ``--prune`` takes modules that are gone out of the list; ``--keep-options``: the new archive carries
    those of the old one.
    """
    options = {word for word in words if word.startswith("--")}
    files = [word for word in words if word not in options]
    if len(files) != 2 or options - {"--quiet", "--prune", "--keep-options"}:
        warn("a dump needs a trace list and the name of the archive")
        return USAGE
    list_path, archive = files
    try:
        unsupported.require_core()
        archive = targets.archive_to_write(archive)
        trace = read_list(list_path)
        carried = options_of(archive) if "--keep-options" in options else []
        summary = dump_list(trace, list_path, archive, None, carried)
    except PycdsError as error:
        warn(str(error))
        return error.exit_code
    if "--prune" in options:
        prune(trace, list_path, summary)
    if "--quiet" not in options:
        report(summary)
    return 0


def options_of(archive: str) -> List[str]:
    """Those that an archive carries; none where there is no archive that can be read."""
    from pycds._core import Image, Refusal

    try:
        return list(Image(archive).header["options"])
    except Refusal:
        return []


def report(summary: DumpSummary, most: Optional[int] = 10) -> None:
    """Print a summary on stderr: warnings, modules skipped with reasons (at most ``most``), one line in the end."""
    lines = [f"pycds: {warning}" for warning in summary.warnings]
    shown = summary.skipped[:most]
    lines += [f"pycds: skipped {name}: {reason}" for name, reason in shown]
    if 0 < len(shown) < len(summary.skipped):
        lines.append(f"pycds: and {len(summary.skipped) - len(shown)} more skipped")
    lines.append(summary.one_line())
    if sys.stderr is None:  # closed when this process began
        return
    sys.stderr.write("".join(printable(line) + "\n" for line in lines))

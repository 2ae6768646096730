"""What served runs note about an archive that ``pycds run`` keeps: archivable modules that it lacks.

The file, beside the archive:

    # pycds missed 2          how often the archive has been made anew for what is noted here
    # run                     one served process that lacked modules, followed by what it lacked
    # run of results          one that lacked results of pure work alone
    name<TAB>kind<TAB>…       as in a trace list
    @regex …
    @code …
    # regexes                 that process asked the archive for compiled regular expressions, and used these:
    # used KEY
    # codes                   that process asked it for compiled texts, and used these:
    # used KEY

The first refreshments come at once.  A program that keeps importing new modules (from generated files, say) would
never be served, so later ones wait for more runs.  What a program compiles may be another text each time (an
expression that a person has typed): for such things alone the archive is made anew when several runs have lacked the
same.  Regular expressions and texts that none of the noted runs has used are dropped; a program that has several ways
to run comes to all of them in the later ones.
"""

import _thread
import os
import sys

from pycds import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set, Tuple

    from pycds.trace_list import TracedModule, TraceList

_HEAD = "# pycds missed "
_RUN = "# run"
_RUN_OF_RESULTS = "# run of results"
_RESULTS = ("@regex ", "@code ")
OUTDATED = frozenset(
    ("source has changed", "source is gone", "its .pyc has changed", "its .pyc is gone", "found elsewhere",
     "not found any more", "damaged", "truncated")
)  # fmt: skip
"""The reasons of misses that a new archive would not have; see ``reasons.py``."""
_ASKED = {"regexes": "# regexes", "codes": "# codes"}
_USED = "# used "
_AT_ONCE = 4
_MOST_RUNS = 16
_MOST_BYTES = 1 << 18
"""Of the file; beyond that no more results are noted."""


def note(statistics: "Dict[str, Any]", missed_path: str) -> None:
    """At the end of a served run: note what its archive could have held and did not.

    Not when threads go on beside the interpreter's end: what this imports could then cost the process its life (see
    ``_startup.report_at_exit``).
    """
    if _thread._count():
        return
    from pycds import journal, trace_list

    lacking: List[TracedModule] = []
    results: List[str] = []
    used: List[str] = []
    for archive in statistics["archives"]:
        if store.missed_of(archive["archive"]) == missed_path:
            moved = [name for name, reason in archive["missed"] if reason == "found elsewhere"]
            broken = [name for name, reason in archive["missed"] if reason in ("damaged", "truncated")]
            found = _archivable(archive["unarchived"] + moved)
            lacking += _archivable(broken) + (_not_skipped(found, archive["archive"]) if found else [])
            new = _new_results(archive["regexes"]["lacking"], archive["codes"]["lacking"], archive["archive"])
            for kind, asked in _ASKED.items():
                if archive[kind]["served"] or new[kind]:
                    used += [asked, *(_USED + key for key in sorted(archive[kind]["used"]))]
                results += new[kind]
    if lacking or (results and _size(missed_path) < _MOST_BYTES):
        lines = [
            _RUN if lacking else _RUN_OF_RESULTS,
            *(trace_list.format_module(module) for module in lacking),
            *results,
            *used,
        ]
        journal.append(missed_path, "\n".join(lines) + "\n")


def _new_results(
    regexes: "List[Tuple[Any, int]]", codes: "List[Tuple[str, int, int, str, str]]", archive: str
) -> "Dict[str, List[str]]":
    """The lines of regular expressions and texts that the dump has not left out: it had not heard of them."""
    if not regexes and not codes:
        return {kind: [] for kind in _ASKED}
    from pycds import journal, trace_list

    known = journal.read_file(store.list_of(archive))
    patterns = [trace_list.regex(pattern, flags) for pattern, flags in regexes]
    return {
        "regexes": [trace_list.format_regex(regex) for regex in patterns if regex not in known.regexes],
        "codes": [trace_list.format_code(code) for code in codes if code not in known.codes],
    }


def _archivable(names: "List[str]") -> "List[TracedModule]":
    """Those of ``names`` that were imported from a file."""
    from pycds import tracer

    found = []
    for name in names:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is None or getattr(spec, "name", None) != name:
            continue
        module = tracer.describe(name, spec, None)
        if module is not None and module.kind in ("source", "sourceless", "zip"):
            found.append(module)
    return found


def _not_skipped(found: "List[TracedModule]", archive: str) -> "List[TracedModule]":
    """Those that the dump did not skip: it had not heard of them, or not of the file as it is now."""
    from pycds import journal

    known = journal.read_file(store.list_of(archive)).modules
    dumped = os.stat(archive).st_mtime_ns
    return [
        module
        for module in found
        if module.name not in known
        or known[module.name].origin not in (None, module.origin)
        or _changed(module.origin) >= dumped
    ]


def _changed(path: "Optional[str]") -> int:
    """When a file was written or put in its place, in nanoseconds since the epoch; 0 for one that is not there."""
    try:
        status = os.stat(path or "")
    except OSError:
        return 0
    return max(status.st_mtime_ns, status.st_ctime_ns)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _read(archive: str) -> "List[str]":
    try:
        with open(store.missed_of(archive), "rb") as file:
            return file.read().decode("utf-8", "surrogateescape").split("\n")
    except OSError:
        return []


def _refreshed(lines: "List[str]") -> int:
    count = lines[0][len(_HEAD) :] if lines and lines[0].startswith(_HEAD) else ""
    return int(count) if count.isdigit() else 0


def is_outdated(statistics: "Dict[str, Any]") -> bool:
    """Whether a served process has come upon a module that the archive has, and has wrongly."""
    return any(reason in OUTDATED for archive in statistics["archives"] for _, reason in archive["missed"])


def is_due(archive: str) -> bool:
    """Whether enough served runs lacked something for the archive to be made anew."""
    lines = _read(archive)
    if not lines:
        return False
    refreshed = _refreshed(lines)
    needed = 1 if refreshed < _AT_ONCE else min(refreshed, _MOST_RUNS)
    if lines.count(_RUN) >= needed:
        return True
    runs: Dict[str, int] = {}
    for line in lines:
        if line.startswith(_RESULTS):
            runs[line] = runs.get(line, 0) + 1
    return max(runs.values(), default=0) >= max(needed, 2)


def _drop_unused(trace: "TraceList", asked: "List[str]", used: "Set[str]") -> None:
    from pycds._core import compilation_key, regex_key

    for regex in list(trace.regexes) if _ASKED["regexes"] in asked else ():
        if regex_key(regex[2], regex[1]) not in used:
            del trace.regexes[regex]
    for code in list(trace.codes) if _ASKED["codes"] in asked else ():
        if compilation_key(*code) not in used:
            del trace.codes[code]


def settle(archive: str) -> None:
    """Put what is noted into the archive's trace list, and begin anew.  Raises OSError."""
    from pycds import journal, pruning, trace_list

    path = store.missed_of(archive)
    lines = _read(archive)
    pruning.remove([store.runs_of(archive)])  # of the archive as it was
    if _RUN not in lines and _RUN_OF_RESULTS not in lines:
        return
    list_path = store.list_of(archive)
    noted = trace_list.parse(trace_list.encode("\n".join(lines)), path)
    trace = journal.read_file(list_path)
    _drop_unused(trace, lines, {line[len(_USED) :] for line in lines if line.startswith(_USED)})
    journal.take_up(trace, [noted])
    journal.write_file(list_path, trace)
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        file.write(f"{_HEAD}{_refreshed(lines) + 1}\n".encode())
    os.replace(temporary, path)

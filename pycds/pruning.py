"""Keeping the store small: the archives used the longest ago go first."""

from __future__ import annotations

import os
from stat import S_ISREG
from typing import Container, Iterable, List, Mapping, NamedTuple, Optional

from pycds import store
from pycds.background import LIMIT
from pycds.errors import UsageError

DEFAULT_LIMIT = 2 << 30
"""Bytes that the store may take without PYCDS_STORE_LIMIT."""

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Kept(NamedTuple):
    """An archive in the store, with the files beside it."""

    archive: str
    files: List[str]
    bytes: int
    """Of all files, as they lie on the disk."""
    used: float
    """When archive or snapshot were last read, as far as the file system notes that; seconds since the epoch."""


def limit(environ: Mapping[str, str]) -> int:
    """How many bytes the store may take: PYCDS_STORE_LIMIT, such as 500M or 4G.  Raises UsageError."""
    text = environ.get(LIMIT, "").strip().lower()
    if not text:
        return DEFAULT_LIMIT
    number = text.rstrip("ib").rstrip("kmgt")
    unit = text[len(number) :].rstrip("ib")
    if not number.isdigit() or unit not in _UNITS:
        where = "PYCDS_STORE_LIMIT, --size, store-limit"
        raise UsageError(f"{text!r} is no size for archives ({where}): give bytes, or one such as 500M or 4G")
    return int(number) * _UNITS[unit]


def in_words(size: int) -> str:
    """A limit as one would give it: 2 GiB."""
    for unit, letter in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")):
        if size >= unit:
            return f"{size / unit:.3g} {letter}iB"
    return f"{size} B"


def kept(home: str) -> List[Kept]:
    """The archives of a store, the one used last at the end, and behind it those of whole environments.

    Lists without an archive count as archives.
    """
    files: dict[str, List[str]] = {}
    try:
        names = os.listdir(home)
    except OSError:
        return []
    for name in names:
        stem, suffix, _ = name.partition(".pycds")
        if suffix:
            files.setdefault(os.path.join(home, stem + suffix), []).append(os.path.join(home, name))
    found = (_kept(archive, sorted(paths)) for archive, paths in files.items())
    return sorted((one for one in found if one is not None), key=lambda one: (is_base(one.archive), one.used))


def is_base(archive: str) -> bool:
    """Whether an archive, or one beside it of what has changed since, is that of a whole environment."""
    return os.path.basename(archive).startswith(store.BASE)


def _kept(archive: str, files: List[str]) -> Optional[Kept]:
    size = 0
    used = 0.0
    regular = []
    for path in files:
        try:
            status = os.stat(path, follow_symlinks=False)
        except OSError:  # gone meanwhile
            continue
        if not S_ISREG(status.st_mode):  # none of ours
            continue
        regular.append(path)
        size += status.st_blocks * 512
        used = max(used, status.st_mtime, status.st_atime if path == archive or path.endswith(".snapshot") else 0.0)
    return Kept(archive, regular, size, used) if regular else None


def prune(home: str, most: int, keep: str = "", dry_run: bool = False, first: Container[str] = ()) -> List[Kept]:
    """Remove archives until the rest takes at most so many bytes; those removed.

    ``keep`` stays in any case, those in ``first`` go in any case.

    A process that is served from an archive has it open, and goes on.  Raises OSError where one cannot be removed.
    """
    archives = sorted(kept(home), key=lambda one: one.archive not in first)
    total = sum(one.bytes for one in archives)
    removed = []
    for one in archives:
        if total <= most and one.archive not in first:
            break
        if one.archive != keep:
            if not dry_run:
                remove(one.files)
            removed.append(one)
            total -= one.bytes
    return removed


def missing_script(archive: str) -> str:
    """The script that an archive in the store is for, where that is gone for certain; else nothing.

    The list beside it is looked at: to read the archive would be to use it.  It does not say which module, directory or
    zip file is the program.
    """
    from pycds import journal
    from pycds.program import Program

    name = os.path.basename(archive).rpartition("-")[0]
    try:
        known = journal.read_file(store.list_of(archive)).scripts
    except OSError:
        return ""
    # Those of processes that the program has started are there as well.
    scripts = [file for _, file in known if Program([], "script", file, []).name == name]
    return scripts[0] if scripts and all(map(_is_gone, scripts)) else ""


def _is_gone(file: str) -> bool:
    """Whether there is no such file in a directory that can be read: what was unmounted may come again."""
    try:
        os.stat(file)
    except FileNotFoundError:
        return os.access(os.path.dirname(file), os.R_OK | os.X_OK)
    except OSError:
        pass
    return False


def remove(files: Iterable[str]) -> None:
    """Remove files; one that is gone already is no error.  Raises OSError."""
    for path in files:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass

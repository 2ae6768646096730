"""Whose the pages of a snapshot are: told by their addresses, and by what lies at their beginning."""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from typing import Any, Dict, List, Tuple

from pycds.snapshot.content import KINDS, rows

PAGE = 4096
_ARENA = 64 << 20  # HEAP_MAX_SIZE of glibc's malloc/arena.c


def pages(content: mmap.mmap, told: Dict[str, Any]) -> Dict[str, Dict[str, int]]:
    """Bytes in the payload by owner, those of files as they are by file, and those of no file; most first."""
    found: Dict[str, Counter[str]] = {"payload": Counter(), "unmodified": Counter(), "nowhere": Counter()}
    (payload,) = struct.unpack_from("<Q", content, 80)
    memory = Memory(content, told["python"])
    files = told["files"]
    mappings = [(*row[:3], KINDS[row[3]], row[4]) for row in rows(content, 0, "<QQQ8xH6xI4x")]
    libraries = [
        (range(begin, begin + _extent(files[file])), files[file])
        for begin, _, offset, kind, file in mappings
        if kind == "file" and offset == 0
    ]
    for begin, end, offset, kind, file in mappings:
        if kind == "payload":
            near = [library for library in libraries if library[0].start < end and begin < library[0].stop]
            memory.begin, memory.place = begin, payload + offset - begin
            for address in range(begin, end, PAGE):
                owner = next((path for place, path in near if address in place), None)
                found["payload"][owner or memory.owner(address)] += PAGE
        else:
            owners = {"file": files[file], "copy": "malloc, large blocks"}
            where = {"file": "unmodified", "zero": "nowhere", "guard": "nowhere"}
            found[where.get(kind, "payload")][owners.get(kind, kind)] += end - begin
    return {name: dict(sizes.most_common()) for name, sizes in found.items()}


class Memory:
    """That is no file's: a mapping from ``begin``, where ``place`` is that of the address 0 in the content."""

    begin = place = 0

    def __init__(self, content: mmap.mmap, python: str) -> None:
        self.content = content
        self.heap = range(*struct.unpack_from("<QQ", content, 320))
        (self.thread,) = struct.unpack_from("<Q", content, 496)
        self.pool = 16 << 10 if [int(part) for part in python.split(".")[:2]] >= [3, 10] else PAGE  # POOL_SIZE

    def owner(self, address: int) -> str:
        """Whose the page at this address is."""
        if address in self.heap:
            return "malloc, heap"
        index, following, last = self._head(address, self.pool, "<36xIII")  # Objects/obmalloc.c, struct pool_header
        if index < 32 and last == self.pool - 16 * (index + 1) and 48 <= following <= self.pool:
            return "Python's small objects"
        state, _, size = self._head(address, _ARENA, "<QQQ")  # malloc/arena.c, struct _heap_info
        if state and state % _ARENA < PAGE and 0 < size <= _ARENA:
            return "malloc, arenas of threads"
        # The C library has it in pages of its own.
        return "thread-local storage" if -4 <= address // PAGE - self.thread // PAGE <= 1 else "other memory"

    def _head(self, address: int, size: int, form: str) -> Tuple[int, ...]:
        """What lies at the beginning of the aligned piece that this address is in."""
        begin = address // size * size
        return struct.unpack_from(form, self.content, self.place + begin) if begin >= self.begin else (0, 0, 0)


def _extent(path: str) -> int:
    """How much memory an ELF file takes; 0 for another file, and for one that cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(PAGE)
    except OSError:
        return 0
    if head[:5] != b"\x7fELF\x02":
        return 0
    (place,), (count,) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<H", head, 56)
    headers: List[Tuple[int, ...]] = [*struct.iter_unpack("<I12xQ16xQ8x", head[place : place + 56 * count])]
    loaded = [(address, length) for kind, address, length in headers if kind == 1]  # PT_LOAD
    return max(map(sum, loaded)) - min(loaded)[0] // PAGE * PAGE

"""Reading a snapshot without the checks that a restorer makes: docs/snapshot-format.md."""

from __future__ import annotations

import ast
import mmap
import os
import struct
from typing import Any, Callable, Dict, Iterator, List, Tuple, TypeVar

from pycds import targets
from pycds.errors import ARCHIVE_UNUSABLE, PycdsError

Result = TypeVar("Result")

KINDS = ("zero", "payload", "file", "stack", "copy", "guard")


def read(file: str, look: Callable[[mmap.mmap], Result]) -> Result:
    """What ``look`` makes of its bytes.  Raises PycdsError where it is no snapshot."""
    try:
        if targets.is_endless(file):
            raise ValueError
        with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return look(content)
    except (struct.error, ValueError, LookupError, TypeError, SyntaxError) as error:
        raise PycdsError(f"{file}: it is not a snapshot, or damaged", ARCHIVE_UNUSABLE) from error


def rows(content: mmap.mmap, table: int, form: str) -> Iterator[Tuple[Any, ...]]:
    """The items of a table."""
    offset, count = struct.unpack_from("<QQ", content, 96 + 16 * table)
    return struct.iter_unpack(form, content[offset : offset + count * struct.calcsize(form)])


def header(content: mmap.mmap) -> Dict[str, Any]:
    """What header and tables tell; of the environment the names."""
    magic, version, size, creator = struct.unpack_from("<8sI4xQ8x32s", content)
    if magic != b"\x89PySnap\n" or version != 1:
        raise ValueError
    texts = b"".join(text for (text,) in rows(content, 6, "c"))

    def text(offset: int) -> str:
        return os.fsdecode(texts[offset : texts.index(b"\0", offset)])

    def all_texts(table: int) -> List[str]:
        return [text(offset) for (offset,) in rows(content, table, "<I")]

    user, kernel, python, directory, terminals, host, made_by = struct.unpack_from("<I4x6I", content, 256)
    options, words, frozen = ast.literal_eval(text(made_by))
    sizes: Dict[str, List[int]] = {kind: [] for kind in KINDS}
    for begin, end, kind in rows(content, 0, "<QQ16xH14x"):
        sizes[KINDS[kind]].append(end - begin)
    return {
        "creator": creator.rstrip(b"\0").decode("ascii"), "size": size, "python": text(python), "program": words,
        "options": options, "command": all_texts(4), "kernel": text(kernel), "user": user,
        "directory": text(directory), "host": text(host), "terminals": terminals,
        "environment": [variable.partition("=")[0] for variable in all_texts(2)], "vary": all_texts(3),
        "frozen": frozen, "files": [text(path) for (path,) in rows(content, 1, "<44xI")],
        "mappings": {kind: {"number": len(found), "bytes": sum(found)} for kind, found in sizes.items()},
    }  # fmt: skip

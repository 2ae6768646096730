"""The order of frozenset items in a marshal stream, for CPython 3.8 to 3.15.

A plain import inserts the items of a frozenset constant in the order of the stream, and the order in which the set is
iterated over depends on that.  The set itself does not tell it any more, so the stream is read once again, for those
few modules that hold such a constant.  Objects are built only as far as the items of frozensets need it.
"""

from __future__ import annotations

import builtins
import struct
from types import CodeType
from typing import Any, Callable, Dict, FrozenSet, List, Tuple

_FLAG_REF = 0x80
_frozen_dict: Callable[[Dict[Any, Any]], Any] = getattr(builtins, "frozendict", dict)
_CODE = object()
"""Stands for a code object: equal to nothing else, and never an item of a frozenset."""
_NULL = object()


class MarshalError(ValueError):
    """The stream is not one that this reader knows."""


def holds_frozenset(code: CodeType) -> bool:
    """Whether ``code`` or the code in it has a frozenset among its constants."""
    return _any_frozenset(code.co_consts)


def _any_frozenset(constants: Tuple[object, ...]) -> bool:
    for constant in constants:
        kind = type(constant)
        if kind is frozenset:
            return True
        if kind is CodeType:
            if _any_frozenset(constant.co_consts):  # type: ignore[attr-defined]
                return True
        else:
            if kind is slice:
                constant = (constant.start, constant.stop, constant.step)  # type: ignore[attr-defined]
            if type(constant) is tuple and _any_frozenset(constant):
                return True
    return False


def frozenset_orders(data: bytes) -> List[Tuple[Any, ...]]:
    """The items of each frozenset in the marshalled ``data``, in stream order; inner sets before outer ones.

    Raises MarshalError.
    """
    stream = _Stream(data)
    try:
        stream.object()
    except MarshalError:
        raise
    except (IndexError, ValueError, TypeError, RecursionError, struct.error) as error:
        raise MarshalError(f"at byte {stream.position}: {error}") from error
    return stream.orders


class _Stream:
    """A reader of one marshalled object."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.orders: List[Tuple[Any, ...]] = []
        self._references: List[Any] = []

    def object(self) -> Any:
        """Read one object; code objects and TYPE_NULL come as placeholders."""
        byte = self.data[self.position]
        self.position += 1
        kind = byte & ~_FLAG_REF
        if kind == 0x72:  # 'r'
            return self._references[self._long()]
        read = _READERS.get(kind)
        if read is None:
            raise MarshalError(f"unknown type {byte:#x} at byte {self.position - 1}")
        if not byte & _FLAG_REF:
            return read(self)
        index = len(self._references)  # reserved before what is inside takes its own
        self._references.append(None)
        value = self._references[index] = read(self)
        return value

    # --- the pieces -------------------------------------------------------------------------------

    def _take(self, size: int) -> bytes:
        piece = self.data[self.position : self.position + size]
        if size < 0 or len(piece) != size:
            raise MarshalError(f"truncated at byte {self.position}")
        self.position += size
        return piece

    def _byte(self) -> int:
        return self._take(1)[0]

    def _long(self) -> int:
        return int.from_bytes(self._take(4), "little", signed=True)

    def big_int(self) -> int:
        """A long: its sign is that of the number of 15-bit digits."""
        digits = self._long()
        value = 0
        for index in range(abs(digits)):
            value |= int.from_bytes(self._take(2), "little") << (15 * index)
        return value if digits >= 0 else -value

    def binary_float(self) -> float:
        """A double."""
        value: float = struct.unpack("<d", self._take(8))[0]
        return value

    def text_float(self) -> float:
        """A float in decimal, as marshal versions below 2 wrote it."""
        return float(self._take(self._byte()))

    def string(self) -> bytes:
        """bytes."""
        return self._take(self._long())

    def unicode(self) -> str:
        """A string with any characters, lone surrogates included."""
        return self._take(self._long()).decode("utf-8", "surrogatepass")

    def ascii(self) -> str:
        """An ASCII string."""
        return self._take(self._long()).decode("ascii")

    def short_ascii(self) -> str:
        """An ASCII string below 256 characters."""
        return self._take(self._byte()).decode("ascii")

    def items(self, size: int) -> Tuple[Any, ...]:
        """``size`` objects."""
        return tuple([self.object() for _ in range(size)])

    def frozen_set(self) -> FrozenSet[Any]:
        """A frozenset; its items are what all this is about."""
        items = self.items(self._long())
        self.orders.append(items)
        return frozenset(items)

    def dictionary(self) -> Dict[Any, Any]:
        """A dict; ends in TYPE_NULL."""
        found = {}
        key = self.object()
        while key is not _NULL:
            found[key] = self.object()
            key = self.object()
        return found

    def code(self) -> Any:
        """A code object, its fields passed over."""
        if hasattr(CodeType, "co_exceptiontable"):
            numbers, objects, objects_after_line = 5, 8, 2
        else:
            numbers, objects, objects_after_line = 6, 8, 1
        self._take(4 * numbers)
        self.items(objects)
        self._take(4)  # the first line
        self.items(objects_after_line)
        return _CODE


_READERS: Dict[int, Callable[[_Stream], Any]] = {
    ord("0"): lambda stream: _NULL,
    ord("N"): lambda stream: None,
    ord("F"): lambda stream: False,
    ord("T"): lambda stream: True,
    ord("."): lambda stream: Ellipsis,
    ord("S"): lambda stream: StopIteration,
    ord("i"): _Stream._long,
    ord("l"): _Stream.big_int,
    ord("g"): _Stream.binary_float,
    ord("f"): _Stream.text_float,
    ord("y"): lambda stream: complex(stream.binary_float(), stream.binary_float()),
    ord("x"): lambda stream: complex(stream.text_float(), stream.text_float()),
    ord("s"): _Stream.string,
    ord("t"): _Stream.unicode,
    ord("u"): _Stream.unicode,
    ord("a"): _Stream.ascii,
    ord("A"): _Stream.ascii,
    ord("z"): _Stream.short_ascii,
    ord("Z"): _Stream.short_ascii,
    ord(")"): lambda stream: stream.items(stream._byte()),
    ord("("): lambda stream: stream.items(stream._long()),
    ord("["): lambda stream: list(stream.items(stream._long())),
    ord("<"): lambda stream: set(stream.items(stream._long())),
    ord(">"): _Stream.frozen_set,
    ord("{"): _Stream.dictionary,
    ord("}"): lambda stream: _frozen_dict(stream.dictionary()),
    ord(":"): lambda stream: slice(*stream.items(3)),
    ord("c"): _Stream.code,
}

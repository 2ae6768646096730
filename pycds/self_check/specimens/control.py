"""Control flow: exceptions and their lines, ``with``, ``finally``, loops with ``else``, long jumps."""

from typing import Any, Callable, List, Tuple


class Scope:
    """A context manager that writes down what happens."""

    def __init__(self, log: List[str], swallow: bool = False) -> None:
        self.log = log
        self.swallow = swallow

    def __enter__(self) -> "Scope":
        self.log.append("enter")
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        self.log.append(f"exit {error!r}")
        return self.swallow


def guarded(action: Callable[[], object], log: List[str]) -> object:
    """Every way out of a try statement."""
    try:
        with Scope(log), Scope(log, swallow=False) as inner:
            log.append(type(inner).__name__)
            return action()
    except ZeroDivisionError as error:
        frames, traceback = [], error.__traceback__
        while traceback is not None:
            frames.append((traceback.tb_frame.f_code.co_name, traceback.tb_lineno))
            traceback = traceback.tb_next
        return frames
    except (KeyError, IndexError) as error:
        return repr(error)
    else:
        return "never"
    finally:
        log.append("finally")


def divide() -> float:
    """Fails in its second line."""
    zero = 0
    return 1 / zero


def search(items: List[int], wanted: int) -> str:
    """A loop with all its exits."""
    for item in items:
        if item < 0:
            continue
        if item == wanted:
            break
    else:
        return "not found"
    while items:
        item = items.pop()
        if item == wanted:
            return f"found {item}"
    return "gone"


def unpack(pairs: List[Tuple[int, ...]]) -> List[object]:
    """Unpacking, conditions, comparisons in chains."""
    results: List[object] = []
    for first, *rest in pairs:
        results.append(first if 0 < first < 10 and rest else [*rest, first] if not rest else (*rest,))
    return results


def far(n: int) -> int:
    """Jumps over more instructions than a byte counts."""
    total = 0
    for i in range(n):
        if i % 2:
            total += i * 3 + (i - 1) * (i + 1) - (i << 2) + (i >> 1) - (i & 3) + (i | 8) - (i ^ 5) + i // 3 - i % 7
            total -= i * 3 + (i - 1) * (i + 1) - (i << 2) + (i >> 1) - (i & 3) + (i | 8) - (i ^ 5) + i // 3 - i % 7
            total += i * 5 + (i - 2) * (i + 2) - (i << 3) + (i >> 2) - (i & 7) + (i | 4) - (i ^ 3) + i // 5 - i % 9
            total -= i * 5 + (i - 2) * (i + 2) - (i << 3) + (i >> 2) - (i & 7) + (i | 4) - (i ^ 3) + i // 5 - i % 9
            total += i * 7 + (i - 3) * (i + 3) - (i << 4) + (i >> 3) - (i & 1) + (i | 2) - (i ^ 9) + i // 7 - i % 5
    return total


def run() -> Tuple[object, ...]:
    """All of it."""
    log: List[str] = []
    return (
        guarded(divide, log),
        guarded(lambda: {"there": 1}["missing"], log),
        guarded(lambda: [][1], log),
        guarded(lambda: "returned", log),
        log,
        search([1, 2, -3, 4], 4),
        search([1], 2),
        unpack([(1, 2), (0, 5, 6), (11,), (3,)]),
        far(20),
    )

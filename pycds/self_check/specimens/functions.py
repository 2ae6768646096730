"""Functions: every kind of argument, closures over arguments and locals, generators, coroutines, comprehensions."""

from typing import Any, Callable, Dict, Generator, Iterator, List, Tuple


def arguments(first: int, /, second: int = 2, *rest: int, only: int = 4, **others: int) -> Tuple[object, ...]:
    """Arguments of every kind."""
    return first, second, rest, only, sorted(others.items())


def cells(captured: int, free: int, also_captured: str = "x") -> Callable[[], Tuple[object, ...]]:
    """Arguments that are cells, beside a local that is one."""
    local = [captured]

    def inner() -> Tuple[object, ...]:
        nonlocal captured
        captured += 1

        def innermost() -> Tuple[object, ...]:
            return captured, also_captured, local

        return innermost()

    return inner if free else (lambda: (captured,))


def count(end: int) -> Generator[int, int, str]:
    """A generator that is sent to."""
    total = 0
    while total < end:
        received = yield total
        total += received or 1
    return "done"


def delegate(end: int) -> Iterator[Any]:
    """A generator that delegates."""
    result = yield from count(end)
    yield result


async def wait(value: int) -> int:
    """A coroutine without a loop to run it."""
    return value


async def gather(values: List[int]) -> List[int]:
    """One that awaits others, in a comprehension too."""
    return [await wait(value) for value in values] + [await wait(99)]


def finish(coroutine: Any) -> object:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def fibonacci(n: int) -> int:
    """Calls of a global function: they are specialised."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def comprehensions(n: int) -> Tuple[object, ...]:
    """Comprehensions, nested."""
    table: Dict[int, List[int]] = {i: [j * i for j in range(i)] for i in range(n)}
    return table, {i % 3 for i in range(n)}, sum(x for row in table.values() for x in row)


def run() -> object:
    """All of it."""
    closure = cells(1, 1)
    generator = count(5)
    return (
        arguments(1),
        arguments(1, 5, 6, 7, only=8, other=9, another=10),
        closure(),
        closure(),
        cells(3, 0)(),
        [next(generator), generator.send(3)],
        list(delegate(3)),
        finish(gather([1, 2, 3])),
        fibonacci(8),
        comprehensions(5),
        f"{closure.__qualname__!r:>40} {3.14159:.2f} {closure.__name__!s}",
    )

"""A plain module."""

import re

PATTERN = re.compile("x+")
CHOICES = frozenset({"one", "two", "three", 4, 5.0})


def answer(of: str = "all") -> int:
    return 42 if of in {"all", "some", "none"} else 0


def deep(level: int) -> int:
    return 0 if level == 0 else 1 + deep(level - 1)


def numbers(limit: int):
    for number in range(limit):
        received = yield number
        if received:
            limit = received

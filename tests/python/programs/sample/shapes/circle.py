import math


class Circle:
    """A circle, which can be pickled."""

    def __init__(self, radius: float = 1.0) -> None:
        self.radius = radius

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Circle) and other.radius == self.radius

    __hash__ = None

    def area(self) -> float:
        return math.pi * self.radius**2

    def fail(self) -> None:
        raise ValueError(f"a circle of {self.radius}")  # the line that a traceback shows

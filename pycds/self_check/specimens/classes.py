"""Classes: ``super()``, properties, slots, class cells, decorators, operators, and their documentation."""

from typing import Any, ClassVar, Dict, List, Tuple


class Base:
    """A base class."""

    shared: ClassVar[List[int]] = [1, 2]

    def __init__(self, value: int) -> None:
        self.value = value

    def method(self, by: int = 2) -> int:
        """Multiply."""
        return self.value * by

    @property
    def doubled(self) -> int:
        """Twice the value."""
        return self.value + self.value

    @classmethod
    def make(cls, value: int) -> "Base":
        """A new one."""
        return cls(value)

    @staticmethod
    def constant() -> str:
        """Always the same."""
        return "constant"


class Derived(Base):
    """Calls up, through the class cell."""

    __slots__ = ("extra",)

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.extra = value + 1

    def method(self, by: int = 3) -> int:
        return super().method(by) + self.extra

    def __add__(self, other: Any) -> "Derived":
        return Derived(self.value + other.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Derived) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({self.value!r})"


def decorated(**options: int) -> Any:
    """A decorator with arguments."""

    def decorate(target: Any) -> Any:
        target.options = options
        return target

    return decorate


@decorated(one=1, two=2)
class Local:
    """A class with a class in it."""

    class Inner:
        """The inner one."""

        name = __qualname__

    def attribute(self) -> str:
        """What a method of the same class sees."""
        return self.Inner.name


def run() -> Tuple[object, ...]:
    """All of it."""
    one, other = Derived(3), Base.make(4)
    names: Dict[str, Any] = dict(vars(Derived))
    return (
        one.method(),
        other.method(),
        one.doubled,
        one + Derived(4) == Derived(7),
        {Derived(1): 2}[Derived(1)],
        repr(one),
        Base.constant(),
        Local().attribute(),
        Local.options,  # type: ignore[attr-defined]
        sorted(name for name in names if not name.startswith("__")),
        [kind.__doc__ for kind in (Base, Derived, Local, Local.Inner)],
        Base.method.__annotations__.keys() == {"by", "return"},
    )

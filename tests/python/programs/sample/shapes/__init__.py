"""Shapes: a package that imports from itself."""

from .circle import Circle
from .sub.leaf import LEAF

__all__ = ["LEAF", "Circle"]
__version__ = "1.0"

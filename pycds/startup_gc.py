"""Start-up GC: no collections until start-up is over, then freeze and collect as usual.

While a program imports its modules almost everything that it makes stays; the collector looks at it again and again and
finds nothing.  With this option it comes only when ``STEP`` containers more than before are alive, and what there is by
then is moved out of its sight at once (``gc.freeze()``, which splices lists), so that it has nothing to look at.  If a
module was imported since it last came, start-up goes on.  If not, start-up is over: the thresholds are what they were,
and whatever is made from now on is collected as usual.  So a program that never ends its start-up has at most
``STEP`` containers that nobody looks at, and ``STEP * STEPS`` that nobody will look at again.
"""

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

STEP = 10_000
"""As many containers as may become garbage unseen.  Without the option, too: two generations of ten times 700 lie
before a full collection, which moreover waits until a quarter of what is old is new."""

STEPS = 100
"""After so many, start-up is over whatever is imported."""


class StartUp:
    """The callback by which the collector says that it is due."""

    __slots__ = ("_during", "_modules", "_over", "_plain", "_steps")

    def __init__(self) -> None:
        self._plain = gc.get_threshold()
        self._during = (STEP, *self._plain[1:])
        self._modules = len(sys.modules)
        self._steps = 0
        self._over = False

    def begin(self) -> None:
        """Let the collector come later, where it comes at all and earlier than that."""
        if 0 < self._plain[0] < STEP:
            gc.set_threshold(*self._during)
            gc.callbacks.append(self)

    def __call__(self, phase: str, info: "Dict[str, Any]") -> None:
        """Called by the collector before and after each collection."""
        if phase != "start" or self._over:
            return
        if gc.get_threshold() != self._during:  # the program has set others: they hold
            self._end()
            return
        if gc.get_count()[0] <= STEP or not gc.isenabled():
            return  # the program has asked for this collection
        modules = len(sys.modules)
        self._steps += 1
        gc.freeze()
        if modules == self._modules or self._steps == STEPS:
            gc.set_threshold(*self._plain)
            self._end()
        self._modules = modules

    def _end(self) -> None:
        self._over = True
        if gc.callbacks[-1:] == [self]:  # else the one behind it would not be called this time
            gc.callbacks.pop()


def enable() -> None:
    """From now on until start-up is over."""
    StartUp().begin()

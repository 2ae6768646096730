"""The point where a program is written down, and from which it goes on where it is restored: docs/snapshot.md."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional

    Hook = Callable[[], object]

_before: "List[Hook]" = []
_after: "List[Hook]" = []
_take: "Optional[Callable[[], None]]" = None
"""Calls ``before``, makes the snapshot, and returns in restored processes alone.

None where nobody asked for one, or it has been made.
"""


def before_checkpoint(hook: "Hook") -> "Hook":
    """Have ``hook()`` called before a snapshot is made, the one registered last first; the hook, for decorators.

    Where one raises, no snapshot is made.
    """
    _before.append(hook)
    return hook


def after_restore(hook: "Hook") -> "Hook":
    """Have ``hook()`` called in each restored process, before the program goes on, in order; the hook.

    What one raises is raised at the checkpoint.
    """
    _after.append(hook)
    return hook


def before() -> None:
    """Call the hooks for before a checkpoint, the one registered last first."""
    for hook in reversed(_before):
        hook()


def checkpoint() -> bool:
    """Make the snapshot here and end, if ``pycds snapshot create`` runs the program and has not made it yet.

    True in a restored process, False in every other one.
    """
    global _take
    take, _take = _take, None
    if take is None:
        return False
    take()
    for hook in _after:
        hook()
    return True

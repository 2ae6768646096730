"""What PYCDSVERBOSE shows of a served run: a line for each module, in the original's words."""

import atexit

from pycds import _startup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Sequence

    from pycds._core import Finder


class Narrator:
    """Stands before an archive's finder and finds nothing; at each look-up it tells what has come of those before.

    It does not stand between the import system and the finder, so that the run is the same with it and without.
    """

    def __init__(self, finder: "Finder") -> None:
        self._finder = finder
        self._told = (0, 0, 0)
        atexit.register(self.tell)

    def find_spec(self, fullname: str, path: "Optional[Sequence[str]]" = None, target: "Any" = None) -> None:
        """Nothing."""
        self.tell()
        _startup.note(f"find_spec asked for '{fullname}'", 2)

    def tell(self) -> None:
        """Say what was served and what was missed since the last time."""
        counted = self._finder.statistics()
        served, missed, unarchived = counted["served"], counted["missed"], counted["unarchived"]
        told, self._told = self._told, (len(unarchived), len(missed), len(served))
        for name in unarchived[told[0] :]:
            _startup.note(f"find_spec missed '{name}': not in the archive", 1)
        for name, reason in missed[told[1] :]:
            _startup.note(f"find_spec missed '{name}': {reason}", 1)
        for name in served[told[2] :]:
            _startup.note(f"exec_module cached '{name}'", 1)

    def invalidate_caches(self) -> None:
        """Nothing is cached here."""

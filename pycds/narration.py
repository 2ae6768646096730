"""What PYCDSVERBOSE shows of a served run: a line for each look-up, as the original printed them."""

from pycds import _startup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import Any, Optional, Sequence

    from pycds._core import Finder


class Narrator:
    """A meta-path finder that asks the archive's finder and says what came of it."""

    def __init__(self, finder: "Finder") -> None:
        self._finder = finder
        self._missed = 0

    def find_spec(
        self, fullname: str, path: "Optional[Sequence[str]]" = None, target: "Any" = None
    ) -> "Optional[ModuleSpec]":
        """The archive finder's answer."""
        spec = self._finder.find_spec(fullname, path, target)
        if spec is not None:
            _startup.note(f"exec_module cached '{fullname}'", 1)
            return spec  # type: ignore[no-any-return]
        _startup.note(f"find_spec missed '{fullname}'{self._reason(fullname)}", 1)
        return None

    def _reason(self, fullname: str) -> str:
        missed = self._finder.statistics()["missed"]
        if len(missed) > self._missed:
            self._missed = len(missed)
            name, reason = missed[-1]
            if name == fullname:
                return f": {reason}"
        return ""

    def invalidate_caches(self) -> None:
        """Pass it on."""
        self._finder.invalidate_caches()

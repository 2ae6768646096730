"""Whether an archive would be served now: what ``pycds verify --live`` asks."""

from __future__ import annotations

import sys
from typing import List, NamedTuple, Optional

from pycds import collect


class Examined(NamedTuple):
    """A module of an archive; ``miss`` is the reason for which it would not be served, None if it would."""

    name: str
    miss: Optional[str]


def examine(archive: str, validation: str = "exact") -> List[Examined]:
    """Look each module of an archive up, as a program with the ``sys.path`` of the traced run would.

    No module is imported and nothing of the archive is linked.  Raises Refusal.
    """
    from pycds._core import Finder, Image

    finder = Finder(archive, validation)
    image = Image(archive)
    path = [entry["path"] for entry in image.header["search_path"]]
    examined = []
    with collect.collecting(path) as collector:
        sys.meta_path.insert(0, finder)  # it asks the finders behind it
        try:
            for module in image.modules():
                parent = module["name"].rpartition(".")[0]
                locations = collector.locations_of(parent) if parent else None
                miss = (
                    "not found any more"
                    if parent and locations is None
                    else finder.examine(module["name"], locations)[0]
                )
                examined.append(Examined(module["name"], miss))
        finally:
            sys.meta_path.remove(finder)
    return examined

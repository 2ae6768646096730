"""Whether an archive would be served now: what ``pycds verify --live`` asks."""

from __future__ import annotations

import sys
from typing import Dict, List, NamedTuple, Optional

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
    packages: Dict[str, List[str]] = {}  # locations of those that were looked up
    with collect.collecting(path) as collector:
        sys.meta_path.insert(0, finder)  # it asks the finders behind it
        try:
            for module in image.modules():
                name = module["name"]
                if module["loader"] == "script":  # nobody looks it up
                    examined.append(Examined(name, dict(finder.stale()).get(name)))
                    continue
                parent = name.rpartition(".")[0]
                locations = packages.get(parent) or (collector.locations_of(parent) if parent else None)
                if parent and locations is None:
                    examined.append(Examined(name, "not found any more"))
                    continue
                miss, spec = finder.examine(name, locations)
                examined.append(Examined(name, miss))
                if spec is not None and isinstance(spec.submodule_search_locations, list):
                    packages[name] = spec.submodule_search_locations
        finally:
            sys.meta_path.remove(finder)
    damaged = set(image.damaged())
    return [Examined(name, "damaged" if miss is None and name in damaged else miss) for name, miss in examined]

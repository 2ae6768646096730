"""The imports as profiles for https://www.speedscope.app, in its file format.

The format: ``src/lib/file-format-spec.ts`` of github.com/jlfwong/speedscope.  When within a module its imports came
is not known: they stand at its beginning.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from pycds import __version__, pairs
from pycds.report import importtime

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def profile(title: str, told: Dict[str, importtime.Imports]) -> Dict[str, Any]:
    """The file: a profile for each contender.  ``exporter`` comes first, for ``pycds.report.files``."""
    frames: Dict[str, int] = {}
    profiles = [_evented(f"imports, {name}", told[name], frames) for name in pairs.CONTENDERS]
    return {
        "exporter": f"pycds@{__version__}",
        "$schema": SCHEMA,
        "name": title,
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": name} for name in frames]},
        "profiles": profiles,
    }


def _evented(title: str, imports: importtime.Imports, frames: Dict[str, int]) -> Dict[str, Any]:
    events: List[Dict[str, Any]] = []
    open_: List[Tuple[int, int]] = []  # frame, and when it ends
    now = 0  # where the next one begins, if it is within the last
    for level, found in importtime.walk(imports.roots):
        while len(open_) > level:
            frame, now = open_.pop()
            events.append({"type": "C", "frame": frame, "at": now})
        frame = frames.setdefault(found.name, len(frames))
        events.append({"type": "O", "frame": frame, "at": now})
        open_.append((frame, now + found.total_us))
    events += [{"type": "C", "frame": frame, "at": end} for frame, end in reversed(open_)]
    return {
        "type": "evented",
        "name": title,
        "unit": "microseconds",
        "startValue": 0,
        "endValue": imports.total_us,
        "events": events,
    }

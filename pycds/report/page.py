"""The page: ``template.html``, with what was measured within it.  It fetches nothing, and its policy forbids that."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import os
import re
import shlex
import time
from typing import Any, Dict

from pycds import __version__, estimate, pairs
from pycds._startup import printable
from pycds.commands.bench_report import PHASES
from pycds.reasons import MISSES
from pycds.report import files, importtime
from pycds.report.measurement import TELLING, Measured

_TEMPLATE = os.path.join(os.path.dirname(__file__), "template.html")


def content(result: Dict[str, Any], measured: Measured) -> Dict[str, Any]:
    """What the page's script reads.  ``result`` is that of ``pycds bench --explain`` over the same rounds."""
    names: Dict[str, int] = {}
    return {
        "made": time.strftime("%Y-%m-%d %H:%M"),
        "version": __version__,
        "result": result,
        "trees": {name: _tree(name, measured, names) for name in pairs.CONTENDERS},
        "names": list(names),
        "phases": PHASES,
        "served": measured.statistics,
        "reasons": MISSES,
    }


def _tree(contender: str, measured: Measured, names: Dict[str, int]) -> Dict[str, Any]:
    """``rows``: [number of the name, level, microseconds of its own] of each import; the first ``start`` are the
    interpreter's.
    """
    roots, doubtful = measured.told[contender]
    own = roots[: importtime.of_start_up(roots)]
    above = [round_[TELLING + contender].wall_ns - round_[contender].wall_ns for round_ in measured.rounds]
    return {
        "rows": [
            [names.setdefault(each.name, len(names)), level, each.self_us] for level, each in importtime.walk(roots)
        ],
        "start": sum(each.size for each in own),
        "above_ns": estimate.spread(above),
        "doubtful": doubtful,
    }


def render(data: Dict[str, Any]) -> str:
    """The text of the page with this content."""
    template = _template()
    values = {
        "title": html.escape(printable(" ".join(map(shlex.quote, data["result"]["program"])))),
        "policy": _policy(template),
        "data": in_script(data),
    }
    # In one go: what is put in is not searched for places to put something in.
    return files.PAGE_HEAD + re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)


def _template() -> str:
    """Wheels have it compressed (``tools/pycds_build.py``)."""
    if not os.path.exists(_TEMPLATE):
        with gzip.open(_TEMPLATE + ".gz", "rt", encoding="utf-8") as packed:
            return packed.read()
    with open(_TEMPLATE, encoding="utf-8") as file:
        return file.read()


def in_script(data: Any) -> str:
    """JSON that no text in it can end: neither a tag nor a comment begins or ends in it."""
    text = json.dumps(data, separators=(",", ":"))
    return re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _policy(template: str) -> str:
    """Only the template's own style and script, known by their digests."""
    allowed = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    for element in ("style", "script"):
        text = template.partition(f"<{element}>")[2].partition(f"</{element}>")[0]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        allowed.append(f"{element}-src 'sha256-{digest}'")
    return "; ".join(allowed)

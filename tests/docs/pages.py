"""The fenced blocks of a page of documentation, with what stands before each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

TESTED_ELSEWHERE = {
    f"docs/guides/{name}.md"
    for name in (
        "containers", "aws-lambda", "ci-cache", "pre-commit", "bundles", "pytest", "web-servers", "celery", "jupyter",
        "clusters",
    )
}  # fmt: skip
"""Guides whose own tests run what they show, each with the server or tool that it is about."""

_FENCE = re.compile(r"^( *)```(\w*)(?: title=\"([^\"]+)\")? *$")
_MARKER = re.compile(r"^ *<!-- (not run|before): (.+) -->$")


@dataclass
class Block:
    """A fenced block."""

    page: str
    line: int
    language: str
    title: str
    text: str
    not_run: str
    """Why it is not run; empty where it is."""
    before: str
    """A command that prepares it, which no reader sees."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass
class Command:
    """A command of a console block, and the output shown below it."""

    line: int
    words: str
    output: list[str]


def pages() -> list[str]:
    """README.md and everything in docs/, but for the guides that are tested elsewhere."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [path.relative_to(ROOT).as_posix() for path in found]
    return [name for name in names if name not in TESTED_ELSEWHERE]


def blocks(page: str) -> list[Block]:
    """The blocks of a page in order.  Fails where a fence is not closed."""
    found: list[Block] = []
    marks: dict[str, str] = {}
    current: Block | None = None
    indent = 0
    for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if current is not None:
            if line.strip() == "```":
                found.append(current)
                current = None
            else:
                current.text += line[indent:] + "\n"
        elif fence:
            indent = len(fence[1])
            current = Block(
                page, number, fence[2], fence[3] or "", "", marks.get("not run", ""), marks.get("before", "")
            )
            marks = {}
        elif mark := _MARKER.match(line):
            marks[mark[1]] = mark[2]
        elif line.strip():
            marks = {}
    assert current is None, f"{current} is not closed"
    return found


def commands(block: Block) -> list[Command]:
    """Those of a console block.  Fails where output comes before the first."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("$ "):
            found.append(Command(number, line[2:], []))
        else:
            assert found, f"{block.page}:{number}: output without a command"
            found[-1].output.append(line)
    return found

"""What a guide (docs/guides/NAME.md) tells its reader to do, taken from its text so that a test does the very same.

A block of ``console`` has commands, in lines that begin with ``$ `` (and ``> `` where one goes on), and below each what
it prints; ``...`` there stands for anything, within a line and for lines.  Any other block is a file if the line above
ends with its name, in backquotes, and a colon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs" / "guides"

_FENCE = re.compile(r"^```(\S*)\s*$")
_FILE_NAME = re.compile(r"`([^`\s]+)`:\s*$")
_HEADING = re.compile(r"^#+ +(.+?)\s*$")


@dataclass
class Command:
    """A command as the page shows it, and what it prints there."""

    text: str
    output: str = ""

    def prints(self, printed: str) -> bool:
        """Whether that is what the page shows."""
        parts = (re.escape(part) for part in self.output.strip().split("..."))
        return re.fullmatch(r"[\s\S]*?".join(parts), printed.strip()) is not None


@dataclass
class Block:
    """A fenced block: its language, the heading that it stands below, the name of its file if it is one."""

    language: str
    heading: str
    name: str | None
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    @cached_property
    def commands(self) -> list[Command]:
        """Those of a block of ``console``."""
        found: list[Command] = []
        output: list[list[str]] = []
        for line in self.lines:
            if line.startswith("$ "):
                found.append(Command(line[2:]))
                output.append([])
            elif line.startswith("> ") and found and not output[-1]:
                found[-1].text += "\n" + line[2:]
            elif found:
                output[-1].append(line)
            else:
                raise ValueError(f"output before the first command: {line!r}")
        for command, lines in zip(found, output):
            command.output = "\n".join(lines)
        return found


class Page:
    """A guide.  ``replaced`` has what the page calls otherwise than the test: ``{"/srv/app": str(tmp_path)}``."""

    def __init__(self, name: str, replaced: dict[str, str] | None = None) -> None:
        self.path = GUIDES / f"{name}.md"
        text = self.path.read_text(encoding="utf-8")
        for shown, meant in (replaced or {}).items():
            if shown not in text:
                raise ValueError(f"{self.path} does not mention {shown!r}")
            text = text.replace(shown, meant)
        self.blocks = _blocks(text.splitlines())

    def file(self, name: str) -> str:
        """The text of the only file of that name."""
        (found,) = (block.text for block in self.blocks if block.name == name)
        return found

    def files(self) -> dict[str, str]:
        """All files, by their names."""
        return {block.name: block.text for block in self.blocks if block.name is not None}

    def write(self, directory: Path, *names: str) -> Path:
        """Write files of the page (all, if none is named) into a directory."""
        for name in names or self.files():
            path = directory / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.file(name), encoding="utf-8")
        return directory

    def commands(self, heading: str) -> list[Command]:
        """Those of all ``console`` blocks below a heading."""
        blocks = [block for block in self.blocks if block.language == "console" and block.heading == heading]
        if not blocks:
            raise ValueError(f"{self.path} shows no commands below {heading!r}")
        return [command for block in blocks for command in block.commands]


def _blocks(lines: list[str]) -> list[Block]:
    found: list[Block] = []
    heading, above, within = "", "", False
    for line in lines:
        fence = _FENCE.match(line)
        if within and line.rstrip() != "```":
            found[-1].lines.append(line)
        elif within:
            within = False
        elif fence:
            within = True
            name = _FILE_NAME.search(above)
            is_file = name is not None and fence[1] != "console"
            found.append(Block(fence[1], heading, name[1] if name and is_file else None))
        else:
            title = _HEADING.match(line)
            heading = title[1] if title else heading
            above = line if line.strip() else above
    if within:
        raise ValueError("a block does not end")
    return found

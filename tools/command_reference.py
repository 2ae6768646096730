"""The reference of the commands, from the commands themselves: a page of the documentation and the manual page.

    python tools/command_reference.py          write both (``./dev reference``)

Both are kept, so that links to them hold everywhere and a build needs no click; ``tests/docs`` compares them with what
the commands say.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple, Tuple

import click

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "commands.md"
MANUAL = ROOT / "docs" / "man" / "pycds.1"


class Paragraph(NamedTuple):
    """Of a help text: words that flow, or lines that stand as they are."""

    text: str
    stands: bool


class Command(NamedTuple):
    """What is told of a command."""

    name: str
    usage: str
    paragraphs: List[Paragraph]
    options: List[Tuple[str, str]]


def commands() -> Iterator[Command]:
    """``pycds`` itself, then its commands in their order."""
    from pycds.commands import group

    yield _told("pycds", group)
    with click.Context(group, info_name="pycds") as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield _told(f"pycds {name}", command)


def _told(name: str, command: click.Command) -> Command:
    with click.Context(command, info_name=name, help_option_names=["-h", "--help"]) as context:
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        options = [_option(one) for one in command.params if isinstance(one, click.Option) and not one.hidden]
    text = f"{inspect.cleandoc(command.help or '')}\n\n{command.epilog or ''}"
    return Command(name, usage, list(_paragraphs(text)), options)


def _paragraphs(text: str) -> Iterator[Paragraph]:
    """As click reads a help text: a paragraph behind ``\\b`` is left as it is."""
    for part in re.split(r"\n[ \t]*\n", text):
        first, *others = part.strip("\n").split("\n")
        if first.strip() == "\b":
            yield Paragraph("\n".join(line.rstrip() for line in others), stands=True)
        elif part.strip():
            yield Paragraph(" ".join(line.strip() for line in (first, *others)), stands=False)


def _option(option: click.Option) -> Tuple[str, str]:
    """How it is written, and what it does."""
    written = ", ".join(option.opts)
    if option.secondary_opts:
        written += " / " + ", ".join(option.secondary_opts)
    if not option.is_flag and not option.count:
        written += f" {_value(option)}"
    meaning = re.sub(r"\s+", " ", option.help or "")
    if option.show_default and option.default is not None:
        meaning += f" [default: {option.default}]"
    return written, meaning


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "{" + ",".join(map(str, option.type.choices)) + "}"
    return option.type.name.upper()


# --- the page ------------------------------------------------------------------------------------------


def page() -> str:
    """The text of ``docs/reference/commands.md``."""
    lines = [
        "# Commands", "",
        "Written by `tools/command_reference.py` from the commands themselves; `pycds COMMAND --help` says the same, "
        "and so does the manual page, `man pycds`.", "",
    ]  # fmt: skip
    for command in commands():
        lines += [f"## {command.name}", "", "```text", command.usage, "```", ""]
        for paragraph in command.paragraphs:
            lines += ["```text", paragraph.text, "```", ""] if paragraph.stands else [_markdown(paragraph.text), ""]
        if command.options:
            lines += ["| option | meaning |", "|---|---|"]
            lines += [f"| `{written}` | {_cell(_markdown(meaning))} |" for written, meaning in command.options]
            lines.append("")
    return "\n".join(lines)


def _markdown(text: str) -> str:
    """Words as they are, whatever Markdown would make of them; what stands in backticks stays there."""
    parts = text.split("`")
    return "`".join(
        part if number % 2 else re.sub(r"([\\*_<\[\]])", r"\\\1", part) for number, part in enumerate(parts)
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# --- the manual page -----------------------------------------------------------------------------------


def manual() -> str:
    """The text of ``docs/man/pycds.1``, in the macros of man(7)."""
    from pycds import __version__

    first, *others = commands()
    lines = [
        ".\\\" Written by tools/command_reference.py", f'.TH PYCDS 1 "" "PyCDS {__version__}" "PyCDS"',
        ".SH NAME", "pycds \\- make Python programs start fast",
        ".SH SYNOPSIS", _roff(first.usage),
        ".SH DESCRIPTION", *_described(first),
        ".SH COMMANDS",
    ]  # fmt: skip
    for command in others:
        lines += [f".SS {_roff(command.usage)}", *_described(command)]
    lines += [".SH SEE ALSO", ".BR python (1)"]
    return "\n".join(lines) + "\n"


def _described(command: Command) -> Iterator[str]:
    for paragraph in command.paragraphs:
        if paragraph.stands:
            yield from (".PP", ".nf", *map(_roff, paragraph.text.split("\n")), ".fi")
        else:
            yield from (".PP", _roff(paragraph.text))
    for written, meaning in command.options:
        yield from (".TP", f".B {_roff(written)}", _roff(meaning))


def _roff(text: str) -> str:
    """Text that troff takes as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").replace("…", "...")
    return re.sub(r"^(?=[.'])", r"\\&", text)


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    MANUAL.parent.mkdir(exist_ok=True)
    MANUAL.write_text(manual(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())

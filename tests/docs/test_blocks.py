"""What the documentation shows is run.

The ``console`` blocks of README.md and of each page in docs/ are executed in order, page by page, in an empty home and
an environment of its own with the wheel installed from the file (a page that begins with ``pip install pycds`` does
that itself).  Each ``$`` line is a bash command in ``/srv/app``; it must end with code 0, and where output is shown,
print that: ``shown.py`` has the rules.  Each runs until all is done that it has left in the background, as if one
waited a second.  A file shown with a title is there from then on; ``app.py`` is there from the beginning, as are
``aws`` and ``http``, small programs of the test's own in the place of those.

A ``python`` block without a title is a program of its own, run in its place; the module ``the_program`` is there for
it.  ``toml`` blocks are read, ``sh`` blocks parsed.

A comment before a block says what is otherwise: ``<!-- not run: REASON -->``, or ``<!-- before: COMMAND -->`` for
what prepares it and would only distract the reader.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pages import Block, blocks, commands, pages
from shown import same
from stage import Stage

ALL = [block for page in pages() for block in blocks(page)]
TO_RUN = ("console", "python")
WITH_BLOCKS = sorted({block.page for block in ALL if block.language in TO_RUN})
INSTALL = "pip install pycds"


def of_language(language: str) -> list[Block]:
    return [block for block in ALL if block.language == language]


@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_blocks(page: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    shown = blocks(page)
    if not any(line == f"$ {INSTALL}" for block in shown for line in block.text.splitlines()):
        must_end_well(INSTALL, stage.run(f"{INSTALL} --quiet --no-compile"))
    for block in shown:
        if block.title:
            stage.write(block.title, block.text)
        elif block.language == "python":
            stage.write("block.py", block.text)
            must_end_well(f"{block}", stage.run("python block.py"))
        elif block.language == "console" and not block.not_run:
            run_commands(stage, block)


def run_commands(stage: Stage, block: Block) -> None:
    """Fails where one ends otherwise than it should, or prints something else."""
    if block.before:
        must_end_well(f"what prepares {block}", stage.run(block.before))
    for command in commands(block):
        where = f"{block.page}:{command.line}: {command.words}"
        printed = must_end_well(where, stage.run(command.words))
        if command.output:
            check_output(where, command.output, printed)


def must_end_well(where: str, done: tuple[int, list[str]]) -> list[str]:
    """What was printed."""
    code, printed = done
    assert code == 0, f"{where}: code {code}\n" + "\n".join(printed)
    return printed


def check_output(where: str, shown: list[str], printed: list[str]) -> None:
    trimmed = list(printed)
    while trimmed and not trimmed[-1].strip():
        trimmed.pop()
    if not same(shown, trimmed):
        pytest.fail(f"{where} shows\n" + "\n".join(shown) + "\nand it printed\n" + "\n".join(printed))


@pytest.mark.parametrize("block", of_language("toml"), ids=str)
def test_toml_is_read(block: Block) -> None:
    tomllib = pytest.importorskip("tomllib", reason="tomllib is there from Python 3.11 on")
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", of_language("sh"), ids=str)
def test_shell_is_parsed(block: Block) -> None:
    """What changes a machine, needs a clone or the network is no console block; it is bash all the same."""
    done = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_few_blocks_are_not_run() -> None:
    left_out = [block for block in ALL if block.not_run]
    assert all(block.language == "console" for block in left_out)
    assert len(left_out) <= 3, [f"{block}: {block.not_run}" for block in left_out]
    assert len([block for block in ALL if block.language == "console"]) > 8 * len(left_out)


def test_each_block_says_what_it_is() -> None:
    """Without a language nobody looks at it; ``text`` says that there is nothing to run."""
    known = {"console", "python", "toml", "sh", "text"}
    unknown = [f"{block}: {block.language or 'none'}" for block in ALL if block.language not in known]
    assert not unknown

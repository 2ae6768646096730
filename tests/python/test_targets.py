"""Nothing is written over but an archive by an archive, and a trace list by a trace list."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conftest import MakeArchive, Python, module_names
from pycds import targets
from pycds.errors import UsageError

FOREIGN = {
    "source.py": b"x\n",
    "source": b"import json\nprint(json)\n",
    "text": b"Dear reader,\nhello\n",
    "numbers": b"3.14\n2.71\n",
    "json": b"{\n}\n",
    "binary": bytes(range(256)),
    "comments": b"# a title\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_commands_leave_a_file_of_someone_else_alone(python: Python, program: Path, name: str) -> None:
    path = python.directory / name
    path.write_bytes(FOREIGN[name])
    trace_list = python.directory / "good.lst"
    trace_list.write_text("json\n")
    for words in (
        ["trace", path, "--", "app.py"],
        ["trace", "--overwrite", path, "--", "app.py"],
        ["dump", trace_list, path],
        ["dump", trace_list, trace_list],
        ["run", "--archive", path, "--", "app.py"],
    ):
        done = python.pycds(*words, code=2)
        (line,) = done.stderr.splitlines()
        assert line.startswith("pycds: ")
        assert done.stdout == ""
        assert path.read_bytes() == FOREIGN[name]
    assert trace_list.read_text() == "json\n"


@pytest.mark.parametrize("name", FOREIGN)
def test_modes_and_cds_leave_a_file_of_someone_else_alone(python: Python, program: Path, name: str) -> None:
    path = python.directory / name
    path.write_bytes(FOREIGN[name])
    traced = python.traced(path, "app.py")
    assert "result 42" in traced.stdout
    assert "runs untraced" in traced.stderr
    trace_list = python.directory / "good.lst"
    trace_list.write_text("json\n")
    env = {"PYCDSMODE": "DUMP", "PYCDSLIST": str(trace_list), "PYCDSARCHIVE": str(path)}
    assert python("app.py", env=env, code=2).stdout == ""
    python("-m", "cds.dump", trace_list, path, code=2)
    assert "PycdsError" not in python("-c", f"import cds; cds.trace({str(path)!r})", code=1).stdout
    assert path.read_bytes() == FOREIGN[name]
    assert set(os.listdir(path.parent)) >= {name, "app.py"}
    assert not [file for file in os.listdir(path.parent) if file.endswith((".part", ".tmp"))]


def test_an_archive_is_no_trace_list(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    before = made.archive.read_bytes()
    (line,) = python.pycds("trace", made.archive, "--", "app.py", code=2).stderr.splitlines()
    assert "is an archive, not a trace list" in line
    (line,) = python.pycds("dump", made.archive, python.directory / "x.pycds", code=4).stderr.splitlines()
    assert "is an archive, not a trace list" in line
    assert made.archive.read_bytes() == before


def test_symbolic_links_are_followed(python: Python, program: Path, make_archive: MakeArchive) -> None:
    made = make_archive(program)
    list_link, archive_link = python.directory / "link.lst", python.directory / "link.pycds"
    list_link.symlink_to(made.trace_list)
    archive_link.symlink_to(made.archive)
    python.pycds("trace", list_link, "-c", "import colorsys")
    assert "colorsys" in module_names(made.trace_list)
    python.pycds("dump", list_link, archive_link)
    assert list_link.is_symlink()
    assert archive_link.is_symlink()
    served = python.served(made.archive, "-c", "import colorsys")
    assert "colorsys" in served.names


def test_devices_and_fifos_are_refused(python: Python, program: Path) -> None:
    fifo = python.directory / "fifo"
    os.mkfifo(fifo)
    link = python.directory / "null"
    link.symlink_to(os.devnull)
    trace_list = python.directory / "good.lst"
    trace_list.write_text("json\n")
    for path in (fifo, link, "/dev/null"):
        for words in (["trace", path, "--", "app.py"], ["dump", trace_list, path]):
            (line,) = python.pycds(*words, code=2).stderr.splitlines()
            assert "is not a regular file" in line
    assert fifo.is_fifo()
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["dump", "FIFO", "new.pycds"], 4), (["build", "--from-trace", "FIFO", "-o", "new.pycds"], 4),
        (["verify", "FIFO"], 3), (["verify", "--live", "FIFO"], 3), (["inspect", "FIFO"], 3), (["import", "FIFO"], 3),
        (["stats", "FIFO"], 2),
        (["bench", "--compare", "FIFO", "FIFO"], 2), (["bench", "--archive", "FIFO", "--", "app.py"], 2),
        (["stats", "--archive", "FIFO", "--", "app.py"], 3),
        (["report", "-o", "FIFO", "--", "app.py"], 2), (["run", "--policy=on", "--archive", "FIFO", "--", "app.py"], 3),
        (["status"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_nobody_waits_for_what_comes_out_of_a_fifo(python: Python, program: Path, words: list[str], code: int) -> None:
    name = "fifo" if "FIFO" in words else "pyproject.toml"
    os.mkfifo(python.directory / name)
    done = python.pycds(*(name if word == "FIFO" else word for word in words), code=code, timeout=30)
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: ") and name in line and "regular file" in line


def test_what_a_shell_has_opened_is_read(python: Python, program: Path) -> None:
    """As in `pycds dump <(grep ...) app.pycds`; and /dev/null as a file of settings is an empty one."""
    (python.directory / "config" / "pycds").mkdir(parents=True)
    (python.directory / "config" / "pycds" / "config.toml").symlink_to(os.devnull)
    env = {"XDG_CONFIG_HOME": str(python.directory / "config")}
    python.pycds("dump", "/dev/stdin", "new.pycds", stdin="plain\n", env=env)
    assert "plain" in python.pycds("inspect", "--modules", "new.pycds").stdout
    saved = json.dumps({"archives": [], "hits": 77})
    assert "77" in python.pycds("stats", "/dev/stdin", stdin=saved).stderr
    assert "77" in python.pycds("stats", "/dev/fd/0", stdin=saved).stderr


@pytest.mark.parametrize(
    "content",
    [b"", b"# pycds trace 1\n", b"# pycds trace 2\nsomething new {\n", b"\xef\xbb\xbf# pycds trace 1\nx\n",
     b"json\njson.decoder\n", b"json\njson\n", b"an-odd.name\r\n", b"# by hand\n\nplain\tsource\t/x/plain.py\n"],
)  # fmt: skip
def test_trace_lists_are_known(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.lst"
    path.write_bytes(content)
    assert targets.list_to_write(str(path)) == os.path.realpath(path)


def test_the_name_of_a_directory_is_no_file(tmp_path: Path) -> None:
    for check in (targets.list_to_write, targets.archive_to_write):
        for path in (str(tmp_path), f"{tmp_path}/new/"):
            with pytest.raises(UsageError, match="directory"):
                check(path)

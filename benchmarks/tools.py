"""Ten command-line tools in an environment in which ``pycds enable`` was called, and nothing else.

Each is used as people use it, on files of its own directory and without a network: first plain, then once recorded,
and from the second run on by turns plain (``PYCDSENABLED=off``) and as it is.  Output, errors and exit code must be
equal in all runs, byte for byte.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.catalogue import HERE
from benchmarks.environments import Bench, SetupError, clean_environment, make_environment
from benchmarks.estimate import ratio, spread
from benchmarks.process import Failed
from benchmarks.tables import table

PATIENCE_SECONDS = 300
"""For an archive that is made in the background, at the lowest priority."""


@dataclass(frozen=True)
class Tool:
    """A command with arguments, and the files on which it works."""

    name: str
    words: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)


MODULE = '"""A module."""\n\n\ndef total(values):\n    """Sum."""\n    return sum(values)\n'
TEST = "import module\n\n\ndef test_total():\n    assert module.total([1, 2]) == 3\n"
TEMPLATE = {
    "template/cookiecutter.json": '{"name": "one", "words": "a few"}',
    "template/{{cookiecutter.name}}/read.me": "{{ cookiecutter.words }}\n",
}
TOOLS = (
    Tool("http", ("--offline", "--ignore-stdin", "POST", "example.org/post", "name=value", "X-Header:1")),
    Tool("aws", ("configure", "list"), {"config": "[default]\nregion = eu-west-1\n"}),
    Tool("black", ("--check", "module.py"), {"module.py": MODULE.replace('"', "'")}),
    Tool("flake8", ("--isolated", "module.py"), {"module.py": MODULE + "x=1\n"}),
    Tool("pylint", ("module.py",), {"module.py": MODULE}),
    Tool("pytest", ("-qq", "-p", "no:cacheprovider"), {"module.py": MODULE, "test_it.py": TEST}),
    Tool("django-admin", ("check", "--settings=settings", "--pythonpath=."), {"settings.py": "SECRET_KEY = 'a'\n"}),
    Tool("cookiecutter", ("--no-input", "--overwrite-if-exists", "template"), TEMPLATE),
    Tool("mkdocs", ("build", "-q"), {"mkdocs.yml": "site_name: One\n", "docs/index.md": "# One\n"}),
    Tool("ipython", ("-c", "print(sum(range(10)))")),
)


class Place:
    """An enabled environment with all tools, an empty store, and a directory for each tool."""

    def __init__(self, bench: Bench, wheel: Path) -> None:
        self.root = bench.directory("tools")
        self.python = self.root / "environment" / "bin" / "python"
        pins = HERE / "constraints-tools.txt"
        make_environment(bench, self.python, ["-r", str(pins), str(wheel)])
        self.home = self.root / "home"
        shutil.rmtree(self.home, ignore_errors=True)
        self.store = self.home / ".cache" / "pycds"
        self.home.mkdir()
        for tool in TOOLS:
            for name, text in tool.files.items():
                file = self.directory(tool) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        self.pycds("enable")

    def directory(self, tool: Tool) -> Path:
        """Where a tool works."""
        path = self.root / "work" / tool.name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def environment(self, **more: str) -> dict[str, str]:
        """What a user's shell has."""
        own = {"HOME": str(self.home), "PATH": f"{self.python.parent}:{os.defpath}"}
        return clean_environment(**own, AWS_CONFIG_FILE="config", **more)

    def pycds(self, *words: str) -> str:
        """Output of a command of PyCDS.  Raises SetupError."""
        command = [str(self.python), "-m", "pycds", *words]
        # Not in the repository, whose own package would come first and has no core.
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SetupError(f"pycds {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def run(self, tool: Tool, **more: str) -> tuple[float, tuple[int, bytes, bytes]]:
        """Seconds, and what the tool did."""
        command = [str(self.python.parent / tool.name), *tool.words]
        begin = time.perf_counter()
        done = subprocess.run(
            command, cwd=self.directory(tool), env=self.environment(**more), capture_output=True, check=False
        )
        return time.perf_counter() - begin, (done.returncode, done.stdout, done.stderr)

    def await_archive(self, tool: Tool) -> None:
        """Wait until the background has made a tool's archive.  Raises Failed."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if any(self.store.glob(f"{tool.name}-*.pycds")) and not any(self.store.glob("*.making")):
                return
            time.sleep(0.1)
        raise Failed(f"{tool.name}: no archive was made")


def path_of(directory: Path, label: str) -> Path:
    """Where the results of an interpreter are."""
    return directory / f"tools-{label}.json"


def measure(bench: Bench, wheel: Path | None, rounds: int) -> dict[str, Any]:
    """{"tools": {tool: {"plain", "enabled": seconds}}, "hit_rate": text}.  Raises Failed where a tool's runs differ."""
    place = Place(bench, wheel or next((bench.root / "wheels").glob("pycds-*.whl")))
    series: dict[str, dict[str, list[float]]] = {tool.name: defaultdict(list) for tool in TOOLS}
    for tool in TOOLS:
        print(f"{tool.name} …", flush=True)
        place.run(tool, PYCDSENABLED="off")  # which may leave caches and .pyc files
        _, plain = place.run(tool, PYCDSENABLED="off")
        _, recorded = place.run(tool)
        place.await_archive(tool)
        for number in range(rounds):
            for way in random.Random(number).sample(("plain", "enabled"), 2):
                seconds, done = place.run(tool, **({"PYCDSENABLED": "off"} if way == "plain" else {}))
                series[tool.name][way].append(seconds)
                if not done == plain == recorded:
                    raise Failed(f"{tool.name}: what it did differs, {way}: {done} instead of {plain}")
    findings = json.loads(place.pycds("doctor", "--json"))
    rate = next((one["text"] for one in findings if one["topic"] == "hit rate"), "none noted")
    return {"tools": series, "hit_rate": rate}


def save(directory: Path, label: str, found: dict[str, Any]) -> None:
    """Write the results."""
    directory.mkdir(parents=True, exist_ok=True)
    path_of(directory, label).write_text(json.dumps(found, indent=1) + "\n")


def load(directory: Path, label: str) -> dict[str, Any] | None:
    """The results, or None if there are none."""
    path = path_of(directory, label)
    return dict(json.loads(path.read_text())) if path.exists() else None


def report(found: dict[str, Any]) -> str:
    """A Markdown table."""
    rows = []
    for name, by in found["tools"].items():
        times = ratio(by["plain"], by["enabled"])
        cells = [f"{spread(by[way]).median * 1000:.0f}" for way in ("plain", "enabled")]
        command = next(tool for tool in TOOLS if tool.name == name)
        rows.append(
            (f"`{' '.join((name, *command.words))}`", *cells, f"{times.value:.2f} ({times.low:.2f}–{times.high:.2f})")
        )
    head = ("command", "plain, ms", "enabled, ms", "times faster (95 %)")
    return f"{table(head, rows)}\n\nHit rate: {found['hit_rate']}."

"""A program under a tool, plain and served: both runs in fresh processes, and what both printed and wrote compared.

The run is traced first, tool and all, so that the tool's own modules and the standard library come from the archive
as well.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from conftest import Python, write_files

MATCH = """
            match thing:
                case {"name": str(name), **rest} if rest:
                    return name
                case [first, *_]:
                    return first
                case _:
                    return None
"""
if sys.version_info < (3, 10):  # the same in older words
    MATCH = """
            if isinstance(thing, dict) and isinstance(thing.get("name"), str) and len(thing) > 1:
                return thing["name"]
            return thing[0] if isinstance(thing, (list, tuple)) and thing else None
"""

PROGRAM = {
    "app.py": """\
        import sys

        import shop
        from shop import cart, prices


        def main(names):
            basket = cart.Basket(owner="me")
            for name in names:
                basket.put(name, prices.price(name))
            print(shop.TITLE, basket.total(), basket.describe())
            print(list(prices.rounded([1.25, 2.5, None])))
            return basket


        if __name__ == "__main__":
            main(sys.argv[1:] or ["tea", "bread", "salt"])
    """,
    "shop/__init__.py": """\
        '''A shop.'''
        TITLE = "shop"
    """,
    "shop/cart.py": """\
        '''A basket and what is in it.'''
        from shop.prices import PriceError


        class Basket:
            '''Things with prices.'''

            limit = 5

            def __init__(self, owner: str) -> None:
                self.owner = owner
                self.things: dict[str, float] = {}

            def put(self, name: str, price: float) -> "Basket":
                '''Put one in.'''
                if len(self.things) >= self.limit:
                    raise PriceError(
                        "too many",
                    )
                elif name in self.things:
                    self.things[name] += price
                else:
                    self.things[name] = price
                return self

            def total(self) -> float:
                sum_ = 0
                for price in self.things.values():
                    sum_ += price
                return sum_

            def describe(self) -> str:
                return ", ".join(name for name in sorted(self.things) if name)

            @property
            def first(self) -> str:
                return next(iter(self.things))


        def fails(number: int) -> float:
            '''Divide by what may be zero.

            >>> fails(4)
            2.5
            >>> fails(0)
            Traceback (most recent call last):
            ...
            shop.prices.PriceError: no price
            '''
            try:
                return 10 / number
            except ZeroDivisionError as error:
                raise PriceError("no price") from error


        def nested(deep: int) -> object:
            def inner(basket: Basket) -> object:
                return nested(deep - 1) if deep else basket.things["missing"]["price"] + fails(deep)

            return inner(Basket("inner"))
    """,
    "shop/prices.py": """\
        '''Prices.'''
        import warnings

        PRICES = {"tea": 2.5, "bread": 3, "salt": 0.5}


        class PriceError(Exception):
            pass


        def price(name):
            if name not in PRICES:
                warnings.warn(f"no price for {name}", stacklevel=2)
                return 0
            return PRICES[name]


        def rounded(values):
            for value in values:
                try:
                    yield round(value)
                except TypeError:
                    yield -1
                finally:
                    pass


        async def later(value):
            return value


        def old():
            warnings.warn("old() is old", DeprecationWarning)


        def match(thing):"""
    + MATCH,
    "shop/data.txt": "data\n",
    "district/street.py": "NUMBER = 7\n\n\ndef door():\n    return NUMBER\n",
}

MODULES = ["shop", "shop.cart", "shop.prices"]
"""What ``app.py`` imports of its own."""

CHANGING = [
    (re.compile(r"\b0?x[0-9a-fA-F]{6,}\b"), "0x…"),
    (re.compile(r"\b\d+\.\d+ ?(seconds|s)\b|\b\d+\.\d{3}\b(?= |$)", re.M), "TIME"),
]
"""Addresses and times."""


def cleaned(text: str) -> str:
    """A text without addresses and times."""
    for pattern, instead in CHANGING:
        text = pattern.sub(instead, text)
    return text


@dataclass
class Seen:
    """What a run has printed and written."""

    code: int
    stdout: str
    stderr: str
    files: Mapping[str, str] = field(default_factory=dict)

    def unlike(self, served: Seen, but: Sequence[str] = ()) -> str:
        """How a served run's output differs, file by file; empty if it does not."""
        both = [{"stdout": seen.stdout, "stderr": seen.stderr, **seen.files} for seen in (self, served)]
        differences: list[str] = []
        for name in sorted((both[0].keys() | both[1].keys()).difference(but)):
            plain, found = (texts.get(name, "").splitlines() for texts in both)
            differences += difflib.unified_diff(plain, found, f"plain {name}", f"served {name}", lineterm="", n=2)
        return "\n".join(differences)


Clean = Callable[[str], str]


@dataclass
class Tools:
    """The program in a directory, and runs of it under tools."""

    python: Python
    path: str = ""
    """PYTHONPATH beside the program's directory."""

    @property
    def root(self) -> Path:
        return self.python.directory

    def line(self, file: str, text: str) -> int:
        """The number of the first line of a program's file that has a text."""
        lines = (self.root / file).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def same(
        self,
        *arguments: str | os.PathLike[str],
        served: Sequence[str] = MODULES,
        out: Sequence[str] = (),
        clean: Clean = cleaned,
        code: int | None = 0,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        more: Sequence[str] = (),
        but: Sequence[str] = (),
        dump_flags: Sequence[str] = (),
    ) -> Seen:
        """Run plain and served, and fail unless both look the same.

        ``served`` names modules that must come from the archive, ``out`` files that the tool writes (they are removed
        before each run), ``but`` those of them that are not compared; ``before`` is called before each run.  ``more``
        names modules that are archived in any case, as if they had been imported plain; ``dump_flags`` are those of the
        interpreter that is to be served, where it is not the first.  Returns what was seen.
        """
        options = {"stdin": stdin, "code": code}
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, (str(self.root), self.path))), **(env or {})}
        archive = self._archive(arguments, options, environment, out, before, more, dump_flags)
        self._fresh(out, before)
        plain = self._seen(self.python(*arguments, env=environment, **options), out, clean)  # type: ignore[arg-type]
        self._fresh(out, before)
        sharing = {**environment, "PYCDSMODE": "SHARE", "PYCDSARCHIVE": str(archive)}
        found = self._seen(self.python(*arguments, env=sharing, **options), out, clean)  # type: ignore[arg-type]
        unlike = plain.unlike(found, but)
        assert not unlike, unlike
        assert found.code == plain.code
        # Statistics in a run of their own: what writes them is imported at exit, which tools would show.
        self._fresh(out, before)
        statistics = archive.with_suffix(".statistics")
        statistics.mkdir()
        counting = {**environment, "PYCDSSTATS": str(statistics / "%p")}
        self.python.served(archive, *arguments, env=counting, **options)
        told = [json.loads(file.read_text(encoding="utf-8")) for file in statistics.iterdir() if file.name.isdigit()]
        names = {name for one in told for kept in one["archives"] for name in kept["served"]}
        missing = set(served) - names
        assert not missing, (missing, [one["misses"] for one in told])
        return plain

    def _archive(
        self,
        arguments: Sequence[str | os.PathLike[str]],
        options: Mapping[str, object],
        environment: Mapping[str, str],
        out: Sequence[str],
        before: Callable[[], None] | None,
        more: Sequence[str],
        dump_flags: Sequence[str],
    ) -> Path:
        """Run once, so that the .pyc files are there, once traced, and dump."""
        archives = self.root.parent / "archives"
        archives.mkdir(exist_ok=True)
        number = len(list(archives.iterdir()))
        trace_list, archive = archives / f"{number}.lst", archives / f"{number}.pycds"
        self._fresh(out, before)
        self.python(*arguments, env=environment, **options)  # type: ignore[arg-type]
        self._fresh(out, before)
        self.python.traced(trace_list, *arguments, env=environment, **options)
        self._fresh(out, before)
        with open(trace_list, "a", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in more)
        self.python(*dump_flags, "-m", "pycds", "dump", trace_list, archive, env=environment)
        return archive

    def _fresh(self, out: Sequence[str], before: Callable[[], None] | None) -> None:
        for name in out:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
        if before is not None:
            before()

    def _seen(self, done: object, out: Sequence[str], clean: Clean) -> Seen:
        files = {}
        for name in out:
            path = self.root / name
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    text = file.read_text(encoding="utf-8", errors="surrogateescape")
                    files[str(file.relative_to(self.root))] = clean(text)
        assert not out or files, f"nothing was written to {out}"
        return Seen(done.returncode, clean(done.stdout), clean(done.stderr), files)  # type: ignore[attr-defined]


def make_tools(directory: Path, path: str = "") -> Tools:
    """Write the program into ``directory``/work."""
    work = directory / "work"
    work.mkdir(parents=True)
    write_files(work, PROGRAM)
    return Tools(Python(sys.executable, work, directory / "home"), path)

"""Modules made for measuring, and the list of the standard library."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = '''"""Generated module number {number}: records of kind {number} and what is asked of them."""

KINDS_{number} = ("plain", "shared", "kind-{number}", {number}, {number}.5)
LIMIT_{number} = {number} * 2 + 1


class Record{number}:
    """A record of kind {number}."""

    kind = "kind-{number}"
    fields = ("name", "value", "weight_{number}")

    def __init__(self, name, value=0, *, weight_{number}=1.0):
        self.name = name
        self.value = value
        self.weight_{number} = weight_{number}

    def __repr__(self):
        return f"Record{number}({{self.name!r}}, {{self.value!r}}, weight={{self.weight_{number}!r}})"

    def total(self, others):
        """Sum of the weighted values of this record and of others."""
        return sum(other.value * getattr(other, "weight_{number}", 1.0) for other in others) + self.value


def parse_{number}(text, separator=";"):
    """Records of kind {number} from lines of ``name;value``; a line without a value is an error."""
    found = []
    for line, entry in enumerate(text.splitlines(), 1):
        name, present, value = entry.partition(separator)
        if not present:
            raise ValueError("line %d of kind {number}: no value in %r" % (line, entry))
        found.append(Record{number}(name.strip(), int(value)))
    return found


def largest_{number}(records, limit=LIMIT_{number}):
    """The records above the limit, largest first."""
    return sorted((r for r in records if r.value > limit), key=lambda r: (-r.value, r.name))
'''

TESTS = {"test", "tests", "idlelib", "idle_test", "turtledemo", "lib2to3"}
SKIPPED = TESTS | {"site-packages", "dist-packages", "__pycache__"}


def modules(directory: Path, count: int) -> Path:
    """Write ``count`` modules and a program that imports them all; the program."""
    program = directory / "import_all.py"
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        file = directory / f"generated_{number:04}.py"
        text = TEMPLATE.format(number=number)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
    program.write_text(f"for number in range({count}):\n    __import__('generated_%04d' % number)\n")
    return program


def standard_library(library: Path) -> list[str]:
    """Names of the modules under ``library`` that are source files, without its tests."""
    names = []
    for file in sorted(library.rglob("*.py")):
        parts = list(file.relative_to(library).with_suffix("").parts)
        if SKIPPED.isdisjoint(parts) and not any("-" in part or "." in part for part in parts):
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts))
    return [name for name in names if not name.endswith("__main__")]

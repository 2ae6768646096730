"""Main scripts that go through sets of constants: whose order is chance may be another one, and no other.

The compiler makes one frozenset of the items of a set, and what comes of it depends on the hash seed.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from types import CodeType

import pytest

from conftest import Python, Served, archive_of, while_the_library_stays, write_files
from pycds import codes


def write(python: Python, text: str) -> Path:
    write_files(python.directory, {"script.py": text})
    return python.directory / "script.py"


def from_archive(served: Served, script: Path) -> bool:
    return str(script) in served.names or script.name in served.names


GOES_THROUGH_A_NEW_SET = sys.version_info >= (3, 15)
"""A loop over a set of constants makes the set; before, it is a constant."""


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("x in {1, 2}", True),
        ("x not in {'a', 'b', (1, 2)} or x in {3}", True),
        ("[y for y in z if y in {1, 2}]", True),
        ("lambda: x in {1, 2}", True),
        ("{1, 2}", True),  # made anew each time
        ("[y for y in {1, 2}]", GOES_THROUGH_A_NEW_SET),
        ("lambda: [y for y in {1, 2}]", GOES_THROUGH_A_NEW_SET),
        ("[y for y in {1, 2} if y in {1, 2}]", GOES_THROUGH_A_NEW_SET),
        ("[y for y in {1}]", True),
    ],
)
def test_sets_of_constants(text: str, is_kept: bool) -> None:
    if is_kept:
        codes.compile_steadily(text, "f", "eval")
    else:
        with pytest.raises(codes.Unsteady, match="set of constants"):
            codes.compile_steadily(text, "f", "eval")


def test_asking_a_set_of_constants(python: Python) -> None:
    script = write(
        python, "import sys\nprint([word in {'alpha', 'beta', 'gamma', 1, 2.5} for word in ('beta', 1.0, 2, 'x')])\n"
    )
    archive = archive_of(python, script)
    for seed in range(4):
        environment = {"PYTHONHASHSEED": str(seed)}
        plain, served = python(script, env=environment), python.served(archive, script, env=environment)
        assert served.stdout == plain.stdout and from_archive(served, script)


def _of_another_order() -> tuple[int, ...]:
    """Numbers that a set does not have in the order in which a set of them is made."""
    of_four = itertools.permutations((1, 8, 17, 2, 26, 44, 29, 28, 25, 21), 4)
    for items in of_four:
        order = list(set(items))
        if list(set(order)) != order:
            return items
    raise AssertionError("there is none")


OF_ANOTHER_ORDER = "{" + ", ".join(map(str, _of_another_order())) + "}"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x = {'a', 'b', 'c'}", "random"),
        ("x = {b'a', 'b', 1}", "random"),
        ("for x in {('a', 1), 2.5}: pass", "random"),
        ("def f():\n    return {'a', 'b', 'c'}", "random"),
        ("x = {1, 2, 3}", "always"),
        ("x = {3, 2, 1, True}", "always"),
        ("x = y in {'a', 'b'}", "always"),
        ("x = {(1, 2.5), 3j, 4}", "always"),
        ("x = {None, 'a', 'b'}", "never"),
        (f"x = {OF_ANOTHER_ORDER}", "never"),
        ("x = {0, 8, 16}", "always"),
        ("x = {..., 1, 2}", "never"),
        ("x = {1e999 - 1e999, 1.0, 2.0}", "never"),
    ],
)
def test_sets_that_a_script_goes_through(text: str, kept: str) -> None:
    is_new = not _has_a_constant_set(compile(text, "f", "exec"))  # which versions make one of what differs
    if kept == "never" and not is_new:  # the order of NaNs may be seen to be another one each time
        with pytest.raises(codes.Unsteady, match=r"set of constants|each compilation"):
            codes.compile_script(text.encode(), "f")
        return
    made = codes.compile_script(text.encode(), "f")
    assert made.random_hashes == (kept == "random" and not is_new)
    for items, order in made.frozenset_orders.items():
        assert frozenset(order) == items and len(order) == len(items)


def _has_a_constant_set(code: CodeType) -> bool:
    return any(
        isinstance(constant, frozenset) or (isinstance(constant, CodeType) and _has_a_constant_set(constant))
        for constant in code.co_consts
    )


GOES_THROUGH = """
import sys
WORDS = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}
NUMBERS = {5, 3, 1, 7}
print(sorted(WORDS), list(NUMBERS), {1, 2, 3}, sorted({"x", "y", "z"} | WORDS), [n for n in {2, 1}])
print(sorted([word for word in {"eta", "theta", "iota"}]))
"""


def test_sets_of_text_are_for_random_seeds(python: Python) -> None:
    script = write(python, GOES_THROUGH + "print(list(WORDS) if len(sys.argv) > 1 else '')\n")
    archive = archive_of(python, script)
    for seed in (None, "random", ""):
        environment = {} if seed is None else {"PYTHONHASHSEED": seed}
        plain, served = python(script, env=environment), python.served(archive, script, env=environment)
        assert served.stdout == plain.stdout and from_archive(served, script)
    for seed in map(str, range(6)):
        environment = {"PYTHONHASHSEED": seed}
        plain, served = python(script, "list", env=environment), python.served(archive, script, "list", env=environment)
        assert served.stdout == plain.stdout and not from_archive(served, script)
        assert served.statistics["misses"] == {"the hash seed is fixed": 1}
    assert from_archive(python.served(archive, "-I", script, env={"PYTHONHASHSEED": "0"}), script)
    assert "no problems" in python.pycds("verify", archive).stdout


@pytest.mark.parametrize("change", ["os.environ.pop('PYTHONHASHSEED')", "os.environ['PYTHONHASHSEED'] = 'random'"])
def test_the_seed_is_that_of_the_start(python: Python, tmp_path: Path, change: str) -> None:
    """What a program makes of its environment is for its children."""
    site = write_files(tmp_path / "site", {"sitecustomize.py": f"import os; {change}\n"})
    script = write(python, GOES_THROUGH + "print(list(WORDS))\n")
    archive = archive_of(python, script)
    for seed in map(str, range(3)):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(site)}
        plain, served = python(script, env=environment), python.served(archive, script, env=environment)
        assert served.stdout == plain.stdout and not from_archive(served, script)


def test_the_order_of_text_is_of_chance(python: Python) -> None:
    """Each process of a served script has another one, as each process of a plain one has."""
    script = write(python, GOES_THROUGH + "print(list(WORDS))\n")
    archive = archive_of(python, script)
    assert len({python.served(archive, script).stdout for _ in range(12)}) > 1


def test_equal_scripts_give_equal_archives(python: Python) -> None:
    script = write(python, GOES_THROUGH)
    archives = [python.directory / f"archive{number}" for number in range(2)]
    trace_list = python.directory / "list"
    python.traced(trace_list, script)

    def dumps() -> list[bytes]:
        for seed, archive in enumerate(archives):
            python.pycds("dump", trace_list, archive, env={"PYTHONHASHSEED": str(seed)})
        return [archive.read_bytes() for archive in archives]

    first, second = while_the_library_stays(dumps)
    assert first == second

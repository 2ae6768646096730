"""Properties over generated constants and generated modules: what goes into an archive comes out of it."""

from __future__ import annotations

import contextlib
import gc
import io
import marshal
import struct
import sys
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from code_equality import differences
from generated_modules import modules
from round_trip import round_trip

# A round trip writes files: fewer examples than of properties that compute only.
per_test_directory = settings(
    max_examples=min(15, settings().max_examples) if settings().derandomize else settings().max_examples,
    suppress_health_check=list(HealthCheck),
)

any_float = st.binary(min_size=8, max_size=8).map(lambda data: struct.unpack("d", data)[0]) | st.floats()
lone_surrogates = st.characters(categories=["Cs"])
any_text = st.one_of(
    st.text(st.characters(max_codepoint=0x7F), max_size=70),
    st.text(st.characters(max_codepoint=0xFF), max_size=20),
    st.text(st.characters(max_codepoint=0xFFFF), max_size=20),
    st.text(st.characters(), max_size=20),
    st.text(lone_surrogates | st.characters(), max_size=8),
    st.sampled_from(["", "a", "\0", "\xff", "é", "__init__", "\ud800", "\U0010ffff"]),
)
any_int = st.integers() | st.integers(-300, 300) | st.integers(0, 5000).map(lambda bits: -(1 << bits) + 1)
scalars = st.one_of(
    st.sampled_from([None, True, False, ..., 0.0, -0.0, complex(-0.0, 0.0), (), frozenset(), b"", ""]),
    any_int,
    any_float,
    st.builds(complex, any_float, any_float),
    st.binary(max_size=300),
    any_text,
    any_text.map(sys.intern),
)
# Members of a frozenset that are equal to those of another one (8, 8.0) or not to themselves (a NaN) leave open which
# order of insertion is whose: see docs/differences.md.
members = st.recursive(
    st.integers() | any_text | st.binary(max_size=9) | st.none(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4),
    max_leaves=8,
)
frozensets = st.frozensets(members, max_size=6)
hashable = st.recursive(scalars | frozensets, lambda inner: st.lists(inner, max_size=5).map(tuple), max_leaves=20)
slices = st.builds(slice, scalars, scalars, scalars)
constants = hashable


def code_with(values: tuple[Any, ...]) -> CodeType:
    return compile("pass", "generated.py", "exec").replace(co_consts=(None, *values))


def assert_equal_after_round_trip(directory: Path, codes: dict[str, CodeType]) -> None:
    for name, (served, plain) in round_trip(directory, codes).items():
        assert list(differences(served, plain, disassemble=False)) == [], name


@pytest.mark.parametrize("threshold", [1, 2, 5, 20, 40, 50])
def test_collections_while_frozensets_are_made(tmp_path: Path, threshold: int) -> None:
    """The items of a frozenset are not all there yet when one among them is made, and that may start a collection."""
    inner = [frozenset({("a", float(n)), (f"text {n}", frozenset({2.5 + n, ("deep", n + 1000)}))}) for n in range(40)]
    values = [(7.25, frozenset({*inner[n : n + 5], (n + 2000, "z" * n), 3.5 + n})) for n in range(30)]
    before = gc.get_threshold()
    gc.set_threshold(threshold, 3, 3)
    try:
        for number in range(5):
            (tmp_path / str(number)).mkdir()
            assert_equal_after_round_trip(tmp_path / str(number), {"generated": code_with(tuple(values))})
    finally:
        gc.set_threshold(*before)


@per_test_directory
@given(st.lists(constants, min_size=1, max_size=30))
@example([float("nan"), struct.unpack("d", b"\1\0\0\0\0\0\xf8\xff")[0], -0.0, 0.0, 0, False, 1, True, 1.0, 1 + 0j])
@example([("a", b"a"), (1, 1.0, True), (1.0, 1, 1), ((0.0,), (-0.0,)), (complex(0.0, -0.0), complex(0.0, 0.0))])
@example([frozenset({("x", frozenset({1, 2.5, "y" * 40})), "x"}), frozenset({frozenset({frozenset()})})])
def test_constants(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    code = code_with(tuple(values))
    assert_equal_after_round_trip(tmp_path_factory.mktemp("trip"), {"generated": code})


@per_test_directory
@given(st.lists(st.lists(constants, min_size=1, max_size=8), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_constants_shared_by_modules(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[Any]], random: Any
) -> None:
    """Constants of one module in others, whole and as parts, in any order."""
    pool = [value for group in groups for value in group]
    codes = {}
    for number, group in enumerate(groups):
        borrowed = random.sample(pool, random.randint(0, len(pool)))
        values = tuple(marshal.loads(marshal.dumps(value, 2)) if number % 2 else value for value in group + borrowed)
        codes[f"generated{number}"] = code_with((*values, tuple(values)))
    assert_equal_after_round_trip(tmp_path_factory.mktemp("trip"), codes)


@per_test_directory
@given(st.lists(slices | st.tuples(slices, scalars), min_size=1, max_size=10))
def test_slices(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    """Only the compiler of 3.14 makes slices constants, but code objects can hold them before."""
    code = code_with(tuple(values))
    assert_equal_after_round_trip(tmp_path_factory.mktemp("trip"), {"generated": code})


@per_test_directory
@given(st.sampled_from([(0, 1), (1, 5), (5, 3), (3, 6), (9, 2), (24, 1)]), st.booleans())
def test_nesting(tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int], frozensets: bool) -> None:
    depth, width = shape
    value: Any = "leaf"
    for level in range(depth):
        value = frozenset({value, level}) if frozensets and level % 3 == 0 else (*(value for _ in range(width)), level)
    code = code_with((value, value))
    assert_equal_after_round_trip(tmp_path_factory.mktemp("trip"), {"generated": code})


def test_nans_stay_apart(tmp_path: Path) -> None:
    """Containers compare items by identity first, so two NaN constants must not become one."""
    source = "A = 1e999 - 1e999\nB = 1e999 - 1e999\ndef c(): return 1e999 - 1e999\nC = c()\n"
    served, plain = round_trip(tmp_path, {"nans": compile(source, "nans.py", "exec")})["nans"]
    verdicts = []
    for code in (plain, served):
        names: dict[str, Any] = {}
        exec(code, names)
        values = [names[name] for name in "ABC"]
        verdicts.append([[a] == [b] for a in values for b in values])
    assert verdicts[0] == verdicts[1]


def test_what_cannot_be_archived_is_named(tmp_path: Path) -> None:
    from pycds._core import Unarchivable

    inner = compile("x", "inner.py", "eval")

    class Text(str):
        pass

    for value in (object(), [1], {1: 2}, {1}, bytearray(b"x"), range(3), Text("t"), int, frozenset({(inner,)})):
        with pytest.raises(Unarchivable, match="<module>"):
            round_trip(tmp_path, {"generated": code_with((value,))}, unmarshalled=False)


def test_constants_in_code_and_code_in_constants(tmp_path: Path) -> None:
    inner = compile("lambda: 'inner'", "inner.py", "eval")
    code = code_with(((1, (inner, "x"), inner), inner))
    served, plain = round_trip(tmp_path, {"generated": code})["generated"]
    assert list(differences(served, plain)) == []
    assert served.co_consts[1][2] is served.co_consts[2]
    assert eval(served.co_consts[1][1][0])() == "inner"


def run(code: CodeType) -> tuple[str, str]:
    """What executing a generated module leaves: its output, and the names it defines."""
    names: dict[str, Any] = {"__name__": "generated"}
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            exec(code, names)
        except Exception as error:  # noqa: BLE001 - whatever it raises is its result
            output.write(f"{type(error).__name__}: {error}")
    return output.getvalue(), repr(sorted(name for name in names if name != "__builtins__"))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # random code asserts what is always true
@per_test_directory
@given(st.lists(modules, min_size=1, max_size=4))
def test_generated_modules(tmp_path_factory: pytest.TempPathFactory, sources: list[str]) -> None:
    codes = {
        f"generated{number}": compile(source, f"generated{number}.py", "exec") for number, source in enumerate(sources)
    }
    for served, plain in round_trip(tmp_path_factory.mktemp("trip"), codes).values():
        assert list(differences(served, plain, disassemble=False)) == []
        expected = run(plain)
        assert [run(served) for _ in range(3)] == [expected, run(plain), run(plain)]

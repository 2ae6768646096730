"""Random small Python modules that run to an end and print what they compute."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable

from hypothesis import strategies as st

names = st.sampled_from(["alpha", "beta", "gamma", "delta", "_private", "naïve", "x1"])
atoms = st.one_of(
    names,
    st.integers(-(10**20), 10**20).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text(max_size=8).map(repr),
    st.binary(max_size=8).map(repr),
    st.sampled_from(["None", "True", "...", "()", "(1, 'two', 3.0)", "[1, 2, 3]", "{'k': 1}", "2j", "-0.0"]),
)


def _expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def joined(template: str) -> Callable[..., str]:
        return lambda *parts: template.format(*parts)

    return st.one_of(
        st.builds(joined("({}, {})"), inner, inner),
        st.builds(joined("(lambda: {})()"), inner),
        st.builds(joined("[{} for alpha in range(3)]"), inner),
        st.builds(joined("{{str({}): {} for beta in 'ab' if beta}}"), inner, inner),
        st.builds(joined("sorted(repr(gamma) for gamma in ({}, {}))"), inner, inner),
        st.builds(joined("({} if {} else {})"), inner, inner, inner),
        st.builds(joined("(str({}) in {{'a', 'b', 'c'}})"), inner),
        st.builds(joined("f'{{{}!r:>5}} and {{{}}}'"), names, names),
        st.builds(joined("(delta := {})"), inner),
        st.builds(joined("identity({}, key={})"), inner, inner),
        st.builds(joined("({} == {}) is not True"), inner, inner),
    )


expressions = st.recursive(atoms, _expressions, max_leaves=6)


def _indented(text: str) -> str:
    return textwrap.indent(text, "    ")


_BLOCKS = {
    "if {e}:\n{b}\nelif {f}:\n    {n} = {f}\nelse:\n{c}": "ebfnc",
    "for {n} in range(4):\n{b}\n    if {n} == 2: break\nelse:\n{c}": "nbc",
    "try:\n{b}\n    1 // 0\nexcept ZeroDivisionError as caught:\n    show(type(caught), caught)\nfinally:\n{c}": "bc",
    "try:\n    raise ExceptionGroup('eg', [ValueError({e}), KeyError(1)])\nexcept* ValueError as group:\n"
    "    show(group.exceptions)\nexcept* KeyError:\n{b}": "eb",
    "with scope({e}) as {n}:\n{b}": "enb",
    "match {e}:\n    case int() | float() as {n}: show('number')\n    case [first, *rest]: show(first, rest)\n"
    "    case {{'k': value}}: show(value)\n    case _:\n    {n} = 1\n": "en",
    "def function({n}=None, *args, key={e}, **options):\n    '''Doc.'''\n    def inner():\n        nonlocal {n}\n"
    "        {n} = {n}, args\n        return {n}\n    return inner(), key, sorted(options)\n"
    "show(function({f}, 1, key=2, z=3))\nshow(function.__doc__, function.__code__.co_freevars)": "nef",
    "class Thing(Base):\n    '''A class.'''\n    attribute: int = {e}\n    def method(self, {n}={f}):\n"
    "        return super().method({n}), __class__.__name__\n    @property\n    def own(self): return self.attribute\n"
    "show(Thing().method(), Thing().own, Thing.__annotations__, Thing.__qualname__)": "enf",
    "def numbers():\n    received = yield {e}\n    show(received)\n    yield from ({f}, 2)\n"
    "iterator = numbers()\nshow(next(iterator), iterator.send({e}), list(iterator))": "ef",
    "async def task({n}):\n    async with ascope({n}) as held:\n        return [item async for item in items(held)]\n"
    "show(drive(task({e})))": "ne",
    "while True:\n{b}\n    if counter() > 3: break": "b",
    "global {n}\n{n} = {e}\ndel {n}\n{n} = {f}": "nef",
}
"""Statements, and the letters of what each needs: expressions e and f, a name n, blocks b and c."""

_SINCE = {"match {e}": (3, 10), "try:\n    raise ExceptionGroup": (3, 11)}
"""Beginnings of those that not every version has."""


def _is_known(template: str) -> bool:
    return not any(template.startswith(start) and sys.version_info < since for start, since in _SINCE.items())


def _compound(body: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    block = body.map(_indented)
    parts = {"e": expressions, "f": expressions, "n": names, "b": block, "c": block}

    def built(template: str, needs: str) -> st.SearchStrategy[str]:
        if template.startswith("match"):
            template = template.replace("case _:\n    {n}", "case _:\n        {n}")
        return st.fixed_dictionaries({letter: parts[letter] for letter in needs}).map(
            lambda values: template.format(**values)
        )

    one = st.one_of([built(template, needs) for template, needs in _BLOCKS.items() if _is_known(template)])
    return st.lists(one | body, min_size=1, max_size=3).map("\n".join)


simple = st.one_of(
    st.builds("show({})".format, expressions),
    st.builds("{} = {}".format, names, expressions),
    st.builds("assert {}, 'message'".format, expressions),
)

PRELUDE = '''\
"""A generated module."""
import contextlib
alpha = beta = gamma = delta = _private = naïve = x1 = 0
counts = iter(range(1000))
def counter():
    return next(counts)
def identity(value, *, key=None):
    return value
def show(*values):
    print(*map(repr, values))
class Base:
    def method(self, value):
        return repr(value)
@contextlib.contextmanager
def scope(value):
    yield value
class ascope:
    def __init__(self, value): self.value = value
    async def __aenter__(self): return self.value
    async def __aexit__(self, *exception): return False
async def items(value):
    for number in range(2):
        yield number, value
def drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
'''


def _valid(source: str) -> bool:
    try:
        compile(source, "generated.py", "exec")
    except SyntaxError:
        return False
    return True


modules = (
    st.lists(st.recursive(simple, _compound, max_leaves=6), min_size=1, max_size=6)
    .map(lambda statements: PRELUDE + "\n".join(statements) + "\n")
    .filter(_valid)
)
"""Sources of modules."""

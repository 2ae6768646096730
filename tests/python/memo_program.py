"""What a compiled regular expression looks like: a script that prints it, for plain and served runs to be compared.

``memo_program.py < PATTERNS`` where PATTERNS is JSON, a list of [pattern, flags] or [[bytes as ints], flags].
"""

import copy
import json
import pickle
import re
import sys
import warnings

SUBJECTS = [
    "",
    "a",
    "A",
    "aB1_ é\n",
    "foo=bar; x=12",
    "2020-01-02T03:04",
    "\u00df\u017f\u0130 \u212a",
    "((a)(b))",
    "aaa\x00\ud800",
]


def matches(pattern):
    found = []
    for subject in SUBJECTS:
        if isinstance(pattern.pattern, bytes):
            subject = subject.encode("utf-8", "surrogatepass")
        for method in (pattern.match, pattern.search, pattern.fullmatch):
            match = method(subject)
            found.append(match and (match.span(), match.groups(), match.groupdict(), match.lastindex, match.lastgroup))
        found.append(pattern.findall(subject))
        found.append(pattern.sub(lambda match: match.group()[:1] * 2, subject))
        found.append(pattern.split(subject))
    return found


def describe(given, flags):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            pattern = re.compile(given, flags)
        except (re.error, ValueError, OverflowError, RecursionError) as error:
            fields = {name: getattr(error, name, None) for name in ("msg", "pattern", "pos", "lineno", "colno")}
            return ["error", type(error).__name__, str(error), repr(fields), [str(warning.message) for warning in told]]
    said = [(warning.category.__name__, str(warning.message), warning.lineno) for warning in told]
    again = pickle.loads(pickle.dumps(pattern))
    return [
        repr(pattern), pattern.flags, pattern.groups, list(pattern.groupindex.items()), sys.getsizeof(pattern),
        pattern.pattern is given, type(pattern) is re.Pattern, again is pattern, again == pattern,
        copy.copy(pattern) is pattern, copy.deepcopy(pattern) is pattern, repr(said), repr(matches(pattern)),
        hash(pattern) == hash(again), len(re._cache),
    ]  # fmt: skip


def main():
    for given, flags in json.load(sys.stdin):
        if isinstance(given, list):
            given = bytes(given)
        print(json.dumps(describe(given, flags)))
    first = dict(re._cache)
    re.purge()
    assert not re._cache
    for (_kind, pattern, flags), compiled in first.items():
        other = re.compile(pattern, flags)
        assert other is not compiled and other == compiled and hash(other) == hash(compiled), pattern
        assert repr(matches(other)) == repr(matches(compiled))


main()

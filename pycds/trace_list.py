"""The trace list: its grammar, reading and writing.  ``docs/trace-list.md`` is the reference.

    # pycds trace 1
    @python 3.11.7
    @flags optimize=0
    @path /usr/lib/python3.11
    @regex str 0 \\d+
    @code eval 0 -1 <string> lambda a: a + 1
    @script /home/user/app.py
    @absent ujson
    json<TAB>source<TAB>/usr/lib/python3.11/json/__init__.py<TAB>/usr/lib/python3.11<TAB>PathFinder

The original's list, a bare module name a line, is the degenerate case.  This file is used while a program is
being traced: it imports nothing.
"""

from _codecs import unicode_escape_decode, unicode_escape_encode  # built in: without an import of an encoding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List, Optional, Tuple, Union

    Regex = Tuple[str, int, Union[str, bytes]]
    """Kind of a pattern, the flags that it was compiled with, and itself; see ``regex``."""
    Code = Tuple[str, int, int, str, str]
    """A text that was compiled: the arguments of ``_core.compilation_key``."""

    Script = Tuple[str, str]
    """Filename of a script as its code has it, and the file's absolute path."""

HEADER = "# pycds trace 1"
_HEADER_WORDS = "# pycds trace "

KINDS = ("source", "sourceless", "zip", "namespace", "extension", "other")
"""How a module was loaded: the second field of a line."""

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_BLANK = "\\x20"
_UNESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


class TracedModule:
    """One module of a trace list.

    ``kind`` is None for a bare name.  ``entry`` is the path entry the module was found in, ``finder`` the meta-path
    finder that found it.  ``first_use`` (nanoseconds since the epoch) orders modules of several processes; 0 in a
    merged list, whose lines are in order already.
    """

    __slots__ = ("entry", "finder", "first_use", "kind", "name", "origin")

    def __init__(
        self,
        name: str,
        kind: "Optional[str]" = None,
        origin: "Optional[str]" = None,
        entry: "Optional[str]" = None,
        finder: "Optional[str]" = None,
        first_use: int = 0,
    ) -> None:
        self.name = name
        self.kind = kind
        self.origin = origin
        self.entry = entry
        self.finder = finder
        self.first_use = first_use

    def fields(self) -> "Tuple[object, ...]":
        return (self.name, self.kind, self.origin, self.entry, self.finder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TracedModule) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(self.fields())

    def __repr__(self) -> str:
        return f"TracedModule{self.fields()!r}"


class TraceList:
    """What a list says: modules in order of first use, sys.path of the traced run, and directives by name.

    ``regexes`` are the regular expressions that the program has compiled, ``codes`` the texts that it has made code of
    (``exec``, ``eval``, ``compile``), in order of first use; ``scripts`` are what interpreters were started with,
    ``absent`` the names that were imported and not found.
    """

    def __init__(self) -> None:
        self.modules: Dict[str, TracedModule] = {}
        self.path: List[str] = []
        self.regexes: Dict[Regex, None] = {}
        self.codes: Dict[Code, None] = {}
        self.scripts: Dict[Script, None] = {}
        self.absent: Dict[str, None] = {}
        self.directives: Dict[str, str] = {}
        self.warnings: List[str] = []

    def add(self, module: TracedModule) -> None:
        """Take up a module; a name already there keeps its place and is told of by the newer line."""
        self.modules[module.name] = module

    def put_path_first(self, entries: "Iterable[str]") -> None:
        """Make ``entries`` the head of the path, those already known behind them."""
        head = list(dict.fromkeys(entries))
        known = set(head)
        self.path = head + [entry for entry in self.path if entry not in known]


def escape(field: str) -> str:
    """A field without tabs or line ends; lone surrogates that no file name decodes to become ``\\uXXXX``."""
    if field.isascii() and field.isprintable() and "\\" not in field:
        return field
    return "".join(_escape_character(character) for character in field)


def _escape_character(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF and not 0xDC80 <= code <= 0xDCFF:
        return f"\\u{code:04x}"
    return _ESCAPES.get(character, character)


def unescape(field: str) -> str:
    """The inverse of ``escape``.  Raises ValueError on an escape that does not exist."""
    if "\\" not in field:
        return field
    pieces = field.split("\\")
    out = [pieces[0]]
    skip = False
    for index, piece in enumerate(pieces[1:], 1):
        if skip:  # the character after an escaped backslash: plain text
            out.append(piece)
            skip = False
        elif piece == "":
            if index == len(pieces) - 1:
                raise ValueError("ends in a single backslash")
            out.append("\\")
            skip = True
        elif piece[0] == "u":
            out.append(chr(_surrogate(piece[1:5])) + piece[5:])
        elif piece[0] in _UNESCAPES:
            out.append(_UNESCAPES[piece[0]] + piece[1:])
        else:
            raise ValueError(f"unknown escape \\{piece[0]}")
    return "".join(out)


def _surrogate(digits: str) -> int:
    code = int(digits, 16) if len(digits) == 4 and digits.isalnum() else 0
    if not 0xD800 <= code <= 0xDFFF or 0xDC80 <= code <= 0xDCFF:  # those stand for bytes of a file name
        raise ValueError(f"\\u{digits} is not a surrogate to be escaped")
    return code


def format_module(module: TracedModule) -> str:
    """The line of a module, without its end; trailing fields that are unknown are left out."""
    fields = [module.name, module.kind, module.origin, module.entry, module.finder]
    if module.first_use:
        fields.append(str(module.first_use))
    while fields[-1] is None:
        fields.pop()
    return "\t".join(escape(field or "") for field in fields)


def regex(pattern: "Union[str, bytes]", flags: int) -> "Regex":
    """A regular expression as a key: a str is never compared with bytes, of which ``python -b`` warns."""
    return ("str" if isinstance(pattern, str) else "bytes", flags, pattern)


def format_regex(regex: "Regex") -> str:
    """The line of a regular expression, without its end."""
    kind, flags, pattern = regex
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    return f"@regex {kind} {flags} {_escape_text(text)}"


def _escape_text(text: str) -> str:
    """Text in one line of ASCII."""
    return unicode_escape_encode(text)[0].decode("ascii")


def _unescape_text(escaped: str, what: str) -> str:
    """The inverse.  Raises ValueError saying what is wrong with ``what``."""
    if not escaped.isascii():
        raise ValueError(f"the {what} is not in ASCII")
    # Of others the codec would warn, or import what knows the names of characters.
    if any(piece[:1] not in tuple("tnrxuU") for piece in escaped.replace("\\\\", "").split("\\")[1:]):
        raise ValueError(rf"an escape in the {what} is not one of \\, \t, \n, \r, \x, \u and \U")
    return unicode_escape_decode(escaped.encode("ascii"))[0]


def parse_regex(value: str) -> "Regex":
    """The regular expression of a directive.  Raises ValueError saying what is wrong with it."""
    fields = value.split(" ", 2)
    if len(fields) != 3 or fields[0] not in ("str", "bytes") or not fields[1].isdigit() or len(fields[1]) > 9:
        raise ValueError("@regex wants str or bytes, flags and a pattern")
    kind, flags, escaped = fields
    text = _unescape_text(escaped, "pattern of @regex")
    return regex(text if kind == "str" else text.encode("latin-1"), int(flags))


def format_code(code: "Code") -> str:
    """The line of a text that was compiled, without its end."""
    mode, flags, optimize, filename, source = code
    return f"@code {mode} {flags} {optimize} {_escape_text(filename).replace(' ', _BLANK)} {_escape_text(source)}"


def parse_code(value: str) -> "Code":
    """The text of a directive.  Raises ValueError saying what is wrong with it."""
    fields = value.split(" ", 4)
    if len(fields) != 5 or fields[0] not in ("exec", "eval") or fields[2] not in ("-1", "0", "1", "2"):
        raise ValueError("@code wants exec or eval, flags, a level of optimisation, a filename and a text")
    mode, flags, optimize, filename, source = fields
    if not flags.isdigit() or len(flags) > 9:
        raise ValueError("the flags of @code are not a number")
    names = (_unescape_text(filename, "filename of @code"), _unescape_text(source, "text of @code"))
    return (mode, int(flags), int(optimize), *names)


def format_script(script: "Script") -> str:
    """The line of a script, without its end; up to 3.8 its filename may be relative, and the path follows."""
    filename, path = script
    return f"@script {escape(filename)}" + ("" if path == filename else f"\t{escape(path)}")


def parse_script(value: str) -> "Script":
    """The script of a directive.  Raises ValueError saying what is wrong with it."""
    fields = [unescape(field) for field in value.split("\t")]
    if len(fields) > 2 or not fields[0] or fields[-1][:1] != "/":
        raise ValueError("@script wants a filename and, where that is relative, an absolute path")
    return (fields[0], fields[-1])


def format_absent(name: str) -> str:
    """The line of a name that was imported and not found, without its end."""
    return f"@absent {escape(name)}"


def format_list(trace: TraceList) -> str:
    """A whole list as text."""
    lines = [HEADER]
    lines += [f"@{name} {escape(value)}" for name, value in trace.directives.items()]
    lines += [f"@path {escape(entry)}" for entry in trace.path]
    lines += [format_script(script) for script in trace.scripts]
    lines += [format_module(module) for module in trace.modules.values()]
    lines += [format_absent(name) for name in trace.absent if name not in trace.modules]
    lines += [format_regex(regex) for regex in trace.regexes]
    lines += [format_code(code) for code in trace.codes]
    return "\n".join(lines) + "\n"


def encode(text: str) -> bytes:
    """The bytes of list text: UTF-8, with the bytes of undecodable file names as they are."""
    return text.encode("utf-8", "surrogateescape")


def parse(data: bytes, place: str) -> TraceList:
    """Read a list.  Never fails: a line that makes no sense is named in ``warnings`` and left out.

    ``place`` is the list's path, for the warnings.
    """
    trace = TraceList()
    path: List[str] = []
    text = data.decode("utf-8", "surrogateescape")
    if text.startswith("\ufeff"):
        text = text[1:]
    for number, ended in enumerate(text.split("\n"), 1):
        line = ended[:-1] if ended.endswith("\r") else ended
        try:
            _parse_line(line, number, trace, path)
        except ValueError as problem:
            trace.warnings.append(f"{place}:{number}: {problem}; line ignored")
    trace.put_path_first(path)
    return trace


def _parse_line(line: str, number: int, trace: TraceList, path: "List[str]") -> None:
    if not line or line.isspace():
        return
    if line[0] == "#":
        if number == 1 and line.startswith(_HEADER_WORDS) and line.rstrip() != HEADER:
            raise ValueError(f"{line.rstrip()!r} was written by a newer PyCDS; read as '{HEADER}'")
        return
    if line[0] == "@":
        _parse_directive(line, trace, path)
        return
    module = parse_module(line)
    known = trace.modules.get(module.name)
    if known is not None and module.kind is None:
        raise ValueError(f"module {module.name!r} is listed twice")
    if known is not None and not module.first_use:
        raise ValueError(f"module {module.name!r} is listed twice, the first line counts")
    if known is None:
        trace.add(module)


def _parse_directive(line: str, trace: TraceList, path: "List[str]") -> None:
    name, _, value = line[1:].partition(" ")
    if name == "path":
        if not value:
            raise ValueError("@path without a path")
        path.append(unescape(value))
    elif name == "path-again":  # sys.path changed while the program ran: what follows counts first
        trace.put_path_first(path)
        path.clear()
    elif name == "regex":
        trace.regexes.setdefault(parse_regex(value))
    elif name == "code":
        trace.codes.setdefault(parse_code(value))
    elif name == "script":
        trace.scripts.setdefault(parse_script(value))
    elif name == "absent":
        trace.absent.setdefault(checked_name(unescape(value.strip())))
    elif name in ("python", "flags"):
        trace.directives[name] = unescape(value)
    else:
        raise ValueError(f"unknown directive @{name}")


def parse_module(line: str) -> TracedModule:
    """The module of one line.  Raises ValueError saying what is wrong with it."""
    fields = line.split("\t")
    if len(fields) == 1:
        return TracedModule(checked_name(unescape(line.strip())))
    if len(fields) > 6:
        raise ValueError(f"{len(fields)} fields, at most 6 are known")
    name = checked_name(unescape(fields[0]))
    kind = fields[1]
    if kind and kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r} of module {name!r}")
    origin, entry, finder = ([unescape(field) or None for field in fields[2:5]] + [None] * 3)[:3]
    first_use = fields[5] if len(fields) == 6 else "0"
    if not first_use.isdigit():
        raise ValueError(f"time of first use {first_use!r} is not a number")
    return TracedModule(name, kind or None, origin, entry, finder, int(first_use))


def checked_name(name: str) -> str:
    """A name that can stand in a list.  Raises ValueError saying what is wrong with it."""
    if any(0xDC80 <= ord(character) <= 0xDCFF for character in name):
        raise ValueError(f"{name!r} is not UTF-8")
    # Neither a backslash nor the beginning of a comment: a name is written as it is read.
    if not all(name.split(".")) or name[0] in "#@" or any(c.isspace() or c in "/\\\0" for c in name):
        raise ValueError(f"{name!r} is not the name of a module")
    return name

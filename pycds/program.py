"""What follows ``pycds run --``: a Python program, as one would give it to ``python``."""

import os
import sys

from pycds.errors import UsageError, refuse_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Sequence

_SIMPLE_OPTIONS = "bBdEiIOPqRsSuvx"
_ARGUMENT_OPTIONS = "XW"


class Program:
    """A Python program: interpreter options, what to run and its arguments.

    ``kind`` is "script", "module" or "code"; ``target`` the path, the module's name or the code.  ``is_worker``: this
    is not that program, but a process that it has started (``spawned.py``).
    """

    def __init__(
        self, flags: "List[str]", kind: str, target: str, arguments: "List[str]", is_worker: bool = False
    ) -> None:
        self.flags = flags
        self.kind = kind
        self.target = target
        self.arguments = arguments
        self.is_worker = is_worker

    @property
    def command(self) -> "List[str]":
        """The interpreter's arguments."""
        how = {"script": [], "module": ["-m"], "code": ["-c"]}[self.kind]
        return [*self.flags, *how, self.target, *self.arguments]

    @property
    def name(self) -> str:
        """A short name for people, fit for a file name."""
        name = os.path.basename(self.target.rstrip("/")) if self.kind == "script" else self.target
        if self.kind == "code":
            name = "code"
        cleaned = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
        if self.is_worker:
            return f"{cleaned[:33].lstrip('.') or 'program'}-worker"
        return cleaned[:40].lstrip(".") or "program"

    def depends_on_directory(self) -> bool:
        """Whether sys.path begins with the working directory, so that the same words may mean another program."""
        return self.kind in ("module", "code") and not any(flag[:2] in ("-I", "-P") for flag in self.flags)


def parse(words: "Sequence[str]") -> Program:
    """Take a command line apart as ``python`` does.  Raises UsageError."""
    rest = list(words)
    if rest[:1] == ["--"]:  # between the command's own words and the program's
        rest.pop(0)
    what = _take_apart(rest, _script)
    if what.kind == "module":
        refuse_empty(what.target, "the module")
    return what


def running(words: "Sequence[str]") -> "Optional[Program]":
    """The program that an interpreter with these arguments runs; None where they name none that can be known again.

    A script is where it is, whatever it is: the interpreter has not looked at it yet.
    """
    what = take_apart(words)
    return None if what is None or what.kind == "code" else what


def take_apart(words: "Sequence[str]") -> "Optional[Program]":
    """What an interpreter with these arguments runs, code included; None where that is nothing that they name."""
    try:
        return _take_apart(words, lambda flags, target, arguments: Program(flags, "script", target, arguments))
    except UsageError:
        return None


def _take_apart(words: "Sequence[str]", script: "Callable[[List[str], str, List[str]], Program]") -> Program:
    flags: List[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "-":
            raise UsageError("a program on standard input has no archive: give a script, -m MODULE or -c CODE")
        if word == "--":
            break
        if not word.startswith("-"):
            return script(flags, word, rest)
        if word == "--check-hash-based-pycs" and rest:
            flags += [word, rest.pop(0)]
            continue
        program = _short_options(word, rest, flags)
        if program is not None:
            return program
    raise UsageError("no program to run: give a script, -m MODULE or -c CODE, for example: pycds run -- app.py")


def _short_options(word: str, rest: "List[str]", flags: "List[str]") -> "Optional[Program]":
    """One word of options such as -OO, -Xdev or -mjson.tool; the program if it names one."""
    for index, letter in enumerate(word[1:], 1):
        if letter in _SIMPLE_OPTIONS and not word.startswith("--"):
            flags.append("-" + letter)
            continue
        if letter not in _ARGUMENT_OPTIONS + "mc" or word.startswith("--"):
            raise UsageError(f"{word!r} is neither an option of pycds nor one of python that pycds can pass on")
        argument = word[index + 1 :]
        if not argument:
            if not rest:
                raise UsageError(f"-{letter} needs an argument")
            argument = rest.pop(0)
        if letter in _ARGUMENT_OPTIONS:
            flags += ["-" + letter, argument]
            return None
        return Program(flags, "module" if letter == "m" else "code", argument, list(rest))
    return None


def _script(flags: "List[str]", target: str, arguments: "List[str]") -> Program:
    refuse_empty(target, "the program")
    if os.path.basename(target).rstrip("0123456789.") == "python" and not os.path.isdir(target):
        example = arguments[0] if arguments else "app.py"
        raise UsageError(f"leave `{target}` out: after -- stands what you would give to python, as in {example}")
    if os.path.exists(target):
        if _is_machine_code(target):
            raise UsageError(f"{target} is a program of its own (as PyInstaller makes them): start it without pycds")
        return Program(flags, "script", target, arguments)
    if os.sep in target:
        raise UsageError(f"{target}: no such file")
    path = _find_on_path(target)
    if path is None:
        raise UsageError(f"{target}: no such file here, and no such command on PATH")
    return Program([*shebang(path)[1:], *flags], "script", path, arguments)


def _is_machine_code(path: str) -> bool:
    if not os.path.isfile(path):  # reading from a FIFO would wait
        return False
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _find_on_path(name: str) -> "Optional[str]":
    # The environment's own commands come first: `pycds` may be called by its path, without an activated environment.
    directories = [os.path.dirname(sys.executable), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    for directory in directories:
        path = os.path.join(os.path.abspath(directory), name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def shebang(path: str) -> "List[str]":
    """The interpreter of a console script, and its options; it must be one of this environment.  Raises UsageError."""
    try:
        with open(path, "rb") as file:
            head = file.read(1024).split(b"\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    line = os.fsdecode(head[0])
    if line.endswith("/.pycds-restorer --script"):
        from pycds.restored_script import interpreter_line

        line = "#!" + os.fsdecode(interpreter_line(path) or b"")
    if line.startswith("#!/bin/sh") and len(head) > 1 and head[1].startswith(b"'''exec'"):
        line = "#!" + os.fsdecode(head[1])[8:].replace('"$0" "$@"', "").strip()  # a long or blank-ridden path
    words = line[2:].replace('"', "").split()
    if not line.startswith("#!") or not words:
        raise UsageError(f"{path} is not a Python script; pycds runs Python programs only")
    if os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S"]
        words[:1] = [_find_on_path(words[0]) or words[0]] if words else []
    if not words or "python" not in os.path.basename(words[0]):
        raise UsageError(f"{path} is not a Python script; pycds runs Python programs only")
    if not _is_this_interpreter(words[0]):
        raise UsageError(
            f"{path} belongs to {words[0]}, not to {sys.executable}; install PyCDS there and run it with that pycds"
        )
    return words


def _is_this_interpreter(path: str) -> bool:
    """Whether running ``path`` gives this environment: the same binary, from the same directory of a venv."""
    here, there = sys.executable, os.path.abspath(path)
    if os.path.realpath(here) != os.path.realpath(there):
        return False
    if sys.prefix == sys.base_prefix:
        return not os.path.exists(os.path.join(os.path.dirname(os.path.dirname(there)), "pyvenv.cfg"))
    return os.path.realpath(os.path.dirname(here)) == os.path.realpath(os.path.dirname(there))

"""What runs in the process that is written down, from its beginning to the checkpoint, and on in each restored one."""

import gc
import os
import sys
from types import ModuleType

from pycds import _core, fast_exit, hooks, refresh
from pycds._startup import warn
from pycds.errors import NOTHING_DUMPED, PycdsError
from pycds.snapshot.mapped_code import obstacle
from pycds.snapshot.source import split
from pycds.snapshot.watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Type

FREE_NAMES = (
    "PYCDS*", "PWD", "OLDPWD", "SHLVL", "_",
    "SSH_*", "TMUX*", "STY", "WINDOW", "WINDOWID", "TERM_SESSION_ID", "XDG_SESSION_ID", "INVOCATION_ID",
    "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "GPG_TTY",
)  # fmt: skip
"""Variables that may differ, as long as the program has not asked for them: PyCDS's own, a shell's state, and names of
sessions."""


_never_freed: "List[object]" = []
"""Thousands of objects all over the heap: to free them would copy as many pages in each restored process."""


class Unmade(PycdsError):
    """There can be no snapshot."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no snapshot can be made: {why}", NOTHING_DUMPED)


class Request:
    """What ``pycds snapshot create`` hands over, as words."""

    def __init__(self, words: "Sequence[str]") -> None:
        self.path, began, self.at, modules, free_names, leave, self.warm_up, self.made_by, *rest = words
        self.kind, self.target, *self.command = rest
        self.began = int(began)
        self.modules = modules.split(",") if modules else []
        self.free_names = free_names.split(",") if free_names else []
        self.fast_exit = leave == "fast"


def main(words: "Sequence[str]") -> int:
    """Prepare the program and write it down; go on from there in a restored process."""
    try:
        _prepare(Request(words))
    except (Unmade, _core.Refusal) as error:
        warn(str(error))
        return NOTHING_DUMPED
    return 0


def _prepare(request: Request) -> None:
    _core.snapshot_prepare()
    if request.fast_exit:
        fast_exit.enable()
    sys.dont_write_bytecode, writes_bytecode = True, sys.dont_write_bytecode
    program = Program(request)
    watch = Watch()

    def take() -> None:
        try:
            _warm_up(request.warm_up)
            hooks.before()
            sys.dont_write_bytecode = writes_bytecode
            _take(request, program, watch)
        except (Unmade, _core.Refusal) as error:  # the program must not catch it
            warn(str(error))
            os._exit(NOTHING_DUMPED)

    hooks._take = take
    program.become_main()
    if request.modules:
        for name in request.modules:
            __import__(name)
        hooks.checkpoint()
        program.run(program.whole_code)
    elif request.at == "call":
        program.run(program.whole_code)
        if hooks._take is not None:
            raise Unmade("the program has ended without calling pycds.checkpoint(); do without --at call")
    else:
        first, second = program.pieces()
        program.run(lambda: first)
        hooks.checkpoint()
        program.run(lambda: second)


def _warm_up(text: str) -> None:
    """Execute it in a namespace of its own: what it does to modules alone is kept.  Raises Unmade."""
    if not text:
        return
    code = compile(text, "<warm-up>", "exec", dont_inherit=True)
    try:
        exec(code, {"__name__": "__warm_up__"})
    except BaseException as error:  # noqa: BLE001  # SystemExit, too, and whatever it is
        own = error.__traceback__ and error.__traceback__.tb_next
        where = f"line {own.tb_lineno} of " if own else ""
        said = "".join(f": {line}" for line in str(error).splitlines()[:1])
        raise Unmade(f"{where}--warm-up has raised {type(error).__name__}{said}") from None


def _take(request: Request, program: "Program", watch: Watch) -> None:
    """Write this process down and end; in a restored process, put right what is another process's."""
    watch.end()
    files = watch.files() | _sources() | _search_path() | {"/etc/localtime"}
    looked_at = watch.looked_at() - files
    if os.path.realpath(os.path.dirname(request.path)) in map(os.path.realpath, files):
        raise Unmade(
            f"{request.path} would lie in a directory of the program's search path, and change it; choose another"
        )
    problem = obstacle() or watch.problem or refresh.obstacle()
    if problem is not None:
        raise Unmade(problem)
    changes = watch.changes()
    free_names = _free_names(request, watch)
    variables = (f"{name}={value}" for name, value in watch.before.items())
    kept = [variable for variable in variables if not _is_free(variable, free_names)]
    directory = os.getcwd() if watch.directory or program.searches_directory else ""
    for stream in {sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__}:
        if stream is not None:
            stream.flush()
    refresh.prepare(watch.unseeded.values())
    gc.collect()
    made_by = f"({request.made_by}, {_frozen(watch)!r})"
    if request.fast_exit:
        fast_exit.remember()
    kept.sort(key=os.fsencode)
    lists = (request.command, sorted(files), sorted(looked_at), kept, free_names)
    _never_freed.extend((watch, lists))
    restored = _core.snapshot_dump(
        lists,
        (request.path, directory, os.uname().nodename if watch.host else "", sys.version, made_by),
        watch.terminals,
        request.began,
    )
    if restored is None:
        os._exit(0)
    called_as, *own = restored[0]
    command = request.command
    name = sys.argv[0]
    if called_as and request.kind == "script":
        name = program.called_as(os.fsdecode(called_as))
        command = [*command[:-1], name]
    refresh.refresh(name, own, restored[1], changes, command)


def _frozen(watch: Watch) -> "Dict[str, Any]":
    """What is the same in all restored processes, for `pycds snapshot explain`."""
    packages: Dict[str, int] = {}
    for name in sys.modules:
        package = name.partition(".")[0]
        packages[package] = packages.get(package, 0) + 1
    seed = "" if sys.flags.ignore_environment else watch.before.get("PYTHONHASHSEED", "")
    return {
        "hash_seed": seed or "random",
        "modules": len(sys.modules),
        "packages": dict(sorted(packages.items(), key=lambda item: (-item[1], item[0]))[:8]),
        "objects": len(gc.get_objects()),
        "gc": [gc.isenabled(), *gc.get_threshold()],
        "asked": watch.asked_variables(),
    }


def _sources() -> "Set[str]":
    """The files of the modules that are loaded."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return {os.path.abspath(file) for file in files if isinstance(file, str)}


def _search_path() -> "Set[str]":
    """The directories of the search path, those that would be there if they existed, and the files that extend it."""
    found = {os.path.abspath(entry) for entry in sys.path if entry}
    site: Any = sys.modules.get("site")
    if site is not None:
        found.update(site.getsitepackages(), [site.getusersitepackages()] if site.ENABLE_USER_SITE is not None else [])
    for entry in list(found):
        if os.path.isdir(entry):
            found.update(os.path.join(entry, name) for name in os.listdir(entry) if name.endswith((".pth", ".start")))
    return found | {os.path.join(sys.prefix, "pyvenv.cfg")}


def _free_names(request: Request, watch: Watch) -> "List[str]":
    """Those that the program has not asked for.  Raises Unmade where it has asked for one that shall be free."""
    asked = watch.asked_variables()
    for name in asked:
        if _is_free(name + "=", request.free_names):
            raise Unmade(
                f"{asked[name]} asks for {name} before the checkpoint, so it must not vary; take it out of --vary"
            )
    return [*(name for name in FREE_NAMES if name not in asked), *request.free_names]


def _is_free(variable: str, free_names: "Sequence[str]") -> bool:
    name = variable.partition("=")[0]
    return any(name.startswith(free[:-1]) if free.endswith("*") else name == free for free in free_names)


class Program:
    """A program that becomes the main module."""

    def __init__(self, request: Request) -> None:
        self.kind, self.target = request.kind, request.target
        self.module = ModuleType("__main__")
        self.source: Callable[[], Tuple[str, bytes]] = lambda: ("<string>", os.fsencode(self.target))
        # -P is there from 3.11 on
        self.searches_directory = self.kind != "script" and not getattr(sys.flags, "safe_path", sys.flags.isolated)
        if sys.path[:1] == [""] and self.kind != "code":
            script = os.path.dirname(os.path.realpath(self.target))
            sys.path[0] = script if self.kind == "script" else os.getcwd()

    def become_main(self) -> None:
        """Take the place of the code that has started this process, as the interpreter makes it."""
        from importlib.machinery import BuiltinImporter, SourceFileLoader

        attributes = self.module.__dict__
        attributes.update(__builtins__=sys.modules["builtins"], __annotations__={})
        sys.modules["__main__"] = self.module
        _set_arguments(["-c"])
        if self.kind == "code":
            attributes["__loader__"] = BuiltinImporter
            return
        if self.kind == "module":
            spec = _spec_of(self.target)
            path, loader = spec.origin, spec.loader
            attributes.update(__cached__=spec.cached, __package__=spec.parent, __spec__=spec)
        else:
            path = self.target
            loader = SourceFileLoader("__main__", path)
            attributes.update(__cached__=None)
        attributes.update(__loader__=loader, __file__=path)
        _set_arguments([path])
        self.source = lambda: (path, loader.get_data(path))

    def called_as(self, path: str) -> str:
        """Have the script be one of this path; what the interpreter makes of it is not normalised, either."""
        self.module.__file__ = os.path.join(os.getcwd(), path)
        return path

    def pieces(self) -> "Tuple[CodeType, CodeType]":
        """Its code before and after the checkpoint."""
        filename, text = self.source()
        pieces = split(text, filename)
        if pieces is None:
            raise Unmade(
                "the program begins to act before it has imported anything; call pycds.checkpoint() in it and use "
                "--at call, or name modules with --after-import"
            )
        return pieces

    def whole_code(self) -> "CodeType":
        """All of its code, as its text is now."""
        filename, text = self.source()
        code: CodeType = compile(text, filename, "exec", dont_inherit=True)
        return code

    def run(self, code_of: "Callable[[], CodeType]") -> None:
        """Execute code in the main module.  What it raises is told without this package's frames."""
        code: Optional[CodeType] = None
        try:
            code = code_of()
            exec(code, self.module.__dict__)
        except BaseException:
            _tell_from(code)
            raise


def _set_arguments(arguments: "List[str]") -> None:
    """Without the watch taking it for something that the program does."""
    list.__setitem__(sys.argv, slice(None), arguments)


def _spec_of(module: str) -> "Any":
    import runpy

    spec = runpy._get_module_details(module)[1]  # type: ignore[attr-defined]  # what -m itself does
    if not spec.has_location or not spec.origin.endswith(".py"):
        raise Unmade(f"{module} has no source; name modules with --after-import")
    return spec


def _tell_from(code: "Optional[CodeType]") -> None:
    """Have the exception that is on its way told from the program's own frames on."""
    tell = sys.excepthook

    def tell_program_alone(
        kind: "Type[BaseException]", value: BaseException, traceback: "Optional[TracebackType]"
    ) -> None:
        sys.excepthook = tell
        own = traceback
        while own is not None and own.tb_frame.f_code is not code:
            own = own.tb_next
        value.__traceback__ = own if own is not None else traceback
        tell(kind, value, value.__traceback__)

    sys.excepthook = tell_program_alone

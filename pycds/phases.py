"""Counts the time of this process by phase, for ``pycds bench --explain``.

What the import system calls is wrapped in its place, for a plain run as for a served one: global names of the modules
it is made of, which calls look up, and ``get_code`` of its loaders.  That is done before an archive is attached, so that
the core finds all of it as it was; of the one function that it asks to be the interpreter's own, ``_find_and_load`` (and
what that calls), it knows that a PhaseCall only measures (``src/serve/bootstrap.hpp``).  Its own import path, finder and
linker say in C++ which phase they are in.  All this counts one thread, the first; ``src/observe`` has the clock.
"""

import os
import sys
from _frozen_importlib import __dict__ as _bootstrap
from _frozen_importlib_external import __dict__ as _external
from zipimport import __dict__ as _zipimport

from pycds._core import PhaseCall, PhaseClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict

_GLOBAL_FUNCTIONS = (
    (_bootstrap, "_find_and_load", "import"),
    (_bootstrap, "_find_spec", "find"),
    (_external, "_compile_bytecode", "link"),
    (_zipimport, "_unmarshal_code", "link"),
    (_zipimport, "_compile_source", "compile"),
)

_LOADERS = ((_external, "SourceLoader"), (_external, "SourcelessFileLoader"), (_zipimport, "zipimporter"))

_BUILTINS = (
    (_bootstrap, "exec", "exec"),
    (_external, "exec", "exec"),
    (_zipimport, "exec", "exec"),
    (_external, "compile", "compile"),
)
"""Found in ``builtins`` by these modules, until they have globals of these names."""

_EXTENSION_FUNCTIONS = ("create_builtin", "exec_builtin", "create_dynamic", "exec_dynamic")

clock: "PhaseClock | None" = None
"""That of this process."""


def observe(path: str, begun_ns: int, attached_ns: int) -> PhaseClock:
    """Count from now on, into the file at ``path``, which exists.  Raises OSError.

    ``begun_ns`` is when the start-up hook was entered, ``attached_ns`` when it had done what it does for an archive.
    """
    global clock
    clock = PhaseClock(path, begun_ns, attached_ns)
    _wrap_import_system()
    _wrap_builtins()
    clock.when_executed("re", _wrap_regex_compiler)
    if "re" in sys.modules:  # of another start-up hook
        _wrap_regex_compiler(vars(sys.modules["re"]))
    import atexit
    import gc

    gc.callbacks.append(clock.collection)
    atexit.register(clock.change_to, "exit")  # before anything of the program, so that it runs after all of that
    os.register_at_fork(after_in_child=clock.stop)
    return clock


def _wrap_import_system() -> None:
    for namespace, name, phase in _GLOBAL_FUNCTIONS:
        namespace[name] = PhaseCall(namespace[name], phase)
    import builtins

    for namespace, name, phase in _BUILTINS:
        namespace[name] = PhaseCall(getattr(builtins, name), phase)
    for namespace, name in _LOADERS:
        loader = namespace[name]
        loader.get_code = PhaseCall(loader.get_code, "read")
    imp: Any = _bootstrap["_imp"]
    for name in _EXTENSION_FUNCTIONS:
        setattr(imp, name, PhaseCall(getattr(imp, name), "extension"))


def _wrap_builtins() -> None:
    import builtins

    namespace: Dict[str, Any] = vars(builtins)
    namespace["__build_class__"] = PhaseCall(namespace["__build_class__"], "class")


def _wrap_regex_compiler(re: "Dict[str, Any]") -> None:
    """``re`` has been executed: if its compiler is the one in Python, and not the core's, its calls count."""
    compiler = re.get("_compiler") or re.get("sre_compile")  # from 3.11 on, and before
    function: Callable[..., Any] = getattr(compiler, "compile", observe)
    if compiler is not None and type(function) is type(observe):
        compiler.compile = PhaseCall(function, "regex")

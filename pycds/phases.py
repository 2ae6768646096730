"""Counts the time of this process by phase, for ``pycds bench --explain``.

What the import system calls is wrapped in its place, for a plain run as for a served one: global names of the modules
it is made of, which calls look up, and ``get_code`` of its loaders.  That is done before an archive is attached, so
that the core finds all of it as it was; and where it asks for functions that are the interpreter's own, it looks at
what a PhaseCall stands for (``Bootstrap::is_pristine``).  The core's own import path, finder and linker say in C++
which phase they are in.  All this counts one thread, the first; ``src/observe`` has the clock.
"""

import _frozen_importlib
import _frozen_importlib_external
import builtins
import os
import sys
import zipimport

from pycds._core import PhaseCall, PhaseClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict

_bootstrap, _external, _zipimport = vars(_frozen_importlib), vars(_frozen_importlib_external), vars(zipimport)
_builtins = vars(builtins)

FUNCTIONS = (
    (_bootstrap, "_find_and_load", "import"),
    (_bootstrap, "_find_spec", "find"),
    (_external, "_compile_bytecode", "link"),
    (_zipimport, "_unmarshal_code", "link"),
    (_zipimport, "_compile_source", "compile"),
    (_builtins, "__build_class__", "class"),
)
"""Namespace, name in it, and phase."""

SHADOWED = (
    (_bootstrap, "exec", "exec"),
    (_external, "exec", "exec"),
    (_zipimport, "exec", "exec"),
    (_external, "compile", "compile"),
)
"""The same: functions that these modules find in ``builtins`` as long as they have no globals of these names."""

LOADERS = ((_external, "SourceLoader"), (_external, "SourcelessFileLoader"), (_zipimport, "zipimporter"))

EXTENSION_FUNCTIONS = ("create_builtin", "exec_builtin", "create_dynamic", "exec_dynamic")
"""Those of ``_imp``."""

clock: "PhaseClock | None" = None
"""That of this process."""


def observe(path: str, begun_ns: int, attached_ns: int) -> PhaseClock:
    """Count from now on, into the file at ``path``, which exists.  Raises OSError.

    ``begun_ns`` is when the start-up hook was entered; what passed between that and ``attached_ns`` it has done for an
    archive.
    """
    global clock
    clock = PhaseClock(path, begun_ns, attached_ns)
    _wrap_functions()
    clock.when_executed("re", _wrap_regex_compiler)
    if "re" in sys.modules:  # of another start-up hook
        _wrap_regex_compiler(vars(sys.modules["re"]))
    import atexit
    import gc

    gc.callbacks.append(clock.collection)
    atexit.register(clock.change_to, "exit")  # before anything of the program, so that it runs after all of that
    os.register_at_fork(after_in_child=clock.stop)
    return clock


def _wrap_functions() -> None:
    for namespace, name, phase in FUNCTIONS:
        namespace[name] = PhaseCall(namespace[name], phase)
    for namespace, name, phase in SHADOWED:
        namespace[name] = PhaseCall(_builtins[name], phase)
    for namespace, name in LOADERS:
        loader = namespace[name]
        loader.get_code = PhaseCall(loader.get_code, "read")
    imp: Any = _bootstrap["_imp"]
    for name in EXTENSION_FUNCTIONS:
        setattr(imp, name, PhaseCall(getattr(imp, name), "extension"))


def _wrap_regex_compiler(re: "Dict[str, Any]") -> None:
    """``re`` has been executed: if its compiler is the function in Python, and not the core's, calls of it count."""
    compiler = re.get("_compiler") or re.get("sre_compile")  # from 3.11 on, and before
    function: Callable[..., Any] | None = getattr(compiler, "compile", None)
    if compiler is not None and type(function) is type(observe):
        compiler.compile = PhaseCall(function, "regex")

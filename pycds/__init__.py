"""PyCDS: makes Python programs start fast, from an archive of ready-made code objects.

The public interface; see ``docs/api.md``.  Everything below is loaded when it is first asked for,
so that ``import pycds`` imports nothing else: the start-up hook passes through this file.

    record      write the modules that this process imports into a trace list
    dump        make an archive from a trace list
    open        look into an archive, without using it
    attach      serve this process's imports from an archive
    statistics  what the attached archives have done so far
    identity    what must match between the interpreter that dumps and the one that attaches

    checkpoint         where a snapshot of this program is made
    before_checkpoint  have a function called before that
    after_restore      have a function called in each process that is restored from it
"""

# No `from __future__` and no typing here: on the start-up path each import counts.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from pycds._core import Image as open  # noqa: A004 - the public name
    from pycds._core import Refusal, Unarchivable, identity
    from pycds._startup import attach, statistics
    from pycds.dumper import DumpSummary, dump
    from pycds.errors import PycdsError
    from pycds.hooks import after_restore, before_checkpoint, checkpoint
    from pycds.tracer import Recording, record

__version__ = "0.1.0"

__all__ = [
    "DumpSummary",
    "PycdsError",
    "Recording",
    "Refusal",
    "Unarchivable",
    "after_restore",
    "attach",
    "before_checkpoint",
    "checkpoint",
    "dump",
    "identity",
    "open",
    "record",
    "statistics",
]

_HOME = {
    "DumpSummary": ("pycds.dumper", "DumpSummary"),
    "PycdsError": ("pycds.errors", "PycdsError"),
    "Recording": ("pycds.tracer", "Recording"),
    "Refusal": ("pycds._core", "Refusal"),
    "Unarchivable": ("pycds._core", "Unarchivable"),
    "after_restore": ("pycds.hooks", "after_restore"),
    "attach": ("pycds._startup", "attach"),
    "before_checkpoint": ("pycds.hooks", "before_checkpoint"),
    "checkpoint": ("pycds.hooks", "checkpoint"),
    "dump": ("pycds.dumper", "dump"),
    "identity": ("pycds._core", "identity"),
    "open": ("pycds._core", "Image"),
    "record": ("pycds.tracer", "record"),
    "statistics": ("pycds._startup", "statistics"),
}


def __getattr__(name: str) -> object:
    if name == "_core":  # in sys.modules, where the start-up hook has loaded it without this package
        return __import__("pycds._core", None, None, ["identity"])
    try:
        module, attribute = _HOME[name]
    except KeyError:
        raise AttributeError(f"module 'pycds' has no attribute {name!r}") from None
    try:
        home = __import__(module, None, None, [attribute])
    except ImportError:
        if module != "pycds._core":
            raise
        home = __import__("pycds.unsupported", None, None, [attribute])  # such names can be caught everywhere
    found = getattr(home, attribute)
    globals()[name] = found
    return found


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})

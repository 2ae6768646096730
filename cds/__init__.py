"""The interface of the original PyCDS (code-data-share), served by this one.

    cds.trace(list)      record imports into a trace list, until the process ends
    cds.share(archive)   serve imports from an archive
    cds.init_from_env()  do what PYCDSMODE says

and ``cds.dump``.  See ``docs/guides/migration.md``.
"""

import os

from pycds import _startup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    PathLike = Union[str, os.PathLike[str]]

__all__ = ["init_from_env", "share", "trace"]


def trace(class_list: "PathLike") -> None:
    """Record the modules that this process imports into a trace list, adding to one that is there.

    Raises OSError when nothing can be written beside the list.
    """
    from pycds.tracer import record

    record(class_list)


def share(archive: "PathLike") -> None:
    """Serve this process's imports from an archive from now on, validated as PYCDSVALIDATION says.

    Raises pycds.Refusal when it cannot be used.
    """
    _startup.attach(archive, "on", _startup.validation_of(os.environ))


def init_from_env() -> None:
    """Do what PYCDSMODE says, unless the start-up hook has done so already."""
    _startup.start()

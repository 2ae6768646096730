"""Where ``pycds run`` keeps the archives that it makes.

``$PYCDS_HOME``, else ``$XDG_CACHE_HOME/pycds``, else ``~/.cache/pycds``.  Beside each archive ``NAME.pycds`` lie its
trace list ``NAME.pycds.lst``, ``NAME.pycds.missed``, in which served runs note what the archive lacks, and
``NAME.pycds.runs``, in which each notes how many modules came from it; and snapshots of the program, where they are
asked for (``snapshot/auto.py``).
"""

import _imp
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Sequence

    from pycds.program import Program

BASE = "base-"
"""What the names of archives of whole environments begin with."""


def home(chosen: "Mapping[str, str]" = os.environ) -> str:
    """The directory of archives; ``chosen`` may have PYCDS_HOME.  Raises PycdsError when there is none to be found."""
    own = chosen.get("PYCDS_HOME")
    if own:
        return os.path.abspath(own)
    cache = os.environ.get("XDG_CACHE_HOME")
    if cache and os.path.isabs(cache):
        return os.path.join(cache, "pycds")
    user = os.path.expanduser("~")
    if not os.path.isabs(user):
        from pycds.errors import PycdsError

        raise PycdsError("no home directory to keep archives in: set PYCDS_HOME or give --archive FILE")
    return os.path.join(user, ".cache", "pycds")


def base_of(directory: str) -> str:
    """The archive of the whole environment in a directory: one for each environment, interpreter and set of flags."""
    options = [repr(sys._xoptions.get(name)) for name in ("no_debug_ranges", "frozen_modules")]
    identity = [sys.prefix, sys.version, str(sys.flags.optimize), *options]
    return f"{directory}/{BASE}{digest(identity):016x}.pycds"


def shared() -> str:
    """The directory of the environment itself in which such an archive serves all users."""
    return f"{sys.prefix}/share/pycds"


def changes_of(base: str) -> str:
    """The archive of what has changed since, beside it."""
    return base + "-changes"


def bases(chosen: "Mapping[str, str]" = os.environ) -> "List[str]":
    """Such archives as there are: the user's own, else the shared ones; to be attached in this order."""
    places = [shared()]
    try:
        places.insert(0, home(chosen))
    except Exception:  # noqa: BLE001 - PycdsError, which is not imported where all is well
        pass
    for base in map(base_of, places):
        if os.path.exists(base):
            return [path for path in (base, changes_of(base)) if os.path.exists(path)]
    return []


def archive_for(
    program: "Program", flags: "Sequence[str]", executable: str = "", chosen: "Mapping[str, str]" = os.environ
) -> str:
    """The archive of a program under this interpreter: same program, same interpreter, same flags, same file.

    ``executable``: by which of its names the interpreter is called, if it is not the one by which this process was.
    ``chosen``: see ``home()``.
    """
    target = program.target
    if program.kind == "script":
        target = os.path.realpath(target)
    executable = executable or sys.executable
    identity = [executable, os.path.realpath(executable), sys.version, *_in_order([*flags, *program.flags])]
    identity += [program.kind, target, *(["worker"] if program.is_worker else [])]
    if program.depends_on_directory():
        identity.append(os.getcwd())
    return os.path.join(home(chosen), f"{program.name}-{digest(identity):016x}.pycds")


def _in_order(flags: "Sequence[str]") -> "List[str]":
    """Options as they count: an interpreter that is started with them has those of the environment twice."""
    words = list(flags)
    counted = [word for word in words if word == "-O"]
    options = set()
    while words:
        option = words.pop(0)
        if option in ("-X", "-W", "--check-hash-based-pycs") and words:
            option = f"{option} {words.pop(0)}"
        options.add(option)
    return sorted(options - {"-O"}) + counted


def list_of(archive: str) -> str:
    """The trace list beside an archive."""
    return archive + ".lst"


def missed_of(archive: str) -> str:
    """The file beside an archive in which served runs note what it lacks."""
    return archive + ".missed"


def runs_of(archive: str) -> str:
    """The file beside an archive in which served runs note how many modules came from it, and how many did not."""
    return archive + ".runs"


def make_directory(archive: str) -> None:
    """Make the archive's directory, for the user alone.  Raises OSError."""
    os.makedirs(os.path.dirname(archive), mode=0o700, exist_ok=True)


def digest(words: "Sequence[str]") -> int:
    """64 bits of the words, by what hashes sources for importlib.

    hashlib would cost a served start a millisecond, and nobody gains from a collision here.
    """
    return int.from_bytes(_imp.source_hash(0, "\0".join(words).encode("utf-8", "surrogatepass")), "big")

"""Archives on their way to another machine: the file that ``pycds export`` writes and ``pycds import`` reads.

A plain tar: first ``pycds-export.json``, which says what follows, then each archive with its trace list.  Of such a
file nothing is believed: no name in it leads out of the store, and what is not as the first member says is refused,
before anything in the store is changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import sys
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from pycds import __version__, background, pruning, store, targets
from pycds.errors import ARCHIVE_UNUSABLE, NOTHING_DUMPED, USAGE, PycdsError, UsageError, refuse_empty

if TYPE_CHECKING:
    from typing import IO

FORMAT = 1
MANIFEST = "pycds-export.json"

_NAME = re.compile(r"(?!\.)[\w.-]{1,40}-[0-9a-f]{16}\.pycds")
"""Names of archives, as ``store.archive_for`` makes them."""

_MOST_MANIFEST_BYTES = 64 << 20
_IDENTITY = ("version", "abi", "build", "debug")
"""What all archives of an interpreter have in common; the rest of their identity is a matter of flags."""


class Archive(NamedTuple):
    """An archive in an exported file."""

    name: str
    program: str
    """The path of the script that it is for, or the name of the module."""
    files: Dict[str, Tuple[int, str]]
    """Size and SHA-256 of the archive and of its trace list, if it has one, by their names."""


class Imported(NamedTuple):
    """What became of one."""

    archive: str
    """Its path in the store."""
    program: str
    is_new: bool
    """False: there was one of this name, which was kept."""


def interpreter_of(archive: str) -> Dict[str, Any]:
    """Which interpreter an archive is for, whatever the flags.  Raises Refusal."""
    from pycds._core import Image

    return _common(Image(archive).header["identity"])


def this_interpreter() -> Dict[str, Any]:
    """The same of this one."""
    from pycds._core import identity

    return _common(identity())


def _common(identity: Mapping[str, object]) -> Dict[str, Any]:
    return {name: identity[name] for name in _IDENTITY}


def program_of(archive: str) -> str:
    """The script that an archive is for, else the module, by its name.  Raises Refusal."""
    from pycds._core import Image

    stem = os.path.basename(archive).rpartition("-")[0]
    scripts = [module["origin"] for module in Image(archive).modules() if module["loader"] == "script"]
    return next((script for script in scripts if os.path.basename(script).startswith(stem)), stem)


# --- writing -------------------------------------------------------------------------------------------------


def write(file: str, archives: Sequence[str]) -> int:
    """Write archives of this interpreter and their trace lists to ``file``, in one step; its size.

    Raises Refusal, and PycdsError: with code 2 where there is something that is no such file, 4 where it cannot be
    written, or an archive cannot be read.
    """
    try:
        return _write_export(file, archives)
    except OSError as error:
        line = f"{file} could not be written: {error.strerror or error}; give another place for the export"
        raise PycdsError(line, NOTHING_DUMPED) from error


def _write_export(file: str, archives: Sequence[str]) -> int:
    if os.path.lexists(file) and not _is_export(file):
        raise UsageError(f"{file} is no export of PyCDS, and is not written over; give another name")
    described = [_describe(archive) for archive in archives]
    manifest = {
        "format": FORMAT, "creator": f"pycds {__version__}", "python": f"CPython {platform.python_version()}",
        "executable": sys.executable, "identity": this_interpreter(),
        "archives": [archive._asdict() for archive in described],
    }  # fmt: skip
    temporary = f"{file}.{os.getpid()}.tmp"
    try:
        # For the user alone: texts that a program compiles, which are in lists, may be secrets.
        with _new_file(temporary) as stream, tarfile.open(
            fileobj=stream, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8"
        ) as tar:
            _add(tar, MANIFEST, json.dumps({"sha256": _checksum(manifest), "contents": manifest}, indent=1).encode())
            for archive, one in zip(archives, described):
                for name, known in one.files.items():
                    data = _read(os.path.join(os.path.dirname(archive), name))
                    if known != _known(data):
                        raise PycdsError(f"{name} was made anew meanwhile; export again", NOTHING_DUMPED)
                    _add(tar, name, data)
        os.replace(temporary, file)
    finally:
        pruning.remove([temporary])
    return os.stat(file).st_size


def _is_export(file: str) -> bool:
    """Whether a file begins as one; a tar begins with the name of its first member."""
    head = MANIFEST.encode() + b"\0"
    return os.path.isfile(file) and _read(file, len(head)) == head


def _describe(archive: str) -> Archive:
    files = [archive] + [path for path in [store.list_of(archive)] if os.path.isfile(path)]
    known = {os.path.basename(path): _known(_read(path)) for path in files}
    return Archive(os.path.basename(archive), program_of(archive), known)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))


def _read(path: str, most: int = -1) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(most)


def _checksum(manifest: object) -> str:
    return _known(json.dumps(manifest, sort_keys=True).encode())[1]


def _known(data: bytes) -> Tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


# --- reading -------------------------------------------------------------------------------------------------


def read(file: str, replace: bool) -> Tuple[Dict[str, Any], List[Imported]]:
    """Take the archives of a file into the store, all or none; its manifest, and what became of each.

    Those that are there stay, unless ``replace`` says otherwise.  Raises PycdsError: with code 3 where the file is
    damaged or for another interpreter, 2 where archives in the store would not be used, 4 where it cannot be written.
    """
    home = store.home()
    with _open(file) as tar:
        manifest, archives = _manifest(tar, file)
        found = [Imported(os.path.join(home, one.name), one.program, False) for one in archives]
        found = [one._replace(is_new=replace or not os.path.lexists(one.archive)) for one in found]
        new = {os.path.basename(one.archive) for one in found if one.is_new}
        staged: Dict[str, str] = {}
        try:
            _prepare(home)
            _stage(tar, file, [one for one in archives if one.name in new], home, staged)
            _put(staged, [one.archive for one in found if one.is_new])
        except OSError as error:
            raise PycdsError(f"{home} cannot be written: {error.strerror or error}", NOTHING_DUMPED) from error
        finally:
            pruning.remove(staged)
    return manifest, found


@contextmanager
def _open(file: str) -> Iterator[tarfile.TarFile]:
    """The file as a tar, and whatever is wrong with it as one line."""
    refuse_empty(file, "the export")
    if targets.is_endless(file):
        raise PycdsError(f"{file} is not a regular file; give one that `pycds export` wrote", ARCHIVE_UNUSABLE)
    try:
        stream = open(file, "rb")  # noqa: SIM115 - it is closed below
    except OSError as error:
        raise PycdsError(f"{file} cannot be read: {error.strerror}", ARCHIVE_UNUSABLE) from error
    with stream:
        try:
            with tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as tar:
                yield tar
        # tarfile takes what it reads for numbers, names and sizes.
        except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, RecursionError, MemoryError) as error:
            raise _damaged(file, str(error) or type(error).__name__) from error


def _damaged(file: str, why: str) -> PycdsError:
    line = f"{file} is damaged, truncated or no export of PyCDS ({why}): export and copy it again; nothing was imported"
    return PycdsError(line, ARCHIVE_UNUSABLE)


def _manifest(tar: tarfile.TarFile, file: str) -> Tuple[Dict[str, Any], List[Archive]]:
    """What the file says of itself, if this interpreter can use it.  Raises PycdsError."""
    member = tar.next()
    if member is None or member.name != MANIFEST or not _is_plain(member) or member.size > _MOST_MANIFEST_BYTES:
        raise _damaged(file, f"it does not begin with {MANIFEST}")
    try:
        found = json.loads(_content(tar, member, file))
        manifest = found["contents"]
        if found["sha256"] != _checksum(manifest):
            raise _damaged(file, f"the checksum of {MANIFEST} is wrong")
        if manifest["format"] != FORMAT:
            line = f"{file} has format {manifest['format']!r}, not {FORMAT}; import it with {manifest['creator']}"
            raise PycdsError(line, ARCHIVE_UNUSABLE)
        archives = [_archive(one) for one in manifest["archives"]]
        identity, interpreter, _ = manifest["identity"], str(manifest["python"]), str(manifest["executable"])
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, f"{MANIFEST} is none") from error
    if identity != this_interpreter():
        raise _foreign(file, interpreter)
    return manifest, archives


def _foreign(file: str, interpreter: str) -> PycdsError:
    return PycdsError(
        f"{file} is for another build of Python ({interpreter}) than {sys.executable} "
        f"(CPython {platform.python_version()}): import it there, or run the programs here; nothing was imported",
        ARCHIVE_UNUSABLE,
    )


def _archive(described: Dict[str, Any]) -> Archive:
    """One archive of the manifest.  Raises ValueError, KeyError, TypeError, AttributeError for what is none."""
    name, program = described["name"], described["program"]
    files = {key: (int(size), str(digest)) for key, (size, digest) in described["files"].items()}
    if not _NAME.fullmatch(name) or name not in files or not set(files) <= {name, store.list_of(name)}:
        raise ValueError(f"{name!r} is no name of an archive")
    return Archive(name, str(program), files)


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether a member is a file, and neither a link nor one with holes, which may be larger than it is."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.sparse is None


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, file: str) -> bytes:
    stream: IO[bytes] | None = tar.extractfile(member)
    data = stream.read() if stream is not None else b""
    if len(data) != member.size:
        raise _damaged(file, f"{member.name!r} ends early")
    return data


def _prepare(home: str) -> None:
    """Make the store; archives in it must be ones that are used.  Raises OSError and PycdsError."""
    any_archive = os.path.join(home, "any.pycds")
    store.make_directory(any_archive)
    distrust = targets.distrust_of_place(any_archive)
    if distrust is not None:
        line = f"{home}: archives there are not used, because {distrust}; set PYCDS_HOME to a directory of your own"
        raise PycdsError(line, USAGE)


def _stage(tar: tarfile.TarFile, file: str, archives: Sequence[Archive], home: str, staged: Dict[str, str]) -> None:
    """Write what is wanted beside its places; ``staged`` becomes where each file is, and its name.

    Such a file counts as one of its archive's: what an import that was killed has left goes with it.
    """
    from pycds._core import Refusal

    wanted = {name: known for one in archives for name, known in one.files.items()}
    # What is behind the last of them is not looked at: a file cut short there, in what only fills a tar up, has all of
    # the contents, each compared with its checksum.  tarfile may refuse it all the same.
    for member in iter(tar.next, None):
        known = wanted.get(member.name)
        if known is None:  # kept, or nobody's: it is not looked at
            continue
        if not _is_plain(member) or member.size != known[0]:
            raise _damaged(file, f"{member.name!r} is not what {MANIFEST} says")
        data = _content(tar, member, file)
        if _known(data) != known:
            raise _damaged(file, f"the checksum of {member.name!r} is wrong")
        temporary = os.path.join(home, f"{member.name}.{os.getpid()}.import")
        staged[temporary] = member.name
        del wanted[member.name]
        _write(temporary, data)
        if member.name.endswith(".pycds"):
            try:
                identity = interpreter_of(temporary)
            except Refusal as refusal:
                raise _damaged(file, f"{member.name!r}: {refusal.reason}") from refusal
            if identity != this_interpreter():
                raise _foreign(file, f"that of {member.name!r}")
    if wanted:
        raise _damaged(file, f"{min(wanted)!r} is missing")


def _write(path: str, data: bytes) -> None:
    """A file that is on the disk when this returns.  Raises OSError."""
    with _new_file(path) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _new_file(path: str) -> IO[bytes]:
    pruning.remove([path])
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _put(staged: Dict[str, str], archives: Sequence[str]) -> None:
    """Give the files their names, lists first; what was said of older archives goes.  Raises OSError."""
    for temporary, name in sorted(staged.items(), key=lambda item: item[1].endswith(".pycds")):
        os.replace(temporary, os.path.join(os.path.dirname(temporary), name))
    for archive in archives:
        pruning.remove([store.missed_of(archive), background.failed_of(archive)])

"""The build backend: scikit-build-core, but for interpreters that PyCDS does not serve a wheel without the core.

Such a wheel is pure Python (``py3-none-any``) and needs neither CMake nor a compiler.  What decides is
``pycds/unsupported.py``, the same that the installed commands ask, and the classifiers of ``pyproject.toml`` for the
versions.  ``--config-settings wheel.cmake=false`` (or ``true``) decides otherwise.

A source distribution takes xxHash's header along, so that the core can be built from it offline.  Wheels have the
template of ``pycds report`` and the manual page compressed: they are a third as large.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Union

from scikit_build_core import build as backend

Settings = Optional[Dict[str, Union[str, List[str]]]]

ROOT = Path(__file__).resolve().parents[1]
XXHASH = "vendor/xxhash.h"
"""Where a source distribution has xxHash's header: ``sdist.include`` names it, ``cmake/FindXxHash.cmake`` finds it."""

TEMPLATE = "pycds/report/template.html"
"""``wheel.exclude`` names it, ``sdist.include`` what is made of it, which git ignores."""


MANUAL = "docs/man/pycds.1"
"""``CMakeLists.txt`` installs what is made of it, which git ignores."""


def why_pure() -> Optional[str]:
    """One line saying why this interpreter gets a wheel without the core; None if it gets one with it."""
    path = ROOT / "pycds" / "unsupported.py"
    spec = importlib.util.spec_from_file_location("pycds_unsupported", path)
    assert spec is not None and spec.loader is not None
    unsupported = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(unsupported)
    here = unsupported.this_interpreter()
    line: Optional[str] = unsupported.obstacle(here)
    if line is None and "{}.{}".format(*sys.version_info[:2]) not in supported_versions():
        line = f"CPython {here.version} is not supported: PyCDS has no description of this version's objects"
    return line


def supported_versions() -> List[str]:
    """The versions of CPython that the project's classifiers name."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'"Programming Language :: Python :: (\d+\.\d+)"', text)


def adapted(settings: Settings, *, say: bool = False) -> Settings:
    """The settings of a build, with CMake left out for an interpreter that is not served."""
    settings = dict(settings or {})
    if "wheel.cmake" in settings or "skbuild.wheel.cmake" in settings:
        return settings
    line = why_pure()
    if line is None:
        return settings
    if say:
        sys.stderr.write(f"pycds: {line}; building without the core\n")
    return {**settings, "wheel.cmake": "false"}


def get_requires_for_build_wheel(config_settings: Settings = None) -> List[str]:
    return backend.get_requires_for_build_wheel(adapted(config_settings))


def get_requires_for_build_editable(config_settings: Settings = None) -> List[str]:
    return backend.get_requires_for_build_editable(adapted(config_settings))


def get_requires_for_build_sdist(config_settings: Settings = None) -> List[str]:
    return backend.get_requires_for_build_sdist(config_settings)


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    return backend.prepare_metadata_for_build_wheel(metadata_directory, adapted(config_settings))


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: Settings = None) -> str:
    return backend.prepare_metadata_for_build_editable(metadata_directory, adapted(config_settings))


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: Optional[str] = None
) -> str:
    pack_template()
    pack(MANUAL, (ROOT / MANUAL).read_bytes())
    return backend.build_wheel(wheel_directory, adapted(config_settings, say=True), metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: Optional[str] = None
) -> str:
    return backend.build_editable(wheel_directory, adapted(config_settings, say=True), metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    with xxhash_vendored():
        return backend.build_sdist(sdist_directory, config_settings)


def pack_template() -> None:
    """Beside the template, for a wheel, which leaves the template itself out."""
    text = (ROOT / TEMPLATE).read_bytes()
    # Without indentation and comments; no text of it goes over several lines.
    lines = [line.strip() + b"\n" for line in text.splitlines() if not line.strip().startswith(b"//")]
    pack(TEMPLATE, b"".join(lines))


def pack(name: str, content: bytes) -> None:
    """Compress a content into a file beside the one of that name.

    That file is always the same and stays there, since several wheels may be in the making at once.
    """
    temporary = ROOT / f"{name}.{os.getpid()}.tmp"
    temporary.write_bytes(gzip.compress(content, mtime=0))
    temporary.replace(ROOT / f"{name}.gz")


@contextmanager
def xxhash_vendored() -> Iterator[None]:
    """Put the system's header where a source distribution has it, for the time of its making.

    Raises FileNotFoundError where there is none.
    """
    target = ROOT / XXHASH
    if target.exists():  # a source distribution made from a source distribution
        yield
        return
    source = xxhash_header()
    target.parent.mkdir(exist_ok=True)
    try:
        shutil.copyfile(source, target)
        yield
    finally:
        shutil.rmtree(target.parent)


def xxhash_header() -> Path:
    """The system's ``xxhash.h``, from where compilers look for it."""
    places = [*filter(None, os.environ.get("CPATH", "").split(os.pathsep)), "/usr/local/include", "/usr/include"]
    for place in places:
        header = Path(place, "xxhash.h")
        if header.is_file():
            return header
    raise FileNotFoundError(
        f"xxhash.h is in none of {', '.join(places)}; a source distribution takes it along: install xxHash 0.8 or "
        "newer (Debian, Ubuntu: apt-get install libxxhash-dev), or name its directory in CPATH"
    )

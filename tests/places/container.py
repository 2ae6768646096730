"""Images and containers without a daemon: a Dockerfile's steps done in directories, with this machine's system as base.

It knows what the guides use: FROM, COPY, RUN, ENV, WORKDIR, USER, CMD.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import string
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environment import clean_environment

SYSTEM = ("usr", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""What the base image has of this machine, and nobody can change there."""


@dataclass
class Image:
    """A root directory, without the base image's files, and what a container of it begins with."""

    root: Path
    interpreter: Path = Path(sys.base_prefix)
    """What is at ``sys.base_prefix`` there."""
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: int = 0
    command: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        """A path of the image, on this machine."""
        return self.root / os.path.join(self.workdir, path).lstrip("/")


class Container:
    """Runs programs in an image, which they can change or not.

    ``mounts`` has further directories by their paths within; they can be written to.
    """

    def __init__(self, image: Image, *, read_only: bool, mounts: dict[str, Path] | None = None) -> None:
        self.image = image
        for path in ("proc", "dev", "tmp", *(mounts or {})):
            (image.root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        script = "\n".join(["set -e", *_mounts(image, read_only, mounts or {}), "echo ready", "exec sleep infinity"])
        self._holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            raise AssertionError("the container's file systems could not be mounted")

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.communicate()

    def run(
        self,
        command: Sequence[str],
        *,
        user: int | None = None,
        code: int | None = 0,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the image's user, or another one.  Fails unless it ends with ``code`` (None: with any)."""
        with self.start(command, user=user, env=env) as process:
            try:
                done = subprocess.CompletedProcess(command, 0, *process.communicate(timeout=300))
            finally:
                process.kill()
        done.returncode = process.returncode
        if code is not None and done.returncode != code:
            raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def start(
        self, command: Sequence[str], *, user: int | None = None, env: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command as the image's user, or another one."""
        return subprocess.Popen(
            command, env={**self.image.env, **(env or {})}, preexec_fn=self._enter(user), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _enter(self, user: int | None) -> Any:
        """What a new process does to be in the container."""
        root, workdir = f"/proc/{self._holder.pid}/root{self.image.root}", self.image.workdir
        number = self.image.user if user is None else user

        def enter() -> None:
            os.chroot(root)
            os.chdir(workdir)
            os.setgroups([])
            os.setgid(number)
            os.setuid(number)

        return enter


def _mounts(image: Image, read_only: bool, mounts: dict[str, Path]) -> list[str]:
    """The commands that mount what a container sees at its root."""
    root, base, inside = image.root, sys.base_prefix, shlex.quote(str(image.root))
    commands = ["mount --make-rprivate /", f"mount --bind {inside} {inside}"]
    system = {f"/{name}": Path("/", name) for name in SYSTEM if Path("/", name).is_dir()}
    if not base.startswith("/usr/"):
        system[base] = image.interpreter
    for path, source in {**system, **mounts}.items():
        place = Path(root, path.lstrip("/"))
        place.mkdir(parents=True, exist_ok=True)
        at = shlex.quote(str(place))
        commands.append(f"mount --bind {shlex.quote(str(source))} {at}")
        if path in system:
            commands.append(f"mount -o remount,bind,ro {at}")
    commands += [f"mount -t proc proc {inside}/proc", f"mount --rbind /dev {inside}/dev"]
    commands.append(f"mount -t tmpfs -o mode=1777 tmpfs {inside}/tmp")
    if read_only:
        commands.append(f"mount -o remount,bind,ro {inside}")
    return commands


@dataclass
class Build:
    """Builds images from a recipe: ``context`` has the files that COPY names, ``directory`` is for the images."""

    context: Path
    directory: Path
    env: dict[str, str] = field(default_factory=dict)
    """Further variables of RUN, which no image keeps."""
    mounts: dict[str, Path] = field(default_factory=dict)
    """Further directories of RUN."""
    stages: dict[str, Image] = field(default_factory=dict)

    def __call__(self, recipe: str) -> Image:
        """The image of the last stage."""
        image = None
        for number, (instruction, rest) in enumerate(instructions(recipe)):
            if instruction == "FROM":
                name = re.fullmatch(r"python:\S+(?: AS (\S+))?", rest)
                assert name, f"FROM {rest}: only images of Python are known"
                image = self._base(name[1] or f"stage-{number}")
            else:
                assert image is not None, "a recipe begins with FROM"
                getattr(self, f"_do_{instruction.lower()}")(image, rest)
        assert image is not None, "an empty recipe"
        return image

    def _base(self, name: str) -> Image:
        root = self.directory / name
        root.mkdir(parents=True)
        image = Image(root, env={"PATH": f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": "/root"})
        self.stages[name] = image
        return image

    def _do_run(self, image: Image, rest: str) -> None:
        with Container(image, read_only=False, mounts=self.mounts) as container:
            container.run(["/bin/sh", "-e", "-c", rest], env=self.env)

    def _do_env(self, image: Image, rest: str) -> None:
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            image.env[name] = string.Template(value).substitute(image.env)

    def _do_workdir(self, image: Image, rest: str) -> None:
        image.workdir = os.path.join(image.workdir, rest)
        image.inside(".").mkdir(parents=True, exist_ok=True)

    def _do_user(self, image: Image, rest: str) -> None:
        image.user = int(rest)

    def _do_cmd(self, image: Image, rest: str) -> None:
        image.command = json.loads(rest)

    def _do_copy(self, image: Image, rest: str) -> None:
        """Files keep their times, to the nanosecond, and belong to root unless --chown says otherwise."""
        words = shlex.split(rest)
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        *sources, target = (word for word in words if not word.startswith("--"))
        base = self.stages[options["from"]].root if "from" in options else self.context
        place = image.inside(target)
        for source in (base / source.lstrip("/") for source in sources):
            into = place / source.name if source.is_file() and (place.is_dir() or target.endswith("/")) else place
            into.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", "-T", source, into], check=True)
            subprocess.run(["chown", "-R", options.get("chown", "0:0"), into], check=True)


def instructions(recipe: str) -> list[tuple[str, str]]:
    """The instructions of a recipe, without comments, continued lines joined."""
    lines = [line for line in recipe.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.split(None, 1) for line in joined.splitlines()]
    return [(name.upper(), rest) for name, rest in found]


def pushed_and_pulled(image: Image, directory: Path, date: str | None = None) -> Image:
    """The image as another machine has it, in ``directory``; all files are of one date if it is given.

    Layers are tar files: times become whole seconds, and what unpacks them has inodes and status changes of its own.
    """
    root, interpreter = directory / "root", directory / "python"
    options = [f"--mtime={date}"] if date else []
    _through_tar(image.root, root, *options)
    # The base image has it as a layer.
    _through_tar(image.interpreter, interpreter, *_NOT_IN_IT, *options)
    return Image(root, interpreter, image.env, image.workdir, image.user, image.command)


_NOT_IN_IT = [f"--exclude={name}" for name in ("site-packages", "test", "tests", "include", "share", "*.a")]
"""What an environment's programs do not need of the interpreter."""


def _through_tar(source: Path, target: Path, *options: str) -> None:
    target.mkdir(parents=True)
    pack = ["tar", "--format=gnu", "--numeric-owner", *options, "-C", str(source), "-cf", "-", "."]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
        subprocess.run(["tar", "--same-owner", "-C", target, "-xpf", "-"], stdin=packing.stdout, check=True)
    assert packing.returncode == 0


def pip_from(wheel: Path, cache: Path, pinned: Path | None = None) -> tuple[dict[str, str], dict[str, Path]]:
    """Variables and directories with which ``pip install pycds`` in a container has the wheel under test.

    ``pinned`` has the versions of other packages.
    """
    constraints = cache / "constraints.txt"
    cache.mkdir(parents=True, exist_ok=True)
    further = pinned.read_text() if pinned else ""
    constraints.write_text(f"pycds @ file:///wheels/{wheel.name}\n{further}")
    pip = {name: value for name, value in clean_environment().items() if name.startswith("PIP_")}
    known = pip.get("PIP_CONSTRAINT", "")
    pip.update(PIP_CONSTRAINT=f"{known} /pip/constraints.txt".strip(), PIP_CACHE_DIR="/pip")
    return pip, {"/wheels": wheel.parent, "/pip": cache}

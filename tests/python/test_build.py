"""``pycds build``: an archive of everything importable, what has changed since, and archives on top of each other."""

from __future__ import annotations

import importlib.util
import json
import os
import pkgutil
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import code_equality
from conftest import PROGRAM, Python, clean_environment, module_names, write_files
from enabled_environment import Environment
from pycds import _core, everything

SITE = {
    "sample_plain.py": "open('executed', 'w').close()\ndef value(): return 1\n",
    "sample_package/__init__.py": "open('executed', 'w').close()\n",
    "sample_package/__main__.py": "print('main')\n",
    "sample_package/inner/__init__.py": "",
    "sample_package/inner/leaf.py": "CHOICES = frozenset('abc')\ndef f(x): return x in {'a', 'b', 'c'}\n",
    "sample_spread/part/deep.py": "HERE = __name__\n",
    "sample_spread/data/text.txt": "no module\n",
    "sample_spread/not-a-name/module.py": "",
    "sample_broken.py": "print 'of another Python'\n",
    "sample_template/__init__.py": "",
    "sample_template/{{name}}.py": "",
}
MODULES = [
    "sample_package", "sample_package.__main__", "sample_package.inner", "sample_package.inner.leaf", "sample_plain",
    "sample_spread.part.deep", "sample_template",
]  # fmt: skip
ONLY = ("--only", "sample_*")


class Site:
    """A directory on the path of every program, and archives of what is in it."""

    def __init__(self, python: Python) -> None:
        self.directory = write_files(python.directory / "site", SITE)
        self.python = Python(
            python.executable, python.directory, python.home, {**python.environ, "PYTHONPATH": str(self.directory)}
        )

    def build(self, *words: str | os.PathLike[str], code: int = 0, **options: Any) -> list[str]:
        """Lines on stderr."""
        done = self.python.pycds("build", *(words or ONLY), code=code, **options)
        assert done.stdout == ""
        return done.stderr.splitlines()

    @property
    def base(self) -> Path:
        (found,) = self.python.home.glob("base-*.pycds")
        return found

    @property
    def changes(self) -> Path:
        return self.base.with_name(self.base.name + "-changes")


@pytest.fixture
def site(python: Python) -> Site:
    return Site(python)


def modules_of(archive: Path) -> list[str]:
    return [module["name"] for module in _core.Image(str(archive)).modules()]


# --- what is found ------------------------------------------------------------------------------------


def test_everything_importable_is_found_and_nothing_is_executed(site: Site) -> None:
    (site.directory / "sample_circle").symlink_to(site.directory / "sample_spread")
    (site.directory / "sample_package" / "again").symlink_to(site.directory / "sample_package")
    zipped = site.python.directory / "zipped.zip"
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("sample_zipped.py", "")
    path = os.pathsep.join([str(site.directory), str(zipped), "relative", str(site.directory / "nowhere")])
    (line,) = site.build(env={"PYTHONPATH": path})
    assert "1 skipped" in line
    linked = ["sample_circle.part.deep"]
    assert modules_of(site.base) == sorted([*MODULES, *linked])
    assert {place["name"] for place in _core.Image(str(site.base)).places()} >= {"sample_spread", "sample_spread.part"}
    assert not (site.python.directory / "executed").exists()
    assert _core.Image(str(site.base)).verify() == []


def test_reasons_are_told_to_who_asks(site: Site) -> None:
    told = "\n".join(site.build("--verbose", *ONLY))
    assert "skipped sample_broken: syntax error: " in told
    assert site.build("--quiet", *ONLY) == []


def walked(path: list[str], prefix: str = "") -> Iterator[str]:
    """As ``pkgutil.walk_packages``, without importing packages."""
    for found in pkgutil.iter_modules(path, prefix):
        yield found.name
        if found.ispkg:
            yield from walked([os.path.join(path[0], found.name.rpartition(".")[2])], f"{found.name}.")


def test_the_standard_library(python: Python) -> None:
    library = os.path.dirname(os.__file__)
    found = everything.names([library], (), ())
    expected = {name for name in walked([library]) if all(part.isidentifier() for part in name.split("."))}
    everything_there = set(everything.names([library], ("*",), ("pycds",)))
    assert expected - {"pycds"} <= everything_there
    left_out = everything_there - set(found)
    assert {name.partition(".")[0] for name in left_out if "test" not in name} <= {
        "idlelib", "turtledemo", "lib2to3", "ensurepip", "__hello__", "__phello__", "antigravity", "this",
    }  # fmt: skip
    assert not any(name.startswith("test.") or ".tests." in name for name in found)
    for name in everything_there - expected:  # namespace packages, which pkgutil does not list, and what is in them
        assert importlib.util.find_spec(name.partition(".")[0]) is not None


def test_only_and_exclude(site: Site) -> None:
    site.build(*ONLY, "--exclude", "sample_package.inner", "--exclude", "*spread")
    assert modules_of(site.base) == ["sample_package", "sample_package.__main__", "sample_plain", "sample_template"]
    assert site.build("--only", "sample_nowhere", code=2) == ["pycds: no module to be archived: sample_nowhere"]


def test_from_a_trace_list(site: Site) -> None:
    listed = site.python.directory / "listed"
    listed.write_text("sample_package.inner.leaf\nsample_plain\nsample_broken\n")
    archive = site.python.directory / "listed.pycds"
    site.build("--from-trace", listed, "--exclude", "sample_plain", "-o", archive)
    assert modules_of(archive) == ["sample_package.inner.leaf"]


def test_what_is_served_is_what_a_plain_import_gives(site: Site) -> None:
    """Also where nothing was compiled before; and the number of processes changes nothing."""
    plain = [name for name in MODULES if not name.startswith("sample_spread")]
    names = [*plain, "argparse", "concurrent.futures.thread", "email.message", "logging", "zipfile"]
    words = [word for name in names for word in ("--only", name)]
    first, second = site.python.directory / "1.pycds", site.python.directory / "2.pycds"
    site.build(*words, "--jobs", "1", "-o", first)
    site.build(*words, "--jobs", "3", "-o", second)
    assert first.read_bytes() == second.read_bytes()
    listed = write_files(site.python.directory, {"names": "\n".join(names)}) / "names"
    compared = json.loads(site.python(code_equality.__file__, second, listed, "--no-dis").stdout)
    assert (compared["different"], compared["compared"]) == ({}, len(names))


def test_flags_have_archives_of_their_own(site: Site) -> None:
    write_files(site.directory, {"sample_asserts.py": "assert False\nDOC = 1\n"})
    site.build()
    site.python("-O", "-m", "pycds", "build", *ONLY)
    assert len(list(site.python.home.glob("base-*.pycds"))) == 2
    plain, optimized = (
        {module["name"]: module["cached"] for module in _core.Image(str(path)).modules()}
        for path in sorted(site.python.home.glob("base-*.pycds"), key=lambda path: path.stat().st_mtime_ns)
    )
    assert plain.keys() == optimized.keys()
    assert ".opt-1." in optimized["sample_asserts"] and ".opt-1." not in plain["sample_asserts"]


# --- what has changed ---------------------------------------------------------------------------------

ASK = """
import sys, sample_plain, sample_package.inner.leaf as leaf, sample_spread.part.deep as deep
try: import sample_new; new = sample_new.N
except ImportError: new = None
try: import sample_template; old = True
except ImportError: old = False
print(sample_plain.value(), leaf.f("a"), deep.HERE, new, old)
"""


def served(site: Site, *archives: Path) -> tuple[str, list[list[str]]]:
    """What ASK prints, as a plain run does, and what came from each of the archives, in their order."""
    plain = site.python("-c", ASK)
    joined = os.pathsep.join(map(str, archives))
    done = site.python.served(joined, "-c", ASK)  # type: ignore[arg-type]
    assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)
    by_archive = {one["archive"]: one["served"] for one in done.statistics["archives"]}
    return done.stdout, [
        [name for name in by_archive.get(str(path), []) if name.startswith("sample_")] for path in archives
    ]


def test_changed_added_and_removed(site: Site) -> None:
    write_files(site.directory, {f"sample_more/m{number}.py": "" for number in range(20)})
    site.build()
    before = site.base.read_bytes()
    assert site.build()[0].endswith("nothing has changed")  # what does not compile was tried once more
    write_files(site.directory, {"sample_plain.py": "def value(): return 2\n", "sample_new.py": "N = 3\n"})
    shutil.rmtree(site.directory / "sample_template")
    rest = ["sample_package", "sample_package.inner", "sample_package.inner.leaf", "sample_spread.part.deep"]
    # Before the next build, what has changed is missed, and that alone.
    assert served(site, site.base) == ("2 True sample_spread.part.deep 3 False\n", [rest])
    (line,) = site.build()
    assert str(site.changes) in line
    assert (modules_of(site.changes), site.base.read_bytes()) == (["sample_new", "sample_plain"], before)
    assert served(site, site.changes, site.base)[1] == [["sample_plain", "sample_new"], rest]
    kept = site.changes.read_bytes()
    site.build()
    assert site.changes.read_bytes() == kept
    # What was changed back is in the first archive as it is now, by its content.
    write_files(site.directory, {"sample_plain.py": SITE["sample_plain.py"]})
    (site.directory / "sample_new.py").unlink()
    assert site.build()[0].endswith("nothing has changed")
    assert not site.changes.exists()


def test_much_that_has_changed_makes_all_anew(site: Site) -> None:
    site.build()
    write_files(site.directory, {"sample_plain.py": "def value(): return 2\n"})
    site.build()
    assert site.changes.exists()
    write_files(site.directory, {f"sample_more/m{number}.py": "" for number in range(20)})
    site.build()
    assert not site.changes.exists()
    assert "sample_more.m7" in modules_of(site.base)
    write_files(site.directory, {"sample_plain.py": "def value(): return 3\n"})
    site.build("--full", *ONLY)
    assert not site.changes.exists()
    assert served(site, site.base)[1][0][0] == "sample_plain"


def test_another_choice_makes_all_anew(site: Site) -> None:
    site.build()
    site.build("--only", "sample_package")
    assert modules_of(site.base) == [name for name in MODULES if name.startswith("sample_package")]


# --- bad days -----------------------------------------------------------------------------------------


def test_two_at_once(site: Site) -> None:
    command = [site.python.executable, "-m", "pycds", "build", *ONLY]
    env = clean_environment(PYCDS_HOME=str(site.python.home), **site.python.environ)
    processes = [
        subprocess.Popen(command, env=env, cwd=site.python.directory, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = sorted(process.communicate()[1].endswith("nothing has changed\n") for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert said == [False, True]
    assert modules_of(site.base) == MODULES


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


def test_a_full_disk_leaves_the_old_archive(site: Site) -> None:
    site.build()
    before = {path.name: path.read_bytes() for path in site.python.home.iterdir()}
    done = subprocess.run(
        [site.python.executable, "-m", "pycds", "build", "--only", "email", *ONLY],
        env=clean_environment(PYCDS_HOME=str(site.python.home), **site.python.environ),
        cwd=site.python.directory, preexec_fn=small_files, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert line.startswith("pycds: cannot write the archive ")
    assert {path.name: path.read_bytes() for path in site.python.home.iterdir()} == before


def has_begun(process: str) -> bool:
    """Whether a process reads modules: it ignores interrupts then."""
    (mask,) = (line.split()[1] for line in Path(f"/proc/{process}/status").read_text().split("\n") if "SigIgn" in line)
    return bool(int(mask, 16) & 1 << (signal.SIGINT - 1))


def begun(site: Site, *words: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A build of much, and the processes that it has started."""
    env = clean_environment(PYCDS_HOME=str(site.python.home), PYTHONDONTWRITEBYTECODE="1", **site.python.environ)
    build = subprocess.Popen(
        [site.python.executable, "-m", "pycds", "build", "--full", "--jobs", "2", "--only", "*", *words],
        env=env, cwd=site.python.directory, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    children = Path(f"/proc/{build.pid}/task/{build.pid}/children")
    while build.poll() is None and sum(map(has_begun, children.read_text().split())) < 2:
        time.sleep(0.01)
    return build, [int(number) for number in children.read_text().split()]


def are_gone(processes: list[int]) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        states = [Path(f"/proc/{number}/stat") for number in processes]
        if not any(state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z" for state in states):
            return True
        time.sleep(0.05)
    return False


def stop(build: subprocess.Popen[str], children: list[int]) -> None:
    """Stop a build until its processes wait, most of them in the middle of what they send."""

    def spent() -> list[str]:
        """State and processor time of each."""
        fields = [Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split() for number in children]
        return [" ".join((one[0], *one[11:13])) for one in fields]

    build.send_signal(signal.SIGSTOP)
    before, end = [""], time.monotonic() + 60
    while before != spent() or not all(one.startswith("S") for one in before):
        assert time.monotonic() < end, before
        before = spent()
        time.sleep(0.3)


@pytest.mark.parametrize("is_busy", [False, True], ids=["", "while it does something else"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_an_end_in_the_middle_leaves_the_old_archive(site: Site, number: signal.Signals, is_busy: bool) -> None:
    site.build()
    before = site.base.read_bytes()
    build, children = begun(site)
    if is_busy:
        stop(build, children)
    build.send_signal(number)
    build.send_signal(signal.SIGCONT)
    said = build.communicate(timeout=120)[1]
    assert build.returncode == (130 if number == signal.SIGINT else -9), said
    assert site.base.read_bytes() == before
    assert are_gone(children)
    assert site.build()[0].endswith("nothing has changed")


@pytest.mark.parametrize("are_sending", [False, True], ids=["one", "all while they send"])
def test_reading_processes_that_are_killed(site: Site, are_sending: bool) -> None:
    site.build()
    before = site.base.read_bytes()
    build, children = begun(site)
    if are_sending:
        stop(build, children)
    for number in children if are_sending else children[:1]:
        os.kill(number, signal.SIGKILL)
    build.send_signal(signal.SIGCONT)
    said = build.communicate(timeout=120)[1]
    assert build.returncode == 4
    assert said.splitlines()[-1].endswith(": a process that was to read modules was killed")
    assert site.base.read_bytes() == before
    assert are_gone(children)


def test_places_that_cannot_be(site: Site) -> None:
    foreign = write_files(site.python.directory, {"text": "not an archive\n"}) / "text"
    assert "is no archive" in site.build("-o", foreign, *ONLY, code=2)[0]
    assert "does not exist" in site.build("-o", "/nowhere/a.pycds", *ONLY, code=2)[0]
    assert "cannot be made" in site.build(*ONLY, code=4, env={"PYCDS_HOME": "/proc/nowhere"})[0]
    assert "cannot read" in site.build("--from-trace", "/nowhere/list", code=4)[0]
    assert "an empty name was given" in site.build("-o", "", *ONLY, code=2)[0]
    assert "not both" in site.build("--shared", "-o", "a.pycds", *ONLY, code=2)[0]
    assert "--only samlpe: there is no such module" in site.build(*ONLY, "--only", "samlpe", code=2)[0]
    assert not list(site.python.home.glob("base-*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_leaves_the_store_of_another_alone(site: Site) -> None:
    site.python.home.mkdir(exist_ok=True)
    os.chown(site.python.home, 4711, 4711)
    assert "belongs to another user, and is left alone" in site.build(code=4)[0]
    assert not list(site.python.home.glob("base-*"))


# --- users --------------------------------------------------------------------------------------------

AS_NOBODY = """\
import os, sys, json
import pycds, pycds._core, pycds.builder, pycds.store, pycds.self_check, pycds.commands.build
from pycds.trace_list import TraceList, TracedModule
os.setgid(65534); os.setuid(65534)
pycds.attach(sys.argv[1])
import sample_plain
print(sample_plain.value(), pycds.statistics()["hits"])
try: os.unlink(sys.argv[1])
except PermissionError: print("kept")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_one_of_root_serves_others(site: Site) -> None:
    place = Path(tempfile.mkdtemp(prefix="pycds-base-"))
    try:
        place.chmod(0o755)
        shutil.copytree(site.directory, place / "site")
        (place / "site" / "sample_plain.py").write_text("def value(): return 1\n")
        env = {"PYTHONPATH": str(place / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
        site.build(*ONLY, "-o", place / "base.pycds", env=env)
        done = site.python("-c", AS_NOBODY, place / "base.pycds", env=env)
        assert done.stdout.splitlines() == ["1 1", "kept"]
    finally:
        shutil.rmtree(place)


# --- layers -------------------------------------------------------------------------------------------


@pytest.fixture
def layers(site: Site) -> Iterator[tuple[Path, Path]]:
    """An archive of an application, and that of all, which has what the former has as well."""
    application, base = site.python.directory / "application.pycds", site.python.directory / "base.pycds"
    site.build("--only", "sample_package", "-o", application)
    site.build(*ONLY, "-o", base)
    yield application, base


PACKAGE = ["sample_package", "sample_package.inner", "sample_package.inner.leaf"]
REST = ["sample_plain", "sample_spread.part.deep", "sample_template"]


def test_the_first_archive_comes_first(site: Site, layers: tuple[Path, Path]) -> None:
    assert served(site, *layers)[1] == [PACKAGE, REST]
    assert served(site, *reversed(layers))[1] == [[REST[0], *PACKAGE, *REST[1:]], []]


@pytest.mark.parametrize("verbose", ["0", "1"], ids=["by the core", "by the package"])
def test_each_is_validated_by_itself(site: Site, layers: tuple[Path, Path], verbose: str) -> None:
    def by_each() -> list[list[str]]:
        env = {"PYCDSVERBOSE": verbose}
        done = site.python.served(os.pathsep.join(map(str, layers)), "-c", ASK, env=env)  # type: ignore[arg-type]
        found = {one["archive"]: one["served"] for one in done.statistics["archives"]}
        return [[name for name in found.get(str(path), []) if name in (*PACKAGE, *REST)] for path in layers]

    assert by_each() == [PACKAGE, REST]
    write_files(site.directory, {"sample_package/inner/leaf.py": "def f(x): return 7\n"})
    assert by_each() == [PACKAGE[:-1], REST]
    write_files(site.directory, {"sample_plain.py": "def value(): return 8\n"})
    assert by_each() == [PACKAGE[:-1], REST[1:]]
    whole = layers[0].read_bytes()
    layers[0].write_bytes(whole[:1000])
    assert by_each() == [[], [*PACKAGE[:-1], *REST[1:]]]
    layers[0].unlink()
    assert by_each() == [[], [*PACKAGE[:-1], *REST[1:]]]
    layers[0].write_bytes(whole)
    layers[1].write_bytes(b"")
    assert by_each() == [PACKAGE[:-1], []]


def test_a_refused_one_of_several_under_policy_on(site: Site, layers: tuple[Path, Path]) -> None:
    for broken in layers:
        whole = broken.read_bytes()
        broken.write_bytes(whole[:1000])
        env = {"PYCDSMODE": "SHARE", "PYCDSARCHIVE": os.pathsep.join(map(str, layers)), "PYCDSPOLICY": "on"}
        done = site.python("-c", "print('runs')", env=env, code=3)
        assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
        assert str(broken) in done.stderr
        broken.write_bytes(whole)


def test_relative_names_hold_for_children(site: Site, layers: tuple[Path, Path]) -> None:
    names = ":".join(path.name for path in layers) + ":"
    shown = site.python("-c", "import os; print(os.environ['PYCDSARCHIVE'])", env={
        "PYCDSMODE": "SHARE", "PYCDSARCHIVE": names,
    })  # fmt: skip
    assert shown.stdout.strip() == ":".join(map(str, layers))


# --- switched on --------------------------------------------------------------------------------------


@pytest.fixture
def base(environment: Environment) -> Path:
    """In an environment that is switched on, an archive of some of it."""
    write_files(environment.python.directory, PROGRAM)
    words = [word for name in ("json", "email", "plain", "package", "spread") for word in ("--only", name)]
    environment.pycds("build", *words, env={"PYTHONPATH": str(environment.python.directory)})
    (found,) = environment.archives()
    return found


def test_programs_without_an_archive_are_served(environment: Environment, base: Path) -> None:
    assert "json.decoder" in environment.served("-c", "import json")
    assert "json.decoder" in environment.served("-", stdin="import json")
    assert environment.served("-c", "import json", env={"PYCDSENABLED": "off"}) == []
    program = environment.python.directory / "app.py"
    assert "package.inner.leaf" in environment.served(program)
    environment.wait(1)
    # And recorded meanwhile, as without: what its own archive has does not depend on the other.
    served_own = environment.served(program)
    own_archive = next(path for path in environment.archives() if path.name.startswith("app.py-"))
    with_base = module_names(Path(f"{own_archive}.lst"))
    for path in environment.python.home.glob("*.pycds*"):
        path.unlink()
    environment(program)
    environment.wait(2)
    assert sorted(module_names(Path(f"{own_archive}.lst"))) == sorted(with_base)
    assert sorted(environment.served(program)) == sorted(served_own)


def test_its_own_archive_comes_first_and_is_kept_up_to_date(environment: Environment, base: Path) -> None:
    program = environment.python.directory / "app.py"
    environment(program)
    environment.wait(1)
    environment.served(program)
    statistics = json.loads((environment.python.directory.parent / "enabled.json").read_text())
    by_name = {os.path.basename(one["archive"])[:4]: one["served"] for one in statistics["archives"]}
    assert (by_name["base"], "package.inner.leaf" in by_name["app."]) == ([], True)
    # A module of both that has changed is imported as ever, and the program's archive made anew.
    environment.age()
    (environment.python.directory / "plain.py").write_text("def answer(): return 43\n")
    assert environment(program).stdout.startswith("result 43")
    assert environment.wait(2)
    assert "plain" in environment.served(program)


def test_shared_by_all_users_of_an_environment(environment: Environment) -> None:
    environment.pycds("build", "--shared", "--only", "json")
    shared = list((environment.hook.parents[3] / "share" / "pycds").glob("base-*.pycds"))
    try:
        assert len(shared) == 1
        assert "json.decoder" in environment.served("-c", "import json")
        assert str(shared[0]) in environment.pycds("status").stdout
        # A user's own comes before it.
        environment.pycds("build", "--only", "email")
        assert environment.served("-c", "import json") == []
    finally:
        shutil.rmtree(shared[0].parent)


def test_commands_know_it(environment: Environment, base: Path) -> None:
    environment(environment.python.directory / "app.py")
    environment.wait(1)
    assert json.loads(environment.pycds("status", "--json").stdout)["base"] == [str(base)]
    program = next(path for path in environment.archives() if path != base)
    os.utime(program)  # used later
    first = environment.pycds("prune", "--size", "1", "--dry-run").stdout.splitlines()
    assert [line.split()[2].rstrip(",") for line in first[:-1]] == [str(program), str(base)]
    (environment.python.directory / "plain.py").write_text("def answer(): return 43\n")
    told = environment.pycds("doctor", code=None, env={"PYTHONPATH": str(environment.python.directory)}).stdout
    assert "; 1 module changed" in told
    # What the second archive has instead is not outdated, nor what is gone.
    files = {f"module_{number}.py": "" for number in range(20)}
    here = {"PYTHONPATH": str(write_files(environment.python.directory, files))}
    chosen = ["build", "--only", "module_*", "--only", "plain"]
    environment.pycds(*chosen, env=here)
    (environment.python.directory / "plain.py").write_text("def answer(): return 44\n")
    (environment.python.directory / "module_3.py").unlink()
    told = environment.pycds("doctor", code=None, env=here).stdout
    assert "; 1 module changed" in told and "-> pycds build" in told
    environment.pycds(*chosen, env=here)
    told = environment.pycds("doctor", code=None, env=here).stdout
    assert "changed" not in told.partition("archives")[0] and "-> pycds build\n" not in told
    base.write_bytes(base.read_bytes()[:1000])
    assert "pycds build --full" in environment.pycds("doctor", code=1).stdout

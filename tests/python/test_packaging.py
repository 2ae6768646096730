"""What is installed where: the wheel with the core, the one without it, the source distribution; what is refused."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging import tags
from packaging.utils import parse_wheel_filename

import pycds._core
from conftest import MakeArchive, Python, clean_environment, write_files
from pycds import unsupported
from unsupported_python import DISGUISES, ROOT, make_environment, make_pure_wheel, make_sdist, pip

PURE = "pycds-0.1.0-py3-none-any.whl"
WITH_CORE = [f"pycds-0.1.0-cp3{n}-cp3{n}-manylinux_2_28_x86_64.whl" for n in range(8, 16)]

PROGRAM = {
    "app.py": """\
        import sys
        import part
        print("result", part.X, sys.argv[1:])
        sys.exit(7)
    """,
    "part.py": "X = 1\n",
}


# --- which interpreters ------------------------------------------------------------------------------------


def test_this_interpreter_is_served() -> None:
    assert unsupported.reason() is None
    unsupported.require_core()


def a_supported_one() -> dict[str, object]:
    return {
        "name": "cpython", "version": "3.13.5", "system": "linux", "machine": "x86_64", "bits": 64, "has_glibc": True,
        "has_gil": True, "is_final": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"name": "pypy"}, "PyPy 3.13.5 is not supported: "),
        ({"name": "graalpy"}, "GraalPy 3.13.5 is not supported: "),
        ({"name": "rustpython"}, "rustpython 3.13.5 is not supported: "),
        ({"system": "darwin", "machine": "arm64", "has_glibc": False}, "CPython 3.13.5 on darwin is not supported: "),
        ({"system": "win32", "machine": "", "has_glibc": False}, "CPython 3.13.5 on win32 is not supported: "),
        ({"bits": 32}, "CPython 3.13.5 (32 bits) is not supported: "),
        ({"machine": "aarch64"}, "CPython 3.13.5 on aarch64 is not supported: "),
        ({"has_glibc": False}, "CPython 3.13.5 without glibc (musl?) is not supported: "),
        ({"has_gil": False}, "CPython 3.13.5 (free-threaded) is not supported: "),
        ({"version": "3.13.0a1", "is_final": False}, "CPython 3.13.0a1 is not supported: "),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_refusal_is_one_line(differs: dict[str, object], said: str) -> None:
    assert unsupported.obstacle(unsupported.Interpreter(**a_supported_one())) is None  # type: ignore[arg-type] - a table of mixed values
    line = unsupported.obstacle(unsupported.Interpreter(**{**a_supported_one(), **differs}))  # type: ignore[arg-type] - as above
    assert line is not None
    assert line.startswith(said)
    assert line.endswith(unsupported.REMEDY)
    assert "\n" not in line


def chosen_wheel(supported: Iterator[tags.Tag]) -> str:
    """The wheel of a release that pip takes for an interpreter: the one with the best of its tags."""
    rank = {tag: number for number, tag in enumerate(supported)}
    found = {}
    for name in [PURE, *WITH_CORE]:
        fitting = [rank[tag] for tag in parse_wheel_filename(name)[3] if tag in rank]
        if fitting:
            found[min(fitting)] = name
    return found[min(found)]


@pytest.mark.parametrize(
    ("version", "abi", "platform", "has_core"),
    [
        *(((3, minor), f"cp3{minor}", "manylinux_2_28_x86_64", True) for minor in range(8, 16)),
        ((3, 16), "cp316", "manylinux_2_28_x86_64", False),
        ((3, 13), "cp313t", "manylinux_2_28_x86_64", False),
        ((3, 11), "cp311", "musllinux_1_2_x86_64", False),
        ((3, 11), "cp311", "manylinux_2_17_i686", False),
        ((3, 11), "cp311", "manylinux_2_28_aarch64", False),
        ((3, 11), "cp311", "macosx_14_0_arm64", False),
        ((3, 11), "cp311", "win_amd64", False),
    ],
    ids=str,
)
def test_the_wheel_that_pip_takes(version: tuple[int, int], abi: str, platform: str, has_core: bool) -> None:
    cpython = tags.cpython_tags(version, [abi], [platform])
    compatible = tags.compatible_tags(version, f"cp{version[0]}{version[1]}", [platform])
    chosen = chosen_wheel(iter([*cpython, *compatible]))
    assert chosen == (f"pycds-0.1.0-{abi}-{abi}-manylinux_2_28_x86_64.whl" if has_core else PURE)


def test_the_wheel_that_pip_takes_for_another_implementation() -> None:
    for interpreter, abi in (("pp39", "pypy39_pp73"), ("graalpy312", "graalpy250_312_native")):
        generic = tags.generic_tags(interpreter, [abi], ["manylinux_2_28_x86_64"])
        compatible = tags.compatible_tags((3, 9), interpreter, ["manylinux_2_28_x86_64"])
        assert chosen_wheel(iter([*generic, *compatible])) == PURE


def test_the_version_is_the_same_in_all_places() -> None:
    places = {
        "pyproject.toml": r'^version = "(.*)"$', "CMakeLists.txt": r"^project\(pycds VERSION (\S+) ",
        "pycds/__init__.py": r'^__version__ = "(.*)"$',
    }  # fmt: skip
    found = {name: re.findall(places[name], (ROOT / name).read_text(), re.MULTILINE) for name in places}
    assert found == {name: [importlib.metadata.version("pycds")] for name in places}


# --- life without a core -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pure_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pure_wheel(tmp_path_factory.mktemp("pure"))


def test_the_wheel_without_the_core(pure_wheel: Path) -> None:
    assert pure_wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(pure_wheel) as wheel:
        names = wheel.namelist()
        assert wheel.read("pycds.pth") == (ROOT / "data" / "pycds.pth").read_bytes()
        assert b"Root-Is-Purelib: true" in wheel.read(next(name for name in names if name.endswith("/WHEEL")))
    assert "pycds/_startup.py" in names
    assert not [name for name in names if name.endswith(".so")]


@pytest.fixture(scope="module", params=DISGUISES)
def disguised(
    request: pytest.FixtureRequest, pure_wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A Python that looks like an unsupported one, and a word that its refusals contain."""
    directory = tmp_path_factory.mktemp("disguised") / "environment"
    return make_environment(pure_wheel, directory, DISGUISES[request.param]), request.param


@pytest.mark.wheels
def test_an_unsupported_interpreter(disguised: tuple[Path, str], tmp_path: Path) -> None:
    executable, word = disguised
    check_life_without_core(executable, word, tmp_path)


def check_life_without_core(executable: Path, word: str, tmp_path: Path) -> None:
    """Commands refuse in one line, programs run as they are, and so does the API what it documents."""
    (tmp_path / "work").mkdir()
    python = Python(os.fspath(executable), write_files(tmp_path / "work", PROGRAM), tmp_path / "home")
    plain = python("app.py", "a", code=7)
    assert plain.stdout == "result 1 ['a']\n"
    check_commands(python, word, plain.stdout)
    check_variables(python, word, plain.stdout)
    check_interface(python, word)


def check_commands(python: Python, word: str, output: str) -> None:
    for words in (
        ["trace", "a.lst", "--", "app.py"], ["dump", "a.lst", "a.pycds"], ["verify", "a.pycds"],
        ["verify", "--live", "a.pycds"], ["inspect", "a.pycds"], ["stats", "--", "app.py"],
    ):  # fmt: skip
        done = python.pycds(*words, code=3)
        (line,) = done.stderr.splitlines()
        assert line.startswith("pycds: ")
        assert word in line
        assert "not supported" in line
        assert done.stdout == ""
    assert python.pycds("dump", "--help").stdout.startswith("Usage: pycds dump")
    assert python.pycds("--version").stdout.startswith("pycds, version ")
    python.pycds("dump", code=2)
    served = python.pycds("run", "--", "app.py", "a", code=7)
    assert served.stdout == output
    (line,) = served.stderr.splitlines()
    assert word in line
    assert line.endswith("; the program runs without an archive")
    assert python.pycds("run", "--policy", "off", "--", "app.py", "a", code=7).stderr == ""
    refused = python.pycds("run", "--policy", "on", "--", "app.py", code=3)
    assert (refused.stdout, refused.stderr.count("\n")) == ("", 1)
    assert not list(python.directory.glob("a.*"))
    assert not python.home.exists()


def check_variables(python: Python, word: str, output: str) -> None:
    """They are silent, say one line to whoever asks for it, and are obeyed where that must not pass unnoticed."""
    ours = {"PYCDSARCHIVE": "a.pycds", "PYCDSLIST": "a.lst"}
    for mode in ("SHARE", "MANUALLY") if word == "no core for it" else ("SHARE", "TRACE", "MANUALLY"):
        quiet = python("app.py", "a", code=7, env={"PYCDSMODE": mode, **ours})
        assert (quiet.stdout, quiet.stderr) == (output, "")
        told = python("app.py", "a", code=7, env={"PYCDSMODE": mode, "PYCDSVERBOSE": "1", **ours})
        assert told.stdout == output
        assert [word in line for line in told.stderr.splitlines()] == ([] if mode == "MANUALLY" else [True])
    assert not list(python.directory.glob("a.*"))
    for ask in ({"PYCDSMODE": "SHARE", "PYCDSPOLICY": "on"}, {"PYCDSMODE": "DUMP"}):
        refused = python("app.py", code=3, env={**ask, **ours})
        assert refused.stdout == ""
        (line,) = refused.stderr.splitlines()
        assert word in line
    statistics = python.directory / "statistics.json"
    python("app.py", code=7, env={"PYCDSMODE": "SHARE", "PYCDSSTATS": str(statistics), **ours})
    (refusal,) = json.loads(statistics.read_text())["refused"]
    assert refusal["reason"] == "unsupported"


INTERFACE = """
import cds, cds.dump, pycds

def refused(call):
    try:
        call()
    except (pycds.Refusal, pycds.PycdsError) as error:
        return [type(error).__name__, getattr(error, "reason", getattr(error, "exit_code", None)), str(error)]

import json
found = {
    "open": refused(lambda: pycds.open("a.pycds")), "identity": refused(pycds.identity),
    "attach": refused(lambda: pycds.attach("a.pycds")), "share": refused(lambda: cds.share("a.pycds")),
    "dump": refused(lambda: pycds.dump("a.lst", "a.pycds")),
    "run_dump": refused(lambda: cds.dump.run_dump("a.lst", "a.pycds")),
    "auto": pycds.attach("a.pycds", "auto"), "off": pycds.attach("a.pycds", "off"),
    "counted": [each["reason"] for each in pycds.statistics()["refused"]], "hits": pycds.statistics()["hits"],
    "names": all(hasattr(pycds, name) for name in pycds.__all__),
}
with pycds.record("recorded.lst"):
    import part
print(json.dumps(found))
"""


def check_interface(python: Python, word: str) -> None:
    found = json.loads(python("-c", INTERFACE).stdout)
    for name in ("open", "identity", "attach", "share"):
        assert found[name][:2] == ["Refusal", "unsupported"]
        assert word in found[name][2]
    for name in ("dump", "run_dump"):
        assert found[name][:2] == ["PycdsError", 3]
        assert word in found[name][2]
    assert (found["auto"], found["off"], found["counted"], found["hits"]) == (False, False, ["unsupported"], 0)
    assert found["names"]
    assert re.search(r"^part\t", (python.directory / "recorded.lst").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sdist(tmp_path_factory.mktemp("sdist"))


def real_interpreters() -> dict[str, str | None]:
    """PyPy and a free-threaded CPython, where they are."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = [
        *sorted(versions.glob("3.*t/bin/python")),
        *filter(None, map(shutil.which, ("python3.14t", "python3.13t"))),
    ]
    return {"PyPy": shutil.which("pypy3"), "free-threaded": os.fspath(found[0]) if found else None}


@pytest.mark.wheels
@pytest.mark.parametrize("word", ["PyPy", "free-threaded"])
def test_a_real_unsupported_interpreter(word: str, sdist: Path, tmp_path: Path) -> None:
    """From the source distribution, and without a compiler."""
    interpreter = real_interpreters()[word]
    if interpreter is None:
        pytest.skip(
            "no PyPy on PATH (apt-get install pypy3 pypy3-venv)" if word == "PyPy" else
            "no free-threaded CPython on PATH or with pyenv; neither Debian nor PyPI has one (pyenv install 3.13t)"
        )  # fmt: skip
    environment = tmp_path / "environment"
    subprocess.run([interpreter, "-m", "venv", environment], check=True)
    executable = environment / "bin" / "python"
    pip("install", "--quiet", "click", "rich", python=executable)
    bare = {"PATH": os.fspath(environment / "bin"), "CXX": "/nonexistent"}
    pip("install", "--no-deps", "--ignore-requires-python", sdist, python=executable, **bare)
    check_life_without_core(executable, word, tmp_path)


def test_a_pre_release_does_not_use_the_core_of_its_release(
    python: Python, program: Path, make_archive: MakeArchive
) -> None:
    """It installs the same wheel."""
    made = make_archive(program)
    code = (
        "import sys; sys.hexversion = sys.hexversion & ~0xFF | {level}; import pycds\n"
        "try: print(pycds.attach(sys.argv[1]))\n"
        "except pycds.Refusal as refusal: print(refusal.reason, refusal.message)"
    )
    for level in ("0xA1", "0xB4"):
        assert python("-c", code.format(level=level), made.archive).stdout.startswith("unsupported ")
    for level in ("0xC1", "0xF0"):
        assert python("-c", code.format(level=level), made.archive).stdout == "True\n"


def test_a_program_is_waited_for_where_a_process_cannot_become_another(python: Python) -> None:
    code = (
        "import os, sys; from pycds import launch; print(os.getpid(), flush=True); os.name = 'nt'; "
        "launch.execute([sys.executable, '-c', 'import os, sys; print(os.getppid()); sys.exit(5)'], dict(os.environ))"
    )
    parent, seen_by_child = python("-c", code, code=5).stdout.split()
    assert parent == seen_by_child


# --- the wheel that is tested here, and the source distribution ----------------------------------------------


@pytest.mark.wheels
def test_the_installed_wheel_is_small() -> None:
    """Not counting bytecode, which pip makes as it likes."""
    files = importlib.metadata.files("pycds")
    assert files is not None
    sizes = {str(file): os.stat(file.locate()).st_size for file in files if not str(file).endswith(".pyc")}
    assert any("_core." in name for name in sizes)
    assert sum(sizes.values()) < 1_000_000, sizes


def check_symbol_versions(*arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools" / "check_symbol_versions", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.wheels
def test_the_core_needs_no_new_glibc() -> None:
    done = check_symbol_versions("--any-toolchain", pycds._core.__file__)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.wheels
def test_a_new_symbol_is_noticed(tmp_path: Path) -> None:
    """This test's own compiler makes a library with a function of glibc 2.34, and with a shared C++ runtime."""
    source, library = tmp_path / "new.cpp", tmp_path / "new.so"
    source.write_text(
        '#include <unistd.h>\n#include <string>\nextern "C" int f(int a) { return close_range(a, a, 0); }\n'
        "std::string g(std::string s) { s.append(s); throw s; }\n"
    )
    subprocess.run(["g++", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, source], check=True)
    done = check_symbol_versions("--any-toolchain", library)
    assert done.returncode == 1
    assert "close_range is new in glibc 2.34" in done.stdout
    assert "of a shared GLIBCXX" in done.stdout
    assert "close_range" not in check_symbol_versions("--glibc", "2.34", library).stdout


def without_network(directory: Path) -> tuple[list[str], dict[str, str]]:
    """What a command is started by so that it reaches no network, and its environment."""
    environ = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    for prefix in (["unshare", "--net"], ["unshare", "--net", "--map-root-user"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0
        ):
            return prefix, environ
    return [], environ


@pytest.mark.wheels
def test_the_source_distribution_builds_offline(sdist: Path, tmp_path: Path) -> None:
    """From the pinned build requirements, without xxHash on the system, into a wheel that serves."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"vendor/xxhash.h", "tools/pycds_build.py", "data/pycds.pth", "LICENSES/xxHash.txt"} <= names
    wheelhouse, environment = tmp_path / "wheelhouse", tmp_path / "environment"
    pip("download", "--quiet", "--dest", wheelhouse, "-r", ROOT / "requirements" / "build.txt", "click", "rich")
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    prefix, environ = without_network(tmp_path)
    env = clean_environment(**environ, PATH=f"{environment}/bin:/usr/bin:/bin")
    offline = ["--no-index", "--find-links", os.fspath(wheelhouse)]
    python = os.fspath(environment / "bin" / "python")

    def run(*command: str | os.PathLike[str]) -> str:
        words = [*prefix, python, *map(os.fspath, command)]
        done = subprocess.run(
            words, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    build = tmp_path / "build"
    settings = ["--config-settings", f"build-dir={build}"]
    run("-m", "pip", "wheel", "--no-deps", *offline, *settings, "--wheel-dir", tmp_path, sdist)
    assert re.search(r"^XxHash_INCLUDE_DIR:PATH=.*/vendor$", (build / "CMakeCache.txt").read_text(), re.MULTILINE)
    (wheel,) = tmp_path.glob("pycds-*.whl")
    assert check_symbol_versions("--any-toolchain", wheel).stdout == ""
    run("-m", "pip", "install", *offline, wheel)
    assert re.search(r"^\d+ modules served$", run(ROOT / "tools" / "try_wheel.py"), re.MULTILINE)

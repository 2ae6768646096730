"""``pycds export`` and ``pycds import``: archives on their way to another machine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from conftest import PROGRAM, PROGRAM_MODULES, MakeArchive, Python, write_files
from pycds import exported
from pycds.errors import PycdsError

MANIFEST = "pycds-export.json"


@pytest.fixture
def app(python: Python, program: Path) -> Path:
    """The archive of ``app.py`` in the store."""
    python.pycds("run", "--", program)
    (archive,) = python.home.glob("*.pycds")
    return archive


@pytest.fixture
def own_export(python: Python, app: Path, tmp_path: Path) -> Path:
    """An export of it; the store is empty again."""
    file = tmp_path / "app.pycds-export"
    python.pycds("export", file, "app.py")
    empty(python.home)
    return file


@pytest.fixture(scope="module")
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An export of a program that is nowhere else."""
    directory = tmp_path_factory.mktemp("exported")
    (directory / "home").mkdir(mode=0o700)
    python = Python(sys.executable, write_files(directory / "work", PROGRAM), directory / "home")
    python.pycds("run", "--", "app.py")
    python.pycds("export", directory / "export", "--all")
    return (directory / "export").read_bytes()


@pytest.fixture
def export(exported_once: bytes, tmp_path: Path) -> Path:
    """The same for who does not run its program."""
    file = tmp_path / "export"
    file.write_bytes(exported_once)
    return file


def empty(home: Path) -> None:
    for path in home.glob("*.pycds*"):
        path.unlink()


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.glob("*.pycds*")}


def refused(python: Python, file: Path, code: int = 3, home: str | None = None) -> str:
    """The one line that an import is refused with; the store is as it was."""
    before = contents(python.home)
    with mock.patch.dict(os.environ, PYCDS_HOME=home or str(python.home)), pytest.raises(PycdsError) as caught:
        exported.read(str(file), replace=True)
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (code, False)
    assert contents(python.home) == before
    return str(caught.value)


def members(file: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(file) as tar:
        return [(member, tar.extractfile(member).read() if member.isreg() else b"") for member in tar]  # type: ignore[union-attr] - those are files


def pack(file: Path, packed: list[tuple[tarfile.TarInfo, bytes]], **options: Any) -> None:
    with tarfile.open(file, options.pop("mode", "w"), **options) as tar:
        for member, data in packed:
            if member.isreg():
                member.size = len(data)
            tar.addfile(member, io.BytesIO(data) if member.isreg() else None)


def change_manifest(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    (head, text), *rest = members(file)
    manifest = json.loads(text)["contents"]
    change(manifest)
    pack(file, [(head, signed(manifest)), *rest])


def signed(manifest: object) -> bytes:
    checksum = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    return json.dumps({"sha256": checksum, "contents": manifest}).encode()


def test_there_and_back(python: Python, program: Path, app: Path, tmp_path: Path) -> None:
    file, before = tmp_path / "all", contents(python.home)
    assert ": 1 archive, " in python.pycds("export", file, "--all").stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shutil.rmtree(python.home)
    done = python.pycds("import", file)
    assert done.stdout == f"imported {app} for {program}\n1 archive imported, 0 kept\n"
    assert contents(python.home) == before
    assert stat.S_IMODE(python.home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in python.home.glob("*.pycds*")} == {0o600}
    python.pycds("verify", app)
    statistics = tmp_path / "statistics"
    python.pycds("run", "--policy", "on", "--", program, env={"PYCDSSTATS": str(statistics)})
    (served,) = json.loads(statistics.read_text())["archives"]
    assert set(PROGRAM_MODULES) <= set(served["served"])
    # It is made anew as any other.
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    assert python.pycds("run", "--", program).stdout.startswith("result 43")
    python.pycds("verify", "--live", app)


@pytest.mark.parametrize("compiled", [False, True], ids=["bytecode copied", "bytecode compiled anew"])
def test_other_times_of_files(python: Python, program: Path, tmp_path: Path, compiled: bool) -> None:
    """As on another machine: the same paths and contents, and bytecode that was made in the same way."""
    file, copy = tmp_path / "export", tmp_path / "copy"
    same_order = {"PYTHONHASHSEED": "0"}  # of constant sets, which bytecode has as they come before 3.11
    python("-m", "compileall", "-q", program.parent, env=same_order)
    python.pycds("run", "--", program)
    python.pycds("export", file, program)
    empty(python.home)
    shutil.copytree(program.parent, copy)
    shutil.rmtree(program.parent)
    shutil.copytree(copy, program.parent, copy_function=shutil.copyfile)
    if compiled:
        for directory in list(program.parent.rglob("__pycache__")):
            shutil.rmtree(directory)
        python("-m", "compileall", "-q", program.parent, env=same_order)
    done = python.pycds("import", file)
    assert done.stdout.splitlines()[1:] == ["1 archive imported, 0 kept"]
    (archive,) = python.home.glob("*.pycds")
    served = python.served(archive, program)
    assert [name for name in served.names if name in PROGRAM_MODULES] == PROGRAM_MODULES
    assert served.statistics["misses"] == {}


def test_what_is_there_is_kept(python: Python, program: Path, app: Path, tmp_path: Path) -> None:
    file = tmp_path / "old"
    python.pycds("export", file, program)
    exported = contents(python.home)
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    python.pycds("run", "--", program)
    newer = contents(python.home)
    assert python.pycds("import", file).stdout == (
        f"kept {app} for {program}: it was there\n0 archives imported, 1 kept\n"
    )
    assert contents(python.home) == newer
    Path(f"{app}.failed").write_text("it could not be made")
    Path(f"{app}.missed").write_text("lacking\n")
    told = python.pycds("import", "--replace", file).stdout.splitlines()
    assert told[1:] == [
        "  1 module would not be served, plain among them: source has changed",
        "1 archive imported, 0 kept",
    ]
    assert contents(python.home) == exported


def test_a_program_that_is_not_here(python: Python, program: Path, own_export: Path) -> None:
    program.unlink()
    assert f"the program is not here: nobody will use the archive, unless {program} comes to be" in python.pycds(
        "import", own_export
    ).stdout  # fmt: skip


def test_another_path_of_the_interpreter(python: Python, own_export: Path) -> None:
    change_manifest(own_export, lambda manifest: manifest.update(executable="/srv/python"))
    assert "The programs of /srv/python have them, not those of " in python.pycds("import", own_export).stdout


def test_which_are_exported(
    python: Python, program: Path, app: Path, make_archive: MakeArchive, tmp_path: Path
) -> None:
    file = tmp_path / "export"
    python.pycds("run", "--", "-m", "package")
    (module,) = set(python.home.glob("*.pycds")) - {app}
    (python.home / "damaged-0123456789abcdef.pycds").write_bytes(app.read_bytes()[:100])
    done = python.pycds("export", file, "--all")
    assert done.stdout.splitlines()[0] == "left out: 1 archive that this interpreter cannot use"
    names = [member.name for member, _ in members(file)]
    assert names == [MANIFEST, app.name, f"{app.name}.lst", module.name, f"{module.name}.lst"]
    python.pycds("export", file, module.name, module, module.name)
    Path(f"{module}.lst").unlink()
    python.pycds("export", file, module.name)
    assert [member.name for member, _ in members(file)] == [MANIFEST, module.name]
    (manifest,) = (json.loads(data)["contents"] for member, data in members(file) if member.name == MANIFEST)
    assert [one["program"] for one in manifest["archives"]] == ["package"]
    empty(python.home)
    assert f"imported {module} for package\n" in python.pycds("import", file).stdout


def test_what_cannot_be_exported(python: Python, program: Path, app: Path, tmp_path: Path) -> None:
    file = write_files(tmp_path, {"notes.txt": "mine\n"}) / "notes.txt"
    plain = write_files(program.parent, {"other.py": ""}) / "other.py"
    for words, code, said in (
        (["export", file, "app.py"], 2, "is no export of PyCDS, and is not written over"),
        (["export", tmp_path, "app.py"], 2, "is a directory"),
        (["export", tmp_path / "no" / "file", "app.py"], 2, "does not exist"),
        (["export", tmp_path / "file"], 2, "or --all"),
        (["export", tmp_path / "file", "--all", "app.py"], 2, "or --all"),
        (["export", "pycds", "app.py"], 2, "pycds is a command of this environment: name the FILE"),
        (["export", tmp_path / "file", "nowhere"], 2, "no such file"),
        (["export", tmp_path / "file", plain], 3, "has no archive in "),
        (["export", tmp_path / "file", "app.py", "no-0123456789abcdef.pycds"], 3, "has no archive in "),
    ):  # fmt: skip
        done = python.pycds(*words, code=code)
        assert (done.stdout, done.stderr.count("\n")) == ("", 1)
        assert said in done.stderr
    assert file.read_text() == "mine\n"
    for home in ("/proc/nowhere", str(tmp_path / "missing")):
        done = python.pycds("export", tmp_path / "file", "--all", code=3, env={"PYCDS_HOME": home})
        assert "has no archive that this interpreter can use" in done.stderr
    app.write_bytes(app.read_bytes()[:100])
    assert (
        "is not one that this interpreter can use" in python.pycds("export", tmp_path / "file", "app.py", code=3).stderr
    )
    assert {path.name for path in tmp_path.iterdir()} == {"home", "notes.txt", "work"}


def test_another_interpreter(python: Python, export: Path) -> None:
    file = export.with_name("other")
    shutil.copy(export, file)
    change_manifest(file, lambda manifest: manifest["identity"].update(build="0" * 40))
    change_manifest(file, lambda manifest: manifest.update(python="CPython 3.99.0"))
    line = python.pycds("import", file, code=3).stderr
    assert line.count("\n") == 1
    assert f"pycds: {file} is for another build of Python (CPython 3.99.0) than {python.executable}" in line
    assert "import it there, or run the programs here" in line


def test_an_archive_of_another_interpreter_in_disguise(python: Python, export: Path) -> None:
    """The manifest says that it is ours: the archive itself is asked."""
    foreign = {**exported.this_interpreter(), "build": "0" * 40}
    with mock.patch.object(exported, "interpreter_of", lambda archive: foreign):
        assert "is for another build of Python (that of '" in refused(python, export)
    packed = members(export)
    member, data = packed[1]
    packed[1] = (member, data[:100] + b"0" + data[101:])
    pack(export, packed)
    known = {member.name: [len(data), hashlib.sha256(data).hexdigest()] for member, data in packed[1:]}
    change_manifest(export, lambda manifest: manifest["archives"][0]["files"].update(known))
    assert f"({member.name!r}: damaged)" in refused(python, export)


def test_damage(python: Python, export: Path) -> None:
    """Any length cut off, and bytes changed in each part: nothing is imported."""
    whole = export.read_bytes()
    ends = [0, 1, 511, 512, 513, 1024, 5000, len(whole) // 2, whole.rindex(b"# pycds trace") + 100]
    for end in ends:
        export.write_bytes(whole[:end])
        line = refused(python, export)
        assert f"{export} is damaged, truncated or no export of PyCDS (" in line
        assert "nothing was imported" in line
    for place in (
        0,
        130,
        whole.index(b'"executable"') + 20,
        whole.index(b"\x89PyCDS") + 4000,
        whole.rindex(b"# pycds trace") + 20,
    ):
        export.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "damaged" in refused(python, export)
    export.write_bytes(whole)
    pack(export, members(export)[:2])
    assert ".pycds.lst' is missing" in refused(python, export)
    export.write_bytes(b"something else entirely" * 100)
    assert "no export of PyCDS" in refused(python, export)
    pack(export, [], mode="w:gz")
    assert "no export of PyCDS" in refused(python, export)
    export.unlink()
    assert f"{export} cannot be read: No such file" in refused(python, export)
    export.mkdir()
    assert f"{export} cannot be read: Is a directory" in refused(python, export)


def test_cut_where_there_are_no_contents_any_more(python: Python, export: Path) -> None:
    """In what fills a tar up: nothing is imported, or all of it, as it was.  Contents that are cut are refused."""
    whole = export.read_bytes()
    *_, (last, data) = members(export)
    end = last.offset_data + len(data)
    assert whole[end:].count(0) == len(whole) - end > 1024 and len(data) % 512
    python.pycds("import", export)
    complete = contents(python.home)
    outcomes = []
    for place in (end - 1, end, end + 1, -(-end // 512) * 512, -(-end // 512) * 512 + 700, len(whole) - 1):
        empty(python.home)
        export.write_bytes(whole[:place])
        with mock.patch.dict(os.environ, PYCDS_HOME=str(python.home)):
            try:
                exported.read(str(export), replace=True)
            except PycdsError as error:
                assert "truncated" in str(error) and contents(python.home) == {}
                outcomes.append("refused")
            else:
                assert contents(python.home) == complete
                outcomes.append("imported")
    assert outcomes[0] == "refused" and outcomes[-3:] == ["imported"] * 3


@pytest.mark.parametrize(
    "manifest",
    [
        b"", b"{", b"[]", b"1", b"{}", b"\xff", b"[" * 100_000, b'{"contents": {}, "sha256": ""}',
        *map(signed, ([], 1, {}, {"format": 1}, {"format": 1, "archives": 3})),
        signed({"format": 1, "archives": [{"name": 1}]}),
        signed({"format": 1, "archives": [], "python": "", "executable": ""}),
    ],
    ids=lambda text: repr(text[:30]),
)  # fmt: skip
def test_a_manifest_that_is_none(python: Python, export: Path, manifest: bytes) -> None:
    (head, _), *rest = members(export)
    pack(export, [(head, manifest), *rest])
    assert "is damaged" in refused(python, export)


def test_another_format(python: Python, export: Path) -> None:
    change_manifest(export, lambda manifest: manifest.update(format=2, creator="pycds 9.0"))
    assert f"{export} has format 2, not 1; import it with pycds 9.0" in refused(python, export)


@pytest.mark.parametrize(
    "name",
    ["../out-0123456789abcdef.pycds", "/tmp/out-0123456789abcdef.pycds", "a/b-0123456789abcdef.pycds", "background.log",
     "..pycds", ".hidden-0123456789abcdef.pycds", "a-0123456789abcdef.pycds.failed", "", "nul\0-0123456789abcdef.pycds",
     "line\n-0123456789abcdef.pycds", "a-0123456789abcdef.pycds\n"],
)  # fmt: skip
def test_hostile_names(python: Python, export: Path, tmp_path: Path, name: str) -> None:
    """In the manifest and in the tar: no file appears anywhere."""
    packed = members(export)
    before = {path for path in tmp_path.rglob("*") if path != export}
    packed[1][0].name = name
    pack(export, packed)

    def rename(manifest: dict[str, Any]) -> None:
        (one,) = manifest["archives"]
        one.update(name=name, files={name: next(iter(one["files"].values()))})

    change_manifest(export, rename)
    assert "is no name of an archive" in refused(python, export)
    assert {path for path in tmp_path.rglob("*") if path != export} == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_hostile_members(python: Python, export: Path, kind: bytes) -> None:
    packed = members(export)
    member = packed[1][0]
    member.type, member.linkname, member.size = kind, "/etc/passwd", 0
    pack(export, packed)
    known = {member.name: [0, hashlib.sha256(b"").hexdigest()]}
    change_manifest(export, lambda manifest: manifest["archives"][0]["files"].update(known))
    assert "is not what pycds-export.json says" in refused(python, export)


def test_members_that_nobody_asked_for(python: Python, export: Path, tmp_path: Path) -> None:
    packed = members(export)
    expected = {member.name for member, _ in packed[1:]}
    for name in ("../extra", "/extra", "extra-0123456789abcdef.pycds"):
        packed.append((tarfile.TarInfo(name), b"extra"))
    pack(export, packed)
    python.pycds("import", export)
    assert set(contents(python.home)) == expected
    assert not list(tmp_path.rglob("extra*"))


LIMITED = """\
import resource, signal, sys
sys.dont_write_bytecode = True
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from pycds.commands import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk(python: Python, program: Path, own_export: Path, app: Path, tmp_path: Path) -> None:
    """Nothing is lost, and nothing half-written is left behind."""
    python.pycds("run", "--", program)
    before, directory = contents(python.home), set(tmp_path.iterdir())
    done = python("-c", LIMITED, "import", "--replace", own_export, code=4)
    assert done.stderr == f"pycds: {python.home} cannot be written: File too large\n"
    assert contents(python.home) == before
    old = own_export.read_bytes()
    done = python("-c", LIMITED, "export", own_export, "app.py", code=4)
    assert done.stderr.startswith(f"pycds: {own_export} could not be written: File too large")
    assert (done.stderr.count("\n"), own_export.read_bytes(), set(tmp_path.iterdir())) == (1, old, directory)


def test_a_store_that_cannot_be_used(python: Python, export: Path) -> None:
    assert "/proc/nowhere cannot be written" in refused(python, export, 4, "/proc/nowhere")
    python.home.chmod(0o777)
    assert "archives there are not used, because others may write to" in refused(python, export, 2)


def test_an_import_that_is_killed(python: Python, own_export: Path) -> None:
    """What it leaves in the store is pruned with the archive, and the next import is as if it had not been."""
    code = "import os, sys\nos.replace = lambda *names: os.kill(os.getpid(), 9)\n"
    code += "from pycds.commands import main\nmain(sys.argv[1:])"
    python("-c", code, "import", own_export, code=-9)
    left = set(contents(python.home))
    assert left
    assert all(name.endswith(".import") for name in left)
    python.pycds("import", own_export)
    assert len(list(python.home.glob("*.pycds"))) == 1
    python.pycds("prune", "--all")
    assert contents(python.home) == {}


def test_an_archive_under_other_flags(python: Python, program: Path, tmp_path: Path) -> None:
    python.pycds("run", "--", "-O", program)
    python.pycds("export", tmp_path / "export", "--all")
    before = contents(python.home)
    empty(python.home)
    assert "  it was made under other flags\n" in python.pycds("import", tmp_path / "export").stdout
    assert contents(python.home) == before
    assert os.listdir(python.home)

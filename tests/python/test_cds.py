"""The original's interface: what its README, its tests and its users do works unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Python, module_names, write_files


def test_the_three_steps_of_the_originals_readme(python: Python, tmp_path: Path) -> None:
    directory = python.directory
    python("-c", "import json", env={"PYCDSMODE": "TRACE", "PYCDSLIST": "mod.lst"})
    assert "json" in module_names(directory / "mod.lst")
    python("-c", 'import cds.dump; cds.dump.run_dump("mod.lst", "mod.img")')
    assert (directory / "mod.img").exists()
    served = python.served(directory / "mod.img", "-c", "import json", env={"PYCDSVERBOSE": "2"})
    assert "exec_module cached 'json'" in served.stderr
    assert {"json", "json.decoder", "json.scanner", "json.encoder"} <= set(served.names)


@pytest.mark.parametrize("package", ["enum", "collections", "datetime", "hashlib"])
def test_a_list_of_a_single_name(python: Python, package: str) -> None:
    (python.directory / "test.lst").write_text(f"{package}\n")
    python("-m", "cds.dump", "test.lst", "test.img")
    code = f"import {package}; print({package}.__name__, {package}.__file__)"
    served = python.served(python.directory / "test.img", "-c", code, env={"PYCDSVERBOSE": "2"})
    assert f"exec_module cached '{package}'" in served.stderr
    assert served.stdout == python("-c", code).stdout


def test_modules_on_pythonpath(python: Python) -> None:
    write_files(
        python.directory,
        {
            "workspace/mod1.py": "def f(): return 1\nf()\n",
            "workspace/mod2/__init__.py": "",
            "workspace/mod2/mod2_1.py": "",
            "workspace/mod2/mod2_2/__init__.py": "from .. import mod2_1\n",
        },
    )
    python.environ["PYTHONPATH"] = "workspace"
    python.traced(python.directory / "t.lst", "-c", "import mod2.mod2_2, mod1")
    python("-m", "cds.dump", "t.lst", "t.img")
    served = python.served(python.directory / "t.img", "-c", "import mod2.mod2_2, mod1", env={"PYCDSVERBOSE": "1"})
    assert "exec_module cached 'mod2.mod2_2'" in served.stderr
    assert {"mod1", "mod2", "mod2.mod2_1", "mod2.mod2_2"} <= set(served.names)


def test_by_hand(python: Python, program: Path) -> None:
    env = {"PYCDSMODE": "MANUALLY"}
    python("-c", "import cds; cds.trace('m.lst'); import plain, package", env=env)
    assert {"plain", "package"} <= set(module_names(python.directory / "m.lst"))
    python("-c", "import cds.dump; cds.dump.run_dump('m.lst', 'm.img'); print('still here')", env=env)
    code = "import cds; cds.share('m.img'); import plain, pycds; print(pycds.statistics()['archives'][0]['served'])"
    assert python("-c", code, env=env).stdout == "['plain']\n"
    # without the variable as well
    assert python("-c", code).stdout == "['plain']\n"


def test_tracing_appends(python: Python, program: Path) -> None:
    for name in ("plain", "package"):
        python("-c", f"import {name}", env={"PYCDSMODE": "TRACE", "PYCDSLIST": "m.lst"})
    assert {"plain", "package"} <= set(module_names(python.directory / "m.lst"))


def test_run_dump_returns(python: Python, program: Path) -> None:
    (python.directory / "m.lst").write_text("plain\n")
    code = "import cds.dump; s = cds.dump.run_dump('m.lst', 'm.img'); print(s.modules, s.skipped)"
    done = python("-c", code)
    assert done.stdout == "1 []\n"
    assert len(done.stderr.splitlines()) == 1


def test_the_module_as_a_command(python: Python, program: Path) -> None:
    (python.directory / "m.lst").write_text("plain\nnowhere\n")
    done = python("-m", "cds.dump", "m.lst", "m.img")
    assert "skipped nowhere: not found" in done.stderr
    assert python("-m", "cds.dump", code=2).stderr == "usage: python -m cds.dump LIST ARCHIVE\n"
    assert python("-m", "cds.dump", "--quiet", "m.img", code=2).stdout == ""
    (line,) = python("-m", "cds.dump", "nowhere.lst", "m.img", code=4).stderr.splitlines()
    assert line == "pycds: cannot read the trace list nowhere.lst: No such file or directory"


def test_sharing_what_is_no_archive(python: Python, program: Path) -> None:
    code = "import cds, pycds\ntry: cds.share('app.py')\nexcept pycds.Refusal as e: print(e.reason)"
    assert python("-c", code).stdout == "foreign\n"


def test_init_from_env_again_is_harmless(python: Python, program: Path) -> None:
    (python.directory / "m.lst").write_text("plain\n")
    python("-m", "cds.dump", "m.lst", "m.img")
    code = "import cds; cds.init_from_env(); cds.init_from_env(); import plain; print(plain.answer())"
    served = python.served(python.directory / "m.img", "-c", code)
    assert served.stdout == "42\n"
    assert served.names == ["plain"]
    assert len(served.statistics["archives"]) == 1

"""``pycds doctor``: what it finds in an environment of its own, and what it says to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enabled_environment import Environment


@pytest.fixture
def environment(environment: Environment) -> Iterator[Environment]:
    """Afterwards it is as it was before."""
    directory = environment.hook.parent
    before, text = set(directory.iterdir()), environment.hook.read_text()
    yield environment
    environment.hook.write_text(text)
    for added in set(directory.iterdir()) - before:
        shutil.rmtree(added) if added.is_dir() else added.unlink()


def findings(environment: Environment, code: int = 0, **options: Any) -> list[dict[str, Any]]:
    done = environment.pycds("doctor", "--json", code=code, **options)
    assert done.stderr == ""
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert any(one["is_problem"] for one in found) == bool(code)
    return found


def problem(environment: Environment, **options: Any) -> tuple[str, str]:
    """The only problem, as topic and text."""
    (one,) = [one for one in findings(environment, 1, **options) if one["is_problem"]]
    assert one["advice"] or "CPython" in one["text"]
    return one["topic"], one["text"]


def test_all_is_well(environment: Environment, program: Path) -> None:
    done = environment.pycds("doctor")
    assert done.stdout.splitlines()[-1] == "no problems"
    assert f"CPython {sys.version.split()[0]}" in done.stdout
    assert "enabled for every program" in done.stdout
    environment(program)
    environment.wait(1)
    texts = [one["text"] for one in findings(environment)]
    assert "1 archive" in texts
    assert any(text.startswith("last: ") and "app.py-" in text for text in texts)
    (program.parent / "plain.py").write_text("def answer(): return 43\n")
    texts = [one["text"] for one in findings(environment)]
    assert "modules changed in 1 archive: 1 source has changed" in texts


def hit_rates(environment: Environment) -> list[tuple[str, str]]:
    return [(one["text"], one["advice"]) for one in findings(environment) if one["topic"] == "hit rate"]


def test_hit_rate_of_the_last_runs(environment: Environment, program: Path) -> None:
    environment(program)
    environment.wait(1)
    assert hit_rates(environment) == []
    environment(program)
    environment(program)
    ((text, advice),) = hit_rates(environment)
    assert text.startswith("1 program, the last 2 runs: 100 % of ") and not advice
    (archive,) = environment.archives()
    served = int(text.split()[-2])
    # With CI set, nothing is left behind; so the archive stays as it is, and what is not served is not counted.
    (program.parent / "plain.py").write_text("def answer(): return 44\n")
    environment(program, env={"CI": "1"})
    assert hit_rates(environment)[0][0] == text
    runs = archive.with_name(archive.name + ".runs")
    assert runs.read_text() == f"{served // 2} 0\n" * 2
    # What a run has lacked shows, with where to look.
    runs.write_text(f"{served // 2} 0\n9 1\nnot ours\n")
    rates = hit_rates(environment)
    assert f"{archive.name}: " in rates[1][0] and "pycds stats" in rates[1][1]
    # A new archive has no past.
    environment.age()
    environment(program)
    environment.wait(2)
    assert hit_rates(environment) == []


def test_hit_rates_are_those_of_this_environment(environment: Environment, program: Path) -> None:
    """Another one may share the store and the interpreter; even its packages, as these two do."""
    other = Environment(environment.python, Path(sys.executable))
    told = {}
    for one in (environment, other):
        before = set(environment.archives())
        one.pycds("run", "--", program)
        (archive,) = set(environment.archives()) - before
        archive.with_name(archive.name + ".runs").write_text("1 3\n")
        told[one] = archive.name
    for one in (environment, other):
        all_of_them, worst = (text for text, _advice in hit_rates(one))
        assert all_of_them == "1 program, the last run: 25 % of 4 modules"
        assert worst == f"{told[one]}: 25 %"


def test_off_and_switched_off_here(environment: Environment) -> None:
    assert "PYCDSENABLED=off here" in environment.pycds("doctor", env={"PYCDSENABLED": "off"}).stdout
    environment.pycds("disable")
    assert "-> pycds enable" in environment.pycds("doctor").stdout


def test_a_hook_that_was_changed(environment: Environment) -> None:
    environment.hook.write_text("import os\n")
    topic, text = problem(environment)
    assert (topic, text.endswith("was changed by hand")) == ("hook", True)
    environment.hook.unlink()
    assert "no such file" in problem(environment)[1]


def test_a_hook_that_is_not_executed(environment: Environment, tmp_path: Path) -> None:
    """PyCDS on PYTHONPATH alone: nobody reads pycds.pth there."""
    path = [str(environment.hook.parent), *sys.path[1:]]
    done = subprocess.run(
        [sys.executable, "-S", "-m", "pycds", "doctor"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYCDS_HOME": str(environment.python.home)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "is no site directory" in done.stdout


def test_other_hooks(environment: Environment) -> None:
    directory = environment.hook.parent
    (directory / "a_first.pth").write_text("import sys\n")
    (directory / "sitecustomize.py").write_text("")
    texts = [one["text"] for one in findings(environment)]
    assert "a_first.pth run before PyCDS: what they import is not served" in texts
    # Debian's own interpreters have one already.
    assert any(text.startswith("sitecustomize runs behind PyCDS: ") for text in texts)
    other = directory / "code_data_share-0.1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: code-data-share\nVersion: 0.1.0\n")
    assert problem(environment)[0] == "other hooks"


def test_stores(environment: Environment) -> None:
    assert any("CI is set" in one["text"] for one in findings(environment, env={"CI": "yes"}))
    environment.python.home.chmod(0o777)
    topic, text = problem(environment)
    assert (topic, "others may write to" in text) == ("store", True)
    environment.python.home.chmod(0o700)
    (one,) = [one for one in findings(environment, 1, env={"PYCDS_STORE_LIMIT": "much"}) if one["is_problem"]]
    assert (one["topic"], "is no size" in one["text"]) == ("store", True)


def test_archives(environment: Environment, program: Path) -> None:
    environment(program)
    environment.wait(1)
    (archive,) = environment.archives()
    data = archive.read_bytes()
    environment.pycds("dump", f"{archive}.lst", archive.with_name("other.pycds"))
    archive.with_name("optimised.pycds").write_bytes(data)
    environment("-O", "-m", "pycds", "dump", f"{archive}.lst", archive.with_name("optimised.pycds"))
    assert "3 archives, 1 of other interpreters" in [one["text"] for one in findings(environment)]
    archive.write_bytes(data[:1000])
    topic, text = problem(environment)
    assert (topic, str(archive) in text) == ("archives", True)


def test_what_has_failed(environment: Environment, program: Path) -> None:
    (environment.python.home / "background.lock").mkdir()
    environment(program)
    environment.wait(1)
    topic, text = problem(environment)
    assert (topic, "not made: IsADirectoryError" in text) == ("background", True)

"""What competes: each contender prepares an application and says how to start it."""

from __future__ import annotations

import json
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.catalogue import HERE, PROGRAMS, Application
from benchmarks.environments import Bench, clean_environment
from benchmarks.process import Failed, Launch, run


class Contender(ABC):
    """One way of running the applications."""

    name: str

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.errors = bench.directory("logs") / f"{self.name}.txt"

    @abstractmethod
    def launch(self, app: Application) -> Launch:
        """How to start the application."""

    def prepare(self, app: Application) -> dict[str, Any]:
        """Make what the contender needs, check one run, and return facts for the report.

        Raises Failed when the contender cannot run the application.
        """
        run(self.launch(app), self.errors)
        return {}

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what was begun."""


class Plain(Contender):
    """The interpreter as it is; PyCDS is installed and switched off."""

    name = "plain"

    def launch(self, app: Application) -> Launch:
        return Launch([str(self.bench.applications), str(app.program)], clean_environment())


class Oracle(Contender):
    """All code in memory as live objects, handed over by a finder in C: the least that an archive can cost."""

    name = "oracle"

    def _record(self, app: Application) -> Path:
        return self.bench.directory("records") / f"{app.name}.tsv"

    def launch(self, app: Application) -> Launch:
        directory = self.bench.root / "oracle"
        argv = [self.bench.applications, directory / "launch.py", self._record(app), directory, app.program]
        return Launch([str(part) for part in argv], clean_environment())

    def prepare(self, app: Application) -> dict[str, Any]:
        record = self._record(app)
        argv = [self.bench.applications, HERE / "oracle" / "record.py", record, app.program]
        run(Launch([str(part) for part in argv], clean_environment()), self.errors)
        launch = self.launch(app)
        check = run(Launch(launch.argv, {**launch.environment, "BENCH_ORACLE_CHECK": "1"}), self.errors)
        modules = record.read_text().splitlines()
        return {
            "modules": len(modules),
            "unused": check.report["oracle_unused"],
            "pyc_bytes": sum(Path(line.split("\t")[2]).stat().st_size for line in modules),
        }


class Shared(Contender):
    """An archive made from one traced run by PyCDS or by the original, whose interface is the same."""

    python: Path
    more_environment: ClassVar[dict[str, str]] = {}

    def paths(self, app: Application) -> tuple[Path, Path]:
        """Trace list and archive."""
        directory = self.bench.directory(f"archives-{self.name}")
        return directory / f"{app.name}.lst", directory / f"{app.name}.img"

    def launch(self, app: Application) -> Launch:
        _, archive = self.paths(app)
        environment = clean_environment(PYCDSMODE="SHARE", PYCDSARCHIVE=str(archive), **self.more_environment)
        return Launch([str(self.python), str(app.program)], environment)

    def make_archive(self, app: Application) -> Path:
        """Trace the application, dump the archive."""
        listing, archive = self.paths(app)
        for path in (listing, archive):
            path.unlink(missing_ok=True)
        program = [str(self.python), str(app.program)]
        run(Launch(program, clean_environment()), self.errors)  # so that every .pyc exists
        run(Launch(program, clean_environment(PYCDSMODE="TRACE", PYCDSLIST=str(listing))), self.errors)
        self.dump(listing, archive, PROGRAMS)
        return archive

    def dump(self, listing: Path, archive: Path, directory: Path) -> None:
        """``python -m cds.dump`` in ``directory``, which thus is on the path.  Raises Failed."""
        command = [str(self.python), "-m", "cds.dump", str(listing), str(archive)]
        done = subprocess.run(command, cwd=directory, env=clean_environment(), capture_output=True, text=True)
        if done.returncode or not archive.exists():
            words = (done.stderr or done.stdout).strip().splitlines()
            raise Failed(f"dump ended with {done.returncode}: {words[-1] if words else 'no output'}")

    def prepare(self, app: Application) -> dict[str, Any]:
        archive = self.make_archive(app)
        run(self.launch(app), self.errors)
        return {"archive_bytes": archive.stat().st_size}


class PyCDS(Shared):
    """PyCDS as it is: two commands, then the archive is served."""

    name = "pycds"
    # An archive that is not used would be measured as plain Python; with this policy it is an error.
    more_environment: ClassVar[dict[str, str]] = {"PYCDSPOLICY": "on"}

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.python = bench.applications

    def prepare(self, app: Application) -> dict[str, Any]:
        facts = super().prepare(app)
        statistics = self.bench.directory("logs") / f"statistics-{app.name}.json"
        statistics.unlink(missing_ok=True)
        launch = self.launch(app)
        run(Launch(launch.argv, {**launch.environment, "PYCDSSTATS": str(statistics)}), self.errors)
        served = json.loads(statistics.read_text())
        (of_archive,) = served["archives"]
        return {
            **facts,
            "modules": of_archive["modules"],
            "missed": of_archive["missed"],
            **{key: served[key] for key in ("hits", "misses", "attach_ns", "link_ns")},
        }


class Options(PyCDS):
    """PyCDS with both of its options on."""

    name = "options"
    more_environment: ClassVar[dict[str, str]] = {
        **PyCDS.more_environment,
        "PYCDSSTARTUPGC": "on",
        "PYCDSFASTEXIT": "on",
    }


class Original(Shared):
    """The original PyCDS, code-data-share 0.1.0, in an environment of its own."""

    name = "original"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.python = bench.original


CONTENDERS: dict[str, type[Contender]] = {kind.name: kind for kind in (Plain, Oracle, PyCDS, Options, Original)}

"""Jobs of GitHub Actions on this machine, as far as the guides use them: checkout, setup-python, cache, run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environment import Environment

READ = "import json, sys, yaml; print(json.dumps(yaml.load(sys.stdin, yaml.BaseLoader)))"


def read(environment: Environment, text: str) -> dict[str, Any]:
    """A workflow, read by an environment that has PyYAML."""
    done = subprocess.run(
        [environment.python, "-c", READ], input=text, capture_output=True, text=True, check=True, env={}
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass
class Runner:
    """Runs a job from a fresh checkout, with what the cache has kept."""

    environment: Environment
    job: dict[str, Any]
    sources: dict[str, str]
    workspace: Path
    env: dict[str, str] = field(default_factory=dict)
    new_times: bool = False
    """Whether what comes from the cache is as new as if it had just been written."""
    _is_hit: bool = False

    def __call__(self) -> None:
        """The whole job."""
        self._begin()
        for step in self.job["steps"]:
            if "run" in step and self._is_due(step.get("if")):
                self.run(step["run"])
        if not self._is_hit:
            self._tar("-c")

    def restore(self, new_times: bool) -> None:
        """A job up to its last step."""
        self.new_times = new_times
        self._begin()
        assert self._is_hit

    def last_step(self, **extra: str) -> str:
        """What it prints."""
        return self.run(self.job["steps"][-1]["run"], **extra)

    def _begin(self) -> None:
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir(mode=0o755)
        for step in self.job["steps"]:
            if "uses" in step:
                getattr(self, "_" + step["uses"].partition("@")[0].rpartition("/")[2].replace("-", "_"))(step)

    def run(self, script: str, **extra: str) -> str:
        """Run something as a step does."""
        self.environment.directory = self.workspace
        shutil.rmtree(self.environment.home)  # what a job leaves there goes with its machine
        self.environment.home.mkdir(mode=0o755)
        path = f"{Path(sys.base_prefix, 'bin')}:/usr/bin:/bin"
        variables = {name: self._expanded(value) for name, value in self.job.get("env", {}).items()}
        variables = {"CI": "true", "PATH": path, **variables, **self.env, **extra}
        return self.environment.run("bash", "-e", "-c", script, **variables).stdout

    def _is_due(self, condition: str | None) -> bool:
        assert condition in (None, "steps.cache.outputs.cache-hit != 'true'"), condition
        return condition is None or not self._is_hit

    def _expanded(self, value: str) -> str:
        return value.replace("${{ github.workspace }}", str(self.workspace))

    def _checkout(self, _: dict[str, Any]) -> None:
        for name, text in self.sources.items():
            (self.workspace / name).write_text(text)

    def _setup_python(self, _: dict[str, Any]) -> None:
        """That of the tests."""

    def _cache(self, step: dict[str, Any]) -> None:
        self._paths = step["with"]["path"].split()
        self._is_hit = self._file.exists()
        if self._is_hit:
            self._tar("-xm" if self.new_times else "-x")

    @property
    def _file(self) -> Path:
        return self.workspace.with_suffix(".tar")

    def _tar(self, mode: str) -> None:
        """As actions/cache calls it."""
        names = self._paths if mode == "-c" else []
        subprocess.run(["tar", "--posix", mode, "-P", "-C", self.workspace, "-f", self._file, *names], check=True)

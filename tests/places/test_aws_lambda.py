"""docs/guides/aws-lambda.md: its layer under AWS's runtime interface client, against a Runtime API of the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from container import Container, Image, pip_from
from environment import HERE, prefix_of, wheel
from measurement import Timed
from page import Page
from runtime_api import RuntimeApi

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="directories are mounted, which root alone can do")

USER = 993
EVENT = {"Bucket": "bucket", "Key": "key"}
PLAIN = {"PYCDSMODE": ""}
RUNTIME = [f"{sys.base_prefix}/bin/python", "-m", "awslambdaric", "app.handler"]
"""As in AWS's images; the client lies in /var/runtime there, too."""


@pytest.fixture(scope="module")
def page() -> Page:
    return Page("aws-lambda")


@pytest.fixture(scope="module")
def variables(page: Page) -> dict[str, str]:
    """Those of a function: the page's, and what Lambda sets."""
    shown = dict(line.split("=", 1) for line in page.file("environment.sh").splitlines())
    # Lambda's own Python looks for the client there.
    shown["PYTHONPATH"] += ":/var/runtime"
    secrets = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_DEFAULT_REGION": "eu-west-1"}
    return {**shown, **secrets, "LAMBDA_TASK_ROOT": "/var/task", "HOME": "/tmp"}


@pytest.fixture(scope="module")
def built(page: Page, variables: dict[str, str], scratch: Path) -> Image:
    """The build image after the page's commands."""
    path = f"{sys.base_prefix}/bin:/usr/bin:/bin"
    region = {name: value for name, value in variables.items() if name.startswith("AWS_")}
    image = Image(scratch / "build", env={"PATH": path, "HOME": "/root", **region})
    page.write(image.root, "/var/task/app.py", "/opt/python/sitecustomize.py")
    (image.root / "requirements.txt").write_text((HERE / "requirements-aws-lambda.txt").read_text())
    cache = prefix_of("aws-lambda")
    cache.mkdir(parents=True, exist_ok=True)
    environment, mounts = pip_from(wheel(), cache, HERE / "requirements-aws-lambda.txt")
    with Container(image, read_only=False, mounts=mounts) as container:
        runtime = ["python", "-m", "pip", "install", "--target", "/var/runtime", "awslambdaric"]
        container.run(runtime, env=environment)
        script = "\n".join(command.text for command in page.commands("The layer"))
        # /tmp goes with the container.
        container.run(["bash", "-e", "-c", f"{script}\nmv /tmp/layer.zip /var/layer.zip"], env=environment)
    return image


@pytest.fixture(scope="module", params=["times kept", "times lost"])
def function(built: Image, variables: dict[str, str], scratch: Path, request: pytest.FixtureRequest) -> Image:
    """A function with the layer, as whatever unpacks the zip file has it, with its files' times or without."""
    root = scratch / request.param
    (root / "var").mkdir(parents=True)
    for name in ("var/task", "var/runtime", "opt"):
        subprocess.run(["cp", "-a", built.root / name, root / name], check=True)
    if request.param == "times lost":
        shutil.rmtree(root / "opt")
        with zipfile.ZipFile(built.root / "var" / "layer.zip") as layer:
            layer.extractall(root / "opt")
    return Image(root, env={"PATH": built.env["PATH"], **variables}, workdir="/var/task", user=USER, command=RUNTIME)


@pytest.fixture
def container(function: Image) -> Iterator[Container]:
    with Container(function, read_only=True) as running:
        yield running


def invoked(container: Container, **env: str) -> tuple[Any, str, float]:
    """What a cold function answers, what it writes, and after how many seconds it asked for the first invocation."""
    with RuntimeApi() as api:
        begin = time.perf_counter()
        with container.start(RUNTIME, env={"AWS_LAMBDA_RUNTIME_API": api.address, **env}) as process:
            try:
                ready = api.asked() - begin
                answer = api.invoke(EVENT)
                api.refuse()
                _, errors = process.communicate(timeout=60)
            finally:
                process.kill()
    return answer, errors, ready


@pytest.mark.parametrize("validation", ["sealed", "exact"])
def test_all_is_served(container: Container, validation: str) -> None:
    plain, plain_errors, _ = invoked(container, **PLAIN)
    answer, errors, _ = invoked(container, PYCDSVALIDATION=validation, PYCDSSTATS="/tmp/statistics.json")
    statistics = json.loads(container.run(["cat", "/tmp/statistics.json"]).stdout)
    assert answer[0] == plain[0] == "response"
    # What expires is signed anew each time.
    assert (
        answer[1]["url"].partition("?")[0] == plain[1]["url"].partition("?")[0] == "https://bucket.s3.amazonaws.com/key"
    )
    assert errors == plain_errors  # of the end that the test brings about: the traceback is the same
    assert (statistics["misses"], statistics["refused"]) == ({}, [])
    assert {"app", "boto3", "botocore.signers", "awslambdaric.bootstrap"} <= set(statistics["archives"][0]["served"])


def test_figures(container: Container, measure: Callable[[str, Timed, Timed], None]) -> None:
    measure(
        "until the first request for an invocation",
        lambda: invoked(container, **PLAIN)[2],
        lambda: invoked(container)[2],
    )

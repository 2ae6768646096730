"""Instructions of whole processes, counted by callgrind: no noise, and no memory system either."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from benchmarks.catalogue import Application
from benchmarks.contenders import CONTENDERS
from benchmarks.environments import Bench
from benchmarks.results import Outcome


def count(place: Bench, apps: Sequence[Application], outcome: Outcome) -> None:
    """Count for every application and contender but the oracle, whose preparation would be counted too."""
    for app in apps:
        outcome.instructions[app.name] = {}
        for name in ("plain", "pycds", "options", "original"):
            if name in outcome.missing or name not in outcome.facts.get(app.name, {}):
                continue
            launch = CONTENDERS[name](place).launch(app)
            command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *launch.argv]
            environment = {**launch.environment, "PYTHONHASHSEED": "1"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            found = re.search(r"Collected : (\d+)", done.stderr)
            if done.returncode or not found:
                print(f"callgrind of {app.name} with {name} ended with {done.returncode}", flush=True)
                continue
            outcome.instructions[app.name][name] = int(found.group(1))
            print(f"{app.name} {name}: {int(found.group(1)) / 1e6:.0f} million instructions", flush=True)

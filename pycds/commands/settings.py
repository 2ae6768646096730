"""What holds for programs that are served without ``pycds run``: options of the commands that switch that on."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Optional

import click

from pycds import configuration, wrapping
from pycds._startup import OPTIONS, VALIDATIONS


def settings_options(whom: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the parameters of ``settings``."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(list(OPTIONS)):
            option = click.option(f"--{name}/--no-{name}", default=None, help=f"For {whom}; see `pycds run --help`.")
            function = option(function)
        return click.option(
            "--validation",
            type=click.Choice(VALIDATIONS),
            help="How it is made sure that archives hold what ordinary imports would load.  [default: exact]",
        )(function)

    return add


def settings(validation: Optional[str], startup_gc: Optional[bool], fast_exit: Optional[bool]) -> Dict[str, str]:
    """The variables that say the same, and what is configured besides.  Raises UsageError."""
    variables = {name: setting.value for name, setting in configuration.read(os.environ).items()}
    if validation:
        variables["PYCDSVALIDATION"] = validation
    for name, choice in (("startup-gc", startup_gc), ("fast-exit", fast_exit)):
        if choice is not None:
            variables[OPTIONS[name]] = "on" if choice else "off"
    return variables


def told(chosen: Dict[str, str]) -> str:
    """What was chosen, and which files had a part in it; nothing where nothing was."""
    words = ", ".join(wrapping.all_in_words(chosen))
    files = {one.file for name, one in configuration.read(os.environ).items() if chosen.get(name) == one.value}
    return words + (f"; configured in {' and '.join(sorted(files))}" if files else "")

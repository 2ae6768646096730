"""``pycds doctor``: is everything in place?"""

from __future__ import annotations

import json

import click

from pycds import diagnosis
from pycds._startup import counted, printable
from pycds.errors import PROBLEMS_FOUND


@click.command(
    "doctor",
    help="""Look whether PyCDS can serve programs here: the interpreter, the start-up hook and others beside it, the
    store, its archives, and what was made in the background. Each problem comes with what to do about it. Ends with
    code 1 where there is one.
    """,
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
def command(as_json: bool) -> int:
    """Look and tell."""
    findings = diagnosis.examine()
    problems = [finding for finding in findings if finding.is_problem]
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        width = max(len(finding.topic) for finding in findings)
        for finding in findings:
            mark = "problem" if finding.is_problem else "ok"
            click.echo(f"{mark:7}  {finding.topic:{width}}  {printable(finding.text)}")
            if finding.advice:
                click.echo(f"{'':7}  {'':{width}}  -> {printable(finding.advice)}")
        click.echo(counted(len(problems), "problem") if problems else "no problems")
    return PROBLEMS_FOUND if problems else 0

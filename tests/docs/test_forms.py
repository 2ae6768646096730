"""The forms for issues ask for what the commands print."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from pages import ROOT

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
ASKED = {
    "bug.yml": "pycds doctor --json",
    "performance.yml": "pycds bench --explain --json",
    "feature.yml": "pycds --version",
}


def test_each_form_asks_for_its_evidence() -> None:
    texts = {form.name: form.read_text(encoding="utf-8") for form in FORMS}
    assert {name for name, words in ASKED.items() if words in texts[name]} == set(ASKED)


@pytest.mark.parametrize(
    "words", sorted({words for form in FORMS for words in re.findall(r"`pycds ([a-z]+)", form.read_text())})
)
def test_the_commands_they_name_are_there(words: str) -> None:
    subprocess.run([sys.executable, "-m", "pycds", words, "--help"], check=True, capture_output=True)

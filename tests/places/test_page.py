"""The reader of guides: what a page shows is what a test runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import page
from page import Command, Page

TEXT = """\
# A guide

Not a file:

```python
nothing
```

## Do it

The program, `app/main.py`:

```python
print("/srv/app")
```

```console
$ cd /srv/app && cat <<END
> more
> END
more
$ python main.py
/srv/app: ... ms
$ true
```
"""


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr(page, "GUIDES", tmp_path)
    (tmp_path / "guide.md").write_text(TEXT)
    return Page("guide", {"/srv/app": str(tmp_path)})


def test_files(guide: Page, tmp_path: Path) -> None:
    assert guide.files() == {"app/main.py": f'print("{tmp_path}")\n'}
    assert (guide.write(tmp_path) / "app" / "main.py").read_text() == guide.file("app/main.py")


def test_commands(guide: Page, tmp_path: Path) -> None:
    assert guide.commands("Do it") == [
        Command(f"cd {tmp_path} && cat <<END\nmore\nEND", "more"),
        Command("python main.py", f"{tmp_path}: ... ms"),
        Command("true", ""),
    ]
    with pytest.raises(ValueError, match="no commands"):
        guide.commands("A guide")


def test_what_is_not_in_a_page_cannot_be_replaced(guide: Page) -> None:
    with pytest.raises(ValueError, match="does not mention"):
        Page("guide", {"/srv/other": "/tmp"})


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a: ... ms\nend", "a: 12 ms\nend\n", True),
        ("a: ... ms\nend", "a: 12 s\nend\n", False),
        ("a\n...", "a\nb\nc\n", True),
        ("a", "a\nb\n", False),
        ("a.c", "abc", False),
        ("", "", True),
        ("", "words", False),
    ],
)
def test_what_a_command_prints(shown: str, printed: str, same: bool) -> None:
    assert Command("", shown).prints(printed) is same

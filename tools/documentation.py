"""A hook of mkdocs: pages that lie outside of docs/, links to what is no page, and what no page may do.

The change log, the guide for contributors and the licence stand in the root, where everybody looks for them.  Here they
are pages as well, with links that fit.  Links to sources become plain words: the site has none.  No page may load
anything from elsewhere.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

PAGES = {
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "licence.md",
    "README.md": "index.md",
}
"""Files of the root, and the pages that they are; the one that README.md is stands in docs/ already."""

PLACES = "Places"
"""The heading of guides that ``nav`` does not name: where start-up hurts, a page for each."""

_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Complete the navigation by what comes and goes: decisions, and guides."""
    sections = {name: entries for section in config.nav for name, entries in section.items()}
    decisions = [f"decisions/{path.name}" for path in sorted((ROOT / "docs" / "decisions").glob("0*.md"))]
    sections["Project"].append({"Decisions": ["decisions/README.md", *decisions]})
    known = {page for entry in sections["Guides"] for page in entry.values()}
    guides = [f"guides/{path.name}" for path in sorted((ROOT / "docs" / "guides").glob("*.md"))]
    others = [page for page in guides if page not in known]
    if others:
        sections["Guides"].append({PLACES: others})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root."""
    for name, page in PAGES.items():
        if files.get_file_from_path(page) is None:
            text = (ROOT / name).read_text(encoding="utf-8")
            if name == "LICENSE":
                text = f"# Licence\n\n```text\n{text.rstrip()}\n```\n"
            files.append(File.generated(config, page, content=_inward(text)))
    return files


def _inward(text: str) -> str:
    """A text of the root, its links as from within docs/."""
    return _LINK.sub(lambda link: f"[{link[1]}]({_from_docs(link[2])})", text)


def _from_docs(target: str) -> str:
    if re.match(r"[a-z]+:|#", target):
        return target
    return posixpath.relpath(target, "docs")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn each link that leads out of docs/ into one to a page, or into its words."""
    here = posixpath.dirname(page.file.src_uri)

    def replaced(link: re.Match[str]) -> str:
        words, target = link[1], link[2]
        if re.match(r"[a-z]+:|#", target):
            return link[0]
        path, mark, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join("docs", here, path))
        if path.startswith("docs/"):
            return link[0]
        if path in PAGES:
            return f"[{words}]({posixpath.relpath(PAGES[path], here or '.')}{mark}{anchor})"
        if not (ROOT / path).exists():
            raise PluginError(f"{page.file.src_uri}: {target} is linked and does not exist")
        return words

    return _LINK.sub(replaced, markdown)


_FROM_ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data)=["']?(?:https?:)?//"""
    r"""|<link\b(?![^>]*\brel=["']?canonical)[^>]*?\bhref=["']?(?:https?:)?//"""
    r"""|(?:@import\s+|url\()["']?(?:https?:)?//""",
    re.IGNORECASE,
)


def on_post_build(config: Any) -> None:
    """Fail where a page or a style sheet has the browser ask somebody else for something."""
    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix in (".html", ".css", ".svg"):
            found = _FROM_ELSEWHERE.search(path.read_text(encoding="utf-8"))
            if found:
                raise PluginError(f"{path}: loads something from elsewhere: {found[0]}")

"""Promise: whoever follows a link of the documentation arrives."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "configs").rglob("*.md")),
]
LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)


def without_blocks(text: str) -> str:
    """A page without its blocks of code, in which a comment looks like a heading."""
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """What links call a page's headings: in lower case, dashes for blanks, without punctuation."""
    heads = re.findall(r"^#+\s+(.+?)\s*$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def dead(page: Path, text: str) -> Iterator[str]:
    """The relative links of a page that lead nowhere; what is code is no link."""
    for named, defined in LINK.findall(re.sub(r"(`+)[^`].*?\1", "", without_blocks(text), flags=re.DOTALL)):
        link = named or defined
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        is_there = not place or (target.exists() and ROOT in target.parents)
        if not is_there or (anchor and anchor not in anchors(target.read_text() if place else text)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """To a file or folder of the project, and to a heading where one is named."""
    assert list(dead(page, page.read_text())) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](README.md), [b](docs), [c](https://example.com/x.md), [d](CONTRIBUTING.md)", []),
        ("[a](nowhere.md) and [b](docs/nowhere/)", ["nowhere.md", "docs/nowhere/"]),
        ("![a](no.png)\n\n[b]: none.md", ["no.png", "none.md"]),
        ("# One or: two\n[a](#one-or-two) [b](#three)", ["#three"]),
        ("`[a](nowhere.md)`\n\n```\n[b](nowhere.md)\n```\n", []),
        ("[a](../outside)", ["../outside"]),
    ],
)
def test_a_dead_link_would_be_found(text: str, found: list[str]) -> None:
    """Whatever form it has; addresses and code are left alone."""
    assert list(dead(ROOT / "PAGE.md", text)) == found

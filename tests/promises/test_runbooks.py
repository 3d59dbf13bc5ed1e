"""Promise: whoever is woken finds a page that says what to do, and every command on it can be run."""

import re
from pathlib import Path

import click
import pytest

from cluster.cli import beholden
from cluster.telemetry.boards.rules import Alarm
from cluster.telemetry.boards.shelf import BOARDS, GROUPS

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.stem: path.read_text() for path in sorted((ROOT / "docs" / "runbooks").glob("*.md"))}
ALARMS = {rule.name for group in GROUPS for rule in group.rules if isinstance(rule, Alarm)}
ADVICE = {f"{board.uid}: {panel.title}": panel.advice for board in BOARDS for panel in board.panels}
PARTS = ["## Look first", "## Do", "## Do not"]


def commands_in(text: str) -> set[str]:
    """Every command of beholden between backticks, on one line."""
    return {" ".join(found.split()) for found in re.findall(r"`beholden\s+([^`]+)`", text)}


def missing(line: str) -> str | None:
    """What of a command there is not; None when it can be run so."""
    found: click.Command = beholden
    words = line.split()
    while words and isinstance(found, click.Group):
        inner = found.get_command(click.Context(found), words[0])
        if inner is None:
            return words[0]
        found, words = inner, words[1:]
    known = {option for parameter in found.params for option in parameter.opts}
    return next((word for word in words if word.startswith("-") and word not in known), None)


def test_every_alarm_has_a_page_and_every_page_an_alarm() -> None:
    """One for each name, whatever its severity."""
    assert set(PAGES) == ALARMS


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_to_look_at_what_to_do_and_what_not_to(name: str) -> None:
    """In this order, each with something below it."""
    text = PAGES[name]
    assert text.startswith(f"# {name}\n\n**")
    assert re.findall(r"^## .*", text, re.MULTILINE) == PARTS
    assert all(part.strip().startswith(("-", "1.")) for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:])
    assert commands_in(text), "it names no command"


@pytest.mark.parametrize("where", [*PAGES, *ADVICE])
def test_every_command_exists_and_takes_its_options(where: str) -> None:
    """On the pages, and in what the panels of dashboards advise."""
    assert {line: missing(line) for line in commands_in(PAGES.get(where) or ADVICE[where]) if missing(line)} == {}


@pytest.mark.parametrize("page", ["metrics.md", "observability.md", "pods.md"])
def test_every_command_of_the_pages_for_operators_exists_and_takes_its_options(page: str) -> None:
    """Between backticks and on lines of their own."""
    text = (ROOT / "docs" / page).read_text()
    lines = set(re.findall(r"^ {4}beholden ([^#\n]+)", text, re.MULTILINE))
    assert lines
    assert {line: missing(line) for line in lines | commands_in(text) if missing(line)} == {}


def test_what_pages_and_panels_refer_to_is_there() -> None:
    """Other pages, boards, and panels by their titles."""
    panels = {panel.title for board in BOARDS for panel in board.panels}
    boards = {board.title.removeprefix("beholden: ") for board in BOARDS}
    for text in map(" ".join, map(str.split, PAGES.values())):
        assert set(re.findall(r"\((Beholden\w+)\.md\)", text)) <= ALARMS
        assert set(re.findall(r"[Bb]oard \*([^*]+)\*", text)) <= boards
        assert set(re.findall(r'[Bb]oard \*[^*]+\*, "([^"]+?)[:,]?"', text)) <= panels
    for advice in ADVICE.values():
        assert set(re.findall(r"Beholden\w+", advice)) <= ALARMS


def test_a_command_that_does_not_exist_would_be_found() -> None:
    """The positive control."""
    assert missing("retention chekc -f C") == "chekc"
    assert missing("status --nonsense") == "--nonsense"
    assert missing("status -f C") is None

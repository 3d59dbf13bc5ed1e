"""Promise: whatever the page on accountability names can be run."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cluster.cli import beholden

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "accountability.md").read_text()
COMMANDS = sorted(set(re.findall(r"`beholden ([^`]+)`", PAGE)))


def command_of(words: list[str]) -> tuple[click.Command, list[str], list[str]]:
    """The command that words name, its own words, and what is left of them."""
    found: click.Command = beholden
    taken: list[str] = []
    for word in words:
        group = found.get_command(click.Context(found), word) if isinstance(found, click.Group) else None
        if group is None:
            break
        found, taken = group, [*taken, word]
    return found, taken, words[len(taken) :]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_on_the_page_exists_and_takes_what_the_page_gives_it(line: str) -> None:
    """With each of its options."""
    command, words, rest = command_of(line.split())
    assert words, f"beholden {line}: no such command"
    assert not isinstance(command, click.Group), f"beholden {line}: it takes one more word"
    assert CliRunner().invoke(beholden, [*words, "--help"]).exit_code == 0
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in rest if word.startswith("-")} <= known, f"beholden {line}"


def test_every_test_on_the_page_exists() -> None:
    """The same for those."""
    named = re.findall(r"`python -m pytest ([^`]+)`", PAGE)
    assert named
    assert all((ROOT / path).is_file() for path in named)


def test_a_command_that_does_not_exist_would_be_found() -> None:
    """The positive control."""
    assert command_of(["retention", "chekc"])[2] == ["chekc"]
    assert isinstance(command_of(["retention", "chekc"])[0], click.Group)
    assert command_of(["nonsense"])[1] == []
    assert len(COMMANDS) >= 14


def test_the_page_has_all_questions_and_promises_and_no_figure() -> None:
    """A figure would be right for one policy only."""
    rows = [row.split("|")[1].strip() for row in PAGE.splitlines() if row.startswith("|")]
    assert [row[:2] for row in rows if row[:1].isdigit()] == ["1.", "2.", "3.", "4.", "5."]
    assert sum(row.startswith("Promise") for row in rows) == 2
    assert all(cell.strip() for row in PAGE.splitlines() if row.startswith("|") for cell in row.split("|")[2:5])
    assert not re.search(r"\d+ ?(ms|s|h|d|%|days|hours)\b", PAGE.replace("within 31 days", ""))

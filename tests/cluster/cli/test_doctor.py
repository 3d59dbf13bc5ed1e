"""What `beholden doctor` prints, and its exit status."""

import json

import pytest
from click.testing import CliRunner

from cluster.cli import beholden
from cluster.cli import doctor as cli
from cluster.doctor.findings import Finding
from tests.cluster.doctor.values import FAULT, OK, WARNING

REPORT = {
    "good": [Finding(OK, "fine")],
    "worse": [Finding(WARNING, "slow [red]", "wait"), Finding(FAULT, "/a/" + "long/" * 30 + "path\udcff", "mend it")],
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Finding]]:
    """What the command will find, shown in 80 columns."""
    report = {name: list(findings) for name, findings in REPORT.items()}
    monkeypatch.setattr(cli, "examine", lambda *_: report)
    monkeypatch.setenv("COLUMNS", "80")
    return report


def test_command_shows_and_fails(shown: dict[str, list[Finding]]) -> None:
    """One fault makes exit status 1; no line is wider than the terminal and nothing is cut short."""
    result = CliRunner().invoke(beholden, ["doctor"])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines[:3]] == [
        ["✓", "good", "fine"],
        ["!", "worse", "slow", "[red]"],
        ["->", "wait"],
    ]
    assert "path\\udcff" in result.output
    assert lines[-1] == "1 ok, 1 warning, 1 fault"
    shown["worse"].pop()
    assert CliRunner().invoke(beholden, ["doctor"]).exit_code == 0


def test_command_in_ascii(shown: dict[str, list[Finding]]) -> None:
    """A terminal without the symbols gets letters."""
    result = CliRunner(charset="ascii").invoke(beholden, ["doctor"])
    assert result.output.startswith("ok  good")
    assert "XX" in result.output


def test_command_json(shown: dict[str, list[Finding]]) -> None:
    """Machines get every finding, and the same exit status."""
    result = CliRunner().invoke(beholden, ["doctor", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.output)[1] == {
        "check": "worse",
        "level": "warning",
        "finding": "slow [red]",
        "advice": "wait",
    }

"""The command's own checks, before anything is measured."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests.evaluate import command
from loadtests.evaluate.command import evaluate
from operators.errors import SettingsRefused


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any work."""
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    found = CliRunner().invoke(evaluate, ["--plots", "plots"])
    assert found.exit_code == 1
    assert "scipy and matplotlib not installed" in found.output
    assert "beholden[cpu,evaluate]" in found.output


def test_too_many_people_are_refused() -> None:
    """As wrong usage, with the option's name."""
    found = CliRunner().invoke(evaluate, ["--enrolled", "150000"])
    assert found.exit_code == 2
    assert "enrolled: would need people with seeds of 200000 and above" in found.output


def test_a_policy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """As everywhere else."""
    small = ["--enrolled", "1", "--unlisted", "1", "--scenes", "1"]
    found = CliRunner().invoke(evaluate, ["--policy", str(tmp_path / "none.yaml"), *small])
    assert isinstance(found.exception, SettingsRefused)

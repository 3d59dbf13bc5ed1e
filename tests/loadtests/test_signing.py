import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cluster import cli
from loadtests.signing import sign_off
from loadtests.temporary import CONFIGS
from tests.cluster.policy_topic import in_memory

POLICIES = CONFIGS / "policies"


def test_a_policy_for_real_people_is_signed_by_two_people_of_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the commands of an operator, and without a file beside the project's policy."""
    topics = in_memory(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    models = {"manifests": str(CONFIGS / "models"), "files": str(tmp_path)}
    policy, file = POLICIES / "volunteers-1.yaml", tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump({"cluster": "c", "policy": str(policy), "models": models}))

    def beholden(*arguments: str) -> str:
        done = CliRunner().invoke(cli.beholden, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    there = sorted(POLICIES.iterdir())
    sign_off(beholden, policy, file)
    assert len(topics.policy.messages) == 1
    assert set(yaml.safe_load(file.read_text())["people"]) == {"proposer", "approver"}
    assert sorted(POLICIES.iterdir()) == there


def test_a_policy_for_people_who_do_not_exist_is_left_alone(tmp_path: Path) -> None:
    """`beholden up` releases it."""

    def fail(*arguments: Any) -> str:
        raise subprocess.CalledProcessError(1, arguments)

    sign_off(fail, POLICIES / "demo-1.yaml", tmp_path / "absent.yaml")

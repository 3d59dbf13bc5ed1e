"""Which policy the public notice is made of."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from cluster import cli
from cluster.plan import Plan, read_plan
from operators.errors import BrokerUnavailable
from tests.drawn import write_deployment


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A cluster file."""
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump({"cluster": "drawn", **write_deployment(tmp_path)}, allow_unicode=True))
    return path


def _notice(file: Path, *options: str) -> Result:
    return CliRunner().invoke(cli.beholden, ["notice", "-f", str(file), *options])


def test_the_public_is_told_of_the_policy_in_force(monkeypatch: pytest.MonkeyPatch, file: Path, tmp_path: Path) -> None:
    """Not of the cluster file's, which may be older or a draft."""
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "cluster.yaml"
    content = {"cluster": "drawn", **write_deployment(tmp_path / "other")}
    policy = Path(content["policy"])
    policy.write_text(yaml.safe_dump({**yaml.safe_load(policy.read_text()), "policy": 9}, allow_unicode=True))
    other.write_text(yaml.safe_dump(content, allow_unicode=True))
    in_force = read_plan(other)
    monkeypatch.setattr("cluster.policies.desk.plan_now", lambda plan: in_force)
    assert in_force.in_force.digest in _notice(file).output
    assert read_plan(file).in_force.digest in _notice(file, "--draft").output


def test_a_draft_is_shown_only_to_whoever_asks_for_one(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Where Kafka does not answer, nobody knows what is in force."""

    def no_answer(plan: Plan) -> Plan:
        raise BrokerUnavailable("no answer")

    monkeypatch.setattr("cluster.policies.desk.plan_now", no_answer)
    found = _notice(file)
    assert (found.output, type(found.exception)) == ("", BrokerUnavailable)
    assert _notice(file, "--draft").exit_code == 0

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cluster import cli
from cluster.keys import make_keys
from cluster.policies.in_force import PolicyInForce, policy_of
from cluster.policies.release import draft
from cluster.watchlists import register
from cluster.watchlists.register import Events, Register
from cluster.wire.release import encode_release
from operators.errors import BeholdenError
from tests.builders import NOW, entry_record, random_units
from tests.cluster.policy_topic import Topics, in_memory
from tests.drawn import DIMENSION, write_deployment

Run = Callable[..., Result]
LATER = datetime(2099, 1, 1, tzinfo=UTC)


def _policy(folder: Path, **changes: Any) -> PolicyInForce:
    """The policy of the file, changed."""
    return policy_of({**yaml.safe_load((folder / "policy.yaml").read_text()), **changes})


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Topics:
    """A deployment whose file names policy 1, and a list with one entry, in Kafka's place."""
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path), "keys": "keys"}))
    make_keys(tmp_path / "keys")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    record = entry_record("case-1", random_units(1, 1, DIMENSION)[0], category="wanted")
    monkeypatch.setattr(register, "read_register", lambda kafka: Register({"case-1": record}))
    monkeypatch.setattr(register, "read_events", lambda kafka, deployment: Events([]))
    return in_memory(monkeypatch)


@pytest.fixture
def run(topics: Topics) -> Run:
    """Runs a command about lists; an error raised on purpose is in `exception`."""

    def call(*arguments: str) -> Result:
        done = CliRunner().invoke(cli.beholden, ["watchlist", *arguments, "-f", "cluster.yaml"])
        assert done.exception is None or isinstance(done.exception, SystemExit | BeholdenError), done.exc_info
        return done

    return call


def _in_topic(topics: Topics, folder: Path) -> None:
    """Policy 2, which has another list and another category, is in force."""
    lists = yaml.safe_load((folder / "policy.yaml").read_text())["watchlists"]
    lists["sought"]["categories"] = ["missing", "wanted"]
    second = _policy(folder, policy=2, watchlists={**lists, "found": {**lists["sought"], "purpose": "Find more."}})
    topics.policy.send("drawn", encode_release(draft(second, None, "ada", NOW, "the test")), [])


def test_lists_are_those_of_the_policy_in_the_topic(run: Run, topics: Topics, tmp_path: Path) -> None:
    """Not those of a file that nobody has put in force; until one is, the file's, and it says so."""
    before = run("list")
    assert "by policy 1, of the cluster file: none is in force yet" in before.stderr
    assert "Find more." not in before.stdout
    _in_topic(topics, tmp_path)
    after = run("list")
    assert "by policy 2, in force, as the policy topic has it" in after.stderr
    assert "Find more." in after.stdout
    assert json.loads(run("list", "--list", "found", "--json").stdout) == []
    shown = run("show", "--entry", "case-1", "--json")
    assert "by policy 2" in shown.stderr
    assert json.loads(shown.stdout)["entry"] == "case-1"


def test_how_long_a_list_may_be_is_shown_and_one_that_is_longer_found(run: Run, topics: Topics, tmp_path: Path) -> None:
    """By the policy in the topic; nobody is taken off for it."""
    assert " 1000 " in run("list").stdout
    lists = yaml.safe_load((tmp_path / "policy.yaml").read_text())["watchlists"]
    lists["sought"] |= {"most_entries": 1}
    assert "at most" in run("list").stdout
    topics.policy.send(
        "drawn", encode_release(draft(_policy(tmp_path, policy=2, watchlists=lists), None, "ada", NOW, "t")), []
    )
    assert "too long" not in run("verify", "--no-compare").stdout
    two = {ref: entry_record(ref, random_units(1, 1, DIMENSION)[0], not_after=LATER) for ref in ("case-1", "case-2")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(register, "read_register", lambda kafka: Register(two))
        done = run("verify", "--no-compare")
    assert done.exit_code == 1
    assert "too long" in done.stdout
    assert "2 entries" in done.stdout


def test_entries_are_held_against_the_policy_in_the_topic(run: Run, topics: Topics, tmp_path: Path) -> None:
    """A category that it allows is no fault, whatever the file says."""
    before = run("verify", "--no-compare")
    assert "unknown_category" in before.stdout
    _in_topic(topics, tmp_path)
    after = run("verify", "--no-compare")
    assert "unknown_category" not in after.stdout
    assert "by policy 2" in after.stderr
    assert after.exit_code == 1  # nobody wrote down who listed them

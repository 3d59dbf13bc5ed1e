"""The commands that change or end what is kept, over topics in memory."""

import json
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cluster import cli
from cluster.plan import Plan, read_plan
from cluster.policies.desk import renumbered
from cluster.policies.in_force import PolicyInForce, policy_of
from cluster.policies.release import draft
from cluster.wire.order import Action, encode_order
from cluster.wire.release import Release, encode_release
from tests.builders import NOW, chain
from tests.cluster.policy_topic import Topics, in_memory
from tests.drawn import write_deployment
from tests.releases import order

APPLY = ("apply",)
SHRED = ("shred", "--key", "evidence", "--why", "deployment_end")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A cluster file."""
    found = tmp_path / "cluster.yaml"
    found.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    return found


@pytest.fixture
def plan(file: Path) -> Plan:
    """What it says."""
    return read_plan(file)


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    """Nothing written yet."""
    return in_memory(monkeypatch)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, topics: Topics) -> list[tuple[int, str]]:
    """Which settings topics were given, each with how many records of it the ledger had by then."""
    found: list[tuple[int, str]] = []

    def give(_: Any, profile: Any) -> list[str]:
        found.append((len(topics.told("retention.applied")), profile.evidence.keep))
        return ["evidence"]

    monkeypatch.setattr("cluster.kafka.admin.apply_retention", give)
    monkeypatch.setattr("cluster.ledger.desk.open_ledger", lambda plan: nullcontext(chain(topics.ledger)))
    return found


def run(file: Path, *words: str) -> Result:
    """What a command says."""
    return CliRunner().invoke(cli.beholden, ["retention", *words, "-f", str(file), "--by", "ada"])


def first(policy: PolicyInForce) -> Release:
    """Unsigned: nobody whom it shows exists."""
    return draft(policy, None, "beholden up", NOW, "the test")


def kept_for(policy: PolicyInForce, number: int, keep: str, at_most: str | None = None) -> PolicyInForce:
    """The same, with evidence kept for another time."""
    document = json.loads(renumbered(policy, number).canonical)
    document["retention"]["evidence"]["keep"] = keep
    if at_most:
        document["retention"]["evidence"]["at_most"] = at_most
    return policy_of(document)


@pytest.mark.parametrize("words", [APPLY, SHRED], ids=["apply", "shred"])
def test_what_no_policy_in_force_asks_for_is_not_done(
    words: tuple[str, ...], file: Path, topics: Topics, done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that names a deployment which has none would change what another one keeps."""
    monkeypatch.setattr("cluster.kafka.groups.members_of", lambda *_: done.append("asked"))
    refused = run(file, *words)
    assert "no policy of drawn is in force" in str(refused.exception)
    assert (done, topics.ledger.messages) == ([], [])


def test_topics_are_given_what_is_in_force_after_the_ledger_has_the_numbers(
    file: Path, plan: Plan, topics: Topics, done: list[Any]
) -> None:
    """Not what the file says: the topic's policy is newer."""
    own = first(plan.in_force)
    newer = draft(kept_for(plan.in_force, 5, "1 min"), own, "beholden up", NOW, "the test")
    for release in (own, newer):
        topics.policy.send("drawn", encode_release(release), [])
    assert run(file, *APPLY).exit_code == 0
    assert done == [(1, "1 min")]
    [told] = topics.told("retention.applied")
    assert (told.body["by"], told.body["kept"]["evidence"]["keep"]) == ("ada", "1 min")


def test_topics_that_another_deployment_keeps_things_in_are_left_alone(
    file: Path, plan: Plan, topics: Topics, done: list[Any]
) -> None:
    """Also when nobody had to sign its policy; an order alone keeps nothing."""
    topics.policy.send("drawn", encode_release(first(plan.in_force)), [])
    topics.policy.send("typo", encode_order(order(Action.STOP, "dan")), [])
    assert run(file, *APPLY).exit_code == 0
    other = policy_of({**json.loads(plan.in_force.canonical), "deployment": "street"})
    topics.policy.send("street", encode_release(first(other)), [])
    refused = run(file, *APPLY)
    assert "has policies of street as well" in str(refused.exception)
    assert (len(done), len(topics.told("retention.applied"))) == (1, 1)


@pytest.mark.parametrize(("hours", "keep"), [(1, "23 h"), (2, "1 min")], ids=["before its end", "after it"])
def test_what_was_to_be_kept_for_longer_for_a_time_is_not_once_that_is_over(
    hours: int,
    keep: str,
    file: Path,
    plan: Plan,
    topics: Topics,
    done: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing need come into force for that: topics, check, report and notice go by the policy that was to last."""
    own = first(kept_for(plan.in_force, 2, "1 min"))
    end = NOW + timedelta(hours=2)
    longer = draft(kept_for(plan.in_force, 3, "23 h", "2 d"), own, "beholden up", NOW, "the test", expires_at=end)
    for release in (own, longer):
        topics.policy.send("drawn", encode_release(release), [])
    monkeypatch.setattr("cluster.clocks.SystemClock.now", lambda _: NOW + timedelta(hours=hours))
    asked: list[str] = []
    is_over = end <= NOW + timedelta(hours=hours)

    def measure(_: Any, profile: Any) -> list[Any]:
        asked.append(profile.evidence.keep)
        return []

    monkeypatch.setattr("cluster.privacy.retention_check.measure", measure)
    monkeypatch.setattr("cluster.watchlists.register.read_topic", lambda *_: [])
    assert run(file, *APPLY).exit_code == 0
    assert done == [(1, keep)]
    for command in ("check", "report"):
        assert CliRunner().invoke(cli.beholden, ["retention", command, "-f", str(file)]).exit_code == 0
    assert asked == [keep, keep]
    notice = CliRunner().invoke(cli.beholden, ["notice", "-f", str(file)]).output
    assert ("encrypted: gone after 2 d" in notice) is not is_over

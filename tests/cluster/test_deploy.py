"""By which policy a cluster comes up, and what it is refused for; neither Kafka nor Ray is there."""

import json
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cluster.memory_io import MemorySink
from cluster.plan import Plan, with_release
from cluster.policies.book import PolicyBook
from cluster.policies.desk import renumbered
from cluster.policies.in_force import policy_of
from cluster.policies.release import draft
from cluster.privacy.retention_check import Age
from cluster.status import ClusterStatus
from cluster.wire.ledger import parse_record
from operators.errors import BrokerUnavailable, DeploymentFailed, RayUnreachable, SettingsRefused
from tests.builders import NOW, chain
from tests.untold import deploy


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch, sharded: Plan) -> PolicyBook:
    """What the policy topic says to `up`; neither Kafka nor Ray is there."""
    found = PolicyBook(sharded.in_force.policy.deployment, sharded.settings.people)
    monkeypatch.setattr(deploy, "ensure_topics", lambda kafka, profile: [])
    monkeypatch.setattr(deploy, "check_places", lambda kafka: None)
    monkeypatch.setattr(deploy, "make_evidence_key", lambda folder: False)
    monkeypatch.setattr(deploy.retention_check, "measure", lambda kafka, profile: [])
    monkeypatch.setattr(deploy, "read_book", lambda settings, deployment: found)
    monkeypatch.setattr(deploy.ray_local, "locked_cluster", lambda cluster: nullcontext())
    monkeypatch.setattr(deploy, "_rays", lambda plan, progress: nullcontext())
    monkeypatch.setattr(deploy.ray_driver, "connected", lambda settings: nullcontext())
    monkeypatch.setattr(deploy, "note_taken_down", lambda is_down: None)
    return found


def test_a_cluster_that_would_keep_things_for_too_long_is_not_started(
    book: PolicyBook, sharded: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is promised, what would be, and which command mends it."""
    day_ms = 86_400_000
    age = Age("evidence", day_ms, {"retention.ms": 31 * day_ms, "segment.ms": 7 * day_ms})
    monkeypatch.setattr(deploy.retention_check, "measure", lambda kafka, profile: [age])
    with pytest.raises(SettingsRefused, match=r"evidence: 1 d is promised.*38 d old") as refused:
        deploy.up(sharded, lambda _: None)
    assert "'beholden retention apply', by a user of Kafka that may alter topics," in str(refused.value)
    assert not book.releases


def test_a_cluster_whose_policies_anybody_can_date_is_not_started(
    book: PolicyBook, sharded: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes a release would choose by whose signatures it is judged."""
    age = Age("policy", None, {}, endless="for ever", undated="whoever writes them says when")
    monkeypatch.setattr(deploy.retention_check, "measure", lambda kafka, profile: [age])
    with pytest.raises(SettingsRefused, match="topic policy: whoever writes them says when"):
        deploy.up(sharded, lambda _: None)
    assert not book.releases


def test_a_watchlist_whose_partitions_grew_is_not_followed(
    book: PolicyBook, sharded: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before anything is started; a topic that was made a moment ago holds nobody, and is not asked."""

    def grew(kafka: Any) -> None:
        raise SettingsRefused("topic watchlist grew")

    monkeypatch.setattr(deploy, "check_places", grew)
    monkeypatch.setattr(deploy, "_plan_at_work", lambda: None)
    monkeypatch.setattr(deploy, "_start", lambda plan, is_new, progress: None)
    with pytest.raises(SettingsRefused, match="topic watchlist grew"):
        deploy.up(sharded, print)
    made = sharded.settings.kafka.topic_prefix + "watchlist"
    monkeypatch.setattr(deploy, "ensure_topics", lambda kafka, profile: [made])
    deploy.up(sharded, print)


def test_the_ledger_says_which_models_a_cluster_was_started_with(
    sharded: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by its bytes, with the licence that the policy accepts and what is known of its accuracy."""
    sink = MemorySink()
    monkeypatch.setattr(deploy, "open_ledger", lambda plan: nullcontext(chain(sink)))
    deploy.accept_models(sharded)
    told = [found.body for message in sink.messages if (found := parse_record(message.value)).kind == "models.accepted"]
    assert [body["model"] for body in told] == ["drawn-detector", "drawn-embedder"]
    assert told[0] == {
        "model": "drawn-detector",
        "sha256": sharded.detector.sha256,
        "licence": "Apache-2.0",
        "people": "synthetic",
        "evaluation": "none",
    }


def test_copies_of_the_list_that_are_removed_are_written_down(sharded: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by who held it, on how many machines; where nothing was, nothing is said."""
    sink, found = MemorySink(), [["shard-1-of-2-r0"], ["recogniser-1", "shard-1-of-2-r0"]]
    kept = replace(sharded.settings, index=replace(sharded.settings.index, snapshots=Path("snapshots")))
    plan = replace(sharded, settings=kept)
    monkeypatch.setattr(deploy, "open_ledger", lambda plan: nullcontext(chain(sink)))
    monkeypatch.setattr(deploy, "on_every_node", lambda *_: found)
    deploy._sweep(plan, lambda _: None)
    told = [each.body for message in sink.messages if (each := parse_record(message.value)).kind == "deletion.done"]
    assert [(body["data_class"], body["scope"], body["count"], body["trigger"], body["method"]) for body in told] == [
        ("list_snapshot", "the snapshot of recogniser-1", 1, "layout", "removed"),
        ("list_snapshot", "the snapshot of shard-1-of-2-r0", 2, "layout", "removed"),
    ]
    found, written = [[], []], len(sink.messages)
    deploy._sweep(plan, lambda _: None)
    assert len(sink.messages) == written


def _ended(plan: Plan) -> Plan:
    over = plan.in_force.policy.start + timedelta(days=1)
    policy = replace(plan.in_force.policy, review_by=over, end=over)
    return replace(plan, in_force=replace(plan.in_force, policy=policy))


def test_a_policy_whose_time_is_over_is_refused_before_anything_is_started(sharded: Plan, book: PolicyBook) -> None:
    """With what to do."""
    with pytest.raises(SettingsRefused, match="ended at 2026-01-02"):
        deploy.up(_ended(sharded), print)


def test_a_cluster_starts_by_the_newer_of_its_file_and_the_topic(
    sharded: Plan, book: PolicyBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the file's is still to be put in force."""
    started: list[tuple[int, bool]] = []

    def start(plan: Plan, is_new: bool, progress: Any) -> None:
        started.append((plan.in_force.policy.policy, is_new))

    monkeypatch.setattr(deploy, "_plan_at_work", lambda: None)
    monkeypatch.setattr(deploy, "_start", start)
    deploy.up(sharded, print)
    book.releases[0] = first = draft(sharded.in_force, None, "beholden up", NOW, "the test")
    deploy.up(sharded, print)
    book.releases[1] = draft(renumbered(sharded.in_force, 5), first, "beholden up", NOW, "the test")
    told: list[str] = []
    deploy.up(sharded, told.append)
    assert started == [(1, True), (1, False), (5, False)]
    assert told == ["policy 5 is in force, above the 1 of the cluster file"]
    deploy.up(_ended(replace(sharded, in_force=renumbered(sharded.in_force, 1))), print)
    assert started[-1] == (5, False)


def test_a_running_cluster_takes_no_policy_from_its_file(
    sharded: Plan, book: PolicyBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It follows the topic; that it has followed another one meanwhile makes its settings no others."""
    monkeypatch.setattr(deploy, "_plan_at_work", lambda: sharded)
    monkeypatch.setattr(deploy.ray_driver, "supervisor_of", lambda plan, at_work, progress: None)
    monkeypatch.setattr(deploy, "wait_until_ready", lambda plan, there, progress: ClusterStatus(plan, []))
    with pytest.raises(DeploymentFailed, match="policy 1, which is not in force: 'beholden policy propose'"):
        deploy.up(sharded, print)
    book.releases[0] = first = draft(sharded.in_force, None, "beholden up", NOW, "the test")
    book.releases[1] = draft(renumbered(sharded.in_force, 5), first, "beholden up", NOW, "the test")
    assert deploy.up(sharded, print).plan.in_force.policy.policy == 5
    monkeypatch.setattr(
        deploy, "_plan_at_work", lambda: replace(sharded, settings=replace(sharded.settings, ray="else:1"))
    )
    with pytest.raises(DeploymentFailed, match="runs with other settings"):
        deploy.up(sharded, print)


def test_a_running_cluster_goes_on_under_no_other_retention(
    sharded: Plan, book: PolicyBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new supervisor would make recognisers that go by it beside those that do not."""
    document = json.loads(renumbered(sharded.in_force, 5).canonical)
    document["retention"]["evidence"]["keep"] = "1 min"
    book.releases[0] = first = draft(sharded.in_force, None, "beholden up", NOW, "the test")
    book.releases[1] = draft(policy_of(document), first, "beholden up", NOW, "the test")
    made: list[str] = []
    monkeypatch.setattr(deploy, "_plan_at_work", lambda: sharded)
    monkeypatch.setattr(deploy.ray_driver, "supervisor_of", lambda plan, at_work, progress: made.append("a supervisor"))
    monkeypatch.setattr(deploy, "wait_until_ready", lambda plan, there, progress: ClusterStatus(plan, []))
    with pytest.raises(DeploymentFailed, match="another retention than what runs: 'beholden down', then 'beholden up'"):
        deploy.up(sharded, print)
    assert made == []


@dataclass
class Stayer:
    """What `bring_up` does, written down."""

    at_work: Plan | None = None
    is_taken_down: bool = False
    is_led: bool = True
    done: list[str] = field(default_factory=list)

    def bring_up(self, plan: Plan) -> list[str]:
        """What was done and said."""
        self.done = []
        deploy.bring_up(plan, self.done.append)
        return self.done


@pytest.fixture
def stayer(monkeypatch: pytest.MonkeyPatch, book: PolicyBook) -> Stayer:
    """Nothing runs."""
    found = Stayer()

    def apply(plan: Plan, progress: Any) -> None:
        found.done.append(f"apply {plan.in_force.policy.policy}")

    def lead(plan: Plan, at_work: Plan, progress: Any) -> None:
        found.done.append(f"lead under {at_work.in_force.policy.policy}")

    def find(name: str) -> object | None:
        assert name == deploy.SUPERVISOR
        return object() if found.is_led else None

    monkeypatch.setattr(deploy, "_plan_at_work", lambda: found.at_work)
    monkeypatch.setattr(deploy, "was_taken_down", lambda: found.is_taken_down)
    monkeypatch.setattr(deploy, "ready_key", lambda plan: False)
    monkeypatch.setattr(deploy, "_make", lambda plan, progress: found.done.append("make"))
    monkeypatch.setattr(deploy, "_apply", apply)
    monkeypatch.setattr(deploy.ray_driver, "supervisor_of", lead)
    monkeypatch.setattr(deploy, "find_actor", find)
    return found


def test_whoever_stays_starts_what_is_not_there_and_waits_for_nobody(sharded: Plan, stayer: Stayer) -> None:
    """A card may have to be bought first: nothing is taken down because it took too long."""
    assert stayer.bring_up(sharded) == ["apply 1", "make"]


def test_what_a_person_took_down_stays_down(sharded: Plan, stayer: Stayer) -> None:
    """Whatever starts the process that stays anew."""
    stayer.is_taken_down = True
    assert stayer.bring_up(sharded) == []


@pytest.mark.parametrize("is_refused", ["its time is over", "no Kafka"])
def test_what_a_person_took_down_is_refused_nothing(
    sharded: Plan, stayer: Stayer, monkeypatch: pytest.MonkeyPatch, is_refused: str
) -> None:
    """What its files say by now concerns whoever brings it up, and who stays says that it is down."""
    stayer.is_taken_down = True
    if is_refused == "no Kafka":
        monkeypatch.setattr(deploy, "read_book", _no_kafka)
        assert stayer.bring_up(sharded) == []
    assert stayer.bring_up(_ended(sharded)) == []
    stayer.is_taken_down = False
    with pytest.raises(BrokerUnavailable if is_refused == "no Kafka" else SettingsRefused):
        stayer.bring_up(_ended(sharded))
    assert stayer.done == []


def _no_kafka(*_: Any) -> PolicyBook:
    raise BrokerUnavailable("no broker")


def test_what_runs_is_led_whatever_its_files_say_by_now(sharded: Plan, book: PolicyBook, stayer: Stayer) -> None:
    """By the plan that it has; then the refusal. One that has its supervisor is left to it."""
    stayer.at_work = sharded
    for refused in (_ended(sharded), replace(sharded, settings=replace(sharded.settings, ray="else:1"))):
        stayer.is_led = False
        with pytest.raises((SettingsRefused, DeploymentFailed)):
            stayer.bring_up(refused)
        assert stayer.done == ["lead under 1"]
        stayer.is_led = True
        with pytest.raises((SettingsRefused, DeploymentFailed)):
            stayer.bring_up(refused)
        assert stayer.done == []


def test_a_refusal_is_not_hidden_by_a_ray_that_is_gone(
    sharded: Plan, stayer: Stayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stays would wait for that Ray, and say nothing of what must be mended."""

    def gone(settings: Any) -> Any:
        raise RayUnreachable("nothing answers")

    monkeypatch.setattr(deploy.ray_driver, "connected", gone)
    with pytest.raises(SettingsRefused, match="ended at 2026-01-02"):
        stayer.bring_up(_ended(sharded))


def test_a_release_that_the_file_names_comes_into_force_while_the_cluster_runs(
    sharded: Plan, book: PolicyBook, stayer: Stayer
) -> None:
    """What no person has proposed does not, and neither does an old one: what is in force then goes on."""
    book.releases[0] = first = draft(sharded.in_force, None, "beholden up", NOW, "the test")
    stayer.at_work = sharded
    assert stayer.bring_up(sharded) == ["lead under 1"]
    second = draft(renumbered(sharded.in_force, 2), first, "ada", NOW, "the test")
    with pytest.raises(DeploymentFailed, match="policy 2, which is not in force: 'beholden policy propose'"):
        stayer.bring_up(replace(sharded, in_force=second.in_force))
    assert stayer.done == []
    elsewhere = replace(sharded, settings=replace(sharded.settings, policy=Path("2.release.json")))
    assert stayer.bring_up(with_release(elsewhere, second)) == ["apply 2", "lead under 2"]
    book.releases[1] = second
    assert stayer.bring_up(with_release(sharded, second)) == ["lead under 2"]
    said = "policy 2 is in force, above the 1 of the cluster file"
    assert stayer.bring_up(with_release(sharded, first)) == [said, "lead under 2"]


def test_a_release_that_what_runs_cannot_follow_is_not_put_in_force(
    sharded: Plan, book: PolicyBook, stayer: Stayer
) -> None:
    """It would be in force, and nobody would go by it."""
    book.releases[0] = first = draft(sharded.in_force, None, "beholden up", NOW, "the test")
    stayer.at_work = sharded
    document = json.loads(renumbered(sharded.in_force, 2).canonical)
    document["retention"]["evidence"]["keep"] = "1 min"
    second = draft(policy_of(document), first, "ada", NOW, "the test")
    with pytest.raises(DeploymentFailed, match="another retention than what runs: 'beholden down', then 'beholden up'"):
        stayer.bring_up(with_release(sharded, second))
    assert stayer.done == []


def test_a_release_beside_other_settings_is_not_put_in_force(sharded: Plan, book: PolicyBook, stayer: Stayer) -> None:
    """Either all that the files say comes about, or nothing."""
    book.releases[0] = first = draft(sharded.in_force, None, "beholden up", NOW, "the test")
    stayer.at_work = replace(sharded, settings=replace(sharded.settings, ray="else:1"))
    second = draft(renumbered(sharded.in_force, 2), first, "ada", NOW, "the test")
    with pytest.raises(DeploymentFailed, match="runs with other settings"):
        stayer.bring_up(with_release(sharded, second))
    assert stayer.done == []


def test_down_is_remembered_and_up_forgets_it(
    sharded: Plan, book: PolicyBook, stayer: Stayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where Ray outlives the cluster can anybody bring it up again by himself."""
    noted: list[bool] = []
    monkeypatch.setattr(deploy, "note_taken_down", noted.append)
    monkeypatch.setattr(deploy.ray_driver, "close_all", lambda progress: True)
    monkeypatch.setattr(deploy, "wait_until_ready", lambda plan, there, progress: ClusterStatus(plan, []))
    assert deploy.down(replace(sharded.settings, ray="head:6379"), print)
    deploy.up(sharded, print)
    assert noted == [True, False]

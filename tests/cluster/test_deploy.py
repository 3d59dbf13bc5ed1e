"""Bringing up, looking at and taking down what may have lost its supervisor, over actors in memory."""

import json
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.exceptions import ActorUnavailableError

from cluster.account import Account
from cluster.memory_io import MemorySink
from cluster.plan import Plan, read_plan
from cluster.policies.book import PolicyBook
from cluster.policies.desk import renumbered
from cluster.policies.in_force import policy_of
from cluster.policies.release import draft
from cluster.privacy.retention_check import Age
from cluster.recogniser import RecogniserStatus
from cluster.shards.layout import Layout
from cluster.status import WATCHING, ClusterStatus, Member
from cluster.wire.ledger import parse_record
from operators.errors import DeploymentFailed, SettingsRefused
from tests.builders import NOW, chain
from tests.drawn import write_deployment

with pytest.MonkeyPatch.context() as named:  # without a name its import makes a token in the user's own folder
    for variable in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_USAGE_STATS_ENABLED"):
        named.setenv(variable, "")
    from cluster import deploy

ASKED, OLD = Layout(2, 2), Layout(3, 1)


@dataclass
class Supervisor:
    """One that closes when it is asked to, unless it does not answer."""

    done: list[str]
    answers: bool = True

    @property
    def close(self) -> Any:
        """A method of an actor."""

        class Close:
            remote = staticmethod(lambda _: self)

        return Close


@dataclass
class World:
    """What `deploy` finds in Ray."""

    supervisor: Supervisor | None = None
    members: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def get(self, supervisor: Supervisor, timeout: float) -> None:
        """As `ray.get` of what `close` gave."""
        if not supervisor.answers:
            raise ActorUnavailableError("restarting", None)
        self.done.append("supervisor closes all")
        self.members.clear()

    def kill(self, _: Supervisor) -> None:
        """As `ray.kill`."""
        self.done.append("end supervisor")
        self.supervisor = None

    def make(self, _: Plan) -> Supervisor:
        """As `_make_supervisor`."""
        self.done.append("make supervisor")
        self.supervisor = Supervisor(self.done)
        return self.supervisor

    def close(self, _: float) -> None:
        """As `close_members`."""
        self.done += [f"close {name}" for name in self.members]
        self.members.clear()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Nothing runs."""
    found = World()
    monkeypatch.setattr(deploy, "find_actor", lambda name: found.supervisor if name == "supervisor" else None)
    monkeypatch.setattr(deploy, "members_there", lambda: list(found.members))
    monkeypatch.setattr(deploy, "close_members", found.close)
    monkeypatch.setattr(deploy, "_make_supervisor", found.make)
    monkeypatch.setattr(ray, "get", found.get)
    monkeypatch.setattr(ray, "kill", found.kill)
    return found


@pytest.fixture
def plan(write_document: Any, tmp_path: Path) -> Plan:
    """Two recognisers over two shards with two replicas each."""
    index = {"placement": "sharded", "shards": ASKED.shards, "replicas": ASKED.replicas}
    return read_plan(write_document({"cluster": "drawn", **write_deployment(tmp_path), "index": index}))


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch, plan: Plan) -> PolicyBook:
    """What the policy topic says to `up`; neither Kafka nor Ray is there."""
    found = PolicyBook(plan.in_force.policy.deployment, plan.settings.people)
    monkeypatch.setattr(deploy, "ensure_topics", lambda kafka, profile: [])
    monkeypatch.setattr(deploy, "make_evidence_key", lambda folder: False)
    monkeypatch.setattr(deploy.retention_check, "measure", lambda kafka, profile: [])
    monkeypatch.setattr(deploy, "read_book", lambda settings, deployment: found)
    monkeypatch.setattr(deploy.ray_local, "locked_cluster", lambda cluster: nullcontext())
    monkeypatch.setattr(deploy, "_rays", lambda plan, progress: nullcontext())
    monkeypatch.setattr(deploy, "connected", lambda settings: nullcontext())
    return found


def test_a_cluster_that_would_keep_things_for_too_long_is_not_started(
    book: PolicyBook, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is promised, what would be, and which command mends it."""
    day_ms = 86_400_000
    age = Age("evidence", day_ms, {"retention.ms": 31 * day_ms, "segment.ms": 7 * day_ms})
    monkeypatch.setattr(deploy.retention_check, "measure", lambda kafka, profile: [age])
    with pytest.raises(SettingsRefused, match=r"evidence: 1 d is promised.*38 d old") as refused:
        deploy.up(plan, lambda _: None)
    assert "beholden retention apply" in str(refused.value)
    assert not book.releases


def test_the_ledger_says_which_models_a_cluster_was_started_with(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its bytes, with the licence that the policy accepts and what is known of its accuracy."""
    sink = MemorySink()
    monkeypatch.setattr(deploy, "open_ledger", lambda plan: nullcontext(chain(sink)))
    deploy.accept_models(plan)
    told = [found.body for message in sink.messages if (found := parse_record(message.value)).kind == "models.accepted"]
    assert [body["model"] for body in told] == ["drawn-detector", "drawn-embedder"]
    assert told[0] == {
        "model": "drawn-detector",
        "sha256": plan.detector.sha256,
        "licence": "Apache-2.0",
        "people": "synthetic",
        "evaluation": "none",
    }


def _ended(plan: Plan) -> Plan:
    over = plan.in_force.policy.start + timedelta(days=1)
    policy = replace(plan.in_force.policy, review_by=over, end=over)
    return replace(plan, in_force=replace(plan.in_force, policy=policy))


def test_a_policy_whose_time_is_over_is_refused_before_anything_is_started(plan: Plan, book: PolicyBook) -> None:
    """With what to do."""
    with pytest.raises(SettingsRefused, match="ended at 2026-01-02"):
        deploy.up(_ended(plan), print)


def test_a_cluster_starts_by_the_newer_of_its_file_and_the_topic(
    plan: Plan, book: PolicyBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the file's is still to be put in force."""
    started: list[tuple[int, bool]] = []

    def start(plan: Plan, is_new: bool, progress: Any) -> None:
        started.append((plan.in_force.policy.policy, is_new))

    monkeypatch.setattr(deploy, "_plan_at_work", lambda: None)
    monkeypatch.setattr(deploy, "_start", start)
    deploy.up(plan, print)
    book.releases[0] = first = draft(plan.in_force, None, "beholden up", NOW, "the test")
    deploy.up(plan, print)
    book.releases[1] = draft(renumbered(plan.in_force, 5), first, "beholden up", NOW, "the test")
    told: list[str] = []
    deploy.up(plan, told.append)
    assert started == [(1, True), (1, False), (5, False)]
    assert told == ["policy 5 is in force, above the 1 of the cluster file"]
    deploy.up(_ended(replace(plan, in_force=renumbered(plan.in_force, 1))), print)
    assert started[-1] == (5, False)


def test_a_running_cluster_takes_no_policy_from_its_file(
    plan: Plan, book: PolicyBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It follows the topic; that it has followed another one meanwhile makes its settings no others."""
    monkeypatch.setattr(deploy, "_plan_at_work", lambda: plan)
    monkeypatch.setattr(deploy, "_supervisor_of", lambda plan, at_work, progress: None)
    monkeypatch.setattr(deploy, "wait_until_ready", lambda plan, there, progress: ClusterStatus(plan, []))
    with pytest.raises(DeploymentFailed, match="policy 1, which is not in force: 'beholden policy propose'"):
        deploy.up(plan, print)
    book.releases[0] = first = draft(plan.in_force, None, "beholden up", NOW, "the test")
    book.releases[1] = draft(renumbered(plan.in_force, 5), first, "beholden up", NOW, "the test")
    assert deploy.up(plan, print).plan.in_force.policy.policy == 5
    monkeypatch.setattr(deploy, "_plan_at_work", lambda: replace(plan, settings=replace(plan.settings, ray="else:1")))
    with pytest.raises(DeploymentFailed, match="runs with other settings"):
        deploy.up(plan, print)


def test_a_running_cluster_goes_on_under_no_other_retention(
    plan: Plan, book: PolicyBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new supervisor would make recognisers that go by it beside those that do not."""
    document = json.loads(renumbered(plan.in_force, 5).canonical)
    document["retention"]["evidence"]["keep"] = "1 min"
    book.releases[0] = first = draft(plan.in_force, None, "beholden up", NOW, "the test")
    book.releases[1] = draft(policy_of(document), first, "beholden up", NOW, "the test")
    made: list[str] = []
    monkeypatch.setattr(deploy, "_plan_at_work", lambda: plan)
    monkeypatch.setattr(deploy, "_supervisor_of", lambda plan, at_work, progress: made.append("a supervisor"))
    monkeypatch.setattr(deploy, "wait_until_ready", lambda plan, there, progress: ClusterStatus(plan, []))
    with pytest.raises(DeploymentFailed, match="another retention than what runs: 'beholden down', then 'beholden up'"):
        deploy.up(plan, print)
    assert made == []


def test_a_cluster_without_a_supervisor_is_told_of_by_name(world: World) -> None:
    """It watches cameras: "does not run" would be untrue."""
    with pytest.raises(DeploymentFailed, match="cluster drawn does not run: 'beholden up' starts it"):
        deploy.status_of_connected("drawn")
    world.members = ["recogniser-0", "shard-0-of-1-r0"]
    with pytest.raises(
        DeploymentFailed, match=r"supervisor .* is missing.* recogniser-0, shard-0-of-1-r0; 'beholden up'"
    ):
        deploy.status_of_connected("drawn")


def _down(world: World) -> tuple[bool, list[str]]:
    said: list[str] = []
    return deploy._close(said.append), said


def test_what_runs_without_a_supervisor_is_closed_and_ended(world: World) -> None:
    """And only where nothing runs there is nothing to end."""
    assert _down(world) == (False, [])
    world.members = ["recogniser-0", "shard-0-of-1-r0"]
    assert _down(world) == (True, ["waiting for recognisers to finish their frames"])
    assert world.done == ["close recogniser-0", "close shard-0-of-1-r0"]


@pytest.mark.parametrize("answers", [True, False])
def test_a_supervisor_closes_all_and_when_it_does_not_answer_they_are_closed_without_it(
    world: World, answers: bool
) -> None:
    """It is ended first, or it would make them anew."""
    world.members = ["recogniser-0"]
    world.supervisor = Supervisor(world.done, answers)
    is_ended, said = _down(world)
    assert is_ended
    assert world.members == []
    if answers:
        assert world.done == ["supervisor closes all", "end supervisor"]
    else:
        assert world.done == ["end supervisor", "close recogniser-0"]
        assert "does not answer (ActorUnavailableError)" in said[1]


def _with(plan: Plan, layout: Layout) -> Plan:
    index = replace(plan.settings.index, shards=layout.shards, replicas=layout.replicas)
    return replace(plan, settings=replace(plan.settings, index=index))


@pytest.mark.parametrize(
    ("is_there", "at_work", "said", "done"),
    [
        (True, ASKED, [], []),
        (True, OLD, ["dividing the watchlist anew: shards: 2, replicas: 2"], ["end supervisor", "make supervisor"]),
        (False, ASKED, ["the supervisor is missing: starting it anew"], ["make supervisor"]),
        (False, OLD, ["the supervisor is missing: starting it anew"], ["make supervisor"]),
    ],
)
def test_only_what_is_done_is_said(
    world: World, plan: Plan, is_there: bool, at_work: Layout, said: list[str], done: list[str]
) -> None:
    """The plan of a recogniser that has lost its supervisor is that of its birth: what it asks by now is not known."""
    world.supervisor = Supervisor(world.done) if is_there else None
    heard: list[str] = []
    assert deploy._supervisor_of(plan, _with(plan, at_work), heard.append) is world.supervisor
    assert world.done == done
    assert [text.split(",")[0] if "missing" in text else text for text in heard] == said


def _lane(asks: Layout, state: str = WATCHING) -> Member:
    about = (7, "here", state, {0: 0}, 0.0, 1, "d" * 64, "CPU", 0, None, Account().summary())
    return Member("recogniser-0", state, RecogniserStatus(0, *about, asks))


def test_a_change_that_takes_long_is_no_failure_and_the_message_says_what_to_do(plan: Plan) -> None:
    """Who still reads stands in it, line by line; of a first start it says nothing about old shards."""
    reading = Member("shard-0-of-2-r0", "reading the watchlist")
    first, *others = deploy._late(ClusterStatus(plan, [reading, _lane(OLD)]))
    assert "still being divided" in first
    assert "'beholden up' with the old numbers takes it back" in first
    assert others == ["shard-0-of-2-r0: reading the watchlist"]
    first, *others = deploy._late(ClusterStatus(plan, [_lane(ASKED, "starting"), reading]))
    assert first == "not ready within 120 s"
    assert others == ["recogniser-0: starting", "shard-0-of-2-r0: reading the watchlist"]


def test_the_wait_for_a_cluster_ends_with_that_message(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with a dictionary."""
    monkeypatch.setattr(deploy, "READY_TIMEOUT_S", -1.0)
    members: list[Member] = [_lane(OLD)]
    monkeypatch.setattr(ray, "get", lambda reply, timeout: reply)

    class Asked:
        class status:  # noqa: N801 - a method of an actor
            remote = staticmethod(lambda: members)

        class policy:  # noqa: N801 - another one
            remote = staticmethod(lambda: None)

        class ledger:  # noqa: N801 - another one
            remote = staticmethod(lambda: "no checkpoint yet")

    said: list[str] = []
    with pytest.raises(DeploymentFailed, match=r"still being divided .*\nnot every partition has its recogniser yet"):
        deploy.wait_until_ready(plan, Asked, said.append)
    assert said == ["recogniser-0: watching"]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1"])
def test_a_ray_that_is_not_there_is_said_at_once(plan: Plan, address: str) -> None:
    """Ray would go on trying for many minutes."""
    settings = replace(plan.settings, ray=address)
    with pytest.raises(DeploymentFailed, match=f"nothing answers at {address} .*: start Ray there"):
        deploy.down(settings, lambda _: None)

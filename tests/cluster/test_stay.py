"""Whoever stays: waits, looks, tells of changes, and starts a supervisor anew; over a cluster in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from ray.exceptions import RpcError

from cluster.plan import Plan
from cluster.status import READY, ClusterStatus, Member, PolicyShown
from operators.errors import BrokerUnavailable, ClusterSilent, DeploymentFailed, RayUnreachable, SettingsRefused
from tests.untold import stay

DIGEST = "d" * 64


@dataclass
class World:
    """A cluster that is as the next of `looks` says, and ends whoever stays after the last."""

    plan: Plan
    looks: list[Any] = field(default_factory=list)
    starts: list[Any] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    noted: list[tuple[bool, str]] = field(default_factory=list)
    joins: list[Any] = field(default_factory=list)
    is_taken_down: bool = False
    now_s: float = 0.0
    stopping: Event = field(default_factory=Event)

    def bring_up(self, plan: Plan, say: Callable[[str], None]) -> None:
        """As `deploy.bring_up`."""
        self.said.append("brought up")
        if self.starts and (error := self.starts.pop(0)):
            raise error

    def look(self, cluster: str) -> ClusterStatus | None:
        """As `asking.status_if_led`."""
        found = self.looks.pop(0)
        if not self.looks:
            self.stopping.set()
        if isinstance(found, Exception):
            raise found
        status: ClusterStatus | None = found
        return status

    def wait(self, timeout_s: float) -> bool:
        """As the event's."""
        self.now_s += timeout_s
        return self.stopping.is_set()

    def stay(self) -> None:
        """Stay until the last look."""
        stay.stay(lambda: self.plan, self.said.append, lambda *noted: self.noted.append(noted), self.stopping)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, sharded: Plan) -> World:
    """Nothing runs."""
    found = World(sharded)

    @contextmanager
    def connected(_: Any) -> Iterator[None]:
        if found.joins and (error := found.joins.pop(0)):
            raise error
        found.said.append("joined")
        yield

    monkeypatch.setattr(stay.ray_driver, "connected", connected)
    monkeypatch.setattr(stay, "bring_up", found.bring_up)
    monkeypatch.setattr(stay, "status_if_led", found.look)
    monkeypatch.setattr(stay, "was_taken_down", lambda: found.is_taken_down)
    monkeypatch.setattr(stay.time, "monotonic", lambda: found.now_s)
    monkeypatch.setattr(found.stopping, "wait", found.wait)
    return found


def _status(plan: Plan, number: int = 7, *alarms: str, **states: str) -> ClusterStatus:
    members = [Member(name, state) for name, state in states.items()]
    return ClusterStatus(plan, members, PolicyShown(number, DIGEST, alarms=alarms), "checkpoint 3")


def test_only_what_changes_is_told_and_every_look_is_noted(world: World, sharded: Plan) -> None:
    """As lines: members, the policy, alarms, and the whole; an alarm that is over is told of as well."""
    first = _status(sharded, shard=READY)
    world.looks = [first, first, _status(sharded, 8, "one is late", shard=READY), _status(sharded, 8)]
    world.stay()
    assert world.said == [
        "brought up",
        "joined",
        "shard: ready",
        "policy: 7 (dddddddd)",
        "drawn: not ready",
        "policy: 8 (dddddddd)",
        "alarm: one is late: since now",
        "shard: no more",
        "alarm: one is late: no more",
    ]
    assert world.noted == [(False, "not ready")] * 4


def test_what_is_ready_is_noted_as_ready(world: World, sharded: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `status` judges it."""
    monkeypatch.setattr(ClusterStatus, "is_ready", True)
    world.looks = [_status(sharded)]
    world.stay()
    assert world.noted == [(True, "ready")]


def test_a_halt_stands_beside_the_policy(sharded: Plan) -> None:
    """A stop is no fault of the cluster, and the first thing that somebody who looks must know."""
    halted = ClusterStatus(sharded, [], PolicyShown(7, DIGEST, halted="stopped by ada"))
    assert stay.shown(halted)["policy"] == "7 (dddddddd): nothing is looked at: stopped by ada"
    assert stay.shown(ClusterStatus(sharded, []))["policy"] == "not known"


def test_a_supervisor_that_is_missing_is_started_anew(world: World, sharded: Plan) -> None:
    """By what the files say by now."""
    world.looks = [_status(sharded), None, _status(sharded)]
    world.stay()
    assert [line for line in world.said if " " not in line or line == "brought up"] == [
        "brought up",
        "joined",
        "brought up",
        "joined",
    ]


def test_one_that_is_silent_is_told_of_and_left(world: World, sharded: Plan) -> None:
    """Ray starts it anew; what was known of the others is not taken back."""
    silent = DeploymentFailed("cluster drawn does not answer: ActorUnavailableError\nand what Ray says besides")
    world.looks = [_status(sharded, shard=READY), silent, _status(sharded, shard=READY)]
    world.stay()
    assert world.said.count("brought up") == 1
    first_line = "cluster drawn does not answer: ActorUnavailableError"
    assert world.said[-2:] == [f"drawn: {first_line}", "drawn: not ready"]
    assert world.noted[1] == (False, first_line)


def test_what_a_person_has_taken_down_is_left_alone(world: World, sharded: Plan) -> None:
    """Until a person brings it up."""
    world.is_taken_down = True
    world.looks = [None, None, _status(sharded)]
    world.stay()
    assert world.said.count("brought up") == 1
    assert world.noted[:2] == [(False, stay.TAKEN_DOWN)] * 2
    assert "drawn: not ready" in world.said


@pytest.mark.parametrize(
    "absent",
    [
        RayUnreachable("nothing answers at head:6379"),
        BrokerUnavailable("no broker"),
        ClusterSilent("cluster drawn does not answer: ActorUnavailableError"),
    ],
)
def test_whoever_is_still_starting_is_waited_for_and_that_is_said_once(
    world: World, sharded: Plan, absent: Exception
) -> None:
    """Pods come in any order."""
    world.starts, world.looks = [absent, absent, None], [_status(sharded)]
    world.stay()
    assert [line for line in world.said if line.startswith("waits")] == [f"waits: {absent}"]
    assert world.noted[:2] == [(False, str(absent))] * 2


@pytest.mark.parametrize("gone", [RayUnreachable("nothing answers at head:6379"), DeploymentFailed("no such actor")])
def test_a_ray_that_is_gone_before_the_first_look_is_waited_for(world: World, sharded: Plan, gone: Exception) -> None:
    """Its head may be started anew at any moment; whether that mends it shows when the cluster is brought up."""
    world.joins, world.looks = [gone, None], [_status(sharded)]
    world.stay()
    assert world.said[:4] == ["brought up", f"waits: {gone}", "brought up", "joined"]
    assert world.noted[0] == (False, str(gone))
    assert world.now_s == stay.RETRY_S + stay.LOOK_S


def test_a_ray_that_does_not_say_whether_all_was_taken_down_is_asked_again(
    world: World, sharded: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told of as any other silence, and nothing is started meanwhile."""

    def lost() -> bool:
        raise RpcError("no GCS")

    monkeypatch.setattr(stay, "was_taken_down", lost)
    world.looks = [None, _status(sharded)]
    world.stay()
    assert world.said.count("brought up") == 1
    assert world.noted[0] == (False, "cluster drawn does not answer: RpcError: no GCS")


def test_patience_ends(world: World) -> None:
    """With what was waited for."""
    world.starts = [RayUnreachable("nothing answers at head:6379")] * 1000
    with pytest.raises(RayUnreachable):
        world.stay()
    assert stay.PATIENCE_S < world.now_s < stay.PATIENCE_S + 2 * stay.RETRY_S


def test_what_no_time_mends_is_refused_at_once(world: World) -> None:
    """Whoever starts this process shows that it cannot; what runs goes on."""
    world.starts = [SettingsRefused("no such policy")]
    with pytest.raises(SettingsRefused):
        world.stay()
    assert world.now_s == 0


def test_whoever_is_told_to_end_while_waiting_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """And joins nothing any more."""

    def tell(plan: Plan, say: Callable[[str], None]) -> None:
        world.stopping.set()
        raise BrokerUnavailable("no broker")

    monkeypatch.setattr(stay, "bring_up", tell)
    world.stay()
    assert "joined" not in world.said

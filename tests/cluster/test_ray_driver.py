"""A supervisor that is there, missing or silent, and a Ray that is not there, over actors in memory."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RaySystemError

from cluster.plan import Plan
from cluster.shards.layout import Layout
from operators.errors import DeploymentFailed, RayUnreachable
from tests.untold import ray_driver

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
    """What `ray_driver` finds in Ray."""

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
        """As `make_supervisor`."""
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
    monkeypatch.setattr(ray_driver, "find_actor", lambda name: found.supervisor if name == "supervisor" else None)
    monkeypatch.setattr(ray_driver, "members_there", lambda: list(found.members))
    monkeypatch.setattr(ray_driver, "close_members", found.close)
    monkeypatch.setattr(ray_driver, "make_supervisor", found.make)
    monkeypatch.setattr(ray, "get", found.get)
    monkeypatch.setattr(ray, "kill", found.kill)
    return found


def _down(world: World) -> tuple[bool, list[str]]:
    said: list[str] = []
    return ray_driver.close_all(said.append), said


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
    world: World, sharded: Plan, is_there: bool, at_work: Layout, said: list[str], done: list[str]
) -> None:
    """The plan of a recogniser that has lost its supervisor is that of its birth: what it asks by now is not known."""
    world.supervisor = Supervisor(world.done) if is_there else None
    heard: list[str] = []
    assert ray_driver.supervisor_of(sharded, _with(sharded, at_work), heard.append) is world.supervisor
    assert world.done == done
    assert [text.split(",")[0] if "missing" in text else text for text in heard] == said


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1"])
def test_a_ray_that_is_not_there_is_said_at_once(sharded: Plan, address: str) -> None:
    """Ray would go on trying for many minutes."""
    settings = replace(sharded.settings, ray=address)
    refused = pytest.raises(RayUnreachable, match=f"nothing answers at {address} .*: start Ray there")
    with refused, ray_driver.connected(settings):
        pass


def test_a_ray_whose_token_is_not_named_is_not_asked(sharded: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take nobody in, and Ray would say so for half a minute, in its own words."""
    monkeypatch.setattr(ray_driver, "IS_TOKEN_NAMED", False)
    monkeypatch.setattr(ray_driver, "_refuse_unreachable", lambda _: None)
    settings = replace(sharded.settings, ray="head:6379")
    refused = pytest.raises(RayUnreachable, match=r"Ray at head:6379 takes nobody .* set RAY_AUTH_TOKEN_PATH")
    with refused, ray_driver.connected(settings):
        pass


@pytest.mark.parametrize(
    ("raised", "may_come"),
    [
        (ActorUnavailableError("restarting", None), True),
        (GetTimeoutError("nothing within 15 s"), True),
        (RaySystemError("out of order"), False),
    ],
)
def test_an_actor_that_is_started_anew_may_answer_later(raised: Exception, may_come: bool) -> None:
    """Whoever stays waits for it: after each replacement of its pod the supervisor is somewhere else for a while."""
    refused = pytest.raises(DeploymentFailed, match="cluster drawn does not answer")
    with refused as silent, ray_driver.answering("drawn"):
        raise raised
    assert silent.value.retriable is may_come

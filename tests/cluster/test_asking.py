"""Looking at a cluster that has lost its supervisor or is not ready, and the wait for one."""

import pytest
import ray
from ray.exceptions import ActorUnavailableError

from cluster.account import Account
from cluster.plan import Plan
from cluster.recogniser_status import RecogniserStatus
from cluster.shards.layout import Layout
from cluster.status import WATCHING, ClusterStatus, Member
from operators.errors import DeploymentFailed
from tests.untold import asking

ASKED, OLD = Layout(2, 2), Layout(3, 1)


def test_a_cluster_without_a_supervisor_is_told_of_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It watches cameras: "does not run" would be untrue."""
    members: list[str] = []
    monkeypatch.setattr(asking, "find_actor", lambda name: None)
    monkeypatch.setattr(asking, "members_there", lambda: members)
    with pytest.raises(DeploymentFailed, match="cluster drawn does not run: 'beholden up' starts it"):
        asking.status_of_connected("drawn")
    members += ["recogniser-0", "shard-0-of-1-r0"]
    with pytest.raises(
        DeploymentFailed, match=r"supervisor .* is missing.* recogniser-0, shard-0-of-1-r0; 'beholden up'"
    ):
        asking.status_of_connected("drawn")


def test_whoever_stays_tells_a_supervisor_that_is_missing_from_one_that_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is started anew, the second by Ray."""
    monkeypatch.setattr(asking, "find_actor", lambda name: None)
    assert asking.status_if_led("drawn") is None

    def silent(cluster: str) -> ClusterStatus:
        raise ActorUnavailableError("restarting", None)

    monkeypatch.setattr(asking, "find_actor", lambda name: "the supervisor")
    monkeypatch.setattr(asking, "status_of_connected", silent)
    with pytest.raises(DeploymentFailed, match="cluster drawn does not answer: ActorUnavailableError"):
        asking.status_if_led("drawn")


def _lane(asks: Layout, state: str = WATCHING) -> Member:
    about = (7, "here", state, {0: 0}, 0.0, 1, "d" * 64, "CPU", 0, None, Account().summary())
    return Member("recogniser-0", state, RecogniserStatus(0, *about, asks))


def test_a_change_that_takes_long_is_no_failure_and_the_message_says_what_to_do(sharded: Plan) -> None:
    """Who still reads stands in it, line by line; of a first start it says nothing about old shards."""
    reading = Member("shard-0-of-2-r0", "reading the watchlist")
    first, *others = asking._late(ClusterStatus(sharded, [reading, _lane(OLD)]))
    assert "still being divided" in first
    assert "'beholden up' with the old numbers takes it back" in first
    assert others == ["shard-0-of-2-r0: reading the watchlist"]
    first, *others = asking._late(ClusterStatus(sharded, [_lane(ASKED, "starting"), reading]))
    assert first == "not ready within 120 s"
    assert others == ["recogniser-0: starting", "shard-0-of-2-r0: reading the watchlist"]


def test_the_wait_for_a_cluster_ends_with_that_message(sharded: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with a dictionary."""
    monkeypatch.setattr(asking, "READY_TIMEOUT_S", -1.0)
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
        asking.wait_until_ready(sharded, Asked, said.append)
    assert said == ["recogniser-0: watching"]

"""When a cluster is ready, and how it is shown."""

import dataclasses
import json
from io import StringIO

import pytest
from rich.console import Console

from cluster.account import Account
from cluster.cli.status_view import document, show
from cluster.plan import Plan
from cluster.recogniser_status import STANDING_BY, Departure, RecogniserStatus
from cluster.shards.layout import Layout, Replica
from cluster.status import DRAINED, READY, WATCHING, ClusterStatus, Member, PolicyShown
from cluster.watchlists.feed import FeedStatus
from cluster.wire.text import dump
from operators.types import Generation
from tests.drawn import indexed

ASKED, OLD = Layout(2, 2), Layout(3, 1)


@pytest.fixture
def plan(drawn: Plan) -> Plan:
    """Two recognisers over two shards with two replicas each."""
    return indexed(drawn, shards=ASKED.shards, replicas=ASKED.replicas)


def shard(replica: Replica, state: str = READY) -> Member:
    """A replica that has read the list."""
    generation = Generation(replica.shard, replica.shards, 9, "f" * 64)
    return Member(str(replica), state, FeedStatus(generation, 5, 0, 0, 0, None, 100))


def lane(slot: int, layout: Layout | None = ASKED, partitions: int = 4, state: str = WATCHING) -> Member:
    """A recogniser that owns so many partitions."""
    owned = dict.fromkeys(range(slot * 4, slot * 4 + partitions), 0)
    about = (1, "d" * 64, "CPU", 0, None, Account().summary())
    return Member(f"recogniser-{slot}", state, RecogniserStatus(slot, 7, "here", state, owned, 0.0, *about, layout))


def members(**changes: Member) -> list[Member]:
    """All that is asked for, with other ones in the place of some."""
    usual = {str(replica).replace("-", "_"): shard(replica) for replica in ASKED.all()}
    return list((usual | {"recogniser_0": lane(0), "recogniser_1": lane(1)} | changes).values())


def test_a_cluster_is_ready_when_all_is_as_asked(plan: Plan) -> None:
    """Every replica, every recogniser, every partition."""
    assert ClusterStatus(plan, members()).is_ready


@pytest.mark.parametrize(
    "changes",
    [
        {"shard_1_of_2_r1": Member("shard-1-of-2-r1", "restarting")},
        {"shard_1_of_2_r1": shard(Replica(1, 2, 1), "reading the watchlist")},
        {"recogniser_1": lane(1, OLD)},
        {"recogniser_1": lane(1, None)},
        {"recogniser_1": lane(1, partitions=3)},
        {"recogniser_1": lane(1, state="watchlist shard 0 of 2 does not answer")},
        {"recogniser_1": Member("recogniser-1", "starting")},
        {"old": shard(Replica(0, 3, 0), "ready, asked until every recogniser asks the new shards")},
    ],
)
def test_a_cluster_is_not_ready_while_anything_is_missing_or_left_over(plan: Plan, changes: dict[str, Member]) -> None:
    """One replica that reads, one recogniser that still asks other shards, one partition that nobody watches."""
    assert not ClusterStatus(plan, members(**changes)).is_ready


def test_a_drained_recogniser_is_no_want_and_is_shown(plan: Plan) -> None:
    """The cluster is ready once others have its partitions; what it did last stands in its row."""
    drained = Member("recogniser-1", DRAINED, departure=Departure(12, 3, 0.4, has_left=True))
    assert not ClusterStatus(plan, members(recogniser_1=drained)).is_ready
    status = ClusterStatus(plan, members(recogniser_0=lane(0, partitions=8), recogniser_1=drained))
    assert status.is_ready
    out = StringIO()
    show(status, Console(file=out, width=200))
    [row] = [line for line in out.getvalue().splitlines() if line.startswith("recogniser-1")]
    assert row.split(maxsplit=1)[1].startswith("drained: 12 frames finished, 3 given back in 0.4 s and left the group")


def test_a_recogniser_that_stands_by_has_no_partitions_and_is_no_want(plan: Plan) -> None:
    """But it must know the list by the time that it is called."""
    waits = lane(2, partitions=0, state=STANDING_BY)
    assert ClusterStatus(plan, members(recogniser_2=waits)).is_ready
    assert not ClusterStatus(plan, members(recogniser_2=lane(2, OLD, 0, STANDING_BY))).is_ready
    assert not ClusterStatus(plan, members(recogniser_1=waits)).is_ready, "nobody watches four of the partitions"


def test_without_shards_each_recogniser_has_its_own_list(plan: Plan) -> None:
    """It is ready when that has been read."""
    index = dataclasses.replace(plan.settings.index, placement="in-lane", shards=1, replicas=1)
    alone = dataclasses.replace(plan, settings=dataclasses.replace(plan.settings, index=index))
    lanes = []
    for generation in (Generation(0, 1, 9, "f" * 64), None):
        feed = FeedStatus(generation, 5, 0, 0, 0, None, 100)
        status = lane(0, None, partitions=8).status
        assert isinstance(status, RecogniserStatus)
        lanes.append(Member("recogniser-0", WATCHING, dataclasses.replace(status, index=feed)))
    assert ClusterStatus(alone, lanes[:1]).is_ready
    assert not ClusterStatus(alone, lanes[1:]).is_ready


def test_both_layouts_are_shown_while_one_takes_the_others_place(plan: Plan) -> None:
    """Every shard by its name, and which shards each recogniser asks."""
    leaving = [shard(replica, "ready, leaving") for replica in OLD.all()]
    status = ClusterStatus(plan, [*members(recogniser_1=lane(1, OLD)), *leaving])
    out = StringIO()
    show(status, Console(file=out, width=200))
    lines = out.getvalue().splitlines()
    assert "index sharded 2 x 2" in lines[0]
    named = {line.split()[0]: line for line in lines if line.startswith(("shard", "recogniser-"))}
    assert set(named) == {"recogniser-0", "recogniser-1", *map(str, [*ASKED.all(), *OLD.all()])}
    assert named["recogniser-0"].rstrip().endswith("2 x 2")
    assert named["recogniser-1"].rstrip().endswith("3 x 1")
    assert "leaving" in named["shard-2-of-3-r0"]


def test_how_far_the_ledger_is_sealed_is_shown(plan: Plan) -> None:
    """Or why it is not: whoever looks at the cluster must see it."""
    out = StringIO()
    status = ClusterStatus(plan, members(), ledger="no checkpoint is written: the key is missing")
    show(status, Console(file=out, width=200))
    assert "ledger: no checkpoint is written: the key is missing" in out.getvalue()


def test_a_cluster_that_is_stopped_is_at_work_and_says_who_stopped_it(plan: Plan) -> None:
    """Whoever brings it up must not wait for somebody to resume."""
    why = "stopped by dan: [a] test"
    stopped = []
    for slot in (0, 1):
        status = lane(slot, state=why).status
        assert isinstance(status, RecogniserStatus)
        stopped.append(Member(f"recogniser-{slot}", why, dataclasses.replace(status, halted=why)))
    policy = PolicyShown(8, "8" * 64, why, ("recogniser-1 has not changed over",))
    status = ClusterStatus(plan, members(recogniser_0=stopped[0], recogniser_1=stopped[1]), policy)
    assert status.is_ready
    out = StringIO()
    show(status, Console(file=out, width=200))
    lines = out.getvalue().splitlines()
    assert "policy 8 (88888888)" in lines[0]
    assert lines[1:3] == ["alarm: recogniser-1 has not changed over", f"nothing is looked at: {why}"]
    assert sum(why in line for line in lines) == 3


def test_a_recogniser_in_trouble_is_not_at_work_though_it_is_stopped(plan: Plan) -> None:
    """It could not even take frames in."""
    status = lane(1, state="restarting").status
    assert isinstance(status, RecogniserStatus)
    ill = Member("recogniser-1", "Kafka does not answer", dataclasses.replace(status, halted="stopped by dan: a test"))
    assert not ClusterStatus(plan, members(recogniser_1=ill)).is_ready


def test_machines_are_told_of_every_member_and_of_what_stands(plan: Plan) -> None:
    """As JSON; who says nothing has no status."""
    silent = Member("recogniser-1", "restarting")
    status = ClusterStatus(plan, members(recogniser_1=silent), PolicyShown(1, "d" * 64, None), "no checkpoint yet")
    said = json.loads(dump(document(status)))
    assert (said["cluster"], said["ready"], said["ledger"]) == ("drawn", False, "no checkpoint yet")
    policy = {"number": 1, "digest": "d" * 64, "halted": None, "alarms": [], "halt_reason": None, "late": 0}
    assert said["policy"] == policy | {"apart_s": 0.0, "ends": {}, "cameras": {}}
    found = {member["name"]: member for member in said["members"]}
    assert set(found) == {*map(str, ASKED.all()), "recogniser-0", "recogniser-1"}
    assert found["recogniser-1"] == {"name": "recogniser-1", "state": "restarting", "status": None}
    assert found["shard-0-of-2-r0"]["status"]["entries"] == 5
    assert found["recogniser-0"]["status"]["layout"] == {"shards": 2, "replicas": 2}

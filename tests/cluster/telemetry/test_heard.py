"""What the supervisor remembers of processes, and how old records are."""

from dataclasses import replace
from datetime import UTC, datetime

from cluster.account import Account
from cluster.kafka.reader import Extent
from cluster.privacy.retention_check import Age
from cluster.status import READY, WATCHING, Member
from cluster.telemetry.heard import Processes
from cluster.telemetry.kept import Kept, kept
from tests.cluster.telemetry.heard import NODE, holder, recogniser


def test_a_member_in_another_process_has_ended_once() -> None:
    """One that is silent in between counts once as well, and its machine stays known."""
    processes, status = Processes(), holder()
    for said in (status, status, None, replace(status, pid=9)):
        processes.note([Member("shard-0-of-2-r1", READY, said)])
    assert (processes.ended, processes.nodes) == ({"shard-0-of-2-r1": 1}, {"shard-0-of-2-r1": NODE})


def test_who_is_gone_is_forgotten() -> None:
    """A layout that was left behind leaves nothing here."""
    processes = Processes()
    processes.note([Member("recogniser-0", WATCHING, recogniser(Account()))])
    processes.note([])
    assert (processes.ended, processes.nodes) == ({}, {})


def test_the_age_of_the_oldest_record_is_told_beside_what_was_promised() -> None:
    """An empty topic's is 0; of one that is not there nothing is told."""
    ages = [
        Age("frames", 2000, {"retention.ms": 1000}),
        Age("alerts", 2000, {}, endless="nothing is deleted"),
        Age("watchlist", 2000, {"segment.ms": 500}),
        Age("evidence", 2000, {}, is_there=False),
    ]
    extents = {"frames": Extent(datetime.fromtimestamp(9.0, UTC), 0), "alerts": Extent(None, 0)}
    assert kept(ages, extents, 10.0) == [
        Kept("frames", 2.0, 1.0, 1.0),
        Kept("alerts", 2.0, float("inf"), 0.0),
        Kept("watchlist", 2.0, 0.5, None),
    ]

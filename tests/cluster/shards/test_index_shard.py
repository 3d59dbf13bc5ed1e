"""A replica of a shard on a topic in memory: searches of many callers, and an end that leaves nothing on the disk."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cluster.plan import Plan
from cluster.ports import Record
from cluster.shards.index_shard import FAILING_S, IndexShard
from cluster.shards.layout import Replica
from cluster.watchlists import aside as watchlist_aside
from cluster.watchlists import feed as watchlist_feed
from cluster.watchlists.feed import WatchlistFeed
from cluster.wire.entries import encode_entry
from operators.errors import IndexIncomplete
from operators.types import FrameRef
from tests.builders import NOW, entry_record, random_units
from tests.drawn import indexed
from tests.waiting import PATIENCE_S

REPLICA = Replica(0, 2, 1)


POLL_S = 0.005


class Reader:
    """Five entries, once it is let go."""

    partitions = 1

    def __init__(self, records: list[Record]) -> None:
        self.go, self.is_searched = threading.Event(), threading.Event()
        self._records = records

    def poll(self, timeout_s: float) -> list[Record]:
        """What is new. Whoever comes for more than there is searches all that there is."""
        if not self._records:
            self.is_searched.set()
        if not self._records or not self.go.wait(timeout_s):
            threading.Event().wait(timeout_s)
            return []
        found, self._records = self._records, []
        return found

    def is_caught_up(self) -> bool:
        """Whether all was polled."""
        return not self._records

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class World:
    """One replica, and what it lives in."""

    shard: IndexShard
    reader: Reader
    is_kept: threading.Event
    now_s: float = 1000.0
    failures: list[float] = field(default_factory=list)

    def read(self) -> None:
        """Have it read everything."""
        self.reader.go.set()
        assert self.reader.is_searched.wait(PATIENCE_S)


@pytest.fixture
def plan(sharded: Plan, tmp_path: Path) -> Plan:
    """Two shards with two replicas, which keep what they read."""
    return indexed(sharded, snapshots=tmp_path / "kept")


@pytest.fixture
def world(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One replica that has read nothing yet."""
    rows = random_units(5, 5, plan.contract.dimension)
    until = NOW.replace(year=9999)
    records = []
    for at, row in enumerate(rows):
        value = encode_entry(entry_record(f"e{at}", row, contract=plan.contract, not_after=until))
        records.append(Record(FrameRef("watchlist", 0, at), f"e{at}".encode(), value, {}, 0))
    reader, is_kept, write = Reader(records), threading.Event(), watchlist_aside.write

    def keep(*arguments: Any) -> None:
        write(*arguments)
        is_kept.set()

    monkeypatch.setattr(watchlist_feed, "TopicReader", lambda *_, **__: reader)
    monkeypatch.setattr(watchlist_feed, "topic_shape", lambda *_: ("topic-1", 1))
    monkeypatch.setattr(watchlist_feed, "POLL_S", POLL_S)
    monkeypatch.setattr(watchlist_aside, "write", keep)
    shard = IndexShard(plan, REPLICA, lambda: found.failures.append(found.now_s), lambda: found.now_s)
    found = World(shard, reader, is_kept)
    yield found
    shard.close()


def test_it_answers_many_at_once_when_it_has_read_everything(world: World, plan: Plan) -> None:
    """Before that it has no answer; afterwards each caller gets the entry that is its own query."""
    rows = random_units(5, 5, plan.contract.dimension)
    with pytest.raises(IndexIncomplete, match="shard 0 of 2: its topic is still being read"):
        world.shard.search(rows, 1, 0.9)
    assert world.shard.status().trouble is None
    world.read()
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda row: world.shard.search(row[None], 1, 0.9), rows))
    assert [[hit.entry for hit in found] for [found] in answers] == [[f"e{at}"] for at in range(5)]


def test_a_replica_whose_searches_fail_says_why_and_ends_when_they_go_on_failing(
    world: World, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that succeeds makes it well again; that it still reads is no failure."""
    rows = random_units(5, 1, plan.contract.dimension)
    world.read()
    search, fault = WatchlistFeed.search, RuntimeError("cudaMalloc failed:\n out of memory " + "x" * 500)

    def fails(error: Exception) -> None:
        def broken(*_: Any) -> Any:
            raise error

        monkeypatch.setattr(WatchlistFeed, "search", broken)
        with pytest.raises(type(error)):
            world.shard.search(rows, 1, 0.9)

    fails(fault)
    trouble = world.shard.status().trouble
    assert trouble is not None
    assert trouble.startswith("searches fail: RuntimeError: cudaMalloc failed: out of memory xx")
    assert len(trouble) < 300
    world.now_s += FAILING_S - 0.1
    fails(fault)
    monkeypatch.setattr(WatchlistFeed, "search", search)
    assert world.shard.search(rows, 1, 0.9)
    assert world.shard.status().trouble is None
    world.now_s += 0.1
    fails(fault)
    world.now_s += FAILING_S
    fails(IndexIncomplete("its topic is still being read"))
    assert not world.failures
    fails(fault)
    assert world.failures == [world.now_s]


def test_a_replica_that_retires_takes_its_snapshot_with_it(world: World, tmp_path: Path) -> None:
    """Nobody would write it anew: who is withdrawn later would stay in it for ever."""
    folder = tmp_path / "kept" / str(REPLICA)
    world.read()
    assert world.is_kept.wait(PATIENCE_S)
    assert (folder / "manifest.json").exists()
    other = folder.parent / "shard-0-of-2-r0"
    other.mkdir()
    world.shard.retire()
    assert list(folder.parent.iterdir()) == [other]


def test_a_snapshot_that_is_being_written_goes_too(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed before it is whole, it would be there again afterwards."""
    begun, go, write = threading.Event(), threading.Event(), watchlist_aside.write

    def slowly(*arguments: Any) -> None:
        begun.set()
        assert go.wait(PATIENCE_S)
        write(*arguments)

    monkeypatch.setattr(watchlist_aside, "write", slowly)
    monkeypatch.setattr(watchlist_feed, "CLOSE_S", 0.0)
    world.read()
    assert begun.wait(PATIENCE_S)
    with ThreadPoolExecutor(1) as pool:
        retired = pool.submit(world.shard.retire)
        go.set()
        retired.result(PATIENCE_S)
    assert world.is_kept.is_set()
    assert list((tmp_path / "kept").iterdir()) == []

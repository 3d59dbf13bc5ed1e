"""A replica of a shard on a topic in memory: searches of many callers, and an end that leaves nothing on the disk."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cluster import watchlist_feed
from cluster.index_shard import IndexShard
from cluster.layout import Replica
from cluster.plan import Plan, read_plan
from cluster.ports import Record
from cluster.wire.entries import encode_entry
from operators.errors import IndexIncomplete
from operators.types import FrameRef
from tests.builders import NOW, entry_record, random_units
from tests.drawn import write_deployment

REPLICA = Replica(0, 2, 1)


class Reader:
    """Five entries, once it is let go."""

    go = threading.Event()

    def __init__(self, records: list[Record]) -> None:
        self._records = records

    def poll(self, _: float) -> list[Record]:
        """What is new."""
        time.sleep(0.002)
        found, self._records = (self._records, []) if self.go.is_set() else ([], self._records)
        return found

    def is_caught_up(self) -> bool:
        """Whether all was polled."""
        return not self._records

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def plan(write_document: Any, tmp_path: Path) -> Plan:
    """Two shards with two replicas, which keep what they read."""
    index = {"placement": "sharded", "shards": 2, "replicas": 2, "snapshots": str(tmp_path / "kept")}
    return read_plan(write_document({"cluster": "drawn", **write_deployment(tmp_path), "index": index}))


@pytest.fixture
def shard(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexShard]:
    """One replica."""
    rows = random_units(5, 5, plan.contract.dimension)
    until = NOW.replace(year=9999)
    records = []
    for at, row in enumerate(rows):
        value = encode_entry(entry_record(f"e{at}", row, contract=plan.contract, not_after=until))
        records.append(Record(FrameRef("watchlist", 0, at), f"e{at}".encode(), value, {}, 0))
    monkeypatch.setattr(Reader, "go", threading.Event())
    monkeypatch.setattr(watchlist_feed, "TopicReader", lambda *_, **__: Reader(records))
    monkeypatch.setattr(watchlist_feed, "topic_id", lambda *_: "topic-1")
    shard = IndexShard(plan, REPLICA)
    yield shard
    shard.close()


def _wait(until: Any) -> None:
    deadline_s = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_it_answers_many_at_once_when_it_has_read_everything(shard: IndexShard, plan: Plan) -> None:
    """Before that it has no answer; afterwards each caller gets the entry that is its own query."""
    rows = random_units(5, 5, plan.contract.dimension)
    with pytest.raises(IndexIncomplete, match="shard 0 of 2: its topic is still being read"):
        shard.search(rows, 1, 0.9)
    Reader.go.set()
    _wait(lambda: shard.status().generation)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda row: shard.search(row[None], 1, 0.9), rows))
    assert [[hit.entry for hit in found] for [found] in answers] == [[f"e{at}"] for at in range(5)]


def test_a_replica_that_retires_takes_its_snapshot_with_it(shard: IndexShard, tmp_path: Path) -> None:
    """Nobody would write it anew: who is withdrawn later would stay in it for ever."""
    folder = tmp_path / "kept" / str(REPLICA)
    Reader.go.set()
    _wait((folder / "manifest.json").exists)
    other = folder.parent / "shard-0-of-2-r0"
    other.mkdir()
    shard.retire()
    assert list(folder.parent.iterdir()) == [other]

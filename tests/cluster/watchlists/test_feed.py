"""The watchlist's follower: it says what is wrong and goes on, whatever happens."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from cluster.kafka.partitions import partition_of
from cluster.kafka.reader import OffsetsUnknown
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record
from cluster.watchlists import feed as watchlist_feed
from cluster.watchlists.feed import FeedStatus, WatchlistFeed
from cluster.wire.entries import encode_entry
from operators.errors import BrokerUnavailable, IndexIncomplete
from operators.types import FrameRef
from tests.builders import CONTRACT, entry_record, random_units
from tests.waiting import PATIENCE_S, wait_until


def test_an_unforeseen_error_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that ended would leave a frozen list, in which a withdrawn person matches for ever."""
    tries, again = [], threading.Event()

    class Broken:
        def __init__(self, *_: object, **__: object) -> None:
            tries.append(time.monotonic())
            if len(tries) > 2:
                again.set()
            raise TypeError("'>=' not supported between instances of 'NoneType' and 'int'")

    monkeypatch.setattr(watchlist_feed, "TopicReader", Broken)
    monkeypatch.setattr(watchlist_feed, "RETRY_S", 0.01)
    feed = WatchlistFeed(KafkaSettings(), 0, 1, "c" * 64, 1)
    try:
        assert again.wait(PATIENCE_S)
        assert "NoneType" in str(feed.status().trouble)
        with pytest.raises(IndexIncomplete, match="shard 0 of 1"):
            feed.search(random_units(1, 1), 1, 0.0)
    finally:
        feed.close()


class Topic:
    """A topic of one partition, and every reader that was opened on it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.opened: list[int] = []
        self.partitions = 1

    def add(self, ref: str, value: bytes) -> None:
        """One record more in the first partition, whatever its key."""
        at = FrameRef("watchlist", 0, len(self.records))
        self.records.append(Record(at, ref.encode(), value, {}, 0))

    def reader(self, *_: object, since: Mapping[int, int] = MappingProxyType({}), **__: object) -> "Reader":
        """As `TopicReader`."""
        start = since.get(0, 0)
        if start > len(self.records):
            raise OffsetsUnknown("watchlist-0 ends before")
        self.opened.append(start)
        return Reader(self, start)


class Reader:
    """Reads on from an offset."""

    def __init__(self, topic: Topic, start: int) -> None:
        self._topic, self._at = topic, start

    def poll(self, _: float) -> list[Record]:
        """What is new."""
        found = self._topic.records[self._at :]
        self._at += len(found)
        time.sleep(0.005)
        return found

    @property
    def partitions(self) -> int:
        """Those of the topic by now."""
        return self._topic.partitions

    def is_caught_up(self) -> bool:
        """Whether all was polled."""
        return self._at >= len(self._topic.records)

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A topic in the place of Kafka's."""
    found = Topic()
    monkeypatch.setattr(watchlist_feed, "TopicReader", found.reader)
    monkeypatch.setattr(watchlist_feed, "topic_shape", lambda *_: ("topic-1", found.partitions))
    return found


def _record(ref: str, row: int) -> bytes:
    return encode_entry(entry_record(ref, random_units(5, 8)[row]))


def _followed(topic: Topic, folder: Path, wanted: int) -> FeedStatus:
    """The state of a feed that has read the topic and written a snapshot."""
    feed = WatchlistFeed(KafkaSettings(), 0, 1, CONTRACT, 1, folder)
    try:
        wait_until(lambda: feed.status().entries == wanted and (folder / "manifest.json").exists(), feed.status)
        return feed.status()
    finally:
        feed.close()


def test_a_restart_reads_the_snapshot_and_the_topic_from_there(topic: Topic, tmp_path: Path) -> None:
    """The same generation as from the topic alone; what was withdrawn meanwhile is withdrawn."""
    for at in range(4):
        topic.add(f"e{at}", _record(f"e{at}", at))
    folder = tmp_path / "shard-0"
    first = _followed(topic, folder, 4)
    assert (topic.opened, first.restored) == ([0], 0)
    topic.add("e1", b"")
    topic.add("e5", _record("e5", 5))
    second = _followed(topic, folder, 4)
    assert (topic.opened, second.restored) == ([0, 4], 4)
    shutil.rmtree(folder)
    assert _followed(topic, folder, 4).generation == second.generation


@pytest.mark.parametrize("harm", ["damaged", "old", "other topic", "ahead"])
def test_a_snapshot_of_no_use_is_left_and_the_topic_read(
    topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """Bytes that were changed, withdrawals that may be forgotten, another topic of that name, records that are lost."""
    for at in range(4):
        topic.add(f"e{at}", _record(f"e{at}", at))
    folder = tmp_path / "shard-0"
    _followed(topic, folder, 4)
    if harm == "damaged":
        rows = folder / "0.rows.npy"
        rows.write_bytes(rows.read_bytes()[:-1] + b"\x7f")
    elif harm == "old":
        monkeypatch.setattr(watchlist_feed, "FORGETS_AFTER", timedelta(0))
    elif harm == "other topic":
        monkeypatch.setattr(watchlist_feed, "topic_shape", lambda *_: ("topic-2", 1))
    else:
        del topic.records[2:]
    status = _followed(topic, folder, 2 if harm == "ahead" else 4)
    assert (topic.opened, status.restored) == ([0, 0], 0)


def test_a_withdrawal_that_waited_for_the_topic_to_be_read_anew_is_counted_with_its_wait(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever could not be taken off meanwhile was late; what had taken effect before is not counted again."""
    topic.add("e0", _record("e0", 0))
    is_open, asked = threading.Event(), threading.Event()
    monkeypatch.setattr(watchlist_feed, "RETRY_S", 0.01)
    feed = WatchlistFeed(KafkaSettings(), 0, 1, CONTRACT, 1)

    def wait_for(holds: Callable[[FeedStatus], bool]) -> FeedStatus:
        found: list[FeedStatus] = []

        def look() -> bool:
            found[:] = [feed.status()]
            return holds(found[0])

        wait_until(look, feed.status)
        return found[0]

    def lose(self: Reader, timeout_s: float) -> list[Record]:
        monkeypatch.setattr(Reader, "poll", poll)
        raise BrokerUnavailable("gone")

    def is_caught_up(self: Reader) -> bool:
        asked.set()
        return is_open.is_set() and self._at >= len(topic.records)

    try:
        wait_for(lambda status: status.entries == 1)
        poll = Reader.poll
        monkeypatch.setattr(Reader, "is_caught_up", is_caught_up)
        monkeypatch.setattr(Reader, "poll", lose)
        assert asked.wait(PATIENCE_S)
        topic.add("e0", b"")
        waits = wait_for(lambda status: status.waiting_s["withdrawn"] > 0)
        assert (waits.entries, waits.waiting_s["enrolled"]) == (1, 0.0)
        is_open.set()
        done = wait_for(lambda status: status.entries == 0)
    finally:
        feed.close()
    assert {kind: each.count for kind, each in done.effects.items()} == {"enrolled": 0, "withdrawn": 1}
    assert done.waiting_s["withdrawn"] == 0.0


OWN = next(ref for ref in (f"e{at}" for at in range(99)) if not partition_of(ref.encode(), 2))
OTHER = next(ref for ref in (f"e{at}" for at in range(99)) if partition_of(ref.encode(), 2))


def test_an_entry_in_another_partition_than_its_keys_is_not_searched(topic: Topic, tmp_path: Path) -> None:
    """Whoever is withdrawn is withdrawn in the other; it is counted, and neither it nor a withdrawal there counts."""
    topic.partitions = 2
    topic.add(OTHER, _record(OTHER, 0))
    topic.add(OTHER, b"")
    topic.add(OWN, _record(OWN, 1))
    status = _followed(topic, tmp_path / "shard-0", 1)
    assert status.invalid == 1
    assert status.generation
    assert status.generation.number == 3


@pytest.mark.parametrize("keeps", [True, False])
def test_partitions_that_are_added_while_it_follows_have_the_topic_read_anew(
    topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    """Nobody would read the new ones, and withdrawals go there; what a snapshot has of before is of no use."""
    monkeypatch.setattr(watchlist_feed, "RETRY_S", 0.01)
    topic.add(OTHER, _record(OTHER, 0))
    topic.add(OWN, _record(OWN, 1))
    folder = tmp_path / "shard-0" if keeps else None
    feed = WatchlistFeed(KafkaSettings(), 0, 1, CONTRACT, 1, folder)
    try:
        wait_until(lambda: feed.status().entries == 2, feed.status)
        if folder:
            wait_until((folder / "manifest.json").exists, feed.status)
        topic.partitions = 2
        wait_until(lambda: feed.status().entries == 1, feed.status)
        wait_until(lambda: feed.status().trouble is None, feed.status)
    finally:
        feed.close()
    assert topic.opened == [0, 0]

"""Follows the watchlist topic and keeps one shard's index current; the local placement of `ports.Index`."""

import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cluster.backoff import pause_s
from cluster.clocks import SystemClock
from cluster.kafka.admin import topic_shape
from cluster.kafka.reader import LONG_FETCH_WAIT_MS, OffsetsUnknown, TopicReader
from cluster.kafka.topics import WATCHLIST
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record
from cluster.stages import Durations
from cluster.telemetry.process import Process
from cluster.watchlists.aside import Aside
from cluster.watchlists.places import is_misplaced
from cluster.watchlists.timing import Timing
from cluster.wire.entries import EntryInvalid, parse_entry
from indexes.backends import best_backend
from indexes.columns import microseconds
from indexes.generation import WatchlistGeneration
from indexes.snapshot import SnapshotRefused, read
from indexes.watchlist import Watchlist
from operators.errors import BeholdenError, IndexIncomplete
from operators.onnx import Device
from operators.types import Float32, Generation, Hit

POLL_S = 0.5  # what comes ends a poll at once
RETRY_S, LONGEST_RETRY_S = 1.0, 5.0
CLOSE_S = 10.0
# Kafka keeps withdrawals of compacted topics for a day (`delete.retention.ms` in kafka/admin.py), then forgets them.
FORGETS_AFTER = timedelta(hours=12)

log = logging.getLogger("beholden.watchlist")


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """State of one shard's index.

    Attributes:
        generation: Which state of the list is searched; None until the topic has been read to its end.
        entries: Entries searched.
        foreign: Entries made by another embedding contract; they are not searched.
        invalid: Records that were no entries, or lie in another partition than their key's.
        restored: Entries that the snapshot had at the start; 0 when the topic was read from its beginning.
        trouble: Why the topic cannot be read; None when it can.
        pid: Process that holds the index.
        size_bytes: Vectors in memory.
        searches: How long each took.
        effects: From a change's record until it was searched with, by kind: enrolled or withdrawn.
        last_effect_s: The same, of the last change of each kind.
        waiting_s: How old the oldest change is that is read and not searched with yet, by kind; 0 where none is.
        process: What that process uses; None where somebody else tells of it.
        spans_dropped: Spans of its traces that were not sent.
        node_id: What Ray calls the node of that process; None outside Ray.
    """

    generation: Generation | None
    entries: int
    foreign: int
    invalid: int
    restored: int
    trouble: str | None
    pid: int
    size_bytes: int = 0
    searches: Durations = field(default_factory=Durations)
    effects: Mapping[str, Durations] = field(default_factory=dict)
    last_effect_s: Mapping[str, float] = field(default_factory=dict)
    waiting_s: Mapping[str, float] = field(default_factory=dict)
    process: Process | None = None
    spans_dropped: int = 0
    node_id: str | None = None


class PartitionsAdded(BeholdenError):
    """The topic has more partitions than when it was begun to be read: nobody reads the new ones."""


class WatchlistFeed:
    """One shard's part of the watchlist, current within a poll. Searches may come from any thread.

    Args:
        kafka: Which Kafka.
        shard: 0-based; holds the topic's partitions whose number modulo `shards` is this.
        shards: Number of shards; 1 holds the whole list.
        contract: Digest of the embedding contract in force.
        threads: Of a search.
        folder: Where what has been read is kept for the next start; None: nowhere.
        device: What is searched on.

    Raises:
        DeviceUnavailable: `device: cuda` without a GPU that can be used.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        shard: int,
        shards: int,
        contract: str,
        threads: int,
        folder: Path | None = None,
        device: Device = Device.CPU,
    ) -> None:
        self._kafka = kafka
        self._shard = shard
        self._shards = shards
        self._contract = contract
        self._folder = folder
        self._backend = best_backend(threads, device)
        self._timing = Timing()
        self._clock = SystemClock()
        self._current: WatchlistGeneration | None = None
        self._read: dict[int, int] = {}  # by partition, the first offset that has never been read
        self._foreign = 0
        self._invalid = 0
        self._restored = 0
        self._trouble: str | None = None
        self._failed = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchlist-feed", daemon=True)
        self._thread.start()

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """See `ports.Index`."""
        current = self._current
        if current is None or self._trouble:
            why = self._trouble or "its topic is still being read"
            raise IndexIncomplete(f"watchlist shard {self._shard} of {self._shards}: {why}")
        with self._timing.search():
            return current.search(vectors, k, at_least, self._clock.now())

    def status(self) -> FeedStatus:
        """State of the index."""
        current = self._current
        return FeedStatus(
            generation=current.name if current else None,
            entries=current.size if current else 0,
            foreign=self._foreign,
            invalid=self._invalid,
            restored=self._restored,
            trouble=self._trouble,
            pid=os.getpid(),
            size_bytes=current.size_bytes if current else 0,
            searches=self._timing.searches,
            effects=self._timing.effects,
            last_effect_s=self._timing.last_effect_s,
            waiting_s=self._timing.waiting_s(self._clock.now()),
        )

    def close(self) -> None:
        """Stop following."""
        self._stopping.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - a feed that ends silently would search a frozen list for ever
                self._trouble = f"the watchlist cannot be followed: {error}"
                log.warning("shard %d: %s", self._shard, self._trouble)
                self._stopping.wait(pause_s(self._failed, RETRY_S, LONGEST_RETRY_S))
                self._failed += 1

    def _follow(self) -> None:
        """Read the topic from where the snapshot ends, or its beginning, then for ever.

        Each poll with news makes a new generation. Blocks are built and snapshots written on a thread of their own,
        beside searches and records.
        """
        self._invalid = self._restored = 0
        watchlist = Watchlist(self._shard, self._shards, self._contract, self._backend)
        identity = self._identity() if self._folder else {}
        caught_up = False
        with closing(self._open(watchlist, identity)) as reader, ThreadPoolExecutor(1, "watchlist-build") as pool:
            partitions = int(identity.get("partitions", reader.partitions))
            aside = Aside(watchlist, self._backend, pool, self._folder, identity)
            while not self._stopping.is_set():
                records = reader.poll(POLL_S)
                self._timing.has_come([record for record in records if self._is_news(record)])
                for record in records:
                    self._apply(watchlist, record, partitions)
                if reader.partitions > partitions:
                    raise PartitionsAdded(f"its topic has {reader.partitions} partitions by now, and had {partitions}")
                if not caught_up and reader.is_caught_up():
                    caught_up = True
                    watchlist.merge_all()
                    self._swap(watchlist)
                elif caught_up and (aside.step(self._clock.now()) or records):
                    self._swap(watchlist)

    def _open(self, watchlist: Watchlist, identity: Mapping[str, str]) -> TopicReader:
        """A reader of what `watchlist` does not know yet."""
        if self._folder:
            oldest = microseconds(self._clock.now() - FORGETS_AFTER)
            try:
                snapshot = read(self._folder, identity, oldest, watchlist.block)
                reader = self._reader(snapshot.next_offsets)
            except (SnapshotRefused, OffsetsUnknown) as refused:
                log.info("shard %d reads the topic from its beginning: %s", self._shard, refused)
            else:
                watchlist.restore(snapshot)
                self._restored = sum(len(block.columns) for block in snapshot.blocks)
                return reader
        return self._reader({})

    def _reader(self, since: Mapping[int, int]) -> TopicReader:
        return TopicReader(
            self._kafka,
            WATCHLIST,
            self._shard,
            self._shards,
            from_beginning=True,
            since=since,
            fetch_max_wait_ms=LONG_FETCH_WAIT_MS,
        )

    def _identity(self) -> dict[str, str]:
        """What a snapshot must belong to."""
        shard = f"{self._shard} of {self._shards}"
        named, partitions = topic_shape(self._kafka, WATCHLIST)
        return {"topic": named, "partitions": str(partitions), "shard": shard, "contract": self._contract}

    def _is_news(self, record: Record) -> bool:
        """Whether it is read for the first time, and was written since there is a list to search."""
        partition, offset = record.ref.partition, record.ref.offset
        is_new = offset >= self._read.get(partition, 0)
        self._read[partition] = max(self._read.get(partition, 0), offset + 1)
        return is_new and self._current is not None

    def _apply(self, watchlist: Watchlist, record: Record, partitions: int) -> None:
        if is_misplaced(record, partitions):
            self._invalid += bool(record.value)
            watchlist.skip(record.ref.partition, record.ref.offset)
            return
        ref = (record.key or b"").decode(errors="replace")
        try:
            entry = parse_entry(record.key, record.value).entry if record.value else None
        except EntryInvalid:
            self._invalid += 1
            entry = None
        watchlist.apply(record.ref.partition, record.ref.offset, ref, entry)

    def _swap(self, watchlist: Watchlist) -> None:
        self._current = watchlist.generation()
        self._foreign = len(watchlist.foreign)
        self._trouble, self._failed = None, 0
        self._timing.took_effect(self._clock.now())

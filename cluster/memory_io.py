"""The ports in memory: for tests, dry runs and anything that needs no broker."""

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from cluster.outbox import Letter, Outbox
from cluster.ports import Record, Skipped
from operators.errors import BrokerUnavailable
from operators.types import FrameRef


@dataclass(slots=True)
class MemorySource:
    """Frames from a list. `stored` is what a successor would continue from, `finished` what it might."""

    records: deque[Record] = field(default_factory=deque)
    stored: dict[tuple[str, int], int] = field(default_factory=dict)
    finished: Mapping[tuple[str, int], int] = field(default_factory=dict)
    held: Collection[tuple[str, int]] = ()
    deleted: Mapping[tuple[str, int], int] = field(default_factory=dict)

    def poll(self, max_records: int, timeout_s: float, finished: Mapping[tuple[str, int], int]) -> Sequence[Record]:
        """The next records that are not held; never waits."""
        self.finished = finished
        free = [record for record in self.records if _partition(record) not in self.held][:max_records]
        taken = {id(record) for record in free}
        self.records = deque(record for record in self.records if id(record) not in taken)
        return free

    def hold(self, partitions: Collection[tuple[str, int]]) -> None:
        """Remember them."""
        self.held = partitions

    def skip(self, partitions: Collection[tuple[str, int]], before_ms: int) -> Sequence[Skipped]:
        """Drop records of these partitions up to the first that is not older."""
        skipped = []
        for topic, number in partitions:
            there = [record for record in self.records if _partition(record) == (topic, number)]
            old = list(takewhile(lambda record: record.timestamp_ms < before_ms, there))
            if old:
                skipped.append(Skipped(topic, number, old[0].ref.offset, old[-1].ref.offset + 1))
                gone = {id(record) for record in old}
                self.records = deque(record for record in self.records if id(record) not in gone)
        return skipped

    def committed(self, partition: tuple[str, int]) -> int | None:
        """See `ports.FrameSource`."""
        return self.stored.get(partition)

    def first(self, partition: tuple[str, int]) -> int:
        """Those before are said to be `deleted`."""
        return self.deleted.get(partition, 0)

    def is_caught_up(self) -> bool:
        """Whether none is left."""
        return not self.records

    @property
    def keeps_results(self) -> bool:
        """See `ports.FrameSource`."""
        return False

    def commit(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """Remember them."""
        self.stored.update(next_offsets)


@dataclass(slots=True)
class MemoryDelivery:
    """Acknowledged at once, or never."""

    acknowledged: bool = True
    acknowledged_ns: int = 0

    def wait(self, timeout_s: float) -> None:
        """See `ports.Delivery`."""
        if not self.acknowledged:
            raise BrokerUnavailable("not acknowledged")


@dataclass(frozen=True, slots=True)
class Message:
    """What was written."""

    key: str
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    acknowledged: bool = True


@dataclass(slots=True)
class MemorySink:
    """Messages in a list. With `acknowledges` off they are written and never acknowledged."""

    messages: list[Message] = field(default_factory=list)
    acknowledges: bool = True

    def send(
        self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], frame: FrameRef | None = None
    ) -> MemoryDelivery:
        """Remember the message."""
        self.messages.append(Message(key, value, headers, self.acknowledges))
        return MemoryDelivery(self.acknowledges, time.perf_counter_ns() if self.acknowledges else 0)


@dataclass(slots=True)
class MemoryTransactions(MemorySource):
    """A source whose commits carry an outbox: messages are `readable` when their frames are committed, not before."""

    outbox: Outbox = field(default_factory=Outbox)
    readable: list[Letter] = field(default_factory=list)

    @property
    def keeps_results(self) -> bool:
        """See `ports.FrameSource`."""
        return not self.outbox.is_empty

    def commit(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """Both at once."""
        self.outbox.finish(next_offsets)
        letters, offsets = self.outbox.due()
        self.readable += letters
        self.stored.update(offsets)
        self.outbox.committed()


def _partition(record: Record) -> tuple[str, int]:
    return record.ref.topic, record.ref.partition

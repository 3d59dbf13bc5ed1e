"""Results that wait for the transaction in which the offsets of their frames are stored."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.offsets import TopicPartition
from operators.types import FrameRef


@dataclass(slots=True)
class KeptDelivery:
    """A message in an outbox: nothing has to be awaited, because the commit of its frame waits for it."""

    acknowledged_ns: int = 0

    def wait(self, timeout_s: float) -> None:
        """See `ports.Delivery`."""


@dataclass(frozen=True, slots=True, eq=False)
class Letter:
    """One message that has not left yet.

    Attributes:
        topic: Name without prefix.
        key: Key of the message.
        value: Its value.
        headers: Its headers.
        frame: The frame it follows from.
        delivery: Says when it was committed.
    """

    topic: str
    key: str
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    frame: FrameRef
    delivery: KeptDelivery = field(default_factory=KeptDelivery)

    @property
    def partition(self) -> TopicPartition:
        """Where its frame stands."""
        return self.frame.topic, self.frame.partition


class Outbox:
    """Keeps messages back until their frames may be committed, so that no transaction has one without the other.

    Nothing leaves before: a process that ends loses only what it reads again, and a transaction is open for no longer
    than it takes to write it. A second of messages is kept, or as much as the pipeline keeps from being committed.

    Args:
        now_ns: The clock of `ports.Delivery.acknowledged_ns`.
    """

    def __init__(self, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now_ns = now_ns
        self._letters: list[Letter] = []
        self._offsets: dict[TopicPartition, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no message waits."""
        return not self._letters

    def add(self, letter: Letter) -> None:
        """Keep a message."""
        self._letters.append(letter)

    def finish(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Frames before these offsets are finished, and what follows from them is in here."""
        self._offsets |= next_offsets

    def due(self) -> tuple[list[Letter], dict[TopicPartition, int]]:
        """The next transaction: every message of a finished frame, in the order written, and all finished offsets."""
        return [letter for letter in self._letters if self._is_due(letter)], dict(self._offsets)

    def committed(self) -> None:
        """What was due is written and stored, and can be read from now on."""
        for letter in filter(self._is_due, self._letters):
            letter.delivery.acknowledged_ns = self._now_ns()
        self._letters = [letter for letter in self._letters if not self._is_due(letter)]
        self._offsets.clear()

    def drop(self, partitions: Collection[TopicPartition]) -> None:
        """Forget what belongs to partitions whose frames are read again, from their last commit."""
        self._letters = [letter for letter in self._letters if letter.partition not in partitions]
        self._offsets = {at: offset for at, offset in self._offsets.items() if at not in partitions}

    def _is_due(self, letter: Letter) -> bool:
        return letter.frame.offset < self._offsets.get(letter.partition, 0)


class OutboxSink:
    """One topic, written with the commits."""

    def __init__(self, outbox: Outbox, topic: str) -> None:
        self._outbox = outbox
        self._topic = topic

    def send(self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], frame: FrameRef) -> KeptDelivery:
        """See `ports.ResultSink`."""
        letter = Letter(self._topic, key, value, headers, frame)
        self._outbox.add(letter)
        return letter.delivery

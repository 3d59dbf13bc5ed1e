"""What the pipeline needs from the outside world. Kafka and Ray implement these at the edge; `memory_io` in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from operators.types import Float32, FrameRef, Hit


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One record of the frames topic, not yet understood.

    Attributes:
        ref: Where it stands.
        key: Raw key, None when the producer gave none.
        value: Raw value; empty when the producer gave none.
        headers: Raw header values by name; of a repeated name, the last.
        timestamp_ms: Kafka's record timestamp, Unix milliseconds.
    """

    ref: FrameRef
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """Offsets of a partition that were jumped over: `first` up to, without it, `next`."""

    topic: str
    partition: int
    first: int
    next: int


class Delivery(Protocol):
    """A message on its way to a topic."""

    @property
    def acknowledged_ns(self) -> int:
        """When it was acknowledged, nanoseconds of `time.perf_counter_ns`; 0 while that is not known.

        Of a message that is written with its frame's commit, when that was: nobody can read it earlier.
        """
        ...

    def wait(self, timeout_s: float) -> None:
        """Return once the message is acknowledged; raise BrokerUnavailable when it was not within `timeout_s`."""
        ...


class FrameSource(Protocol):
    """Frames of the partitions this process owns."""

    def poll(self, max_records: int, timeout_s: float, finished: Mapping[tuple[str, int], int]) -> Sequence[Record]:
        """Up to `max_records` records, in order within each partition; empty after `timeout_s` without any.

        Should partitions be given to another process meanwhile, that one continues from the `finished` offsets.
        """
        ...

    def committed(self, partition: tuple[str, int]) -> int | None:
        """Where this process has begun in a partition, from which a frame has just been polled; None: nobody has."""
        ...

    def first(self, partition: tuple[str, int]) -> int:
        """Offset of the oldest frame that is still there."""
        ...

    def is_caught_up(self) -> bool:
        """Whether every frame of these partitions that is there by now has been polled."""
        ...

    def hold(self, partitions: Collection[tuple[str, int]]) -> None:
        """From these partitions, and only these, nothing is polled until they are no longer named."""
        ...

    def skip(self, partitions: Collection[tuple[str, int]], before_ms: int) -> Sequence[Skipped]:
        """Go on, in each of these partitions, with the first record of `before_ms` (Unix milliseconds) or later."""
        ...

    @property
    def keeps_results(self) -> bool:
        """Whether results that were written wait for a commit, and cannot be read before."""
        ...

    def commit(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """Store, for each (topic, partition), the offset from which a successor continues."""
        ...


class MessageSink(Protocol):
    """One topic that is written to."""

    def send(self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Delivery:
        """Start to write one message."""
        ...


class ResultSink(Protocol):
    """One topic that results of frames are written to."""

    def send(self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], frame: FrameRef) -> Delivery:
        """Start to write one message, which follows from `frame`."""
        ...


class FramePublisher(Protocol):
    """The camera's side of the frames topic."""

    def publish(self, camera: str, jpeg: bytes, captured_at: datetime, stream: str, seq: int) -> None:
        """Start to write one frame; blocks while too many bytes are unacknowledged.

        Raises:
            BrokerUnavailable: Earlier frames could not be written.
            FrameRefused: This frame is larger than Kafka takes; others are not affected.
        """
        ...

    def close(self) -> None:
        """Wait until every frame is acknowledged, then let go of the connection."""
        ...


class Index(Protocol):
    """The whole watchlist, wherever its parts live."""

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """For each row of `vectors` (n, d) float32 unit vectors: the best `k` entries of every list, best first.

        Entries below `at_least` stay where they are: what cannot become an alert does not travel.

        Raises:
            IndexIncomplete: Some part of the watchlist could not answer; there is no partial answer.
        """
        ...


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """The present, UTC-aware."""
        ...

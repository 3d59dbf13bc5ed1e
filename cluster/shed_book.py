"""The account of frames that nobody looked at: put together into intervals, written to the ledger, then committed."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cluster.account import Account, Shed
from cluster.ledger.writer import LedgerWriter
from cluster.offsets import OffsetTracker, TopicPartition
from cluster.ports import Delivery
from cluster.wire.shed import SHED_TYPE, ShedInterval, shed_body
from operators.types import FrameRef

GAP = timedelta(seconds=1)  # without a frame shed for so long, an interval is over
# Offsets are committed once the interval that covers them is written, so an interval that goes on holds commits back:
# this is how much is done again after a crash, against the number of records that lasting overload leaves for ever.
LONGEST = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Key:
    partition: TopicPartition
    cameras: tuple[str, ...]
    reason: Shed


@dataclass(slots=True)
class _Interval:
    key: _Key
    opened_at: datetime
    begin: datetime
    end: datetime
    added_at: datetime
    first: int
    frames: int = 0
    refs: list[FrameRef] = field(default_factory=list)


class ShedBook:
    """Accounts for frames that are shed. A frame is finished when the ledger has it. Not thread-safe.

    Args:
        ledger: This process' chain.
        account: Where frames are accounted for.
        offsets: Told of frames that are finished.
    """

    def __init__(self, ledger: LedgerWriter, account: Account, offsets: OffsetTracker) -> None:
        self._ledger = ledger
        self._account = account
        self._offsets = offsets
        self._open: dict[_Key, _Interval] = {}
        self._over: list[_Interval] = []
        self._sent: list[tuple[_Interval, Delivery]] = []

    def add(
        self,
        ref: FrameRef,
        cameras: tuple[str, ...],
        reason: Shed,
        span: tuple[datetime, datetime],
        now: datetime,
        frames: int = 1,
    ) -> None:
        """Frames are shed.

        Args:
            ref: The frame, or the last of several.
            cameras: Whose they are or may be.
            reason: Why.
            span: Capture times of the first and the last.
            now: The time.
            frames: How many.
        """
        self._account.shed(reason, frames)
        key = _Key((ref.topic, ref.partition), cameras, reason)
        interval = self._open.get(key)
        if interval is None or interval.begin - span[0] > GAP or span[0] - interval.end > GAP:
            if interval is not None:
                self._over.append(interval)
            interval = self._open[key] = _Interval(key, now, *span, now, ref.offset)
        interval.begin, interval.end = min(interval.begin, span[0]), max(interval.end, span[1])
        interval.first = min(interval.first, ref.offset - frames + 1)
        interval.added_at = now
        interval.frames += frames
        interval.refs.append(ref)

    def write(self, now: datetime) -> None:
        """Start to write intervals that are over, or all of them when one has lasted too long."""
        if any(now - each.opened_at >= LONGEST for each in self._open.values()):
            self.write_all()
            return
        for key in [key for key, each in self._open.items() if now - each.added_at > GAP]:
            self._over.append(self._open.pop(key))
        self._send()

    def write_before(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Start to write the intervals that have frames before these offsets."""
        for key, each in list(self._open.items()):
            if each.first < offsets.get(key.partition, 0):
                self._over.append(self._open.pop(key))
        self._send()

    def write_all(self) -> None:
        """Start to write every interval."""
        self._over += self._open.values()
        self._open.clear()
        self._send()

    def settle(self, timeout_s: float) -> None:
        """Wait until the ledger has what was written; its frames are finished then.

        Raises:
            BrokerUnavailable: Something was not acknowledged.
        """
        while self._sent:
            interval, delivery = self._sent[0]
            delivery.wait(timeout_s)
            self._sent.pop(0)
            self._account.written(interval.key.reason, interval.frames)
            for ref in interval.refs:
                self._offsets.finish(ref)

    def forget(self, partitions: Collection[TopicPartition]) -> Counter[Shed]:
        """Drop what is not written of partitions that belong to another process now; how many frames, by reason."""
        dropped = Counter[Shed]()
        for interval in [*self._over, *self._open.values()]:
            if interval.key.partition in partitions:
                dropped[interval.key.reason] += interval.frames
        self._over = [each for each in self._over if each.key.partition not in partitions]
        self._open = {key: each for key, each in self._open.items() if key.partition not in partitions}
        return dropped

    def _send(self) -> None:
        while self._over:
            interval = self._over[0]
            key = interval.key
            shed = ShedInterval(
                cameras=key.cameras,
                topic=key.partition[0],
                partition=key.partition[1],
                reason=key.reason,
                frames=interval.frames,
                first=interval.first,
                last=max(ref.offset for ref in interval.refs),
                begin=interval.begin,
                end=interval.end,
            )
            delivery = self._ledger.write(SHED_TYPE, shed_body(shed))
            self._sent.append((self._over.pop(0), delivery))

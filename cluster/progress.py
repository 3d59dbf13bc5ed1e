"""How far each partition has been seen: which frames come again, and which ones nobody has fetched."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from cluster.account import Account, Shed
from cluster.clocks import from_ms
from cluster.offsets import OffsetTracker, TopicPartition
from cluster.ports import Clock, FrameSource, Record, Skipped
from cluster.shed_book import ShedBook
from operators.types import FrameRef

SKIP_INTERVAL_S = 1.0  # Kafka is asked where fresh frames begin no more often than this


class Progress:
    """Tells new frames from those that come again, and accounts for those that nobody fetched. Not thread-safe.

    Args:
        source: Where frames come from.
        offsets: Is told of the frames that were not fetched.
        book: Where those are accounted for.
        account: The same, in numbers.
        clock: The time.
    """

    def __init__(
        self, source: FrameSource, offsets: OffsetTracker, book: ShedBook, account: Account, clock: Clock
    ) -> None:
        self._source = source
        self._offsets = offsets
        self._book = book
        self._account = account
        self._clock = clock
        self._cameras: dict[TopicPartition, set[str]] = {}
        self._seen_to: dict[TopicPartition, int] = {}
        self._again_to: dict[TopicPartition, int] = {}
        self._begins = set[TopicPartition]()  # no frame of these has come yet, since the partitions were shared
        self._polled_ms: dict[int, int] = {}  # by partition, of the last frame
        self._skipped_at = 0.0

    def share(self, elsewhere: Collection[TopicPartition], owned: Collection[TopicPartition]) -> list[str]:
        """The partitions have been shared anew, and frames seen here may come again; cameras that are gone.

        Args:
            elsewhere: Partitions that belong to another process now.
            owned: Those that are here.
        """
        gone = set[str]()
        for partition in elsewhere:
            self._seen_to.pop(partition, None)
            gone |= self._cameras.pop(partition, set())
        self._begins = set(owned)
        self._again_to = dict(self._seen_to)
        return sorted(gone.difference(*self._cameras.values()))

    def has_camera(self, partition: TopicPartition, camera: str) -> None:
        """A frame of that camera has come in this partition."""
        self._cameras.setdefault(partition, set()).add(camera)

    def is_new(self, record: Record) -> bool:
        """Whether a frame is not one of those that come again after a rebalance."""
        ref = record.ref
        partition = (ref.topic, ref.partition)
        if ref.offset < self._again_to.get(partition, 0):
            return False
        self._again_to.pop(partition, None)
        if partition in self._begins:
            self._begins.discard(partition)
            self._pass_over(partition)
        if ref.offset > self._seen_to.get(partition, ref.offset):
            self._account_for_expired(record)
        self._seen_to[partition] = ref.offset + 1
        return True

    def skip(self, polled: Sequence[Record], begin: datetime) -> None:
        """Where Kafka has frames from before `begin`, too old by now, go on with the first that is not."""
        begin_ms = int(begin.timestamp() * 1000) if polled else 0
        last_ms = {(record.ref.topic, record.ref.partition): record.timestamp_ms for record in polled}
        self._polled_ms.update({number: at_ms for (_, number), at_ms in last_ms.items()})
        behind = {partition for partition, at_ms in last_ms.items() if at_ms < begin_ms}
        if not behind or time.monotonic() - self._skipped_at < SKIP_INTERVAL_S:
            return
        self._skipped_at = time.monotonic()
        for skipped in self._source.skip(behind, begin_ms):
            partition = (skipped.topic, skipped.partition)
            span = (from_ms(last_ms[partition]), from_ms(begin_ms))
            self._account_for(skipped, Shed.SKIPPED, span)

    def lag_s(self, lag: Mapping[int, int], now: datetime) -> dict[str, float]:
        """How old the last fetched frame of each partition is while others wait behind it; 0 when none does.

        Args:
            lag: Frames of each partition that wait to be fetched.
            now: UTC-aware.
        """
        now_ms, last_ms = now.timestamp() * 1000, self._polled_ms.copy()
        ages_ms = {number: max(0.0, now_ms - last_ms.get(number, now_ms)) for number in lag}
        return {str(number): ages_ms[number] / 1000 if waiting else 0.0 for number, waiting in lag.items()}

    def _pass_over(self, partition: TopicPartition) -> None:
        """What is before the last commit has been seen, by whoever had the partition then."""
        committed = self._source.committed(partition)
        if committed is not None:
            self._seen_to[partition] = max(self._seen_to.get(partition, 0), committed)

    def _account_for_expired(self, record: Record) -> None:
        """Kafka had deleted the frames before this one. Gaps that it leaves for other reasons are no frames."""
        partition = (record.ref.topic, record.ref.partition)
        there = min(self._source.first(partition), record.ref.offset)
        at = from_ms(record.timestamp_ms)
        self._account_for(Skipped(*partition, self._seen_to[partition], there), Shed.EXPIRED, (at, at))

    def _account_for(self, skipped: Skipped, reason: Shed, span: tuple[datetime, datetime]) -> None:
        """Frames that nobody fetched count as many as the offsets do; whose they were is not known."""
        partition = (skipped.topic, skipped.partition)
        frames = skipped.next - max(skipped.first, self._seen_to.get(partition, 0))
        if frames < 1:
            return  # they come again after a rebalance
        last = FrameRef(skipped.topic, skipped.partition, skipped.next - 1)
        self._seen_to[partition] = skipped.next
        self._offsets.start(last)
        self._account.take_in(frames)
        cameras = tuple(sorted(self._cameras.get(partition, ())))
        self._book.add(last, cameras, reason, span, self._clock.now(), frames)

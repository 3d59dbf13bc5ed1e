"""The frames topic as a member of a consumer group reads it."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from cluster.kafka.client import (
    COMMIT_REFUSED,
    COMMITTED,
    REQUEST_MS,
    client_settings,
    kafka_offsets,
    record_of,
    translated,
)
from cluster.kafka.topics import FRAMES
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record, Skipped

SESSION_MS = 10_000  # a dead recogniser's partitions are handed over after this
HEARTBEAT_MS = 500  # how soon the others learn that partitions are shared anew
JOIN_S = 1.0  # a lane that has frames in hand goes on with them after so long
LEAVE_MS = 5_000  # kafka-python's own 30 s would keep a lane from starting over long after a broker is back
# What partitions of others come with waits for the fetch that is under way; each takes client and broker 2 ms.
FETCH_WAIT_MS = 250
FETCH_BYTES = 16 * 1024 * 1024  # what a recogniser may hold fetched and not yet polled
OnRebalance = Callable[[Sequence[tuple[str, int]], Sequence[tuple[str, int]]], None]
log = logging.getLogger("beholden.kafka")


class KafkaFrameSource:
    """One member of the consumer group that shares the frames.

    Args:
        kafka: Which Kafka.
        group: Consumer group.
        member: Name of this member in logs and tools.
        on_rebalance: Called within `poll`, by the same thread, once the group has shared the partitions anew: with
            those that were taken away, and those that are this member's now. A partition may be both: it then begins
            again at its last commit.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        member: str,
        on_rebalance: OnRebalance,
    ) -> None:
        self._kafka = kafka
        self._on_rebalance = on_rebalance
        with translated(kafka, "reading frames"):
            topic = kafka.topic_prefix + FRAMES
            self._consumer = KafkaConsumer(
                topic,
                group_id=group,
                client_id=member,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                auto_offset_reset="earliest",
                isolation_level=COMMITTED,  # a successor waits for offsets that a transaction is about to store
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=HEARTBEAT_MS,
                max_partition_fetch_bytes=kafka.max_message_bytes + 64 * 1024,
                fetch_max_bytes=FETCH_BYTES,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                metrics_enabled=False,
                **client_settings(kafka),
            )
            self._listener = _Listener(self._consumer)
            # Known before it is joined for: kafka-python 3.0.12 joins again as soon as it hears of partitions, and when
            # a poll ends just then it forgets to take up what it is assigned, and owns nothing for ever. It hears only
            # of a topic that it has been told of at its construction.
            self._consumer.partitions_for_topic(topic)
            self._consumer.subscribe([topic], listener=self._listener)

    def poll(self, max_records: int, timeout_s: float, finished: Mapping[tuple[str, int], int]) -> Sequence[Record]:
        """See `ports.FrameSource`."""
        self._listener.finished = kafka_offsets(finished)
        with translated(self._kafka, "reading frames"):
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
            if self._consumer._coordinator.rejoining:  # noqa: SLF001 - see there
                polled = self._join(max_records)  # instead: what was polled before it comes again
            records = [record_of(message) for messages in polled.values() for message in messages]
        if self._listener.is_settled:
            revoked = self._listener.take_revoked()
            owned = [(each.topic, each.partition) for each in self._consumer.assignment()]
            self._share(revoked, owned)
            stayed = set(revoked).intersection(owned)
            self._begin_again(stayed)
            records = [record for record in records if (record.ref.topic, record.ref.partition) not in stayed]
        return records

    def _join(self, max_records: int) -> dict[TopicPartition, list[Any]]:
        """While the group is sharing anew, stay within polls; what comes at their end.

        kafka-python 3.0.12 takes up what it is assigned only within a poll: an answer that comes between two is thrown
        away and asked for again, or, when the reason to join was news of partitions, forgotten for ever.
        """
        coordinator = self._consumer._coordinator  # noqa: SLF001 - there is no public way
        deadline = time.monotonic() + JOIN_S
        polled: dict[TopicPartition, list[Any]] = {}
        while coordinator.rejoining and not polled and time.monotonic() < deadline:
            if not coordinator.need_rejoin():
                coordinator.request_rejoin()
            polled = self._consumer.poll(timeout_ms=int(JOIN_S * 1000), max_records=max_records)
        return polled

    def committed(self, partition: tuple[str, int]) -> int | None:
        """See `ports.FrameSource`."""
        with translated(self._kafka, "asking for commits"):
            found: int | None = self._consumer.committed(TopicPartition(*partition), timeout_ms=REQUEST_MS)
            return found

    def first(self, partition: tuple[str, int]) -> int:
        """See `ports.FrameSource`."""
        with translated(self._kafka, "asking for beginnings"):
            return int(self._consumer.beginning_offsets([at := TopicPartition(*partition)])[at])

    def _begin_again(self, stayed: Collection[tuple[str, int]]) -> None:
        """Go on at the last commit: kafka-python 3.0.12 lets a partition that stays go on where it was.

        What was polled and dropped while the group was sharing anew would never be seen, and be committed past.
        """
        with translated(self._kafka, "beginning again"):
            for each in stayed:
                committed = self.committed(each)
                if committed is None:
                    self._consumer.seek_to_beginning(TopicPartition(*each))
                else:
                    self._consumer.seek(TopicPartition(*each), committed)

    def is_caught_up(self) -> bool:
        """See `ports.FrameSource`. Asks Kafka: what was last fetched says nothing while the group shares anew."""
        with translated(self._kafka, "asking for ends"):
            owned = self._consumer.assignment()
            ends = self._consumer.end_offsets(owned)
            return all((self._consumer.position(at, timeout_ms=100) or 0) >= end for at, end in ends.items())

    def hold(self, partitions: Collection[tuple[str, int]]) -> None:
        """See `ports.FrameSource`."""
        with translated(self._kafka, "pausing partitions"):
            held = {TopicPartition(*each) for each in partitions} & self._consumer.assignment()
            paused = set(self._consumer.paused())
            self._consumer.pause(*(held - paused))
            self._consumer.resume(*(paused - held))

    def skip(self, partitions: Collection[tuple[str, int]], before_ms: int) -> Sequence[Skipped]:
        """See `ports.FrameSource`. A partition without any later record goes on at its end."""
        with translated(self._kafka, "looking for newer frames"):
            owned = [each for at in partitions if (each := TopicPartition(*at)) in self._consumer.assignment()]
            if not owned:
                return []
            ends = self._consumer.end_offsets(owned)  # before the question: what comes in between is not skipped
            found = self._consumer.offsets_for_times(dict.fromkeys(owned, before_ms))
            skipped = []
            for each in owned:
                position = self._consumer.position(each)
                target = found[each].offset if found.get(each) else ends[each]
                if position is not None and target > position:
                    self._consumer.seek(each, target)
                    skipped.append(Skipped(each.topic, each.partition, position, target))
            return skipped

    @property
    def keeps_results(self) -> bool:
        """See `ports.FrameSource`."""
        return False

    def commit(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """See `ports.FrameSource`. Refused by Kafka when the partitions are another member's by now."""
        self._listener.finished = {}  # older than these
        with translated(self._kafka, "committing offsets"):
            try:
                self._consumer.commit(kafka_offsets(next_offsets))
            except COMMIT_REFUSED:
                return

    def _share(self, revoked: Sequence[tuple[str, int]], owned: Sequence[tuple[str, int]]) -> None:
        """The group has agreed."""
        self._on_rebalance(revoked, owned)

    def lag(self) -> dict[int, int]:
        """Frames of each partition that wait to be polled."""
        with translated(self._kafka, "asking for positions"):
            return {
                partition.partition: max(0, (self._consumer.highwater(partition) or 0) - position)
                for partition in self._consumer.assignment()
                if (position := self._consumer.position(partition, timeout_ms=100)) is not None
            }

    def close(self) -> None:
        """Leave the group."""
        with translated(self._kafka, "leaving the group"):
            self._consumer.close(timeout_ms=LEAVE_MS)


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc]
    """Runs on kafka-python's own thread while `poll` waits there: it may await, and must neither block nor touch state.

    A listener that is not asynchronous cannot commit: kafka-python 3 refuses to block its own thread.
    """

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer
        self.finished: Mapping[TopicPartition, OffsetAndMetadata] = {}
        self._revoked: set[tuple[str, int]] = set()
        self.is_settled = False

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Commit what is finished, so that the next owner begins there."""
        self._revoked |= {(each.topic, each.partition) for each in revoked}
        offsets = {each: self.finished[each] for each in revoked if each in self.finished}
        if offsets:
            try:
                await self._consumer.commit_async(offsets)
            except KafkaError as error:
                log.warning("offsets of revoked partitions are not committed, their frames come again: %s", error)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """The group has agreed."""
        self.is_settled = True

    async def on_partitions_lost(self, lost: Sequence[TopicPartition]) -> None:
        """Too late to commit anything."""
        self._revoked |= {(each.topic, each.partition) for each in lost}

    @property
    def is_sharing(self) -> bool:
        """Whether partitions were given up and the group has not agreed yet."""
        return bool(self._revoked)

    def take_revoked(self) -> list[tuple[str, int]]:
        """Partitions revoked since the last call."""
        revoked, self._revoked, self.is_settled = sorted(self._revoked), set(), False
        return revoked

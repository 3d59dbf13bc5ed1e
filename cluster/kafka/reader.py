"""A topic as anybody reads it, outside any consumer group."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from kafka import KafkaConsumer, TopicPartition

from cluster.clocks import from_ms
from cluster.kafka.client import COMMITTED, client_settings, record_of, translated
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record
from operators.errors import BeholdenError, TopicMissing

ASK_MS = 2_000  # for where a topic ends: a broker that is there answers at once
# Each fetch that finds nothing takes client and broker a millisecond of processor time; what comes ends it at once.
FETCH_WAIT_MS, LONG_FETCH_WAIT_MS = 500, 5_000


class OffsetsUnknown(BeholdenError):
    """Records are asked for that a topic has never had."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far back a topic reaches.

    Attributes:
        oldest_at: The time of its first record, UTC-aware; of several partitions, the oldest. None: there is none.
        before: Offsets before the first records: at most so many records are not there any more, whatever took them. A
            transaction's marks have offsets, too.
    """

    oldest_at: datetime | None
    before: int


class TopicReader:
    """Records of some partitions of a topic, outside any consumer group; never those of an aborted transaction.

    Args:
        kafka: Which Kafka.
        topic: Name without prefix.
        shard: Together with `shards`: only partitions whose number modulo `shards` is `shard`.
        shards: See `shard`.
        from_beginning: From the first record that is still there, else only what comes from now on.
        since: By partition, the first offset that is wanted, instead of the first that is there.
        after: The same by time: only records that were written at or after this moment, UTC-aware.
        fetch_max_wait_ms: How long the broker keeps a fetch before it says that there are no records. `is_current` and
            `extent` wait behind it.

    Raises:
        OffsetsUnknown: `since` lies behind the end: the topic has lost records, or is another one.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        shard: int,
        shards: int,
        from_beginning: bool,
        since: Mapping[int, int] = MappingProxyType({}),
        after: datetime | None = None,
        fetch_max_wait_ms: int = FETCH_WAIT_MS,
    ) -> None:
        self._kafka = kafka
        self._asked: Mapping[TopicPartition, int] | None = None
        self._name = name = kafka.topic_prefix + topic
        with translated(kafka, f"reading {name}"):
            self._consumer = KafkaConsumer(
                group_id=None,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                auto_offset_reset="earliest",
                isolation_level=COMMITTED,
                max_partition_fetch_bytes=kafka.max_message_bytes + 64 * 1024,
                fetch_max_wait_ms=fetch_max_wait_ms,
                metrics_enabled=False,
                **client_settings(kafka),
            )
            numbers = self._consumer.partitions_for_topic(name)
            if not numbers:
                self._consumer.close()
                raise TopicMissing(
                    f"topic {name} does not exist at {kafka.bootstrap}: 'beholden up' makes it, by a user of Kafka "
                    "that may create topics"
                )
            self._partitions = [TopicPartition(name, number) for number in sorted(numbers) if number % shards == shard]
            self._consumer.assign(self._partitions)
            self._ends = self._consumer.end_offsets(self._partitions)
            if from_beginning:
                self._consumer.seek_to_beginning(*self._partitions)
            since = since if after is None else self._offsets_at(after)
            for partition, end in self._ends.items():
                offset = since.get(partition.partition)
                if offset is not None and offset > end:
                    self._consumer.close()
                    raise OffsetsUnknown(f"{name}-{partition.partition} ends at {end}, before the {offset} asked for")
                if offset is not None or not from_beginning:
                    self._consumer.seek(partition, end if offset is None else offset)

    @property
    def ends(self) -> dict[int, int]:
        """By partition, where it ended when this reader began."""
        return {at.partition: end for at, end in self._ends.items()}

    @property
    def partitions(self) -> int:
        """How many the topic has, of this shard or not, by what the broker last said: it is asked every few minutes.

        Raises:
            BrokerUnavailable: The topic is gone, and the broker does not say so.
        """
        with translated(self._kafka, "reading"):
            return len(self._consumer.partitions_for_topic(self._name))

    def _offsets_at(self, moment: datetime) -> dict[int, int]:
        found = self._consumer.offsets_for_times(dict.fromkeys(self._partitions, int(moment.timestamp() * 1000)))
        return {at.partition: found[at].offset if found.get(at) else end for at, end in self._ends.items()}

    def extent(self) -> Extent:
        """How far back the topic reaches now.

        Raises:
            BrokerUnavailable: The broker does not answer.
        """
        with translated(self._kafka, "reading"):
            begins = self._consumer.beginning_offsets(self._partitions)
            firsts = self._consumer.offsets_for_times(dict.fromkeys(self._partitions, 0))
        times = [found.timestamp for found in firsts.values() if found]
        return Extent(from_ms(min(times)) if times else None, sum(begins.values()))

    def poll(self, timeout_s: float) -> list[Record]:
        """What has come; empty after `timeout_s` without any."""
        with translated(self._kafka, "reading"):
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000))
        return [record_of(message) for messages in polled.values() for message in messages]

    def is_caught_up(self) -> bool:
        """Whether everything that was there when this reader began has been polled."""
        with translated(self._kafka, "reading"):
            return all((self._consumer.position(at) or 0) >= end for at, end in self._ends.items())

    def is_current(self) -> bool:
        """Whether everything has been polled that was there when the broker was asked; once so, it is asked anew.

        Asked at each call, it would never be so where records come all the time: an answer waits behind the next ones.

        Raises:
            BrokerUnavailable: It does not answer in time.
        """
        with translated(self._kafka, "reading"):
            ends = self._asked or self._consumer.end_offsets(self._partitions, timeout_ms=ASK_MS)
            is_so = all((self._consumer.position(at, timeout_ms=ASK_MS) or 0) >= end for at, end in ends.items())
            self._asked = None if is_so else ends
            return is_so

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


def read_extent(kafka: KafkaSettings, topic: str) -> Extent:
    """How far back a topic reaches now.

    Raises:
        BrokerUnavailable: The broker does not answer.
        TopicMissing: The topic does not exist.
    """
    with closing(TopicReader(kafka, topic, 0, 1, from_beginning=False)) as reader:
        return reader.extent()

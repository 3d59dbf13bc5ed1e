"""Alerts, dead letters and offsets in one Kafka transaction.

kafka-python 3.0.12 gives the calls of a transaction no time-out, so all of it runs under a watchdog. What the protocol
it speaks cannot promise is in docs/decisions/0015-delivery.md.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from kafka import KafkaProducer
from kafka.errors import InvalidProducerEpochError, KafkaError, ProducerFencedError

from cluster.kafka.client import COMMIT_REFUSED, kafka_offsets, translated
from cluster.kafka.frame_source import KafkaFrameSource, OnRebalance
from cluster.kafka.producer import TRANSACTION_MS, close_producer, learn_topics, open_producer
from cluster.kafka_settings import KafkaSettings
from cluster.offsets import TopicPartition
from cluster.outbox import Letter, Outbox
from cluster.ports import Record
from cluster.watchdog import GivenUp, within
from operators.errors import BrokerUnavailable, SlotTaken

FENCED = (ProducerFencedError, InvalidProducerEpochError)
WATCH_S = TRANSACTION_MS / 1000 - 2.0  # given up before Kafka does, so that "fenced" always means a successor


class TransactionalProducer:
    """Writes messages and offsets together, or neither.

    Opening it ends what an earlier producer of the same name has left open, and bars that one for ever.

    Args:
        kafka: Which Kafka.
        name: Its transactional id, the same whenever this slot starts.
        topics: That it writes to, names without prefix.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(self, kafka: KafkaSettings, name: str, topics: Sequence[str]) -> None:
        self._kafka = kafka
        self._name = name
        self._producer = open_producer(kafka, name, transactional_id=name)
        try:
            with translated(kafka, "taking over a slot's transactions"):
                self._producer.init_transactions()
        except BaseException:
            self.close(0.0)
            raise
        learn_topics(kafka, self._producer, topics)

    def write(self, letters: Sequence[Letter], offsets: Mapping[TopicPartition, int], member: Any) -> bool:
        """Write one transaction; False when the group is sharing its partitions anew, and nothing was written.

        Args:
            letters: Messages.
            offsets: Next offset of each partition.
            member: Who commits, as its consumer says: `group_metadata()`.

        Raises:
            BrokerUnavailable: Whether it was written is unknown until the producer is opened anew.
            SlotTaken: Another process writes under this name now.
        """
        try:
            with translated(self._kafka, "writing a transaction"):
                return within(
                    WATCH_S, partial(write_transaction, self._kafka, self._producer, letters, offsets, member)
                )
        except GivenUp as given_up:
            self.close(0.0)
            raise BrokerUnavailable(f"writing a transaction: Kafka at {self._kafka.bootstrap}: {given_up}") from None

    def close(self, timeout_s: float) -> None:
        """Let go of it."""
        close_producer(self._producer, timeout_s)


class TransactionalFrameSource(KafkaFrameSource):
    """A `KafkaFrameSource` whose commits carry an outbox with them.

    A partition that leaves takes nothing along: what it has in the outbox is dropped, and whoever owns it next begins
    at its last transaction. The listener cannot write one, since it must not block.

    Args:
        kafka: Which Kafka.
        group: Consumer group.
        member: Name of this member in logs and tools.
        on_rebalance: See `KafkaFrameSource`.
        producer: What writes.
        outbox: Where results wait.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        member: str,
        on_rebalance: OnRebalance,
        producer: TransactionalProducer,
        outbox: Outbox,
    ) -> None:
        super().__init__(kafka, group, member, on_rebalance)
        self._producer = producer
        self._outbox = outbox
        self._generation: tuple[int, str] | None = None

    def poll(self, max_records: int, timeout_s: float, finished: Mapping[TopicPartition, int]) -> Sequence[Record]:
        """See `ports.FrameSource`. The listener is given nothing to commit: it would be offsets without alerts."""
        return super().poll(max_records, timeout_s, {})

    @property
    def keeps_results(self) -> bool:
        """See `ports.FrameSource`."""
        return not self._outbox.is_empty

    def commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """See `ports.FrameSource`. While the partitions are shared anew, everything stays in the outbox.

        So does it for whoever is not the member any more that the partitions were shared with. The client hears that it
        was given up between two polls, and names no generation from then on; of whoever names none Kafka takes
        anything, although others have the partitions by now.
        """
        self._outbox.finish(next_offsets)
        letters, offsets = self._outbox.due()
        member = self._consumer.group_metadata()
        if not offsets or self._listener.is_sharing or _generation(member) != self._generation:
            return
        if self._producer.write(letters, offsets, member):
            self._outbox.committed()

    def _share(self, revoked: Sequence[TopicPartition], owned: Sequence[TopicPartition]) -> None:
        """What was here all the time goes on, and everything else begins anew at its last commit.

        A partition may have been another's in between although it is here again: then that one may have written the
        same alerts, and going on would write them twice.
        """
        before, self._generation = self._generation, _generation(self._consumer.group_metadata())
        number, member = self._generation
        if before != (number - 1, member):
            self._outbox.drop(revoked)
            self._on_rebalance(revoked, [])
        else:
            self._outbox.drop(set(revoked).difference(owned))
        self._on_rebalance(revoked, owned)
        self.commit({})


def _generation(member: Any) -> tuple[int, str]:
    return member.generation_id, member.member_id


def write_transaction(
    kafka: KafkaSettings,
    producer: KafkaProducer,
    letters: Sequence[Letter],
    offsets: Mapping[tuple[str, int], int],
    member: Any,
) -> bool:
    """Write messages and offsets together, or neither; False when the group is sharing its partitions anew.

    None of these calls has a time-out of its own.

    Raises:
        SlotTaken: Another producer of the same name was opened since.
    """
    try:
        try:
            producer.begin_transaction()
            sent = [
                producer.send(
                    kafka.topic_prefix + each.topic, key=each.key.encode(), value=each.value, headers=list(each.headers)
                )
                for each in letters
            ]
            for future in sent:
                future.get()
            producer.send_offsets_to_transaction(kafka_offsets(offsets), member)
            producer.commit_transaction()
        except COMMIT_REFUSED:
            producer.abort_transaction()
            return False
    except KafkaError as error:
        if is_fenced(error):
            name = producer.config["transactional_id"]
            raise SlotTaken(f"another process writes as {name} by now") from None
        raise
    return True


def is_fenced(error: KafkaError) -> bool:
    """Whether an error says that a later producer has the same name.

    Once kafka-python has met one, whatever else is called raises a plain KafkaError with the first one in its text.
    """
    return isinstance(error, FENCED) or any(each.__name__ in f"{error} {error.args}" for each in FENCED)

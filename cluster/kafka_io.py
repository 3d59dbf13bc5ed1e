"""Kafka as the pipeline's ports. With `kafka_admin.py` all that imports the client."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    InvalidProducerEpochError,
    KafkaError,
    ProducerFencedError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.record import util as record_util
from kafka.structs import OffsetAndMetadata

from cluster.clocks import from_ms
from cluster.in_flight import InFlight
from cluster.outbox import Letter
from cluster.ports import Record, Skipped
from cluster.settings import KafkaSettings, kafka_password
from cluster.wire.text import headers_of
from operators.errors import BeholdenError, BrokerUnavailable, SlotTaken, TopicMissing
from operators.types import FrameRef

FRAMES, ALERTS, WATCHLIST, DEAD_LETTERS = "frames", "alerts", "watchlist", "dead-letters"
POLICY, LEDGER, LEDGER_HEADS, EVIDENCE = "policy", "ledger", "ledger-heads", "evidence"

RECONNECT_MAX_MS = 1_000  # kafka-python's own 30 s would be silence long after a broker is back
BOOTSTRAP_MS = 10_000  # a broker that is there answers at once
MAX_BLOCK_MS = 15_000  # for metadata of a topic; longer only hides that the topic or the broker is missing
DELIVERY_MS = 120_000  # an alert is worth waiting for
CAMERA_DELIVERY_MS = 20_000  # a frame that is older is worth nothing, and the operator wants to know
REQUEST_MS = 10_000
ASK_MS = 2_000  # for where a topic ends: a broker that is there answers at once
LEAVE_MS = 5_000  # kafka-python's own 30 s would keep a lane from starting over long after a broker is back
ONE_MESSAGE_S = 30.0
CLOSE_S = 5.0  # for what is on its way when a producer is let go of; without a broker nobody waits for longer
OVERHEAD_BYTES = 1024  # of a record beside its value: key, headers, framing
SESSION_MS = 10_000  # a dead recogniser's partitions are handed over after this
TRANSACTION_MS = 8_000  # what it has left open is aborted before that, so that nobody waits for it
COMMITTED = "read_committed"  # costs nothing where nobody writes transactions
JOIN_S = 1.0  # a lane that has frames in hand goes on with them after so long
HEARTBEAT_MS = 500  # how soon the others learn that partitions are shared anew
IN_FLIGHT_BYTES = 16 * 1024 * 1024  # of a camera's frames; see `in_flight.py`
RESULTS_IN_FLIGHT_BYTES = 4 * 1024 * 1024  # of a recogniser's results and ledger: 2,000 alerts, 70 pieces of evidence
# The group is sharing its partitions anew: the frames come again, to whoever gets them.
COMMIT_REFUSED = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)
FENCED = (ProducerFencedError, InvalidProducerEpochError)
FETCH_BYTES = 16 * 1024 * 1024  # what a recogniser may hold fetched and not yet polled


OnRebalance = Callable[[Sequence[tuple[str, int]], Sequence[tuple[str, int]]], None]

log = logging.getLogger("beholden.kafka")


def client_settings(kafka: KafkaSettings) -> dict[str, Any]:
    """What every client of kafka-python is given: addresses, TLS, SASL.

    Raises:
        BrokerUnavailable: This process has no password and needs one.
    """
    security = kafka.security
    settings = {
        "bootstrap_timeout_ms": BOOTSTRAP_MS,
        "reconnect_backoff_max_ms": RECONNECT_MAX_MS,
        "bootstrap_servers": kafka.bootstrap.split(","),
        "security_protocol": str(security.protocol),
        "ssl_cafile": security.cafile,
        "ssl_certfile": security.certfile,
        "ssl_keyfile": security.keyfile,
        "sasl_mechanism": security.mechanism,
        "sasl_plain_username": security.username,
        "sasl_plain_password": kafka_password(security),
    }
    return {name: value for name, value in settings.items() if value is not None}


@contextmanager
def translated(kafka: KafkaSettings, doing: str) -> Iterator[None]:
    """Turn kafka-python's errors into ours, with what to do."""
    try:
        yield
    except (KafkaError, ValueError, OSError) as error:
        raise BrokerUnavailable(
            f"{doing}: Kafka at {kafka.bootstrap} does not answer as expected ({type(error).__name__}: {error}); "
            "start one with 'beholden broker start', or name yours with --bootstrap HOST:PORT"
        ) from None


def has_fast_crc() -> bool:
    """Whether kafka-python computes CRC-32C in C. Otherwise each 100 KB frame costs 10 ms of processor time.

    The package may be installed and its compiled part unusable: what counts is what kafka-python took when it was
    loaded.
    """
    return record_util.crc32c_c is not None


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
            self._consumer = KafkaConsumer(
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
                fetch_max_wait_ms=100,
                metrics_enabled=False,
                **client_settings(kafka),
            )
            self._listener = _Listener(self._consumer)
            topic = kafka.topic_prefix + FRAMES
            # Known before it is joined for: kafka-python 3.0.12 joins again as soon as it hears of partitions, and when
            # a poll ends just then it forgets to take up what it is assigned, and owns nothing for ever.
            self._consumer.partitions_for_topic(topic)
            self._consumer.subscribe([topic], listener=self._listener)

    def poll(self, max_records: int, timeout_s: float, finished: Mapping[tuple[str, int], int]) -> Sequence[Record]:
        """See `ports.FrameSource`."""
        self._listener.finished = kafka_offsets(finished)
        with translated(self._kafka, "reading frames"):
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
            if self._consumer._coordinator.rejoining:  # noqa: SLF001 - see there
                polled = self._join(max_records)  # instead: what was polled before it comes again
            records = [_record(message) for messages in polled.values() for message in messages]
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


def kafka_offsets(next_offsets: Mapping[tuple[str, int], int]) -> dict[TopicPartition, OffsetAndMetadata]:
    """Offsets as the client wants them."""
    return {TopicPartition(*at): OffsetAndMetadata(offset, "", -1) for at, offset in next_offsets.items()}


class KafkaDelivery:
    """A message that the producer has taken; see `ports.Delivery`."""

    def __init__(self, kafka: KafkaSettings, future: Any) -> None:
        self._kafka = kafka
        self._future = future
        self.acknowledged_ns = 0
        future.add_callback(self._note)

    def wait(self, timeout_s: float) -> None:
        """See `ports.Delivery`."""
        with translated(self._kafka, "writing a result"):
            self._future.get(timeout=timeout_s)

    def _note(self, _: object) -> None:
        self.acknowledged_ns = time.perf_counter_ns()


class KafkaSink:
    """One topic, written with an idempotent producer and acknowledged by every replica in sync.

    Args:
        kafka: Which Kafka.
        producer: Writes.
        topic: Name without prefix.
        in_flight: Bounds what all sinks that share it have on its way; None bounds nothing.
    """

    def __init__(
        self, kafka: KafkaSettings, producer: KafkaProducer, topic: str, in_flight: InFlight | None = None
    ) -> None:
        self._in_flight = in_flight
        self._kafka = kafka
        self._producer = producer
        self._topic = kafka.topic_prefix + topic

    def send(
        self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], frame: FrameRef | None = None
    ) -> KafkaDelivery:
        """See `ports.MessageSink` and `ports.ResultSink`. Waits while too many bytes are on their way."""
        send = partial(self._producer.send, self._topic, key=key.encode(), value=value, headers=list(headers))
        with translated(self._kafka, f"writing to {self._topic}"):
            future = self._in_flight.send(len(value) + OVERHEAD_BYTES, send) if self._in_flight else send()
        return KafkaDelivery(self._kafka, future)


def open_producer(
    kafka: KafkaSettings, client: str, delivery_ms: int = DELIVERY_MS, transactional_id: str | None = None
) -> KafkaProducer:
    """A producer whose retries neither lose nor double a message, for `delivery_ms` at the most.

    `enable_idempotence` is set although it is the default: only then does kafka-python refuse settings that would
    switch it off, instead of switching it off with a warning.
    """
    with translated(kafka, "opening a producer"):
        return KafkaProducer(
            client_id=client,
            enable_idempotence=True,
            allow_auto_create_topics=False,
            acks="all",
            delivery_timeout_ms=delivery_ms,
            request_timeout_ms=min(delivery_ms, REQUEST_MS),
            max_block_ms=MAX_BLOCK_MS,
            max_request_size=kafka.max_message_bytes,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_MS,
            metrics_enabled=False,
            **client_settings(kafka),
        )


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


def close_producer(producer: KafkaProducer, timeout_s: float) -> bool:
    """Let go of a producer, waiting for what is on its way; whether all of it was acknowledged or refused in time.

    When it was not, kafka-python 3.0.12 leaves `close` by an error before it has ended its thread, which then spins on
    a broker that is not there (0.65 of a core, measured) until the process ends with a traceback.
    """
    try:
        producer.close(timeout=timeout_s)
    except KafkaError:
        producer._sender.force_close()  # noqa: SLF001 - there is no public way
        producer._closed = True  # noqa: SLF001 - or it tries again when it is collected
        return False
    return True


@contextmanager
def producing(kafka: KafkaSettings, client: str, delivery_ms: int = DELIVERY_MS) -> Iterator[KafkaProducer]:
    """A producer for the length of a block; see `open_producer`.

    It is let go of at the end, with or without a broker: whatever must be written is waited for within the block.
    """
    producer = open_producer(kafka, client, delivery_ms)
    try:
        yield producer
    finally:
        close_producer(producer, CLOSE_S)


def write_one(
    kafka: KafkaSettings, topic: str, key: str, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
) -> None:
    """Write one message with a producer of its own, and return once it is acknowledged.

    Raises:
        BrokerUnavailable: It was not; whether it was written is unknown.
    """
    with producing(kafka, f"beholden-{topic}") as producer:
        KafkaSink(kafka, producer, topic).send(key, value, headers).wait(ONE_MESSAGE_S)


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
    ) -> None:
        self._kafka = kafka
        self._asked: Mapping[TopicPartition, int] | None = None
        name = kafka.topic_prefix + topic
        with translated(kafka, f"reading {name}"):
            self._consumer = KafkaConsumer(
                group_id=None,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                auto_offset_reset="earliest",
                isolation_level=COMMITTED,
                max_partition_fetch_bytes=kafka.max_message_bytes + 64 * 1024,
                metrics_enabled=False,
                **client_settings(kafka),
            )
            numbers = self._consumer.partitions_for_topic(name)
            if not numbers:
                self._consumer.close()
                raise TopicMissing(f"topic {name} does not exist at {kafka.bootstrap}: 'beholden up' makes it")
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
        return [_record(message) for messages in polled.values() for message in messages]

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


def _record(message: Any) -> Record:
    return Record(
        ref=FrameRef(message.topic, message.partition, message.offset),
        key=message.key,
        value=message.value or b"",
        headers=headers_of(message.headers or ()),
        timestamp_ms=message.timestamp,
    )


def read_extent(kafka: KafkaSettings, topic: str) -> Extent:
    """How far back a topic reaches now.

    Raises:
        BrokerUnavailable: The broker does not answer.
        TopicMissing: The topic does not exist.
    """
    with closing(TopicReader(kafka, topic, 0, 1, from_beginning=False)) as reader:
        return reader.extent()

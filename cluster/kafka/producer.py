"""Messages that are written, each acknowledged by itself."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from cluster.in_flight import InFlight
from cluster.kafka.client import REQUEST_MS, client_settings, translated
from cluster.kafka_settings import KafkaSettings
from operators.types import FrameRef

MAX_BLOCK_MS = 15_000  # for metadata of a topic; longer only hides that the topic or the broker is missing
DELIVERY_MS = 120_000  # an alert is worth waiting for
TRANSACTION_MS = 8_000  # what it has left open is aborted before that, so that nobody waits for it
ONE_MESSAGE_S = 30.0
BATCH_BYTES = 16 * 1024  # kafka-python's own
CLOSE_S = 5.0  # for what is on its way when a producer is let go of; without a broker nobody waits for longer
OVERHEAD_BYTES = 1024  # of a record beside its value: key, headers, framing


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
    kafka: KafkaSettings,
    client: str,
    delivery_ms: int = DELIVERY_MS,
    transactional_id: str | None = None,
    batch_bytes: int = BATCH_BYTES,
) -> KafkaProducer:
    """A producer whose retries neither lose nor double a message, for `delivery_ms` at the most.

    Messages that wait for the same partition go together, up to `batch_bytes`; none waits for another.
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
            batch_size=min(batch_bytes, kafka.max_message_bytes),
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_MS,
            metrics_enabled=False,
            **client_settings(kafka),
        )


def learn_topics(kafka: KafkaSettings, producer: KafkaProducer, topics: Sequence[str]) -> None:
    """Have a producer ask where topics lie, without waiting for it: the first message to each waits 0.1 s otherwise.

    What it cannot learn now, the first message asks for again.

    Args:
        kafka: Which Kafka.
        producer: Will write to them.
        topics: Names without prefix.
    """

    def ask() -> None:
        for topic in topics:
            with suppress(KafkaError):
                producer.partitions_for(kafka.topic_prefix + topic)

    threading.Thread(target=ask, name="topics", daemon=True).start()


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

"""The yardstick of `bench kafka`: the same messages by librdkafka, written in C. The only file that loads it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import cycle
from typing import Any

import click

from cluster.kafka.topics import FRAMES
from cluster.kafka_settings import KafkaSettings
from cluster.wire.frames import frame_headers
from operators.errors import BrokerUnavailable

PACKAGE = "confluent-kafka"
_TIMEOUT_S = 60.0
_AT_ONCE = 500
_FULL_S = 0.1


def installed() -> Any:
    """The module.

    Raises:
        click.ClickException: It is not installed.
    """
    try:
        import confluent_kafka
    except ImportError:
        raise click.ClickException(
            f"{PACKAGE} is not installed, and nothing but this benchmark needs it. Put it into a folder of its own: "
            f"pip install --target FOLDER {PACKAGE}; then: PYTHONPATH=FOLDER beholden bench kafka"
        ) from None
    return confluent_kafka


def write(kafka: KafkaSettings, cameras: list[str], jpeg: bytes, count: int, at: datetime) -> None:
    """Publish `count` frames of these cameras in turn, and wait until the broker has them.

    Raises:
        BrokerUnavailable: Not all were acknowledged.
    """
    producer = installed().Producer({**_settings(kafka), "enable.idempotence": True, "acks": "all"})
    acknowledged = 0

    def told(error: object, message: object) -> None:
        nonlocal acknowledged
        acknowledged += error is None

    for number, camera in zip(range(count), cycle(cameras), strict=False):
        headers = frame_headers(at, "bench", number)
        while True:
            try:
                producer.produce(kafka.topic_prefix + FRAMES, jpeg, camera, headers=list(headers), on_delivery=told)
                break
            except BufferError:  # it holds as many as it may: some must be acknowledged first
                producer.poll(_FULL_S)
        producer.poll(0)
    producer.flush(_TIMEOUT_S)
    if acknowledged < count:
        raise BrokerUnavailable(f"Kafka at {kafka.bootstrap} has acknowledged {acknowledged} of {count} frames")


def read(kafka: KafkaSettings, count: int) -> int:
    """Read `count` frames from the beginning of the topic; how many bytes they have.

    Raises:
        BrokerUnavailable: They did not come.
    """
    size = 0
    with _consuming(kafka) as consumer:
        while count:
            messages = consumer.consume(min(count, _AT_ONCE), _TIMEOUT_S)
            if not messages or any(each.error() for each in messages):
                raise BrokerUnavailable(f"{count} frames did not come from Kafka at {kafka.bootstrap}")
            count -= len(messages)
            size += sum(len(each.value()) for each in messages)
    return size


@contextmanager
def _consuming(kafka: KafkaSettings) -> Iterator[Any]:
    """A consumer of the whole topic. It checks what it reads, as kafka-python does."""
    module = installed()
    settings = {**_settings(kafka), "group.id": "bench", "enable.auto.commit": False, "check.crcs": True}
    with closing(module.Consumer(settings)) as consumer:
        topic = kafka.topic_prefix + FRAMES
        partitions = consumer.list_topics(topic, _TIMEOUT_S).topics[topic].partitions
        consumer.assign([module.TopicPartition(topic, number, 0) for number in partitions])
        yield consumer


def _settings(kafka: KafkaSettings) -> dict[str, object]:
    return {"bootstrap.servers": kafka.bootstrap, "message.max.bytes": kafka.max_message_bytes}

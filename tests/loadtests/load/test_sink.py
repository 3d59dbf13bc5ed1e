"""A sink that takes frames as Kafka does."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka.producer import open_producer
from cluster.kafka_settings import KafkaSettings
from loadtests.load.room import Room
from loadtests.load.sink import Sink
from loadtests.load.tally import Tally

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """One that listens."""
    with Sink(8) as sink:
        thread = threading.Thread(target=sink.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield sink
        sink.shutdown()
        thread.join()


def test_a_producer_takes_it_for_kafka(sink: Sink) -> None:
    """Every frame is acknowledged, of whatever size; the topic has as many partitions as asked for."""
    tally = Tally()
    kafka = KafkaSettings(bootstrap=sink.address)
    with closing(KafkaFramePublisher(kafka, in_flight=Room(tally))) as publisher:
        for number in range(40):
            publisher.publish(f"camera-{number % 16}", b"x" * (1 + 10_000 * number), AT, "sink", number)
    assert (tally.frames, tally.bytes) == (40, sum(1 + 10_000 * number for number in range(40)))
    producer = open_producer(kafka, "asks")
    assert producer.partitions_for("frames") == set(range(8))
    producer.close()


@pytest.mark.parametrize("sent", [b"\x00", struct.pack(">i", 100) + b"short"])
def test_who_leaves_in_the_middle_of_a_request_disturbs_nobody(sent: bytes, sink: Sink) -> None:
    """As a producer that is killed does."""
    with socket.create_connection(sink.server_address) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""

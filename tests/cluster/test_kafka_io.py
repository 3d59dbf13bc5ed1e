"""Facts about the Kafka client itself; what needs a broker is in `tests/integration`."""

import importlib
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from kafka.future import Future
from kafka.record import util

from cluster.in_flight import InFlight
from cluster.kafka_io import KafkaSink, client_settings, has_fast_crc
from cluster.settings import KafkaSecurity, KafkaSettings, Protocol
from operators.errors import BrokerUnavailable
from tests.builders import Room

CRC_OF_DIGITS = 0xE3069283  # CRC-32C of b"123456789", the check value of RFC 3720


@pytest.fixture
def unusable_crc32c(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A kafka-python that was loaded where crc32c is installed and cannot be imported."""
    monkeypatch.setitem(sys.modules, "crc32c", None)
    importlib.reload(util)
    yield
    monkeypatch.undo()
    importlib.reload(util)


def test_fast_crc() -> None:
    """Here the C code is installed and kafka-python calls it, with the right answer."""
    assert has_fast_crc()
    assert type(util.calc_crc32c.__defaults__[0]).__name__ == "builtin_function_or_method"
    assert util.calc_crc32c(b"123456789") == CRC_OF_DIGITS


@pytest.mark.usefixtures("unusable_crc32c")
def test_no_fast_crc() -> None:
    """Where crc32c cannot be loaded, kafka-python goes on without a word in Python, and this must be seen."""
    assert not has_fast_crc()
    assert util.calc_crc32c(b"123456789") == CRC_OF_DIGITS


class FrozenProducer:
    """Takes everything and acknowledges nothing by itself."""

    def __init__(self) -> None:
        self.futures: list[Future] = []

    def send(self, *_: object, **__: object) -> Future:
        """Another message on its way."""
        self.futures.append(Future())
        return self.futures[-1]


def test_what_is_on_its_way_to_a_frozen_broker_is_bounded() -> None:
    """Over all sinks of one producer: whoever writes waits, until something is acknowledged or given up."""
    producer, bound = FrozenProducer(), InFlight(2000)
    bound._room = room = Room()
    sinks = [KafkaSink(KafkaSettings(), producer, topic, bound) for topic in ("alerts", "ledger")]
    sent = [threading.Event() for _ in range(3)]

    def write() -> None:
        for number, event in enumerate(sent):
            sinks[number % 2].send("k", b"x" * 500, [])
            event.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert room.is_waited_in.wait(5.0)
    assert [event.is_set() for event in sent] == [True, True, False]
    producer.futures[0].failure(RuntimeError("given up"))
    assert sent[2].wait(5.0)
    writer.join()


def test_a_delivery_notes_when_it_was_acknowledged() -> None:
    """Then, not when somebody waits for it; one that fails never was."""
    producer = FrozenProducer()
    sink = KafkaSink(KafkaSettings(), producer, "alerts")
    sent, lost = sink.send("k", b"x", []), sink.send("k", b"x", [])
    assert sent.acknowledged_ns == 0
    before_ns = time.perf_counter_ns()
    producer.futures[0].success(None)
    assert before_ns <= sent.acknowledged_ns <= time.perf_counter_ns()
    producer.futures[1].failure(RuntimeError("given up"))
    assert lost.acknowledged_ns == 0


def test_a_client_is_given_the_password_of_its_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is made, whatever process made the settings."""
    kafka = KafkaSettings(security=KafkaSecurity(Protocol.SASL_SSL, mechanism="PLAIN", username="ada"))
    monkeypatch.setenv("BEHOLDEN_KAFKA_PASSWORD", "hunter2")
    found = client_settings(kafka)
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("ada", "hunter2")
    assert "sasl_plain_password" not in client_settings(KafkaSettings())
    monkeypatch.delenv("BEHOLDEN_KAFKA_PASSWORD")
    with pytest.raises(BrokerUnavailable, match="BEHOLDEN_KAFKA_PASSWORD is not set here"):
        client_settings(kafka)

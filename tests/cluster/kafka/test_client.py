"""What every client of Kafka is given; what needs a broker is in `tests/integration`."""

import importlib
import sys
from collections.abc import Iterator

import pytest
from kafka.record import util

from cluster.kafka.client import client_settings, has_fast_crc
from cluster.kafka_settings import KafkaSecurity, KafkaSettings, Protocol
from operators.errors import BrokerUnavailable

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

"""Facts about the Kafka client itself; what needs a broker is in `tests/integration`."""

import importlib
import sys
from collections.abc import Iterator

import pytest
from kafka.record import util

from cluster.kafka_io import has_fast_crc

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

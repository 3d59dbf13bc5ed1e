from datetime import UTC

import pytest

from cluster.clocks import HandClock, SystemClock
from cluster.memory_io import MemorySink, MemorySource
from operators.errors import BrokerUnavailable
from tests.builders import NOW, TOMORROW, record


def test_a_source_gives_its_records_once_in_order() -> None:
    """No more than asked for, and nothing when there is nothing."""
    source = MemorySource()
    source.records.extend(record(b"", offset) for offset in range(3))
    assert [one.ref.offset for one in source.poll(2, 0, {})] == [0, 1]
    assert [one.ref.offset for one in source.poll(2, 0, {})] == [2]
    assert list(source.poll(2, 0, {})) == []


def test_a_source_remembers_the_last_commit_of_each_partition() -> None:
    """As a broker does."""
    source = MemorySource()
    source.commit({("frames", 0): 1, ("frames", 1): 4})
    source.commit({("frames", 0): 3})
    assert source.stored == {("frames", 0): 3, ("frames", 1): 4}


def test_a_sink_acknowledges_or_does_not() -> None:
    """The message is there either way; only the wait tells."""
    sink = MemorySink()
    sink.send("k", b"v", [("h", b"x")]).wait(0)
    sink.acknowledges = False
    with pytest.raises(BrokerUnavailable):
        sink.send("k", b"w", []).wait(0)
    assert [(one.key, one.value, list(one.headers)) for one in sink.messages] == [
        ("k", b"v", [("h", b"x")]),
        ("k", b"w", []),
    ]


def test_clocks() -> None:
    """One that stands until it is set, one that knows its zone."""
    clock = HandClock(NOW)
    assert clock.now() == NOW
    clock.time = TOMORROW
    assert clock.now() == TOMORROW
    assert SystemClock().now().tzinfo is UTC

import threading
from collections.abc import Sequence
from math import inf
from types import SimpleNamespace

import pytest

from cluster.clocks import HandClock
from cluster.ledger import writer as ledger_writer
from cluster.ledger.writer import Head, LedgerWriter
from cluster.memory_io import MemoryDelivery, MemorySink
from cluster.wire.ledger import GENESIS, LedgerRecord, parse_record
from operators.errors import BrokerUnavailable
from tests.builders import NOW


def writer_of(sink: MemorySink, after: Head | None = None) -> LedgerWriter:
    """A chain that has not begun."""
    return LedgerWriter(sink, "test", "recogniser-0", "d" * 64, HandClock(NOW), after)


def records(sink: MemorySink) -> list[LedgerRecord]:
    """What was written."""
    return [parse_record(message.value) for message in sink.messages]


def test_records_are_numbered_and_each_names_the_one_before() -> None:
    """From the beginning of the chain to its end, which says how many there are."""
    sink = MemorySink()
    ledger = writer_of(sink)
    for number in range(3):
        ledger.write("frames.shed", {"number": number}).wait(0)
    ledger.policy_digest = "e" * 64
    ledger.write("frames.shed", {}).wait(0)
    ledger.end()
    found = records(sink)
    assert [each.kind for each in found] == ["chain.begun", *["frames.shed"] * 4, "chain.ended"]
    assert [each.seq for each in found] == list(range(6))
    assert [each.prev for each in found] == [GENESIS, *(each.hash for each in found[:-1])]
    assert [each.policy_digest[0] for each in found] == ["d", "d", "d", "d", "e", "e"]
    assert len({each.chain for each in found}) == 1
    assert {(each.writer, each.deployment, each.at) for each in found} == {("recogniser-0", "test", NOW)}
    assert {message.key for message in sink.messages} == {"recogniser-0"}
    assert (found[0].body["after"], found[-1].body) == (None, {"records": 6})
    assert ledger.head == Head(found[-1].chain, 5, found[-1].hash)


def test_a_writer_that_writes_nothing_leaves_no_chain() -> None:
    """A command that changes nothing is not told of."""
    sink = MemorySink()
    writer_of(sink).end()
    assert sink.messages == []


def test_a_chain_names_the_one_before_as_far_as_it_was_acknowledged() -> None:
    """So that a reader sees where a writer's former chain ended."""
    sink = MemorySink()
    first = writer_of(sink)
    first.write("x", {}).wait(0)
    sink.acknowledges = False
    first.write("lost", {})
    sink.acknowledges = True
    second = writer_of(sink, first.head)
    second.write("x", {})
    found = records(sink)
    assert found[-2].kind == "chain.begun"
    assert found[-2].body["after"] == {"chain": found[0].chain, "seq": 1, "hash": found[1].hash}
    assert found[-2].chain != found[0].chain


def test_a_record_waits_for_the_one_before() -> None:
    """None can be lost between two that were written."""
    waited = []

    class Delivery(MemoryDelivery):
        def wait(self, timeout_s: float) -> None:
            waited.append(len(sink.messages))

    class Sink(MemorySink):
        def send(self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], *_: object) -> MemoryDelivery:
            super().send(key, value, headers)
            return Delivery()

    sink = Sink()
    ledger = writer_of(sink)
    for _ in range(3):
        ledger.write("x", {})
    assert waited == [1, 2, 3]


def test_what_is_not_acknowledged_ends_the_chain() -> None:
    """Nothing is written behind it, and the error says that nothing goes on."""
    sink = MemorySink()
    ledger = writer_of(sink)
    ledger.write("x", {}).wait(0)
    sink.acknowledges = False
    lost = ledger.write("lost", {})
    with pytest.raises(BrokerUnavailable, match="the ledger cannot be written"):
        lost.wait(0)
    sink.acknowledges = True
    for attempt in (lambda: ledger.write("y", {}), ledger.check, ledger.end):
        with pytest.raises(BrokerUnavailable, match="the ledger cannot be written"):
            attempt()
    assert [each.kind for each in records(sink)] == ["chain.begun", "x", "lost"]


def test_what_cannot_be_sent_ends_the_chain() -> None:
    """As when the topic is gone."""

    class Gone(MemorySink):
        def send(self, *_: object) -> MemoryDelivery:
            raise BrokerUnavailable("no such topic")

    ledger = writer_of(Gone())
    for _ in range(2):
        with pytest.raises(BrokerUnavailable, match="nothing goes on without it: no such topic"):
            ledger.write("x", {})


def test_a_body_that_is_no_json_ends_nothing() -> None:
    """Nothing was sent, and the number goes to the next."""
    sink = MemorySink()
    ledger = writer_of(sink)
    with pytest.raises(ValueError, match="nan"):
        ledger.write("x", {"value": float("nan")})
    ledger.write("x", {})
    assert [(each.kind, each.seq) for each in records(sink)] == [("chain.begun", 0), ("x", 1)]


def test_an_ended_chain_takes_no_more() -> None:
    """And ending it twice is no harm."""
    sink = MemorySink()
    ledger = writer_of(sink)
    ledger.write("x", {})
    ledger.end()
    ledger.end()
    with pytest.raises(BrokerUnavailable, match="has ended: begin another"):
        ledger.write("y", {})
    assert len(sink.messages) == 3


def test_the_check_asks_for_a_record_that_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this chain; what the one before had is not enough."""
    monkeypatch.setattr(ledger_writer, "PATIENCE_S", inf)
    sink = MemorySink(acknowledges=False)
    ledger = writer_of(sink, Head("0" * 16, 1, "a" * 64))
    with pytest.raises(BrokerUnavailable, match="no record of this process yet"):
        ledger.check()
    sink.acknowledges = True
    ledger.write("x", {})
    sink.acknowledges = False
    ledger.check()
    ledger.write("y", {})
    ledger.check()


def test_the_check_waits_for_a_record_that_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on without would not be told of."""
    sink = MemorySink()
    ledger = writer_of(sink)
    ledger.write("x", {}).wait(0)
    sink.acknowledges = False
    monkeypatch.setattr(ledger_writer, "PATIENCE_S", inf)
    ledger.write("late", {})
    ledger.check()
    monkeypatch.setattr(ledger_writer, "PATIENCE_S", -1.0)
    with pytest.raises(BrokerUnavailable, match="not acknowledged"):
        ledger.check()


def test_before_an_alert_an_old_acknowledgement_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of its own shows that the ledger can be written, one in some seconds; otherwise nothing goes on."""
    now_s = [0.0]
    monkeypatch.setattr(ledger_writer, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    sink = MemorySink()
    ledger = writer_of(sink)
    ledger.write("x", {}).wait(0)
    for now_s[0] in (0.1, 2.9, 3.1, 3.2, 6.0, 9.0):
        ledger.prove()
    assert [each.kind for each in records(sink)] == ["chain.begun", "x", "ledger.alive", "ledger.alive"]
    now_s[0] = 12.1
    sink.acknowledges = False
    ledger.check()
    with pytest.raises(BrokerUnavailable, match="not acknowledged"):
        ledger.prove()
    sink.acknowledges = True
    with pytest.raises(BrokerUnavailable):
        ledger.prove()


def test_threads_share_a_chain() -> None:
    """Without a gap and without a number given twice."""
    sink = MemorySink()
    ledger = writer_of(sink)
    threads = [threading.Thread(target=lambda: [ledger.write("x", {}) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = records(sink)
    assert [each.seq for each in found] == list(range(81))
    assert [each.prev for each in found[1:]] == [each.hash for each in found[:-1]]

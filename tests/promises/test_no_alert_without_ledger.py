"""Promise: while the ledger cannot be written, nobody is put on a screen. Everything else can be written meanwhile."""

from collections import deque
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.account import Account
from cluster.clocks import HandClock
from cluster.ledger import writer as ledger_writer
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemoryDelivery, MemorySink, MemoryTransactions
from cluster.outbox import OutboxSink
from cluster.pipeline import Pipeline
from cluster.policies.in_force import PolicyInForce
from cluster.privacy.evidence import EvidenceSink
from cluster.results import Outlets
from operators.errors import BrokerUnavailable
from operators.sightings import SightingSettings
from tests.builders import EVIDENCE_KEY, NOW, FakeIndex, FakeVision, Lane, chain, context, policy, record


class Acknowledges(MemorySink):
    """Acknowledges so many messages and no more."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def send(self, *arguments: Any) -> MemoryDelivery:
        """See `MemorySink`."""
        self.acknowledges = len(self.messages) < self.count
        return super().send(*arguments)


def test_no_alert_is_written_before_the_settings_in_force_are_in_the_ledger() -> None:
    """An alert names them: whoever reviews it must find them."""
    lane = Lane(ledger=Acknowledges(1))
    lane.source.records.append(record(b"anna"))
    pipeline = lane.pipeline()
    with pytest.raises(BrokerUnavailable, match="the ledger cannot be written, nothing goes on without it"):
        pipeline.step(0)
    assert lane.alerts.messages == []
    assert lane.source.stored == {}


def test_no_alert_is_written_once_the_ledger_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything committed; whoever reads the frames next finds the person again."""
    lane = Lane()
    pipeline = lane.pipeline()
    lane.source.records.append(record(b"anna"))
    pipeline.step(0)
    pipeline.drain()
    monkeypatch.setattr(ledger_writer, "PATIENCE_S", -1.0)
    lane.ledger.acknowledges = False
    old = int(NOW.timestamp() * 1000) - 2000
    lane.source.records.extend([record(b"bert", 1, timestamp_ms=old), record(b"bert", 2), record(b"bert", 3)])
    pipeline.step(0)  # begins to tell of the old frame, and goes on while the ledger may still answer
    with pytest.raises(BrokerUnavailable):
        pipeline.drain()
    assert lane.source.stored == {("frames", 0): 1}
    lane.ledger.acknowledges = True
    lane.source.records.append(record(b"cleo", 4))
    with pytest.raises(BrokerUnavailable):
        pipeline.step(0)
    assert [b"cleo" in message.value for message in lane.alerts.messages].count(True) == 0
    lane.source.records.append(record(b"cleo", 4))
    successor = lane.pipeline()
    successor.step(0)
    successor.drain()
    assert [b"cleo" in message.value for message in lane.alerts.messages].count(True) == 1


def test_no_alert_is_written_when_the_ledger_was_last_written_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it could be written then says nothing."""
    lane = Lane()
    pipeline = lane.pipeline()
    lane.source.records.append(record(b"anna"))
    pipeline.step(0)
    pipeline.drain()
    monkeypatch.setattr(ledger_writer, "ALIVE_S", -1.0)
    lane.ledger.acknowledges = False
    lane.source.records.append(record(b"bert", 1))
    with pytest.raises(BrokerUnavailable, match="the ledger cannot be written, nothing goes on without it"):
        pipeline.step(0)
    assert len(lane.alerts.messages) == 1


def test_in_a_transaction_nothing_is_readable_without_the_ledger() -> None:
    """Alerts wait for the commit of their frames, and that waits for the ledger."""
    source = MemoryTransactions(records=deque([record(b"anna")]))
    ledger = MemorySink()
    topics = ("alerts", "dead-letters", "evidence")
    alerts, dead_letters, evidence = (OutboxSink(source.outbox, topic) for topic in topics)
    writer = chain(ledger)
    pipeline = Pipeline(
        source,
        Outlets(alerts, dead_letters, writer, EvidenceSink(evidence, EVIDENCE_KEY)),
        cast("Any", FakeVision()),
        FakeIndex(),
        PolicyInForce(policy(sightings=SightingSettings(1, 1, 0.3, 1, 0)), b"{}"),
        context(),
        HandClock(NOW),
        Account(),
        poll_records=3,
    )
    pipeline.step(0)
    assert source.readable == []
    ledger.acknowledges = False
    with pytest.raises(BrokerUnavailable):
        writer.write("x", {}).wait(0)
    with pytest.raises(BrokerUnavailable):
        pipeline.drain()
    assert source.readable == []
    assert source.stored == {}


@given(st.lists(st.tuples(st.sampled_from([b"anna", b"bert", b"empty"]), st.booleans(), st.booleans()), max_size=8))
def test_no_alert_is_written_behind_a_broken_chain(steps: Any) -> None:
    """Whichever record of it was lost: of shed frames, or of settings that another thread tells of."""
    lane, broken = Lane(policy=policy(sightings=SightingSettings(1, 1, 0.3, 1, 0))), list[bool]()

    class Alerts(MemorySink):
        def send(self, *_: Any) -> MemoryDelivery:
            broken.append(ledger._broken is not None)
            return MemoryDelivery()

    lane.alerts = Alerts()
    pipeline = lane.pipeline()
    ledger = pipeline._ledger
    for offset, (value, is_lost, is_old) in enumerate(steps):
        at_ms = int(NOW.timestamp() * 1000) - (2000 if is_old else 0)
        lane.source.records.append(record(value, offset, timestamp_ms=at_ms))
        try:
            lane.ledger.acknowledges = not is_lost
            with suppress(BrokerUnavailable):
                ledger.write("settings.in_force", {}).wait(0)
            lane.ledger.acknowledges = True
            pipeline.step(0)
            pipeline.drain()
        except BrokerUnavailable:
            pipeline = lane.pipeline()
            ledger = pipeline._ledger
    assert not any(broken)


def test_without_the_check_an_alert_would_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control."""
    for name in ("check", "prove"):
        monkeypatch.setattr(LedgerWriter, name, lambda _: None)
    lane = Lane(ledger=Acknowledges(1))
    lane.source.records.append(record(b"anna"))
    lane.pipeline().step(0)
    assert len(lane.alerts.messages) == 1


def test_whoever_waits_for_the_ledger_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In `beholden status`, once it has taken longer than it takes with a broker that is there."""
    states: list[str | None] = []

    class Slow(MemoryDelivery):
        def wait(self, timeout_s: float) -> None:
            states.append(pipeline.waiting_for)
            with monkeypatch.context() as later:
                later.setattr(ledger_writer, "PATIENCE_S", -1.0)
                states.append(pipeline.waiting_for)

    class Topic(MemorySink):
        def send(self, *_: Any) -> MemoryDelivery:
            return Slow()

    lane = Lane(ledger=MemorySink())
    pipeline = lane.pipeline()
    lane.ledger = Topic()
    pipeline = lane.pipeline()
    lane.source.records.append(record(b"anna"))
    pipeline.step(0)
    assert states[-2:] == [None, "for the ledger, which does not acknowledge: nothing goes on without it"]
    assert pipeline.waiting_for is None

"""How long after its frame's capture an alert can be read."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest

from cluster.account import Account
from cluster.clocks import HandClock
from cluster.measures import Measured
from cluster.memory_io import MemoryDelivery, MemorySink, MemoryTransactions
from cluster.outbox import Outbox, OutboxSink
from cluster.telemetry.journal import Journal
from operators.types import FrameRef
from tests.builders import NOW, Lane, policy, record

AGES_AHEAD = 1e18  # nothing is committed between


@dataclass
class Hands:
    """Both clocks, moved together by hand."""

    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    ns: int = 1

    def pass_by(self, seconds: float) -> None:
        """So much time passes."""
        self.clock.time += timedelta(seconds=seconds)
        self.ns += int(seconds * 1e9)

    def now_ns(self) -> int:
        """The clock of acknowledgements."""
        return self.ns


class SlowBroker(MemorySink):
    """Acknowledges 1.5 s after it is waited for, and is asked about it a second later."""

    def __init__(self, hands: Hands) -> None:
        super().__init__()
        self.hands = hands

    def send(
        self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], frame: FrameRef | None = None
    ) -> MemoryDelivery:
        """See `ports.ResultSink`."""
        hands = self.hands

        class Slow(MemoryDelivery):
            def wait(self, timeout_s: float) -> None:
                hands.pass_by(1.5)
                self.acknowledged_ns = hands.ns
                hands.pass_by(1.0)

        return Slow()


def measured(lane: Lane) -> Measured:
    """What was measured."""
    return lane.account.measures.measured


def by_hand(hands: Hands) -> Lane:
    """A lane on these clocks, in which an alert is late after a second."""
    return Lane(clock=hands.clock, journal=Journal(now_ns=hands.now_ns), account=Account(objective_s=1.0))


def test_an_alert_can_be_read_once_the_broker_has_acknowledged_it() -> None:
    """Not when it was handed over, nor when somebody asked; what was late by then is late."""
    hands = Hands()
    lane = by_hand(hands)
    lane.alerts = SlowBroker(hands)
    lane.run([record(b"anna")])
    assert (measured(lane).latencies.total_s, measured(lane).late_alerts) == (pytest.approx(1.5), 1)


def test_in_a_transaction_an_alert_can_be_read_once_that_is_committed() -> None:
    """Until then it is counted as an alert and has no latency."""
    hands = Hands()
    lane, source = by_hand(hands), MemoryTransactions(outbox=Outbox(hands.now_ns))
    source.records = deque([record(b"anna"), record(b"stranger", 1)])
    lane.source, lane.alerts = source, cast("MemorySink", OutboxSink(source.outbox, "alerts"))
    lane.poll_records, lane.policy = 1, policy(max_frame_age_ms=10_000)
    pipeline = lane.pipeline()
    pipeline._committed_at = AGES_AHEAD
    pipeline.step(0)
    hands.pass_by(1.2)
    pipeline.step(0)
    assert (lane.account.alerts, measured(lane).latencies.count, source.readable) == (1, 0, [])
    pipeline.drain()
    assert (measured(lane).latencies.total_s, measured(lane).late_alerts) == (pytest.approx(1.2), 1)
    pipeline.drain()
    assert measured(lane).latencies.count == 1


def test_what_another_process_writes_is_measured_there() -> None:
    """Of a partition that leaves, what was not committed is written by whoever has it next."""
    hands, source = Hands(), MemoryTransactions(records=deque([record(b"anna")]))
    lane = by_hand(hands)
    lane.source, lane.alerts = source, cast("MemorySink", OutboxSink(source.outbox, "alerts"))
    pipeline = lane.pipeline()
    pipeline._committed_at = AGES_AHEAD
    pipeline.step(0)
    [letter] = source.outbox._letters
    source.outbox.drop([("frames", 0)])
    pipeline.rebalance([("frames", 0)], [])
    letter.delivery.acknowledged_ns = 7
    pipeline.drain()
    assert (lane.account.alerts, measured(lane).latencies.count) == (1, 0)

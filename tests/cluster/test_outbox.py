"""Messages and offsets that are committed together."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster import pipeline as pipeline_module
from cluster.account import Account, Shed
from cluster.clocks import HandClock
from cluster.memory_io import MemorySink, MemoryTransactions
from cluster.outbox import Letter, Outbox, OutboxSink
from cluster.pipeline import Pipeline
from cluster.policies.in_force import PolicyInForce
from cluster.policies.standing import Halt, Halting, nothing_halts
from cluster.ports import Record
from cluster.privacy.evidence import EvidenceSink
from cluster.results import Outlets
from operators.sightings import SightingSettings
from operators.types import FrameRef
from operators.vision import Vision
from tests.builders import EVIDENCE_KEY, NOW, FakeIndex, FakeVision, chain, context, outcomes, policy, record

EACH_TIME = SightingSettings(1, 1, 0.3, 1, 0)
HALL, GATE = ("frames", 0), ("frames", 1)


def names(letters: Sequence[Letter]) -> list[str]:
    """Their keys."""
    return [letter.key for letter in letters]


def test_a_message_waits_for_its_frame() -> None:
    """It is due with the first commit past its frame, and once."""
    outbox = Outbox()
    for partition, offset in ((0, 3), (1, 3), (0, 4)):
        OutboxSink(outbox, "alerts").send(f"{partition}/{offset}", b"", [], FrameRef("frames", partition, offset)).wait(
            0
        )
    outbox.finish({HALL: 4})
    letters, offsets = outbox.due()
    assert (names(letters), offsets) == (["0/3"], {HALL: 4})
    outbox.committed()
    outbox.finish({HALL: 5})
    outbox.finish({GATE: 9})
    letters, offsets = outbox.due()
    assert (names(letters), offsets) == (["1/3", "0/4"], {HALL: 5, GATE: 9})


def test_what_was_not_written_is_due_again_unless_it_is_dropped() -> None:
    """A refused commit keeps everything; a partition that leaves takes nothing along."""
    outbox = Outbox()
    for partition in (0, 1):
        OutboxSink(outbox, "alerts").send(str(partition), b"", [], FrameRef("frames", partition, 0))
    outbox.finish({HALL: 1, GATE: 1})
    assert names(outbox.due()[0]) == ["0", "1"]
    outbox.drop([HALL])
    letters, offsets = outbox.due()
    assert (names(letters), offsets) == (["1"], {GATE: 1})


PICTURES = (b"anna", b"empty", b"rubbish", b"anna bert")
EXPECTED = {b"anna": 2, b"empty": 0, b"rubbish": 1, b"anna bert": 4}  # each alert with its evidence


@settings(max_examples=20)
@given(
    shots=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(PICTURES)), max_size=24),
    lives=st.lists(st.integers(1, 4), max_size=6),
    interval_s=st.sampled_from([0.0, 1e9]),
    wait_s=st.sampled_from([0.0, 1e9]),
)
def test_killed_at_any_step_every_result_is_readable_once(
    shots: list[tuple[int, bytes]], lives: list[int], interval_s: float, wait_s: float
) -> None:
    """After every step what can be read are the results of the committed frames, no more and no less."""
    apart = int(NOW.timestamp() * 1000)  # each frame a passage of its own, so that everyone alerts every time
    topic = [
        record(jpeg, 10 * at, partition, timestamp_ms=apart + 100 * at) for at, (partition, jpeg) in enumerate(shots)
    ]
    readable: list[Letter] = []
    committed: dict[tuple[str, int], int] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_module, "COMMIT_INTERVAL_S", interval_s)
        patch.setattr(pipeline_module, "RESULT_WAIT_S", wait_s)
        for steps in [*lives, len(topic) + 2]:
            source, pipeline = lane(topic, committed, readable)
            for _ in range(steps):
                pipeline.step(0)
                check(source.readable, topic, source.stored)
            readable, committed = source.readable, source.stored
    assert len(readable) == sum(EXPECTED[jpeg] for _, jpeg in shots)


def test_an_alert_waits_for_a_tenth_of_a_second_and_frames_without_one_for_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While frames come without pause: a transaction for each batch would cost more than it is worth."""
    times = [100.0]
    monkeypatch.setattr("cluster.pipeline.time.monotonic", lambda: times[0])
    source, pipeline = lane([record(b"empty", 0)], {}, [], poll_records=1)
    pipeline.step(0)
    done = []
    for offset, (at_s, jpeg) in enumerate([(0.11, b"anna"), (0.2, b"bert"), (0.3, b"empty"), (0.9, b"empty")], 1):
        times[0] = 100.0 + at_s
        source.records.append(record(jpeg, offset))
        pipeline.step(0)
        done.append((len(source.readable), source.stored[HALL]))
    assert done == [(2, 2), (2, 2), (4, 4), (4, 4)]


def test_once_stopped_what_was_decided_before_is_readable_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for no commit that is due later, and for no passage that was to be confirmed."""
    monkeypatch.setattr(pipeline_module, "COMMIT_INTERVAL_S", 1e9)
    orders: list[Halt] = []
    twice = SightingSettings(2, 3, 0.3, 60000, 0)
    topic = [record(b"bert", 0, key=b"hall"), record(b"anna", 1), record(b"anna", 2), record(b"bert", 3, key=b"hall")]
    source, pipeline = lane(topic[:3], {}, [], twice, lambda _: orders[0] if orders else None)
    pipeline._endings.committed_at = 1e18
    pipeline.step(0)
    pipeline.step(0)
    assert (source.readable, source.stored) == ([], {})
    orders.append(Halt(Shed.STOPPED, "stopped"))
    source.records.append(topic[3])
    pipeline.step(0)
    assert [letter.topic for letter in source.readable] == ["evidence", "alerts"]
    assert source.stored[HALL] >= 3
    pipeline.drain()
    assert source.stored == {HALL: 4}
    assert outcomes(pipeline.account) == {
        ("alerted", "candidate"): 1,
        ("no_match", "unconfirmed"): 2,
        ("shed", "stopped"): 1,
    }


def lane(
    topic: Sequence[Record],
    committed: Mapping[tuple[str, int], int],
    readable: list[Letter],
    sightings: SightingSettings = EACH_TIME,
    halting: Halting = nothing_halts,
    poll_records: int = 3,
) -> tuple[MemoryTransactions, Pipeline]:
    """A lane that starts at the last commits."""
    left = [one for one in topic if one.ref.offset >= committed.get((one.ref.topic, one.ref.partition), 0)]
    source = MemoryTransactions(records=deque(left), stored=dict(committed), readable=readable)
    alerts, dead_letters, evidence = (
        OutboxSink(source.outbox, topic) for topic in ("alerts", "dead-letters", "evidence")
    )
    outlets = Outlets(alerts, dead_letters, chain(MemorySink()), EvidenceSink(evidence, EVIDENCE_KEY))
    alerts_each_time = policy(sightings=sightings, max_frame_age_ms=10**9)
    pipeline = Pipeline(
        source,
        outlets,
        cast("Vision", FakeVision()),
        FakeIndex(),
        PolicyInForce(alerts_each_time, b"{}"),
        context(),
        HandClock(NOW),
        Account(),
        poll_records=poll_records,
        halting=halting,
    )
    return source, pipeline


def check(readable: Sequence[Letter], topic: Sequence[Record], committed: Mapping[tuple[str, int], int]) -> None:
    """Results that can be read are those of committed frames."""
    expected = [
        one.ref
        for one in topic
        if one.ref.offset < committed.get((one.ref.topic, one.ref.partition), 0)
        for _ in range(EXPECTED[one.value])
    ]
    assert sorted((letter.frame for letter in readable), key=str) == sorted(expected, key=str)

"""Whose traces are kept, and that nothing is noted of anybody else's for longer than the frame takes."""

from datetime import timedelta
from typing import Any

import pytest

from cluster.account import Outcome
from cluster.telemetry import journal as module
from cluster.telemetry.context import TraceContext, is_in_share, parse_traceparent
from cluster.telemetry.journal import Journal, Rule
from cluster.telemetry.stamps import NOT_YET, Kept
from tests.builders import FakeIndex, Lane, policy, record
from tests.cluster.telemetry.lanes import Traced, lane

SAMPLED, NOT_SAMPLED = str(TraceContext(5, 7, sampled=True)), str(TraceContext(5, 7, sampled=False))


def _kept(traced: Traced) -> list[tuple[int, Kept | None]]:
    return [(entry.ref.offset, entry.kept) for entry in traced.kept]


@pytest.mark.parametrize(
    ("frame", "changes", "kept"),
    [
        (record(b"anna"), {}, Kept.ALERT),
        (record(b"no picture"), {}, Kept.ERROR),
        (record(b"stranger", key=None), {}, Kept.ERROR),
        (record(b"stranger"), {"index": FakeIndex(silent=1)}, Kept.ERROR),
        (record(b"stranger", timestamp_ms=1769860799400), {}, Kept.LATE),
        (record(b"stranger", timestamp_ms=1769860799500), {}, None),
        (record(b"stranger"), {}, None),
        (record(b"empty"), {}, None),
        (record(b"stranger", headers={"traceparent": SAMPLED.encode()}), {}, Kept.SHARE),
        (record(b"stranger", headers={"traceparent": NOT_SAMPLED.encode()}), {}, None),
        (record(b"anna", headers={"traceparent": NOT_SAMPLED.encode()}), {}, Kept.ALERT),
        (record(b"stranger", timestamp_ms=1769860700000, headers={"traceparent": SAMPLED.encode()}), {}, Kept.SHARE),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, Kept | None) else "",
)
def test_alerts_errors_late_frames_and_what_the_camera_says_are_kept(
    frame: Any, changes: dict[str, Any], kept: Kept | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The objective is 500 ms; half a second is in time. Shed frames count by their camera's word alone."""
    monkeypatch.setattr("cluster.searching.RETRY_SEARCH_S", 0.0)
    monkeypatch.setattr("cluster.searching.LONGEST_RETRY_SEARCH_S", 0.0)
    traced = Traced()
    lane(traced, **changes).run([frame])
    assert [entry.kept for entry in traced.kept] == ([] if kept is None else [kept])


def test_without_a_camera_s_word_the_trace_id_decides() -> None:
    """A share of all frames, and by the rule that every process follows."""
    traced = Traced(Rule(share=0.25, objective_ms=500))
    lane(traced).run([record(b"stranger", at) for at in range(800)])
    assert 130 < len(traced.kept) < 270  # six standard deviations
    assert {entry.kept for entry in traced.kept} == {Kept.SHARE}
    assert all(entry.sender and is_in_share(entry.sender.trace_id, 0.25) for entry in traced.kept)
    assert not any(entry.has_sender for entry in traced.kept)


@pytest.mark.parametrize("rule", [None, Rule(0.0, 500), Rule(1.0, 500)])
def test_when_every_frame_has_its_end_nothing_is_noted_any_more(rule: Rule | None) -> None:
    """Whichever way they end, and whether they are traced or not."""
    traced = Traced(rule)
    there = lane(traced, policy=policy(cameras=("gate", "hall")))
    old, foreign = {"timestamp_ms": 1769850000000}, {"key": b"elsewhere"}
    frames = [record(b"anna"), record(b"stranger", 1), record(b"broken", 2), record(b"bert", 3, **old)]
    there.run([*frames, record(b"anna", 4, **foreign), record(b"anna", 5)])
    assert there.account.open == 0
    assert there.journal is not None
    assert len(there.journal) == 0
    assert len(traced.kept) == {None: 0, 0.0: 3, 1.0: 6}[rule.share if rule else None]


def test_a_lane_without_a_journal_leaves_the_camera_s_context_in_the_alert() -> None:
    """Whoever reads the alert then goes on from the camera's span, as before."""
    there = Lane()
    there.run([record(b"anna", headers={"traceparent": SAMPLED.encode()})])
    assert dict(there.alerts.messages[0].headers)["traceparent"].decode() == SAMPLED


def test_an_alert_carries_its_own_span_in_the_camera_s_trace() -> None:
    """Two alerts of one frame are two spans; both are sampled, whatever the camera has said."""
    traced = Traced()
    there = lane(traced)
    there.run([record(b"anna bert", headers={"traceparent": NOT_SAMPLED.encode()})])
    told = [parse_traceparent(dict(message.headers)["traceparent"].decode()) for message in there.alerts.messages]
    [entry] = traced.kept
    assert told == [sent.context for sent in entry.alerts]
    assert len({one.span_id for one in told if one}) == 2
    assert {(one.trace_id, one.sampled) for one in told if one} == {(5, True)}


def test_a_frame_that_another_process_takes_over_is_told_of_by_that_one() -> None:
    """What has no end is dropped; what has one and is not committed is told of without its commit."""
    traced = Traced()
    there = lane(traced)
    there.source.records.extend([record(b"anna"), record(b"bert", 0, 1)])
    pipeline = there.pipeline()
    journal = there.journal
    assert journal is not None
    journal.polled(0, 1)
    journal.take(record(b"", 9, 2).ref)
    pipeline.step(0)
    pipeline.rebalance([("frames", 0), ("frames", 2)], [("frames", 1)])
    assert len(journal) == 0
    there_and_here = [(entry.ref.partition, entry.commit != NOT_YET) for entry in traced.kept]
    assert there_and_here == [(0, False), (1, True)]


def test_what_waits_for_a_commit_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is told of without it."""
    monkeypatch.setattr(module, "MOST_UNCOMMITTED", 2)
    traced = Traced(Rule(1.0, 500))
    journal = traced.journal()
    journal.polled(0, 4)
    for at in range(4):
        ref = record(b"", at).ref
        journal.take(ref)
        journal.end(ref, Outcome.NO_MATCH, "no_face")
        journal.written(ref)
    assert [entry.ref.offset for entry in traced.kept] == [0, 1]
    assert len(journal) == 2
    journal.close()
    assert [entry.ref.offset for entry in traced.kept] == [0, 1, 2, 3]


def test_a_journal_that_is_off_notes_nothing() -> None:
    """And changes no frame."""
    journal, frame = Journal(), record(b"x").ref
    journal.polled(0, 1)
    journal.take(frame)
    assert len(journal) == 0


def test_frames_that_come_again_are_not_noted_twice() -> None:
    """After a rebalance they are passed over, and the trace they have is theirs."""
    traced = Traced()
    there = lane(traced)
    pipeline = there.run([record(b"anna")])
    pipeline.rebalance([("frames", 0)], [("frames", 0)])
    there.source.records.append(record(b"anna"))
    pipeline.step(0)
    pipeline.drain()
    assert len(traced.kept) == 1
    assert there.journal is not None
    assert len(there.journal) == 0


def test_a_frame_s_own_age_is_what_the_objective_is_held_against() -> None:
    """On the lane's clock, not on the one that stages are timed by."""
    traced = Traced()
    there = lane(traced)
    there.clock.time += timedelta(milliseconds=501)
    there.run([record(b"stranger")])
    assert [entry.age_ms for entry in traced.kept] == [501.0]

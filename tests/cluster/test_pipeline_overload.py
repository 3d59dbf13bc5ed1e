"""More frames than can be looked at: what is shed, what the ledger says of it, and when it is committed."""

from datetime import timedelta
from typing import Any

import pytest

from cluster import intake
from cluster.account import Shed
from operators.errors import BrokerUnavailable
from operators.freshness import CameraFreshness, FreshnessRule, Rule
from tests.builders import NOW, Lane, intervals, outcomes, policy, record, shed_in_ledger

FRAMES = ("frames", 0)
NEWEST = policy(freshness=FreshnessRule(Rule.NEWEST))


def at(offset: int, age_ms: int = 0, value: bytes = b"empty", partition: int = 0, key: bytes = b"gate") -> Any:
    """A frame of some age."""
    return record(value, offset, partition, key=key, timestamp_ms=int(NOW.timestamp() * 1000) - age_ms)


def test_a_burst_is_one_interval_of_the_ledger_and_not_a_record_a_frame() -> None:
    """Camera, reason, count, and from when to when."""
    lane = Lane(policy=NEWEST, poll_records=2)
    lane.run([at(offset, 900 - 100 * offset) for offset in range(8)])
    assert outcomes(lane.account) == {("shed", "superseded"): 6, ("no_match", "no_face"): 2}
    [found] = intervals(lane)
    assert (found.cameras, found.reason, found.frames) == (("gate",), Shed.SUPERSEDED, 6)
    assert (found.begin, found.end) == (NOW - timedelta(milliseconds=900), NOW - timedelta(milliseconds=400))
    assert (found.first, found.last) == (0, 5)
    assert found.partition == 0
    assert lane.source.stored == {FRAMES: 8}


def test_nothing_is_committed_past_a_shed_frame_that_the_ledger_does_not_know() -> None:
    """Its account is given back when the ledger cannot be written, and whoever reads next sheds it anew."""
    lane = Lane()
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0), at(1, 2000), at(2)])
    pipeline.step(0)
    pipeline.step(0)
    assert lane.source.stored == {FRAMES: 1}
    assert intervals(lane) == []
    lane.ledger.acknowledges = False
    with pytest.raises(BrokerUnavailable):
        pipeline.drain()
    lane.account.give_back()
    assert lane.source.stored == {FRAMES: 1}
    assert (lane.account.given_back, outcomes(lane.account)) == (1, {("no_match", "no_face"): 2})
    assert shed_in_ledger(lane) == {}


def test_an_alert_does_not_wait_for_an_interval_that_goes_on() -> None:
    """Frames before it are shed all the time; its own is committed by the next commit nevertheless."""
    lane = Lane(policy=policy(freshness=FreshnessRule(Rule.SAMPLE, 1.0)))
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0), at(1, -900), at(2, -1000, b"anna"), at(3, -1001)])
    pipeline.step(0)
    pipeline.step(0)
    assert lane.source.stored == {FRAMES: 4}
    lane.source.records.extend([at(4, -1002), at(5, -1003)])
    pipeline.step(0)
    pipeline.step(0)
    assert lane.source.stored == {FRAMES: 4}
    assert [each.frames for each in intervals(lane)] == [2]


def test_what_kafka_deleted_before_it_was_read_is_accounted_for() -> None:
    """All offsets from the last commit on; that a topic has no record at an offset is not enough."""
    lane = Lane()
    pipeline = lane.pipeline()
    lane.source.stored = {FRAMES: 10, ("frames", 1): 10}
    lane.source.deleted = {FRAMES: 15}
    pipeline.rebalance([], [FRAMES, ("frames", 1)])
    lane.source.records.extend([at(15), at(16), at(18), at(12, partition=1, key=b"hall")])
    while pipeline.step(0):
        pass
    pipeline.drain()
    assert outcomes(lane.account) == {("shed", "expired"): 5, ("no_match", "no_face"): 4}
    [found] = intervals(lane)
    assert (found.reason, found.frames, found.partition, found.end) == (Shed.EXPIRED, 5, 0, NOW)
    assert (found.first, found.last) == (10, 14)
    assert lane.source.stored == {FRAMES: 19, ("frames", 1): 13}


def test_what_others_have_committed_meanwhile_is_not_missing() -> None:
    """A member that was given up and taken in again goes on where the others have stopped."""
    lane = Lane()
    pipeline = lane.run([at(0), at(1)])
    lane.source.stored = lane.source.deleted = {FRAMES: 7}
    pipeline.rebalance([FRAMES], [FRAMES])
    lane.source.records.append(at(7))
    while pipeline.step(0):
        pass
    assert outcomes(lane.account) == {("no_match", "no_face"): 3}


def test_an_interval_ends_after_a_second_without_and_after_ten_seconds_anyway() -> None:
    """Then it is written, and its frames are committed, while frames go on coming."""
    lane = Lane(policy=policy(max_frame_age_ms=10))
    pipeline = lane.pipeline()
    for second in range(12):
        lane.clock.time = NOW + timedelta(seconds=second)
        lane.source.records.append(at(second, 1000 - 1000 * second))
        pipeline.step(0)
    assert [each.frames for each in intervals(lane)] == [11]
    lane.clock.time += timedelta(seconds=1.1)
    pipeline.step(0)
    assert [each.frames for each in intervals(lane)] == [11, 1]
    assert lane.source.stored == {FRAMES: 12}


def test_a_gap_in_what_was_shed_is_two_intervals() -> None:
    """In between the camera was watched."""
    lane = Lane()
    lane.run([at(0, 5000), at(1, 4000), at(2, 2000), at(3)])
    assert [(each.frames, each.end - each.begin) for each in intervals(lane)] == [
        (2, timedelta(seconds=1)),
        (1, timedelta()),
    ]


def test_frames_that_wait_are_not_committed_and_a_full_queue_is_not_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The partition is held until it has been worked off; others are polled."""
    monkeypatch.setattr(intake, "QUEUE_BYTES", 12)
    lane = Lane(poll_records=1)
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0), at(1), at(2), at(3)])
    held = []
    for _ in range(5):
        pipeline.step(0)
        held.append(set(lane.source.held))
    assert held == [set(), {FRAMES}, set(), set(), set()]
    assert lane.account.open == 0


def test_waiting_frames_of_a_partition_that_went_elsewhere_are_given_back() -> None:
    """Neither looked at here nor counted here; what was shed and not yet written goes with them."""
    lane = Lane(poll_records=1)
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0), at(1), at(2, 2000), at(0, partition=1, key=b"hall")])
    pipeline.step(0)
    pipeline.rebalance([FRAMES], [])
    while pipeline.step(0):
        pass
    pipeline.drain()
    assert (lane.account.frames_in, lane.account.given_back, lane.account.open) == (2, 2, 0)
    assert outcomes(lane.account) == {("no_match", "no_face"): 2}
    assert intervals(lane) == []


def test_waiting_frames_of_a_partition_that_stays_are_looked_at_once() -> None:
    """They come again with it, and are passed over."""
    lane = Lane(poll_records=1)
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0), at(1)])
    pipeline.step(0)
    pipeline.rebalance([FRAMES], [FRAMES])
    lane.source.records.extend([at(0), at(1), at(2)])
    while pipeline.step(0):
        pass
    assert outcomes(lane.account) == {("no_match", "no_face"): 3}


def test_a_lane_far_behind_jumps_to_what_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it jumped over is counted by offsets, told of for the partition's cameras, and committed after that."""
    monkeypatch.setattr(intake, "POLL_FRAMES", 1)
    lane = Lane()
    lane.run([at(offset, 20_000 - 1000 * offset) for offset in range(21)])
    assert outcomes(lane.account) == {("shed", "too_old"): 1, ("shed", "skipped"): 18, ("no_match", "no_face"): 2}
    found = {each.reason: each for each in intervals(lane)}
    assert (found[Shed.SKIPPED].cameras, found[Shed.SKIPPED].frames) == (("gate",), 18)
    assert found[Shed.SKIPPED].end == NOW - timedelta(seconds=1)
    assert shed_in_ledger(lane) == {"too_old": 1, "skipped": 18}
    assert lane.source.stored == {FRAMES: 21}


def test_what_was_seen_before_a_rebalance_is_not_counted_as_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offsets come again and are jumped over: they have their end already."""
    monkeypatch.setattr(intake, "POLL_FRAMES", 2)
    lane = Lane(policy=policy(max_frame_age_ms=5000))
    pipeline = lane.pipeline()
    lane.source.records.extend([at(0, 3000), at(1, 3000), at(2, 3000)])
    while pipeline.step(0):
        pass
    pipeline.rebalance([FRAMES], [FRAMES])
    lane.clock.time = NOW + timedelta(seconds=10)
    lane.source.records.extend([at(0, 3000), at(1, 3000), at(2, 3000), at(3, 2000), at(4, -9000)])
    while pipeline.step(0):
        pass
    pipeline.drain()
    assert lane.account.frames_in == 5
    assert shed_in_ledger(lane) == {"skipped": 1}


def test_sampled_frames_are_accounted_for_as_such() -> None:
    """One frame a second of one camera, all of another."""
    rule = FreshnessRule(Rule.EVERY, cameras={"hall": CameraFreshness(Rule.SAMPLE, 1.0)})
    lane = Lane(policy=policy(freshness=rule))
    lane.run([at(n, 800 - 200 * n, key=key) for n, key in enumerate([b"hall", b"hall", b"gate", b"hall", b"hall"])])
    assert outcomes(lane.account)["shed", "sampled"] == 2
    assert lane.account.watched == {"hall": 2, "gate": 1}


def test_the_account_knows_how_old_frames_were_when_they_were_decided() -> None:
    """Counted in steps of 50 ms, by their end."""
    lane = Lane()
    lane.run([at(0, 0), at(1, 49), at(2, 50), at(3, 999), at(4, -5)])
    assert lane.account.summary()["ages_ms"] == {"0": 1, "50": 2, "100": 1, "1000": 1}


def test_times_outside_the_calendar_stop_nothing() -> None:
    """Whatever a camera says of its clock."""
    first, last = "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"
    lane = Lane(policy=policy(max_frame_age_ms=2**52, freshness=FreshnessRule(Rule.SAMPLE, 2.0)))
    times = [first, last, first]
    lane.run([record(b"empty", n, headers={"captured_at": t.encode()}) for n, t in enumerate(times)])
    assert lane.account.open == 0

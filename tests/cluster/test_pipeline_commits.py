"""What is committed, and when: acknowledgements, rebalances, crashes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cluster import pipeline as pipeline_module
from cluster.memory_io import MemoryDelivery, MemorySink, Message
from operators.errors import BrokerUnavailable
from operators.types import FrameRef
from tests.builders import NOW, Lane, outcomes, policy, record

FRAMES = ("frames", 0)


def test_nothing_is_committed_past_a_message_that_is_not_acknowledged() -> None:
    """Alert or dead letter: the process ends with BrokerUnavailable, and a successor starts before that frame."""
    for value in (b"anna", b"rubbish"):
        lane = Lane(poll_records=2)
        lane.alerts.acknowledges = lane.dead_letters.acknowledges = False
        with pytest.raises(BrokerUnavailable):
            lane.run([record(b"empty", 0), record(value, 1), record(b"empty", 2), record(b"empty", 3)])
        assert lane.source.stored == {FRAMES: 1}


def test_a_message_in_flight_holds_back_its_partition_only() -> None:
    """Others are committed at once, it follows when it is acknowledged."""
    lane = Lane()
    pipeline = lane.pipeline()
    lane.source.records.extend([record(b"anna", 0, 0), record(b"empty", 1, 0), record(b"empty", 0, 1)])
    pipeline.step(0)
    assert lane.source.stored == {("frames", 1): 1}
    pipeline.step(0)
    assert lane.source.stored == {("frames", 0): 2, ("frames", 1): 1}


class NotedDelivery(MemoryDelivery):
    """Remembers that somebody waited."""

    def __init__(self, waited: list[int], number: int) -> None:
        super().__init__()
        self._note = (waited, number)

    def wait(self, timeout_s: float) -> None:
        """Note it."""
        waited, number = self._note
        waited.append(number)


class NotedSink(MemorySink):
    """Remembers for which messages somebody waited, in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[int] = []

    def send(
        self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], frame: FrameRef | None = None
    ) -> MemoryDelivery:
        """See `MemorySink`."""
        self.messages.append(Message(key, value, headers))
        return NotedDelivery(self.waited, len(self.messages) - 1)


def test_acknowledgements_are_awaited_after_the_next_batch_and_before_any_commit() -> None:
    """The wait of one batch hides behind the computing of the next."""
    lane = Lane(poll_records=1)
    lane.alerts = sink = NotedSink()
    pipeline = lane.pipeline()
    lane.source.records.extend([record(b"anna", 0), record(b"bert", 1)])
    pipeline.step(0)
    assert (len(lane.alerts.messages), sink.waited, lane.source.stored) == (1, [], {})
    pipeline.step(0)
    assert (len(lane.alerts.messages), sink.waited) == (2, [0])
    pipeline.drain()
    assert (sink.waited, lane.source.stored) == ([0, 1], {FRAMES: 2})


def test_commits_are_a_second_apart_while_frames_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round trip a batch would cost more than frames processed again after a crash."""
    times = [100.0]
    monkeypatch.setattr("cluster.pipeline.time.monotonic", lambda: times[0])
    lane = Lane(poll_records=1)
    pipeline = lane.pipeline()
    lane.source.records.extend(record(b"empty", offset) for offset in range(4))
    committed = []
    for times[0] in (100.0, 100.5, 100.99, 101.0):
        pipeline.step(0)
        committed.append(lane.source.stored[FRAMES])
    assert committed == [1, 1, 1, 4]


def test_whoever_takes_over_is_told_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each poll names what a successor may continue from: never past a message that is not acknowledged yet."""
    monkeypatch.setattr("cluster.pipeline.time.monotonic", lambda: 0.0)
    lane = Lane(poll_records=3)
    pipeline = lane.pipeline()
    batch = [record(b"empty", 0, 0), record(b"anna", 1, 0), record(b"empty", 0, 1)]
    lane.source.records.extend([*batch, record(b"empty", 2, 0), record(b"empty", 1, 1), record(b"empty", 2, 1)])
    told = []
    for _ in range(3):
        pipeline.step(0)
        told.append(dict(lane.source.finished))
    hall = ("frames", 1)
    assert told == [{}, {FRAMES: 1, hall: 1}, {FRAMES: 3, hall: 3}]


def test_a_rebalance_forgets_cameras_that_went_elsewhere_and_keeps_the_others() -> None:
    """A partition that stays here begins again at its last commit, and its passages and cool-downs go on."""
    lane = Lane()
    pipeline = lane.run([record(b"anna", 0, 0), record(b"anna", 0, 1, key=b"hall")])
    pipeline.rebalance([FRAMES, ("frames", 1)], [FRAMES])
    lane.source.records.extend([record(b"anna", 1, 0), record(b"anna", 1, 1, key=b"hall")])
    pipeline.step(0)
    assert outcomes(lane.account) == {("alerted", "candidate"): 3, ("no_match", "repeated"): 1}


def test_lost_partitions_are_not_committed() -> None:
    """Neither what was in flight nor what was finished; other partitions are."""
    lane = Lane(poll_records=9)
    pipeline = lane.pipeline()
    lane.source.records.extend([record(b"anna", 0, 0), record(b"empty", 1, 0), record(b"bert", 0, 1)])
    pipeline.step(0)
    pipeline.rebalance([FRAMES], [])
    pipeline.step(0)
    assert lane.source.stored == {("frames", 1): 1}


def test_a_partition_that_comes_back_waits_for_its_own_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """An acknowledgement from before it was lost must not finish a frame that is processed anew."""
    monkeypatch.setattr(pipeline_module, "COMMIT_INTERVAL_S", 0.0)
    lane = Lane()
    pipeline = lane.pipeline()
    lane.source.records.append(record(b"anna", 0))
    pipeline.step(0)
    pipeline.rebalance([FRAMES], [])
    lane.alerts.acknowledges = False
    lane.source.records.append(record(b"anna", 0))
    pipeline.step(0)
    assert lane.source.stored == {}
    with pytest.raises(BrokerUnavailable):
        pipeline.step(0)
    assert lane.source.stored == {}


def test_a_camera_that_moved_to_another_partition_is_not_forgotten_with_the_old_one() -> None:
    """Its passage and cool-down go on here."""
    lane = Lane()
    pipeline = lane.run([record(b"anna", 0, 0), record(b"stranger", 0, 1)])
    pipeline.rebalance([FRAMES], [])
    lane.source.records.append(record(b"anna", 1, 1))
    pipeline.step(0)
    assert outcomes(lane.account)["no_match", "repeated"] == 1


def test_an_alert_in_flight_is_awaited_before_a_partition_changes_hands() -> None:
    """Otherwise its frame, coming again, would be a repetition of an alert that nobody ever got."""
    lane = Lane()
    lane.alerts.acknowledges = False
    pipeline = lane.pipeline()
    lane.source.records.append(record(b"anna"))
    pipeline.step(0)
    with pytest.raises(BrokerUnavailable):
        pipeline.rebalance([FRAMES], [FRAMES])
    assert lane.source.stored == {}


def test_a_frame_that_comes_again_after_a_rebalance_confirms_nothing() -> None:
    """Two of three frames must agree: the same frame twice is one frame, and is accounted for once."""
    lane = Lane(policy=policy(sightings=replace(policy().sightings, confirm_frames=2, of_frames=3)))
    pipeline = lane.pipeline()
    lane.source.records.append(record(b"anna", 0))
    pipeline.step(0)
    pipeline.rebalance([FRAMES], [FRAMES])
    lane.source.records.append(record(b"anna", 0))
    pipeline.step(0)
    assert outcomes(lane.account) == {("no_match", "unconfirmed"): 1}
    lane.source.records.append(record(b"anna", 1))
    pipeline.step(0)
    assert outcomes(lane.account) == {("no_match", "unconfirmed"): 1, ("alerted", "candidate"): 1}
    assert lane.source.stored == {}
    pipeline.drain()
    assert lane.source.stored == {FRAMES: 2}


def _confirming(**changes: Any) -> Lane:
    """A lane that needs two of three frames."""
    return Lane(policy=policy(sightings=replace(policy().sightings, confirm_frames=2, of_frames=3)), **changes)


def test_whoever_takes_over_needs_no_more_frames_than_the_policy_asks_for() -> None:
    """The first frame of a person who is not confirmed yet is not committed: a successor counts it again."""
    lane = _confirming()
    lane.run([record(b"stranger", 0), record(b"anna", 1)])
    assert lane.source.stored == {FRAMES: 1}
    assert lane.alerts.messages == []
    lane.run([record(b"anna", 1), record(b"anna", 2), record(b"stranger", 3)])
    assert len(lane.alerts.messages) == 1
    assert lane.source.stored == {FRAMES: 4}


def test_frames_that_led_to_an_alert_wait_until_it_is_written() -> None:
    """Were the alert lost, whoever has to find it again would need them."""
    lane = _confirming(alerts=MemorySink(acknowledges=False), poll_records=4)
    pipeline = lane.pipeline()
    lane.source.records.extend(record(b"anna" if offset < 2 else b"empty", offset) for offset in range(8))
    pipeline.step(0)
    with pytest.raises(BrokerUnavailable):
        pipeline.step(0)
    assert lane.source.finished == {}
    assert lane.source.stored == {}


def test_a_person_who_goes_unconfirmed_does_not_hold_a_partition_for_ever() -> None:
    """When no frame waits to be read and the passage must be over, the offset moves on."""
    lane = _confirming()
    pipeline = lane.run([record(b"anna", 0)])
    assert lane.source.stored == {}
    lane.clock.time += timedelta(seconds=7)
    lane.source.records.append(record(b"anna", 1, key=b"hall"))
    pipeline.drain()
    assert lane.source.stored == {}
    lane.source.records.clear()
    pipeline.step(0)
    assert lane.source.stored == {FRAMES: 1}


def test_what_others_have_alerted_about_is_neither_alerted_nor_written_again() -> None:
    """The frame is accounted for as what it was; alerts of other deployments, and what is none, change nothing."""
    before, lane = Lane(), Lane()
    before.run([record(b"anna", 0)])
    [told] = before.alerts.messages
    pipeline = lane.pipeline()
    pipeline.recall([told.value, b"garbage", told.value.replace(b'"deployment":"test"', b'"deployment":"other"')])
    lane.source.records.extend([record(b"anna", 0), record(b"anna", 1), record(b"bert", 2)])
    while pipeline.step(0):
        pass
    assert [json.loads(message.value)["entry"] for message in lane.alerts.messages] == ["bert"]
    assert lane.source.stored == {FRAMES: 3}
    assert pipeline.recall_from == NOW - timedelta(seconds=60 + 1 + 2)

import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster import intake, searching
from cluster import pipeline as pipeline_module
from cluster.memory_io import MemorySource
from cluster.ports import Record
from operators.errors import IndexIncomplete
from operators.sightings import SightingSettings
from operators.types import FrameRef
from tests.builders import (
    CAMERAS,
    NOW,
    FakeIndex,
    FakeVision,
    Lane,
    alert_schema,
    entry,
    outcomes,
    policy,
    record,
    unit,
)

SCHEMA = alert_schema()
FRAMES = ("frames", 0)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches are repeated at once."""
    monkeypatch.setattr(searching, "RETRY_SEARCH_S", 0.0)


def _bodies(lane: Lane) -> list[dict[str, Any]]:
    return [json.loads(message.value) for message in lane.alerts.messages]


def _ids(lane: Lane) -> list[str]:
    return [body["alert_id"] for body in _bodies(lane)]


def _by_camera(lane: Lane) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for body in _bodies(lane):
        found.setdefault(body["camera"], []).append(body["alert_id"])
    return found


def _letters(lane: Lane) -> list[tuple[str, str]]:
    return [(message.key, json.loads(message.value)["reason"]) for message in lane.dead_letters.messages]


def test_a_frame_of_a_sought_person_becomes_an_alert() -> None:
    """Keyed by camera, valid, with the evidence of its own frame."""
    lane = Lane()
    lane.run([record(b"blurred stranger anna", 4, 2, headers={"seq": b"9"})])
    [message] = lane.alerts.messages
    [body] = _bodies(lane)
    SCHEMA.validate(body)
    assert (message.key, body["entry"], body["cosine"], body["threshold"]) == ("gate", "anna", 1.0, 0.6)
    assert body["frame"] == {"topic": "frames", "partition": 2, "offset": 4, "stream": None, "seq": 9}
    assert body["face"]["number"] == 2
    assert body["face"]["box_px"] == [200, 10, 280, 90]
    assert outcomes(lane.account) == {("alerted", "candidate"): 1}
    assert lane.source.stored == {("frames", 2): 5}


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"empty", "no_face"), (b"blurred", "gated"), (b"stranger", "below_threshold"), (b"blurred stranger", None)],
)
def test_a_frame_without_match_says_why(value: bytes, reason: str | None) -> None:
    """The farthest stage any of its faces reached; nothing is written anywhere."""
    lane = Lane()
    lane.run([record(value)])
    assert outcomes(lane.account) == {("no_match", reason or "below_threshold"): 1}
    assert lane.alerts.messages == lane.dead_letters.messages == []
    assert lane.source.stored == {FRAMES: 1}


def test_unconfirmed_and_repeated_matches_are_no_alerts() -> None:
    """Each has its own reason."""
    settings = SightingSettings(confirm_frames=2, of_frames=2, passage_overlap=0.3, passage_gap_ms=2000, cool_down_s=60)
    lane = Lane(policy=policy(sightings=settings))
    lane.run([record(b"anna", offset) for offset in range(3)])
    assert outcomes(lane.account) == {
        ("no_match", "unconfirmed"): 1,
        ("alerted", "candidate"): 1,
        ("no_match", "repeated"): 1,
    }
    [body] = _bodies(lane)
    assert body["frame"]["offset"] == 1
    assert body["passage"]["frames"] == 2


def test_two_people_in_one_frame_are_two_alerts_of_one_frame() -> None:
    """The frame is counted once, the faces each."""
    lane = Lane()
    lane.run([record(b"anna blurred bert stranger")])
    assert sorted(body["entry"] for body in _bodies(lane)) == ["anna", "bert"]
    assert len(set(_ids(lane))) == 2
    assert outcomes(lane.account) == {("alerted", "candidate"): 1}
    assert (lane.account.alerts, dict(lane.account.faces)) == (2, {"blurred": 1, "compared": 3})


def test_all_candidates_are_named_best_first() -> None:
    """The face between two people names both; the camera with a higher threshold too."""
    lane = Lane()
    lane.run([record(b"half", 0), record(b"half", 1, key=b"hall")])
    for body, threshold in zip(_bodies(lane), (0.6, 0.7), strict=True):
        assert [one["entry"] for one in body["candidates"]] == ["anna", "bert"]
        assert body["threshold"] == threshold


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": None}, "no_camera"),
        ({"key": b"\xff"}, "camera_id_invalid"),
        ({"key": b"roof"}, "unknown_camera"),
        ({"headers": {"seq": b"x"}}, "metadata_invalid"),
        ({"headers": {"captured_at": b"9999-12-31T23:59:59-23:00"}}, "metadata_invalid"),
        ({"timestamp_ms": 2**62}, "metadata_invalid"),
        ({"value": b"no picture"}, "not_jpeg"),
        ({"value": b"\x00\xff"}, "not_jpeg"),
    ],
)
def test_a_bad_frame_among_good_ones_loses_nothing_else(changes: dict[str, Any], reason: str) -> None:
    """It is dead-lettered by name with its reason; its neighbours in the batch alert, and all is committed."""
    lane = Lane()
    bad = {"value": b"anna", **changes}
    lane.run([record(b"anna", 0), record(offset=1, **bad), record(b"bert", 2)])
    assert _letters(lane) == [("frames/0/1", reason)]
    assert [body["entry"] for body in _bodies(lane)] == ["anna", "bert"]
    assert outcomes(lane.account) == {("alerted", "candidate"): 2, ("dead_lettered", reason): 1}
    assert lane.source.stored == {FRAMES: 3}


def test_a_dead_letter_and_an_alert_hold_nothing_of_the_frame() -> None:
    """Not a byte of its value, in value, key or header."""
    lane = Lane()
    lane.run([record(b"planted-pattern", 0), record(b"anna stranger", 1)])
    for message in [*lane.dead_letters.messages, *lane.alerts.messages]:
        whole = message.key.encode() + message.value + b"".join(value for _, value in message.headers)
        assert b"planted" not in whole
        assert b"stranger" not in whole
    assert len(lane.dead_letters.messages) == len(lane.alerts.messages) == 1


def test_a_stale_frame_is_shed_and_counted() -> None:
    """At the limit it is processed, a millisecond past it is not; the camera's time decides, not Kafka's."""
    old, older = NOW - timedelta(milliseconds=1000), NOW - timedelta(milliseconds=1001)
    lane = Lane()
    lane.run(
        [
            record(b"anna", 0, headers={"captured_at": old.isoformat().encode()}),
            record(b"bert", 1, headers={"captured_at": older.isoformat().encode()}),
            record(b"cleo", 2, timestamp_ms=int(older.timestamp() * 1000)),
        ]
    )
    assert outcomes(lane.account) == {("alerted", "candidate"): 1, ("shed", "too_old"): 2}
    assert lane.source.stored == {FRAMES: 3}


@pytest.mark.parametrize("camera", CAMERAS)
def test_camera_ids_of_any_script(camera: str) -> None:
    """As key, in the value and in the header."""
    lane = Lane()
    lane.run([record(b"anna", key=camera.encode())])
    [message] = lane.alerts.messages
    assert (message.key, _bodies(lane)[0]["camera"]) == (camera, camera)
    assert dict(message.headers)["ce_subject"] == camera.encode()


RECORDS = st.lists(
    st.tuples(
        st.sampled_from([b"anna", b"bert anna", b"half", b"stranger", b"blurred", b"empty", b"", b"rubbish"]),
        st.sampled_from([b"gate", b"hall", CAMERAS[2].encode(), b"roof", None, b"\xff"]),
        st.integers(0, 2),
        st.sampled_from([0, 0, 0, 999, 5000, -5000]),
    ),
    max_size=25,
)


def _records(drawn: Sequence[tuple[bytes, bytes | None, int, int]]) -> list[Record]:
    offsets = Counter[int]()
    made = []
    for step, (value, key, partition, age_ms) in enumerate(drawn):
        at_ms = int(NOW.timestamp() * 1000) - age_ms - step
        made.append(record(value, offsets[partition], partition, key=key, timestamp_ms=at_ms))
        offsets[partition] += 1 + step % 2
    return made


@given(RECORDS, st.integers(1, 9))
def test_every_frame_is_accounted_for_and_committed(drawn: Any, poll_records: int) -> None:
    """Frames in are alerted, no match, shed or dead-lettered; every alert is valid; the end is committed."""
    records = _records(drawn)
    lane = Lane(poll_records=poll_records)
    lane.run(records)
    assert lane.account.frames_in == len(records) == lane.account.frames_out.total()
    assert lane.account.open == 0
    by = Counter(outcome for outcome, _ in lane.account.frames_out.elements())
    assert by["dead_lettered"] == len(lane.dead_letters.messages)
    assert len({message.key for message in lane.dead_letters.messages}) == by["dead_lettered"]
    assert by["alerted"] == len({(b["frame"]["partition"], b["frame"]["offset"]) for b in _bodies(lane)})
    assert lane.account.alerts == len(_ids(lane)) == len(set(_ids(lane)))
    for body in _bodies(lane):
        SCHEMA.validate(body)
    last = {(one.ref.topic, one.ref.partition): one.ref.offset + 1 for one in records}
    assert lane.source.stored == last


@given(RECORDS, st.integers(1, 9), st.integers(1, 9))
def test_the_same_frames_give_the_same_alerts(drawn: Any, first: int, second: int) -> None:
    """The same ids, of each camera in the same order, whatever the size of batches."""
    lanes = [Lane(poll_records=size) for size in (first, second)]
    for lane in lanes:
        lane.run(_records(drawn))
    assert _by_camera(lanes[0]) == _by_camera(lanes[1])
    assert sorted(_letters(lanes[0])) == sorted(_letters(lanes[1]))


def test_an_incomplete_search_is_repeated_until_it_is_whole() -> None:
    """The lane waits and says for what; then the frame is decided as ever."""
    lane = Lane(index=FakeIndex(silent=3))
    pipeline = lane.run([record(b"anna")])
    assert lane.index.searches == 4
    assert len(lane.alerts.messages) == 1
    assert pipeline.waiting_for is None


def test_a_lane_that_stops_gives_up_an_incomplete_search() -> None:
    """Nothing of the batch is committed, no frame is decided on part of the list, the open frames are given back."""
    lane = Lane(index=FakeIndex(silent=99), stopping=True)
    with pytest.raises(IndexIncomplete):
        lane.run([record(b"anna", 0), record(b"rubbish", 1), record(b"empty", 2)])
    assert (lane.alerts.messages, lane.source.stored) == ([], {})
    assert lane.account.open == 2
    lane.account.give_back()
    assert lane.account.frames_in == lane.account.frames_out.total() == 1


def test_a_waiting_lane_says_for_what() -> None:
    """Its status is read from another thread."""
    lane = Lane(index=FakeIndex(silent=1), stopping=True)
    pipeline = lane.pipeline()
    lane.source.records.append(record(b"anna"))
    with pytest.raises(IndexIncomplete):
        pipeline.step(0)
    assert pipeline.waiting_for == "shard 1 of 2 does not answer"


def test_frames_without_faces_need_no_index() -> None:
    """An empty street is watched while a shard restarts."""
    lane = Lane(index=FakeIndex(silent=99))
    lane.run([record(b"empty", 0), record(b"blurred", 1)])
    assert (lane.index.searches, lane.source.stored) == (0, {FRAMES: 2})


def test_a_search_is_cut_at_the_lowest_threshold_of_the_policy() -> None:
    """Below it nothing can alert and nothing needs to travel; above it an alert of some camera would be lost."""
    lane = Lane(index=FakeIndex([entry("anna", unit(0.62, 0.78))]))
    lane.run([record(b"anna")])
    assert lane.index.asked == (3, 0.6)
    assert _bodies(lane)[0]["cosine"] == pytest.approx(0.62, abs=0.01)


def test_one_search_serves_all_faces_of_a_batch() -> None:
    """However many frames it has."""
    lane = Lane()
    lane.run([record(b"anna stranger", 0), record(b"empty", 1), record(b"bert", 2)])
    assert lane.index.searches == 1


def test_an_expired_entry_and_a_list_without_rule_match_nothing() -> None:
    """The index may still hold them."""
    people = [entry("anna", unit(1), not_after=NOW), entry("bert", unit(0, 1), watchlist="unruled")]
    lane = Lane(index=FakeIndex(people))
    lane.run([record(b"anna bert")])
    assert outcomes(lane.account) == {("no_match", "below_threshold"): 1}


def test_the_name_of_a_frame_is_its_place_in_kafka() -> None:
    """Topic, partition and offset, in dead letters as in alerts."""
    lane = Lane()
    odd = Record(FrameRef("x.frames", 7, 12345678901), b"gate", b"rubbish", {}, int(NOW.timestamp() * 1000))
    lane.run([odd])
    assert _letters(lane) == [("x.frames/7/12345678901", "not_jpeg")]


def test_time_that_is_waited_for_frames_is_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeing is work; so is a poll that was full, as one is that had nothing to wait for."""
    now_s = [0.0]
    times = SimpleNamespace(perf_counter=lambda: now_s[0], monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(pipeline_module, "time", times)
    monkeypatch.setattr(intake, "time", times)
    monkeypatch.setattr(intake, "POLL_FRAMES", 2)
    lane = Lane(poll_records=2)
    pipeline = lane.pipeline()

    def takes(seconds: float, real: Any) -> Any:
        def slow(*arguments: Any) -> Any:
            now_s[0] += seconds
            return real(*arguments)

        return slow

    monkeypatch.setattr(MemorySource, "poll", takes(5.0, MemorySource.poll))
    monkeypatch.setattr(FakeVision, "see", takes(1.0, FakeVision.see))
    lane.source.records.append(record(b"empty", 0))
    pipeline.step(0)
    assert pipeline.busy_s == 1.0
    lane.source.records.extend([record(b"empty", 1), record(b"empty", 2)])
    pipeline.step(0)
    assert pipeline.busy_s == 1.0 + 6.0

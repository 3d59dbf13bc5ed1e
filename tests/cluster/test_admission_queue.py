"""Frames that wait: turns, bounds, ends."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.account import Shed
from cluster.admission_queue import AdmissionQueue, Dropped
from cluster.wire.frames import parse_frame
from operators.freshness import CameraFreshness, FreshnessRule, Rule
from operators.types import Frame
from tests.builders import NOW, record

SECOND = timedelta(seconds=1)
RULES = FreshnessRule(
    Rule.NEWEST, cameras={"all": CameraFreshness(Rule.EVERY), "few": CameraFreshness(Rule.SAMPLE, 2.0)}
)


def queue(frames: int = 4, size_bytes: int = 1000, rule: FreshnessRule = RULES) -> AdmissionQueue:
    """A queue of small batches; frames may be a second old."""
    return AdmissionQueue(rule, SECOND, frames, size_bytes)


def put(into: AdmissionQueue, camera: str, offset: int, age_ms: int = 0, size: int = 1, partition: int = 0) -> Any:
    """Put one frame in; what is dropped."""
    at_ms = int(NOW.timestamp() * 1000) - age_ms
    one = record(b"x" * size, offset, partition, key=camera.encode(), timestamp_ms=at_ms)
    return told(into.put(one, parse_frame(one), NOW))


def take(of: AdmissionQueue, after_ms: int = 0) -> tuple[list[tuple[str, int]], list[tuple[int, Shed]]]:
    """Camera and offset of a batch, and what is dropped."""
    batch, dropped = of.take(NOW + timedelta(milliseconds=after_ms))
    return [(frame.camera, frame.ref.offset) for _, frame in batch], told(dropped)


def told(dropped: Sequence[Dropped]) -> list[tuple[int, Shed]]:
    """Offset and reason of each."""
    return [(each.frame.ref.offset, each.reason) for each in dropped]


def test_what_fits_a_batch_is_taken_whole() -> None:
    """Nothing is shed while there is room, whatever the rule."""
    waiting = queue()
    for offset, camera in enumerate(["gate", "gate", "all", "all"]):
        assert put(waiting, camera, offset) == []
    assert take(waiting) == ([("gate", 0), ("gate", 1), ("all", 2), ("all", 3)], [])
    assert (len(waiting), waiting.waiting_bytes) == (0, 0)


def test_whose_turn_it_is_outlasts_an_empty_queue() -> None:
    """Frames come by partition, in the same order each time: whoever comes first must not always have one more."""
    waiting, served = queue(frames=6), Counter[str]()
    for number in range(20):
        for camera in ("a", "b", "c", "d"):
            for frame in range(2):
                put(waiting, camera, 2 * number + frame)
        served.update(camera for camera, _ in take(waiting)[0])
    assert served == dict.fromkeys("abcd", 30)


def test_under_overload_the_newest_goes_first_and_what_waited_before_it_is_shed() -> None:
    """With `every` the oldest goes first and the others wait."""
    waiting = queue()
    for offset in range(3):
        put(waiting, "gate", offset)
        put(waiting, "all", 10 + offset)
    assert take(waiting) == ([("gate", 1), ("gate", 2), ("all", 10), ("all", 11)], [(0, Shed.SUPERSEDED)])
    assert take(waiting) == ([("all", 12)], [])


def test_a_camera_that_sends_a_thousand_frames_leaves_the_others_their_turn() -> None:
    """It keeps no more waiting than a batch has."""
    waiting = queue(3)
    shed = [each for offset in range(1000) for each in put(waiting, "gate", offset)]
    assert shed == [(offset, Shed.SUPERSEDED) for offset in range(997)]
    put(waiting, "hall", 0)
    put(waiting, "roof", 0)
    assert take(waiting) == (
        [("gate", 999), ("hall", 0), ("roof", 0)],
        [(997, Shed.SUPERSEDED), (998, Shed.SUPERSEDED)],
    )


def test_turns_go_on_from_batch_to_batch() -> None:
    """With more cameras than a batch has frames, each comes before any comes again."""
    waiting = queue(2, rule=FreshnessRule(Rule.EVERY))
    for offset in range(2):
        for camera in ("a", "b", "c"):
            put(waiting, camera, offset)
    seen = [camera for _ in range(3) for camera, _ in take(waiting)[0]]
    assert seen == ["a", "b", "c", "a", "b", "c"]


def test_a_batch_has_no_more_bytes_than_it_may() -> None:
    """A frame that is larger comes alone; whose frame had no room is the first of the next batch."""
    waiting = queue(4, 10)
    for camera, size in (("a", 6), ("b", 6), ("c", 3), ("d", 50)):
        put(waiting, camera, 0, size=size)
    assert [take(waiting)[0] for _ in range(3)] == [[("a", 0)], [("b", 0), ("c", 0)], [("d", 0)]]


def test_frames_that_grow_too_old_are_shed_as_they_come_and_as_they_wait() -> None:
    """At the limit they are taken, past it they are not."""
    waiting = queue()
    assert put(waiting, "all", 0, age_ms=1001) == [(0, Shed.TOO_OLD)]
    put(waiting, "all", 1, age_ms=1000)
    put(waiting, "all", 2, age_ms=999)
    assert take(waiting, after_ms=1) == ([("all", 2)], [(1, Shed.TOO_OLD)])


def test_sampling_takes_one_frame_of_each_part_of_a_second() -> None:
    """The others are shed at once; a clock that jumps costs no more than a frame."""
    waiting = queue()
    ages = [900, 800, 500, 400, 0]
    assert [offset for offset, age in enumerate(ages) for _ in put(waiting, "few", offset, age)] == [1, 3]
    assert put(waiting, "few", 5, age_ms=-10_000) == []
    assert put(waiting, "few", 6) == []


def test_partitions_with_more_than_their_part_are_full() -> None:
    """Only they; when too much waits there is one."""
    waiting = queue(rule=FreshnessRule(Rule.EVERY))
    put(waiting, "a", 0, size=90, partition=1)
    put(waiting, "b", 0, size=20, partition=2)
    assert waiting.full(100) == {("frames", 1)}
    assert waiting.full(180) == set()


def test_partitions_that_went_elsewhere_are_forgotten() -> None:
    """Their frames wait no more, and count for nothing."""
    waiting = queue()
    put(waiting, "a", 0, partition=1)
    put(waiting, "b", 0, partition=2)
    put(waiting, "b", 1, partition=1)
    assert waiting.forget({("frames", 1)}) == 2
    assert (take(waiting)[0], waiting.waiting_bytes) == ([("b", 0)], 0)


ARRIVALS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["a", "b", "all", "few"]), st.integers(0, 2), st.integers(1, 9), st.integers(0, 1200)
        ),
        st.just(None),
    ),
    max_size=60,
)


@given(ARRIVALS, st.integers(1, 5), st.integers(1, 20))
def test_every_frame_has_one_end_in_order_within_bounds(arrivals: Any, frames: int, size_bytes: int) -> None:
    """Whatever comes when: taken or dropped, once; each camera in order; batches within bounds; each has its turn."""
    waiting = queue(frames, size_bytes)
    came, taken, ends = [], list[Frame](), Counter[int]()
    passed_over = Counter[str]()

    def turn() -> None:
        there = {camera for camera, line in waiting._lines.items() if line.frames}
        batch, dropped = waiting.take(NOW)
        assert len(batch) <= frames
        assert len(batch) == 1 or sum(len(frame.jpeg) for _, frame in batch) <= size_bytes
        taken.extend(frame for _, frame in batch)
        ends.update(each.frame.ref.offset for each in dropped)
        served = {frame.camera for _, frame in batch}
        for camera in there:
            passed_over[camera] = 0 if camera in served else passed_over[camera] + 1
            assert passed_over[camera] < 4  # cameras: each comes before any comes for the second time

    for offset, arrival in enumerate(arrivals):
        if arrival is None:
            turn()
            continue
        camera, partition, size, age_ms = arrival
        came.append(offset)
        ends.update(gone for gone, _ in put(waiting, camera, offset, age_ms, size, partition))
        assert sum(len(line.frames) for name, line in waiting._lines.items() if name in "ab") <= 2 * frames
    while len(waiting):
        turn()
    ends.update(frame.ref.offset for frame in taken)
    assert ends == Counter(came)
    for camera in ("a", "b", "all", "few"):
        offsets = [frame.ref.offset for frame in taken if frame.camera == camera]
        assert offsets == sorted(offsets)
    assert waiting.waiting_bytes == 0

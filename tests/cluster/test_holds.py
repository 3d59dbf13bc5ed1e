from dataclasses import replace
from datetime import timedelta

from cluster.holds import Holds
from cluster.offsets import OffsetTracker
from operators.types import Frame, FrameRef
from tests.builders import NOW, policy

SETTINGS = replace(policy().sightings, confirm_frames=2, of_frames=3, passage_gap_ms=1000)
AT = ("frames", 0)
SECOND = timedelta(seconds=1)


def _frame(offset: int, camera: str = "gate", partition: int = 0, seconds: float = 0) -> Frame:
    return Frame(FrameRef("frames", partition, offset), camera, b"", NOW + seconds * SECOND)


def _started(*frames: Frame) -> tuple[Holds, OffsetTracker]:
    offsets = OffsetTracker()
    for frame in frames:
        offsets.start(frame.ref)
    return Holds(offsets, SETTINGS), offsets


def test_a_frame_that_is_waited_for_is_not_committed() -> None:
    """Nor any behind it, until it is let go of and finished twice: for itself and for what waited."""
    first, second = _frame(0), _frame(1)
    holds, offsets = _started(first, second)
    assert holds.keep(first, {first.ref}, NOW) == []
    offsets.finish(first.ref)
    offsets.finish(second.ref)
    assert offsets.ready() == {}
    assert holds.keep(second, set(), NOW) == [first.ref]
    offsets.finish(first.ref)
    assert offsets.ready() == {AT: 2}


def test_a_camera_that_falls_silent_holds_nothing_for_ever() -> None:
    """Frames of others in its partition that are later by more than a passage can last let its frames go."""
    gate = _frame(0)
    later = [_frame(number, "hall", seconds=number) for number in (1, 3, 4)]
    elsewhere = _frame(9, "yard", partition=1, seconds=100)
    holds, _ = _started(gate, *later, elsewhere)
    holds.keep(gate, {gate.ref}, NOW)
    assert holds.keep(later[0], set(), NOW) == []
    assert holds.keep(elsewhere, set(), NOW) == []
    assert holds.keep(later[1], set(), NOW) == []
    assert holds.keep(later[2], set(), NOW) == [gate.ref]


def test_when_no_frame_comes_at_all_time_tells() -> None:
    """For the caller to let go, when it knows that none waits to be read."""
    gate = _frame(0)
    holds, offsets = _started(gate)
    holds.keep(gate, {gate.ref}, NOW)
    offsets.finish(gate.ref)
    assert holds.overdue(NOW + 3 * SECOND) == []
    assert holds.overdue(NOW + 3.1 * SECOND) == [gate.ref]
    holds.let_go([gate.ref])
    assert offsets.ready() == {AT: 1}
    assert holds.overdue(NOW + 9 * SECOND) == []


def test_frames_of_a_partition_that_is_another_s_are_dropped() -> None:
    """The others stay."""
    gate, yard = _frame(0), _frame(0, "yard", partition=1)
    holds, offsets = _started(gate, yard)
    for frame in (gate, yard):
        holds.keep(frame, {frame.ref}, NOW)
    holds.forget({AT})
    offsets.forget([AT])
    assert holds.overdue(NOW + 9 * SECOND) == [yard.ref]

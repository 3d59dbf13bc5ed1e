from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cluster.offsets import OffsetTracker, TopicPartition
from operators.types import FrameRef

FRAMES = ("frames", 0)


def _ref(offset: int, partition: int = 0) -> FrameRef:
    return FrameRef("frames", partition, offset)


def test_nothing_is_committed_past_an_unfinished_frame() -> None:
    """Later frames wait, and are committed with it in one step; gaps are no obstacle."""
    tracker = OffsetTracker()
    for offset in (5, 6, 9):
        tracker.start(_ref(offset))
    tracker.finish(_ref(6))
    tracker.finish(_ref(9))
    assert tracker.take() == {}
    assert tracker.unfinished == 1
    tracker.finish(_ref(5))
    assert tracker.take() == {FRAMES: 10}
    assert tracker.take() == {}
    assert tracker.unfinished == 0


def test_partitions_do_not_hold_each_other() -> None:
    """One that waits is not committed, the other is."""
    tracker = OffsetTracker()
    tracker.start(_ref(1, 0))
    tracker.start(_ref(1, 1))
    tracker.finish(_ref(1, 1))
    assert tracker.take() == {("frames", 1): 2}


def test_a_frame_that_is_held_is_finished_twice() -> None:
    """Once for itself and once for what held it; a third time changes nothing."""
    tracker = OffsetTracker()
    tracker.start(_ref(5))
    tracker.hold(_ref(5))
    tracker.finish(_ref(5))
    assert (tracker.ready(), tracker.unfinished) == ({}, 1)
    tracker.finish(_ref(5))
    tracker.finish(_ref(5))
    assert tracker.take() == {FRAMES: 6}


def test_frames_that_were_never_started_are_ignored() -> None:
    """Neither counted nor kept for a frame of that offset that may yet come."""
    tracker = OffsetTracker()
    tracker.finish(_ref(3))
    tracker.start(_ref(2))
    tracker.finish(_ref(3))
    assert tracker.unfinished == 1
    tracker.start(_ref(3))
    tracker.finish(_ref(2))
    assert tracker.take() == {FRAMES: 3}
    assert tracker.unfinished == 1


def test_finishing_twice_is_finishing_once() -> None:
    """Also when the frame was committed in between."""
    tracker = OffsetTracker()
    for offset in (1, 2):
        tracker.start(_ref(offset))
    for _ in range(2):
        tracker.finish(_ref(1))
    assert tracker.take() == {FRAMES: 2}
    tracker.finish(_ref(1))
    assert (tracker.take(), tracker.unfinished) == ({}, 1)


def test_forgotten_partitions_start_anew() -> None:
    """What another process finishes is not known here, and nothing of it is committed."""
    tracker = OffsetTracker()
    tracker.start(_ref(1))
    tracker.start(_ref(1, 1))
    tracker.forget([FRAMES, ("frames", 7)])
    tracker.finish(_ref(1))
    assert tracker.unfinished == 1
    assert tracker.take() == {}
    tracker.start(_ref(1))
    assert tracker.take() == {}


class Frames(RuleBasedStateMachine):
    """Frames of three partitions start in order and finish in any; a plain dictionary of sets is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = OffsetTracker()
        self.next: dict[TopicPartition, int] = {}
        self.open: dict[TopicPartition, set[int]] = {}
        self.started: dict[TopicPartition, list[int]] = {}
        self.committed: dict[TopicPartition, int] = {}

    @rule(partition=st.integers(0, 2), gap=st.integers(0, 3), count=st.integers(1, 4))
    def start(self, partition: int, gap: int, count: int) -> None:
        """Some frames in a row, after a gap."""
        key = ("frames", partition)
        first = self.next.get(key, 0) + gap
        for offset in range(first, first + count):
            self.tracker.start(_ref(offset, partition))
            self.open.setdefault(key, set()).add(offset)
            self.started.setdefault(key, []).append(offset)
        self.next[key] = first + count

    @precondition(lambda self: any(self.open.values()))
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """Any open frame."""
        key, offset = data.draw(st.sampled_from(sorted((k, o) for k, found in self.open.items() for o in found)))
        self.tracker.finish(_ref(offset, key[1]))
        self.open[key].remove(offset)

    @rule(partition=st.integers(0, 2), offset=st.integers(0, 30))
    def finish_a_stranger(self, partition: int, offset: int) -> None:
        """A frame that is not open: long finished, not started, of no partition of ours."""
        if offset not in self.open.get(("frames", partition), set()):
            self.tracker.finish(_ref(offset, partition))

    @rule(partition=st.integers(0, 2), back=st.integers(0, 5))
    def forget(self, partition: int, back: int) -> None:
        """The partition goes, and may come back from an earlier offset."""
        key = ("frames", partition)
        self.tracker.forget([key])
        self.open.pop(key, None)
        self.started.pop(key, None)
        self.committed.pop(key, None)
        self.next[key] = max(0, self.next.get(key, 0) - back)

    @rule()
    def take(self) -> None:
        """Everything up to the first open frame, nothing else, and only what is new."""
        expected = {}
        for key, started in self.started.items():
            done = [offset for offset in started if offset < min(self.open[key], default=offset + 1)]
            if done and done[-1] + 1 > self.committed.get(key, -1):
                expected[key] = self.committed[key] = done[-1] + 1
        assert self.tracker.ready() == expected
        assert self.tracker.take() == expected
        assert self.tracker.ready() == {}

    @invariant()
    def counts(self) -> None:
        """Frames started and not finished."""
        assert self.tracker.unfinished == sum(map(len, self.open.values()))

    def teardown(self) -> None:
        """Everything finished is finally committed."""
        for (topic, partition), offsets in self.open.items():
            for offset in sorted(offsets):
                self.tracker.finish(FrameRef(topic, partition, offset))
            offsets.clear()
        self.take()
        assert self.committed == {key: started[-1] + 1 for key, started in self.started.items()}


TestFrames = Frames.TestCase
TestFrames.settings = settings(max_examples=40, stateful_step_count=25)

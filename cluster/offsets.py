"""Which frames are finished, so that no offset is committed past one that is not."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

from operators.types import FrameRef

TopicPartition = tuple[str, int]


class OffsetTracker:
    """Highest contiguous finished offset of every partition. Not thread-safe.

    Frames are started in the order of their offsets (with gaps, as Kafka leaves them) and finished in any order, each
    as often as it was started and held.
    """

    def __init__(self) -> None:
        # Of each partition, the frames not yet committed in the order of their start, and what each still waits for.
        self._partitions: dict[TopicPartition, dict[int, int]] = {}

    def start(self, ref: FrameRef) -> None:
        """A frame has been taken from the source."""
        self._partitions.setdefault((ref.topic, ref.partition), {})[ref.offset] = 1

    def hold(self, ref: FrameRef) -> None:
        """A frame that was started and is not finished has one more thing to wait for."""
        self._partitions[ref.topic, ref.partition][ref.offset] += 1

    def finish(self, ref: FrameRef) -> None:
        """One thing that follows from a frame is done, written and acknowledged; unknown frames are ignored."""
        frames = self._partitions.get((ref.topic, ref.partition), {})
        if frames.get(ref.offset):
            frames[ref.offset] -= 1

    def ready(self) -> dict[TopicPartition, int]:
        """What `take` would give."""
        ready = {}
        for partition, frames in self._partitions.items():
            done = deque(_finished(frames), maxlen=1)
            if done:
                ready[partition] = done[0] + 1
        return ready

    def take(self) -> dict[TopicPartition, int]:
        """Offsets to commit since the last call: for each partition the one after its finished, unbroken beginning."""
        ready = {}
        for partition, frames in self._partitions.items():
            done = list(_finished(frames))
            for offset in done:
                del frames[offset]
            if done:
                ready[partition] = done[-1] + 1
        return ready

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop partitions that belong to another process now."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    @property
    def unfinished(self) -> int:
        """Frames started and not finished."""
        return sum(waits > 0 for frames in self._partitions.values() for waits in frames.values())


def _finished(frames: Mapping[int, int]) -> Iterator[int]:
    """The unbroken beginning of frames that wait for nothing."""
    return takewhile(lambda offset: not frames[offset], frames)

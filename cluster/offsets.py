"""Which frames are finished, so that no offset is committed past one that is not."""

from collections import deque
from collections.abc import Iterable
from itertools import takewhile

from operators.types import FrameRef

TopicPartition = tuple[str, int]


class OffsetTracker:
    """Highest contiguous finished offset of every partition. Not thread-safe.

    Frames are started in the order of their offsets (with gaps, as Kafka leaves them) and finished in any order.
    """

    def __init__(self) -> None:
        # Of each partition, the frames not yet committed in the order of their start, and whether each is finished.
        self._partitions: dict[TopicPartition, dict[int, bool]] = {}

    def start(self, ref: FrameRef) -> None:
        """A frame has been taken from the source."""
        self._partitions.setdefault((ref.topic, ref.partition), {})[ref.offset] = False

    def finish(self, ref: FrameRef) -> None:
        """Everything that follows from a frame is written and acknowledged; unknown frames are ignored."""
        frames = self._partitions.get((ref.topic, ref.partition), {})
        if ref.offset in frames:
            frames[ref.offset] = True

    def ready(self) -> dict[TopicPartition, int]:
        """What `take` would give."""
        ready = {}
        for partition, frames in self._partitions.items():
            done = deque(takewhile(frames.__getitem__, frames), maxlen=1)
            if done:
                ready[partition] = done[0] + 1
        return ready

    def take(self) -> dict[TopicPartition, int]:
        """Offsets to commit since the last call: for each partition the one after its finished, unbroken beginning."""
        ready = {}
        for partition, frames in self._partitions.items():
            done = list(takewhile(frames.__getitem__, frames))
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
        return sum(not finished for frames in self._partitions.values() for finished in frames.values())

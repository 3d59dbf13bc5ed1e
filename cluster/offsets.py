"""Which frames are finished, so that no offset is committed past one that is not."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from operators.types import FrameRef

TopicPartition = tuple[str, int]


@dataclass(slots=True)
class _Progress:
    started: list[int] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)


class OffsetTracker:
    """Highest contiguous finished offset of every partition. Not thread-safe.

    Frames are started in the order of their offsets (with gaps, as Kafka leaves them) and finished in any order.
    """

    def __init__(self) -> None:
        self._partitions: dict[TopicPartition, _Progress] = {}

    def start(self, ref: FrameRef) -> None:
        """A frame has been taken from the source."""
        self._partitions.setdefault((ref.topic, ref.partition), _Progress()).started.append(ref.offset)

    def finish(self, ref: FrameRef) -> None:
        """Everything that follows from a frame is written and acknowledged; unknown frames are ignored."""
        progress = self._partitions.get((ref.topic, ref.partition))
        if progress:
            progress.finished.add(ref.offset)

    def take(self) -> dict[TopicPartition, int]:
        """Offsets to commit since the last call: for each partition the one after its finished, unbroken beginning."""
        ready = {}
        for partition, progress in self._partitions.items():
            count = 0
            for offset in progress.started:
                if offset not in progress.finished:
                    break
                count += 1
            if count:
                done = progress.started[:count]
                ready[partition] = done[-1] + 1
                progress.started = progress.started[count:]
                progress.finished.difference_update(done)
        return ready

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop partitions that belong to another process now."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    @property
    def unfinished(self) -> int:
        """Frames started and not finished."""
        return sum(len(progress.started) - len(progress.finished) for progress in self._partitions.values())

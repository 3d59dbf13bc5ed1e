"""Frames whose offsets wait although their outcome is known: what they began has not ended yet.

A frame counts towards the alert of a passage that is not confirmed. Were it committed, a successor would begin behind
it and the person would need more frames than the policy asks for.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.offsets import OffsetTracker, TopicPartition
from operators.sightings import SightingSettings
from operators.types import Frame, FrameRef


@dataclass(frozen=True, slots=True)
class _Held:
    camera: str
    captured_at: datetime
    since: datetime


class Holds:
    """Holds frames until nothing waits for them. Not thread-safe.

    Args:
        offsets: Where they are held.
        settings: A passage takes no longer to be confirmed than `of_frames` times its longest gap.
    """

    def __init__(self, offsets: OffsetTracker, settings: SightingSettings) -> None:
        self._offsets = offsets
        self._held: dict[FrameRef, _Held] = {}
        self.adopt(settings)

    def adopt(self, settings: SightingSettings) -> None:
        """Other settings from now on: what is held counts no more. What it has led to must be written by now."""
        self._longest = settings.of_frames * timedelta(milliseconds=settings.passage_gap_ms)
        self.let_all_go()

    def keep(self, frame: Frame, waited_for: AbstractSet[FrameRef], now: datetime) -> list[FrameRef]:
        """Hold a frame if it is waited for; earlier ones that are not waited for any more.

        Those are to be finished once what this frame has led to is written: it may be their alert, and whoever has to
        find it again needs them. Among them are those of other cameras of its partition that are so much older that
        their passages must be over: their cameras have fallen silent.

        Args:
            frame: Started and not finished.
            waited_for: All frames of its camera that are.
            now: UTC-aware.
        """
        if frame.ref in waited_for:
            self._offsets.hold(frame.ref)
            self._held[frame.ref] = _Held(frame.camera, frame.captured_at, now)
        over = [ref for ref, held in self._held.items() if self._is_over(ref, held, frame, waited_for)]
        for ref in over:
            del self._held[ref]
        return over

    def overdue(self, now: datetime) -> list[FrameRef]:
        """What has been held for so long that, if no frame of its camera waits to be read, its passage is over."""
        return [ref for ref, held in self._held.items() if now - held.since > self._longest]

    def let_all_go(self) -> None:
        """Hold nothing that is held now any longer."""
        self.let_go(list(self._held))

    def let_go(self, refs: Iterable[FrameRef]) -> None:
        """Hold them no longer."""
        for ref in refs:
            del self._held[ref]
            self._offsets.finish(ref)

    def forget(self, partitions: AbstractSet[TopicPartition]) -> None:
        """Drop frames of partitions that belong to another process now."""
        self.let_go([ref for ref in self._held if (ref.topic, ref.partition) in partitions])

    def _is_over(self, ref: FrameRef, held: _Held, frame: Frame, waited_for: AbstractSet[FrameRef]) -> bool:
        if held.camera == frame.camera:
            return ref not in waited_for
        is_beside = (ref.topic, ref.partition) == (frame.ref.topic, frame.ref.partition)
        return is_beside and frame.captured_at - held.captured_at > self._longest

"""Frames that wait to be looked at: in turn over the cameras, within bounds, and with an end for each of them."""

from collections import Counter, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cluster.account import Shed
from cluster.offsets import TopicPartition
from cluster.ports import Record
from operators.freshness import CameraFreshness, FreshnessRule, Rule
from operators.types import Frame

Admitted = tuple[Record, Frame]
_Waiting = tuple[Record, Frame, datetime]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A frame that is not looked at.

    Attributes:
        frame: Which one.
        reason: Why.
    """

    frame: Frame
    reason: Shed


@dataclass(slots=True)
class _Line:
    """The frames of one camera, in the order in which they came."""

    rule: CameraFreshness
    frames: deque[_Waiting] = field(default_factory=deque)
    sampled: int | None = None


class AdmissionQueue:
    """Takes frames in, and gives them out in batches in which each camera has its turn. Not thread-safe.

    One camera's frames are given out in the order in which they came. When more wait than a batch takes, cameras whose
    rule is `newest` give their newest and what waited before it is shed: so nobody's frames grow old behind anybody
    else's. There is no queue common to all from which the oldest is dropped: it would serve whoever sends the most.

    Args:
        rule: The policy's.
        max_age: Older frames are shed, when they come and while they wait.
        batch_frames: Most frames of a batch. A `newest` camera keeps no more than so many waiting.
        batch_bytes: Most bytes of a batch; a single frame may be larger.

    Attributes:
        waited_s: How long each frame of the last batch has waited for its turn.
    """

    def __init__(self, rule: FreshnessRule, max_age: timedelta, batch_frames: int, batch_bytes: int) -> None:
        self._rule = rule
        self._max_age = max_age
        self._batch_frames = batch_frames
        self._batch_bytes = batch_bytes
        self._lines: dict[str, _Line] = {}  # whoever was served last at the end; one without frames keeps its place
        self._bytes: Counter[TopicPartition] = Counter()
        self.waited_s: list[float] = []

    def __len__(self) -> int:
        return sum(len(line.frames) for line in self._lines.values())

    @property
    def waiting_bytes(self) -> int:
        """Of all frames that wait."""
        return self._bytes.total()

    def put(self, record: Record, frame: Frame, now: datetime) -> list[Dropped]:
        """Take a frame in; what is shed for it, which may be itself."""
        line = self._lines.setdefault(frame.camera, _Line(self._rule.of(frame.camera)))
        if self._is_stale(frame, now):
            return [Dropped(frame, Shed.TOO_OLD)]
        if not _is_sampled(line, frame):
            return [Dropped(frame, Shed.SAMPLED)]
        line.frames.append((record, frame, now))
        self._bytes[_partition(frame)] += len(frame.jpeg)
        if line.rule.rule is Rule.NEWEST and len(line.frames) > self._batch_frames:
            return [self._drop(line, Shed.SUPERSEDED)]
        return []

    def take(self, now: datetime, most: int | None = None) -> tuple[list[Admitted], list[Dropped]]:
        """The next batch, of no more frames than `most`, and what is shed instead."""
        dropped = list(self._expire(now))
        shares = self._share(self._batch_frames if most is None else min(most, self._batch_frames))
        batch: list[_Waiting] = []
        for camera, share in shares.items():
            line = self._lines[camera]
            if line.rule.rule is Rule.NEWEST:
                dropped += [self._drop(line, Shed.SUPERSEDED) for _ in range(len(line.frames) - share)]
            batch += [self._pop(line) for _ in range(share)]
        self.waited_s = [max(0.0, (now - came_at).total_seconds()) for _, _, came_at in batch]
        return [(record, frame) for record, frame, _ in batch], dropped

    def full(self, limit_bytes: int) -> set[TopicPartition]:
        """Partitions from which no more is to be read: those with more than their part of `limit_bytes` waiting.

        Whenever more than `limit_bytes` wait altogether there is at least one.
        """
        waiting = {partition: size for partition, size in self._bytes.items() if size}
        return {partition for partition, size in waiting.items() if size * len(waiting) > limit_bytes}

    def forget(self, partitions: Collection[TopicPartition]) -> int:
        """Drop what waits of partitions that belong to another process now; how many frames."""
        before = len(self)
        for line in self._lines.values():
            line.frames = deque(each for each in line.frames if _partition(each[1]) not in partitions)
        for partition in partitions:
            self._bytes.pop(partition, None)
        return before - len(self)

    def empty(self) -> list[Admitted]:
        """Give out everything: each camera's frames in their order, cameras in the order of their turns."""
        found = [(record, frame) for line in self._lines.values() for record, frame, _ in line.frames]
        self._lines.clear()
        self._bytes.clear()
        return found

    def _share(self, most: int) -> dict[str, int]:
        """How many frames of which camera the next batch has: one each, turn by turn, until it is full."""
        shares: Counter[str] = Counter()
        room_bytes = self._batch_bytes
        turn = deque(camera for camera, line in self._lines.items() if line.frames)
        while turn and shares.total() < most:
            camera = turn.popleft()
            size = self._size(camera, shares[camera])
            if shares and size > room_bytes:
                break  # whose frame had no room is before all that were served in the next batch
            room_bytes -= size
            shares[camera] += 1
            self._lines[camera] = self._lines.pop(camera)
            if shares[camera] < len(self._lines[camera].frames):
                turn.append(camera)
        return dict(shares)

    def _size(self, camera: str, taken: int) -> int:
        """Bytes of the frame that a camera would give after `taken` others."""
        line = self._lines[camera]
        return len(line.frames[-1 - taken if line.rule.rule is Rule.NEWEST else taken][1].jpeg)

    def _expire(self, now: datetime) -> Iterator[Dropped]:
        for line in self._lines.values():
            while line.frames and self._is_stale(line.frames[0][1], now):
                yield self._drop(line, Shed.TOO_OLD)

    def _is_stale(self, frame: Frame, now: datetime) -> bool:
        return now - frame.captured_at > self._max_age

    def _drop(self, line: _Line, reason: Shed) -> Dropped:
        return Dropped(self._pop(line)[1], reason)

    def _pop(self, line: _Line) -> _Waiting:
        admitted = line.frames.popleft()
        self._bytes[_partition(admitted[1])] -= len(admitted[1].jpeg)
        return admitted


def _is_sampled(line: _Line, frame: Frame) -> bool:
    """Whether a frame is the first in its part of a second; which part was the last is all that is remembered.

    A clock that is set back or ahead costs one frame and does not blind the camera.
    """
    if line.rule.frames_per_s is None:
        return True
    part = int(frame.captured_at.timestamp() * line.rule.frames_per_s)
    is_first, line.sampled = part != line.sampled, part
    return is_first


def _partition(frame: Frame) -> TopicPartition:
    return frame.ref.topic, frame.ref.partition

"""Passages of one person through one camera's view, confirmation over several frames, cool-down.

A passage is followed by overlap of boxes alone: nothing of a face is kept, an identifier means nothing on another
camera, and the state of a passage is gone when nobody has been in its place for `passage_gap_ms`.
"""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from operators.boxes import overlaps
from operators.decide import Match
from operators.types import Float32, FrameRef

Key = tuple[str, str]
"""A list and an entry on it."""
LONGEST_S = 366 * 86400  # a year of quiet about an entry; far below what `timedelta` can hold


@dataclass(frozen=True, slots=True)
class SightingSettings:
    """How frames of one person become one alert.

    Attributes:
        confirm_frames: In how many of the last `of_frames` frames of a passage the same entry must have reached the
            threshold. 1 alerts on a single frame; more lets a person pass unseen who is in view for a moment only.
        of_frames: See above, at least `confirm_frames`.
        passage_overlap: Intersection over union, in (0, 1], from which two boxes of successive frames are one passage.
            Too low joins neighbours in a crowd, too high splits a walker into many passages.
        passage_gap_ms: A passage without a face for longer is over.
        cool_down_s: The same entry does not alert again on the same camera within this time.
    """

    confirm_frames: int
    of_frames: int
    passage_overlap: float
    passage_gap_ms: int
    cool_down_s: float

    def __post_init__(self) -> None:
        if not 1 <= self.confirm_frames <= self.of_frames:
            raise ValueError("confirm_frames: must be at least 1 and at most of_frames")
        if not 0.0 < self.passage_overlap <= 1.0:
            raise ValueError(f"passage_overlap: must be in (0, 1], found {self.passage_overlap}")
        if not 1 <= self.passage_gap_ms <= LONGEST_S * 1000 or not 0 <= self.cool_down_s <= LONGEST_S:
            raise ValueError(f"passage_gap_ms must be at least 1, cool_down_s at least 0, neither above {LONGEST_S} s")


class Verdict(StrEnum):
    """What becomes of a match."""

    ALERT = "alert"
    UNCONFIRMED = "unconfirmed"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A match and what becomes of it.

    Attributes:
        face: Row of the face in its frame.
        match: The match of this very frame.
        passage: Identifier of the passage, random to everyone else.
        frames: In how many of the passage's last frames the entry reached the threshold, this one included.
        verdict: Whether to alert; UNCONFIRMED until enough frames agree, REPEATED when it was alerted already.
    """

    face: int
    match: Match
    passage: str
    frames: int
    verdict: Verdict


@dataclass(slots=True, eq=False)
class _Passage:
    name: str
    box: Float32
    seen_at: datetime
    recent: deque[tuple[FrameRef, frozenset[Key]]]
    alerted: set[Key] = field(default_factory=set)

    def frames(self, key: Key) -> int:
        """In how many of its last frames the entry reached the threshold."""
        return sum(key in keys for _, keys in self.recent)


class Sightings:
    """The passages of all cameras of one process. Not thread-safe."""

    def __init__(self, settings: SightingSettings) -> None:
        self._passages: dict[str, list[_Passage]] = {}
        self._alerted_at: dict[str, dict[Key, datetime]] = {}
        self.adopt(settings)

    def adopt(self, settings: SightingSettings) -> None:
        """Other settings from now on. Frames seen so far confirm nothing; who was alerted about is known still."""
        self._settings = settings
        self._gap = timedelta(milliseconds=settings.passage_gap_ms)
        self._cool_down = timedelta(seconds=settings.cool_down_s)
        for passage in (one for passages in self._passages.values() for one in passages):
            passage.recent = deque(maxlen=settings.of_frames)

    def update(
        self, camera: str, ref: FrameRef, at: datetime, boxes: Float32, matches: Sequence[Sequence[Match]]
    ) -> list[Sighting]:
        """Take in one frame and say what becomes of its matches.

        Args:
            camera: Where it was taken.
            ref: Which frame it is.
            at: When it was taken. Frames of one camera come in order; an older one is taken as it comes.
            boxes: (n, 4) float32, pixels: every face good enough to be compared.
            matches: For each face, its matches.
        """
        sightings = []
        for face, passage in enumerate(self._follow(camera, ref, at, boxes)):
            entries = {(found.watchlist, found.best.entry): found for found in matches[face]}
            keys = frozenset((one.watchlist, hit.entry) for one in matches[face] for hit in one.candidates)
            passage.recent.append((ref, keys))
            for key, found in entries.items():
                frames = passage.frames(key)
                verdict = self._judge(camera, passage, key, at, frames)
                sightings.append(Sighting(face, found, passage.name, frames, verdict))
        return sightings

    def take_back(self, camera: str, ref: FrameRef, sightings: Sequence[Sighting]) -> None:
        """The last frame of a camera led to none of these alerts: they are due again, and it confirms nothing."""
        keys = {(one.match.watchlist, one.match.best.entry) for one in sightings}
        names = {one.passage for one in sightings}
        for passage in self._passages.get(camera, ()):
            passage.recent = deque((each for each in passage.recent if each[0] != ref), maxlen=passage.recent.maxlen)
            if passage.name in names:
                passage.alerted -= keys
        for key in keys:
            self._alerted_at.get(camera, {}).pop(key, None)

    def waits_for(self, camera: str) -> set[FrameRef]:
        """Frames of a camera that count towards an alert that is not confirmed yet.

        Whoever goes on from there in another's place must begin with the first of them, or a person who is in view for
        a moment only would pass unseen.
        """
        if self._settings.confirm_frames == 1:
            return set()
        passages = self._passages.get(camera, ())
        return {ref for passage in passages for ref, keys in passage.recent if keys - passage.alerted}

    def recall(self, camera: str, key: Key, passage: str, box: Float32, at: datetime) -> None:
        """Take over what another process has alerted about, so that the same is not alerted again.

        Args:
            camera: Where.
            key: List and entry.
            passage: Identifier of the passage.
            box: (4,) float32, pixels: where the face was in the frame of the alert.
            at: When that frame was taken.
        """
        alerted_at = self._alerted_at.setdefault(camera, {})
        alerted_at[key] = max(at, alerted_at.get(key, at))
        passages = self._passages.setdefault(camera, [])
        known = next((one for one in passages if one.name == passage), None)
        if known is None:
            known = _Passage(passage, box, at, deque(maxlen=self._settings.of_frames))
            passages.append(known)
        known.alerted.add(key)

    def forget(self, cameras: Sequence[str]) -> None:
        """Drop all state of cameras that another process now watches."""
        for camera in cameras:
            self._passages.pop(camera, None)
            self._alerted_at.pop(camera, None)

    @property
    def cameras(self) -> list[str]:
        """Cameras with any state."""
        return sorted(self._passages.keys() | self._alerted_at.keys())

    def _judge(self, camera: str, passage: _Passage, key: Key, at: datetime, frames: int) -> Verdict:
        if frames < self._settings.confirm_frames:
            return Verdict.UNCONFIRMED
        alerted_at = self._alerted_at.setdefault(camera, {})
        last = alerted_at.get(key)
        cooling = last is not None and abs(at - last) < self._cool_down
        if key in passage.alerted or cooling:
            return Verdict.REPEATED
        passage.alerted.add(key)
        alerted_at[key] = at
        return Verdict.ALERT

    def _follow(self, camera: str, ref: FrameRef, at: datetime, boxes: Float32) -> list[_Passage]:
        """The passage of each box: the open one that overlaps it most, each taken once, else a new one."""
        open_ = [old for old in self._passages.get(camera, []) if abs(at - old.seen_at) <= self._gap]
        found = _assign(boxes, open_, self._settings.passage_overlap)
        passages = []
        for face, box in enumerate(boxes):
            passage = found.get(face) or self._begin(camera, ref, face, box, at)
            passage.box, passage.seen_at = box, at
            passages.append(passage)
        taken = {id(passage) for passage in passages}
        self._passages[camera] = [old for old in open_ if id(old) not in taken] + passages
        self._cool(camera, at)
        return passages

    def _begin(self, camera: str, ref: FrameRef, face: int, box: Float32, at: datetime) -> _Passage:
        name = hashlib.sha256(f"{camera}|{ref}|{face}".encode()).hexdigest()[:16]
        return _Passage(name, box, at, deque(maxlen=self._settings.of_frames))

    def _cool(self, camera: str, at: datetime) -> None:
        """Forget cool-downs that are over, and the camera when nothing of it is left."""
        alerted_at = self._alerted_at.get(camera, {})
        self._alerted_at[camera] = {key: then for key, then in alerted_at.items() if abs(at - then) < self._cool_down}
        if not self._passages[camera] and not self._alerted_at[camera]:
            self.forget([camera])


def _assign(boxes: Float32, passages: Sequence[_Passage], overlap: float) -> dict[int, _Passage]:
    """Greedy one-to-one assignment by overlap, largest first; ties by position."""
    if not len(boxes) or not passages:
        return {}
    table = overlaps(boxes, np.stack([passage.box for passage in passages]))
    found: dict[int, _Passage] = {}
    used: set[int] = set()
    for cell in np.argsort(-table, axis=None, kind="stable"):
        face, row = divmod(int(cell), len(passages))
        if table[face, row] < overlap:
            break
        if face not in found and row not in used:
            found[face] = passages[row]
            used.add(row)
    return found

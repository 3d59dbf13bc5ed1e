"""A schedule of people who walk through the views of cameras: who, where, when, and whom an alert is expected for.

A schedule follows from its seed alone, before a single picture is drawn. Geometry: a camera above the pavement looks
along it; people come towards it in lanes, grow, and leave below the lower edge, or walk away and show their backs. A
face at depth d metres is FOCAL_PX * FACE_M / d pixels wide.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from loadtests.people.draws import Draw, draw_of
from loadtests.people.nuisance import Conditions, Range, draw_view
from loadtests.people.view import View

WIDTH_PX, HEIGHT_PX = 1280, 720
FACE_M = 0.155
FOCAL_PX = 1000.0
UNIT_M = 0.109  # of a head unit
VIEWS = 6  # poses of one passage
CLEAR_FRAMES = 2  # of a listed person, at the least
_HORIZON_PX, _ABOVE_M = 90.0, 0.58  # where the camera's height is in the picture, and how far faces are below it
_FAR_M, _NEAR_M = 6.5, 0.9
_LANES_M = (-1.5, -0.75, 0.0, 0.75, 1.5)
_LANE_FREE_S = 2.6  # until the next person may come in the same lane
_PACE_S = Range(3.6, 5.4)
_AWAY = 0.25  # of the strangers walk away from the camera
_WALK = Conditions(yaw_deg=20, pitch_deg=8, roll_deg=6, light=0.5, brightness=Range(0.75, 1.15), expression=0.8)
_CLEAR_WIDTH_PX = 56.0


@dataclass(frozen=True, slots=True)
class Passage:
    """One person once through one camera's view.

    Attributes:
        number: Within the schedule, in order of `enters_s`.
        camera: Id of the camera.
        person: Seed of the person.
        entry: Reference on the watchlist; None when the person is on none.
        enters_s: Seconds after the schedule's begin.
        leaves_s: The same.
        lane_m: Right of the camera's axis.
        away: Whether the person walks away from the camera.
        views: Poses, expressions and light, one after the other in equal parts of the passage.
    """

    number: int
    camera: str
    person: int
    entry: str | None
    enters_s: float
    leaves_s: float
    lane_m: float
    away: bool
    views: tuple[View, ...]

    def share(self, at_s: float) -> float:
        """How much of the passage is over, 0 to 1."""
        return (at_s - self.enters_s) / (self.leaves_s - self.enters_s)

    def is_in_view(self, at_s: float) -> bool:
        """Whether the person is there at this time."""
        return self.enters_s <= at_s < self.leaves_s

    def depth_m(self, at_s: float) -> float:
        """How far the person is from the camera."""
        share = self.share(at_s)
        return _FAR_M + (_NEAR_M - _FAR_M) * (1 - share if self.away else share)

    def view(self, at_s: float) -> int:
        """Which of the views is shown."""
        return min(VIEWS - 1, int(self.share(at_s) * VIEWS))

    def scale_px(self, at_s: float) -> float:
        """Pixels of one head unit."""
        return FOCAL_PX * UNIT_M / self.depth_m(at_s)

    def middle_px(self, at_s: float) -> tuple[float, float]:
        """Where the middle of the head is in the frame, right and down."""
        depth = self.depth_m(at_s)
        sway = 0.03 * math.sin(7 * (at_s - self.enters_s))
        return WIDTH_PX / 2 + FOCAL_PX * (self.lane_m + sway) / depth, _HORIZON_PX + FOCAL_PX * _ABOVE_M / depth


@dataclass(frozen=True, slots=True)
class Schedule:
    """What all cameras will see.

    Attributes:
        seed: What it follows from, together with the arguments of `plan_walks`.
        cameras: Their ids.
        fps: Frames a second of each.
        seconds: How long.
        listed: Seeds of the people on the watchlist, by reference.
        passages: In order of `enters_s`.
    """

    seed: int
    cameras: tuple[str, ...]
    fps: float
    seconds: float
    listed: Mapping[str, int]
    passages: tuple[Passage, ...]

    @property
    def frames(self) -> int:
        """Frames of each camera."""
        return int(self.seconds * self.fps)

    @property
    def expected(self) -> tuple[Passage, ...]:
        """The passages that must alert, once each: those of listed people."""
        return tuple(one for one in self.passages if one.entry is not None)

    def in_view(self, camera: str, at_s: float) -> list[Passage]:
        """Who is to be seen, the farthest first."""
        there = [one for one in self.passages if one.camera == camera and one.is_in_view(at_s)]
        return sorted(there, key=lambda one: -one.depth_m(at_s))


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who walks by, and how often.

    Attributes:
        listed: Seeds of the people on the watchlist, by reference.
        strangers: Seeds of people who are on none; when all have come, the first comes again.
        per_minute: People who come into the view of one camera.
        listed_share: How many of them are listed, 0 to 1.
        again_after_s: A listed person is not seen again by the same camera within this time, so that no cool-down
            swallows an expected alert.
    """

    listed: Mapping[str, int]
    strangers: Sequence[int]
    per_minute: float
    listed_share: float
    again_after_s: float

    def __post_init__(self) -> None:
        if not self.strangers or set(self.listed.values()) & set(self.strangers):
            raise ValueError("strangers: must be some, and none of those who are listed")
        if self.per_minute <= 0:
            raise ValueError(f"per_minute: must be above 0, found {self.per_minute}")
        if not 0 <= self.listed_share <= 1:
            raise ValueError(f"listed_share: must lie in [0, 1], found {self.listed_share}")


def plan_walks(seed: int, cameras: Sequence[str], fps: float, seconds: float, crowd: Crowd) -> Schedule:
    """A schedule in which every listed person who passes is seen clearly in at least CLEAR_FRAMES frames.

    Args:
        seed: Decides everything.
        cameras: Ids.
        fps: Frames a second of each camera.
        seconds: Length; everybody has left by then.
        crowd: Who walks by.

    Raises:
        ValueError: Too few seconds for anybody to walk by.
    """
    planner = _Planner(draw_of(seed, 40), fps, crowd)
    found = [passage for camera in cameras for passage in planner.walks(camera, seconds)]
    if not found:
        raise ValueError(f"seconds: nobody walks by within {seconds}; give more, or more people a minute")
    found.sort(key=lambda one: (one.enters_s, one.camera))
    numbered = tuple(replace(one, number=number) for number, one in enumerate(found))
    return Schedule(seed, tuple(cameras), fps, seconds, dict(crowd.listed), numbered)


class _Planner:
    """Draws the passages of one camera after the other."""

    def __init__(self, draw: Draw, fps: float, crowd: Crowd) -> None:
        self._draw = draw
        self._fps = fps
        self._crowd = crowd
        self._strangers = 0

    def walks(self, camera: str, seconds: float) -> list[Passage]:
        """Everybody who passes a camera."""
        found: list[Passage] = []
        seen: dict[str, float] = {}
        at = 0.0
        while True:
            at += 60 / self._crowd.per_minute * Range(0.4, 1.6).draw(self._draw)
            leaves = at + _PACE_S.draw(self._draw)
            if leaves > seconds:
                return found
            entry = self._listed(seen, at) if self._draw.random() < self._crowd.listed_share else None
            passage = self._fit(found, self._walk(camera, entry, at, leaves))
            if passage is None:
                continue  # the street is full for a moment
            found.append(passage)
            if entry is not None:
                seen[entry] = at

    def _listed(self, seen: Mapping[str, float], at: float) -> str | None:
        free = [ref for ref in self._crowd.listed if at - seen.get(ref, -math.inf) >= self._crowd.again_after_s + 10]
        return free[int(self._draw.random() * len(free))] if free else None

    def _walk(self, camera: str, entry: str | None, enters: float, leaves: float) -> Passage:
        away = entry is None and self._draw.random() < _AWAY
        first = draw_view(self._draw, _WALK)
        views = []
        for _ in range(VIEWS):  # pose and expression change, light and clothes do not
            view = draw_view(self._draw, _WALK)
            yaw = 180 + view.yaw_deg if away else view.yaw_deg
            views.append(replace(first, yaw_deg=yaw, pitch_deg=view.pitch_deg, roll_deg=view.roll_deg, face=view.face))
        if entry is None:
            strangers = self._crowd.strangers
            who = strangers[self._strangers % len(strangers)]
            self._strangers += 1
        else:
            who = self._crowd.listed[entry]
        return Passage(0, camera, who, entry, enters, leaves, 0.0, away, tuple(views))

    def _fit(self, found: Sequence[Passage], walk: Passage) -> Passage | None:
        """The walk in a lane that is free, where it hides no listed person and, if listed, is not hidden."""
        beside = [one for one in found if one.leaves_s > walk.enters_s]
        for lane in self._draw.permutation(len(_LANES_M)):
            placed = replace(walk, lane_m=_LANES_M[int(lane)])
            if any(one.lane_m == placed.lane_m and not _may_follow(one, placed) for one in beside):
                continue
            everyone = [*beside, placed]
            if all(self._clear_frames(one, everyone) >= CLEAR_FRAMES for one in everyone if one.entry is not None):
                return placed
        return None

    def _clear_frames(self, passage: Passage, everyone: Sequence[Passage]) -> int:
        first, last = math.ceil(passage.enters_s * self._fps), math.ceil(passage.leaves_s * self._fps)
        return sum(_is_clear(passage, everyone, frame / self._fps) for frame in range(first, last))


def _may_follow(before: Passage, after: Passage) -> bool:
    same_way = before.away == after.away
    return before.enters_s + _LANE_FREE_S <= after.enters_s if same_way else before.leaves_s <= after.enters_s


def _is_clear(passage: Passage, everyone: Sequence[Passage], at_s: float) -> bool:
    """Whether the face is large, wholly in the picture, and before everybody else's head and shoulders."""
    scale, (x, y) = passage.scale_px(at_s), passage.middle_px(at_s)
    left, top, right, bottom = x - 0.75 * scale, y - 0.75 * scale, x + 0.75 * scale, y + 1.1 * scale
    if scale * FACE_M / UNIT_M < _CLEAR_WIDTH_PX or left < 0 or right > WIDTH_PX or bottom > HEIGHT_PX:
        return False
    for other in everyone:
        if other is passage or not other.is_in_view(at_s) or other.depth_m(at_s) >= passage.depth_m(at_s):
            continue
        size, (at_x, at_y) = other.scale_px(at_s), other.middle_px(at_s)
        head = at_x - 1.1 * size < right and at_x + 1.1 * size > left and at_y - 1.4 * size < bottom
        body = at_x - 2.0 * size < right and at_x + 2.0 * size > left and at_y + 1.3 * size < bottom
        if (head and at_y + 1.3 * size > top) or body:
            return False
    return True

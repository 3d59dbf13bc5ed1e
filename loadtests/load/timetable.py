"""Who is shown where and when: what cameras send, and the truth that alerts are held against.

All follows from the seed, before a frame is sent. A passage is a number of successive frames of one camera, all of one
group of people; group after group, in the upper and in the lower half of the picture in turn, so that nobody is taken
for a continuation of whoever was there before.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cluster.kafka.partitions import partition_of
from loadtests.load.scenario import Scenario
from loadtests.load.shapes import Shape, due_times
from loadtests.people.draws import Draw, draw_of

VIEWS = 4
"""Pictures of one group."""


@dataclass(frozen=True, slots=True)
class Showing:
    """One group of people in view of one camera.

    Attributes:
        camera: Which.
        group: Of the pool.
        entry: Who of them is listed; None: nobody.
        first: Number of its first frame.
        until: Number of the first frame after it.
        begins_s: When its first frame is due, seconds after the begin.
        ends_s: When its last frame is due.
    """

    camera: str
    group: int
    entry: str | None
    first: int
    until: int
    begins_s: float
    ends_s: float


@dataclass(frozen=True, eq=False)
class Timetable:
    """What all cameras send.

    Attributes:
        cameras: Their ids.
        fps: Frames a second of each, at the full rate.
        seconds: Length.
        shape: How the rate goes.
        passage_frames: Frames of a passage.
        groups: By camera, the group of each passage.
        listed: Who is listed in which group.
    """

    cameras: tuple[str, ...]
    fps: float
    seconds: float
    shape: Shape
    passage_frames: int
    groups: Mapping[str, npt.NDArray[np.int32]]
    listed: Mapping[int, str]

    def due(self, camera: str) -> npt.NDArray[np.float64]:
        """When each frame of a camera is due, seconds after the begin: cameras are evenly behind one another."""
        return self._due[camera]

    def due_s(self, camera: str, seq: int) -> float:
        """When one frame is due, seconds after the begin."""
        return float(self._due[camera][seq])

    def pictures(self, camera: str) -> npt.NDArray[np.int32]:
        """Which picture of the pool each frame of a camera is: (n,) int32."""
        seq = np.arange(len(self.due(camera)), dtype=np.int32)
        return self.groups[camera][seq // self.passage_frames] * VIEWS + seq % VIEWS

    @cached_property
    def frames_total(self) -> int:
        """Frames of all cameras."""
        return sum(len(self.due(camera)) for camera in self.cameras)

    def showing(self, camera: str, seq: int) -> Showing | None:
        """What is shown in a frame; None: it is not of this timetable."""
        passages = self._showings.get(camera, ())
        at = seq // self.passage_frames
        return passages[at] if seq >= 0 and at < len(passages) and seq < passages[at].until else None

    @property
    def showings(self) -> Iterator[Showing]:
        """Every passage."""
        return (each for passages in self._showings.values() for each in passages)

    @cached_property
    def _due(self) -> dict[str, npt.NDArray[np.float64]]:
        phases = {camera: number / len(self.cameras) for number, camera in enumerate(self.cameras)}
        return {name: due_times(self.shape, self.fps, self.seconds, phase) for name, phase in phases.items()}

    @cached_property
    def _showings(self) -> dict[str, list[Showing]]:
        return {camera: list(self._of(camera)) for camera in self.cameras}

    def _of(self, camera: str) -> Iterator[Showing]:
        due = self.due(camera)
        for at, group in enumerate(self.groups[camera]):
            first, until = at * self.passage_frames, min(len(due), (at + 1) * self.passage_frames)
            if first < until:
                begins_s, ends_s = float(due[first]), float(due[until - 1])
                yield Showing(camera, int(group), self.listed.get(int(group)), first, until, begins_s, ends_s)


def camera_names(count: int, partitions: int) -> tuple[str, ...]:
    """Ids of so many cameras, which are spread over the partitions of the frames topic as evenly as can be."""
    taken = Counter[int]()
    names: list[str] = []
    for number in itertools.count(1):
        if len(names) == count:
            return tuple(names)
        name = f"camera-{number:05d}"
        partition = partition_of(name.encode(), partitions)
        if taken[partition] == len(names) // partitions:
            taken[partition] += 1
            names.append(name)
    raise AssertionError("there are numbers enough")


def plan(
    scenario: Scenario, cameras: tuple[str, ...], listed: Mapping[int, str], strangers: int, again_after_s: float
) -> Timetable:
    """The timetable of a scenario.

    Args:
        scenario: What is asked for.
        cameras: Their ids.
        listed: Who is listed in which group of the pool, the first groups.
        strangers: How many groups follow in which nobody is.
        again_after_s: A listed person is not shown again to the same camera within this time, so that no cool-down
            swallows an alert that is expected.
    """
    length = scenario.passage_frames
    draw = draw_of(scenario.seed, 60)
    groups = {}
    for number, camera in enumerate(cameras):
        due = due_times(scenario.shape, scenario.fps, scenario.seconds, number / len(cameras))
        begins = due[::length]
        whole = len(due) // length  # a passage that is cut off at the end might be too short to be confirmed
        chooser = _Chooser(draw, listed, strangers, scenario.people.listed_share, again_after_s)
        chosen = [chooser.group(at, float(begin), at < whole) for at, begin in enumerate(begins)]
        groups[camera] = np.array(chosen, np.int32)
    return Timetable(cameras, scenario.fps, scenario.seconds, scenario.shape, length, groups, listed)


class _Chooser:
    """Chooses who comes next before one camera."""

    def __init__(self, draw: Draw, listed: Mapping[int, str], strangers: int, share: float, again_s: float) -> None:
        self._draw = draw
        self._listed = listed
        self._strangers = range(len(listed), len(listed) + strangers)
        self._share = share
        self._again_s = again_s
        self._seen: dict[int, float] = {}

    def group(self, passage: int, at_s: float, is_whole: bool) -> int:
        """Who comes as this passage, in the half of the picture whose turn it is."""
        half = passage % 2
        if is_whole and self._draw.random() < self._share:
            last = {group: self._seen.get(group, -math.inf) for group in self._listed if group % 2 == half}
            free = [group for group, seen_s in last.items() if at_s - seen_s >= self._again_s]
            if free:
                chosen = free[int(self._draw.random() * len(free))]
                self._seen[chosen] = at_s
                return chosen
        others = [group for group in self._strangers if group % 2 == half]
        return others[int(self._draw.random() * len(others))]

"""Frames of several cameras, in the order in which they are due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtests.load.timetable import Timetable

_AT_ONCE = 1024  # made into Python's numbers together, which is ten times quicker than one by one


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """What one process sends.

    Attributes:
        cameras: Their ids.
        due_s: When each frame is captured, seconds after the begin: (n,) float64, rising.
        camera: Which of `cameras` each is of: (n,) int32.
        seq: Its number within its camera's stream: (n,) int32.
        picture: Which picture of the pool it is: (n,) int32.
    """

    cameras: Sequence[str]
    due_s: npt.NDArray[np.float64]
    camera: npt.NDArray[np.int32]
    seq: npt.NDArray[np.int32]
    picture: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.due_s)

    def __iter__(self) -> Iterator[tuple[float, str, int, int]]:
        """Due time, camera, number and picture of each frame."""
        for first in range(0, len(self), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            columns = (self.due_s[some], self.camera[some], self.seq[some], self.picture[some])
            for due_s, camera, seq, picture in zip(*(each.tolist() for each in columns), strict=True):
                yield due_s, self.cameras[camera], seq, picture


def turns(timetable: Timetable, cameras: Sequence[str]) -> Turns:
    """The frames of some of a timetable's cameras."""
    due = [timetable.due(camera) for camera in cameras]
    number = np.repeat(np.arange(len(cameras), dtype=np.int32), [len(each) for each in due])
    seq = np.concatenate([np.arange(len(each), dtype=np.int32) for each in due])
    picture = np.concatenate([timetable.pictures(camera) for camera in cameras])
    due_s = np.concatenate(due)
    order = np.argsort(due_s, kind="stable")
    return Turns(tuple(cameras), due_s[order], number[order], seq[order], picture[order])


def shares(timetable: Timetable, processes: int) -> list[Turns]:
    """A timetable for so many processes, fewer where there are fewer cameras: each camera's frames are of one."""
    cameras = timetable.cameras
    return [turns(timetable, cameras[first::processes]) for first in range(min(processes, len(cameras)))]

"""How the rate of frames goes over a scenario, and when each frame of a camera is therefore due."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

_STEPS_A_SECOND = 50
_DAY = (0.05, 0.03, 0.02, 0.02, 0.03, 0.10, 0.35, 0.80, 1.00, 0.75, 0.60, 0.60, 0.70, 0.65, 0.60, 0.65, 0.80, 1.00)
_EVENING = (0.85, 0.60, 0.45, 0.35, 0.25, 0.12)
DAY_CURVE = (*_DAY, *_EVENING)
"""A working day by the hour, from midnight: busiest at eight and at five. A shape for load tests, not a measurement."""


class Course(StrEnum):
    """Names of shapes."""

    CONSTANT = "constant"
    RAMP = "ramp"
    SPIKE = "spike"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Shape:
    """The rate over time, as a share of the scenario's `fps`.

    Attributes:
        course: CONSTANT: always all of it. RAMP: from `least` evenly up to all. SPIKE: `least`, but all from
            `begins_s` on for `lasts_s`. DAY: a day between `least` and all, passed through in the scenario's length.
        least: Above 0 to 1; asked for by all courses but CONSTANT.
        begins_s: Of a spike.
        lasts_s: Of a spike.
    """

    course: Course
    least: float | None = None
    begins_s: float | None = None
    lasts_s: float | None = None

    def __post_init__(self) -> None:
        asked = {"least": self.course is not Course.CONSTANT}
        asked |= dict.fromkeys(("begins_s", "lasts_s"), self.course is Course.SPIKE)
        for name, is_asked in asked.items():
            if (getattr(self, name) is not None) is not is_asked:
                raise ValueError(f"{name}: {'missing for' if is_asked else 'means nothing to'} course {self.course}")
        if self.least is not None and not 0 < self.least <= 1:
            raise ValueError(f"least: must be above 0 and at most 1, found {self.least}")
        if (self.begins_s or 0) < 0 or (self.lasts_s is not None and self.lasts_s <= 0):
            raise ValueError("begins_s: must be at least 0, and lasts_s above 0")

    @property
    def lowest(self) -> float:
        """The smallest share there is."""
        return 1.0 if self.least is None else self.least

    def share(self, at_s: npt.NDArray[np.float64], seconds: float) -> npt.NDArray[np.float64]:
        """The share of the full rate at moments (n,) float64, seconds after the begin of a scenario of `seconds`."""
        least, whole = self.lowest, at_s / seconds
        if self.course is Course.SPIKE:
            begins_s, lasts_s = self.begins_s or 0.0, self.lasts_s or 0.0
            risen = ((at_s >= begins_s) & (at_s < begins_s + lasts_s)).astype(np.float64)
        elif self.course is Course.DAY:
            risen = np.interp(24 * whole, np.arange(25), (*DAY_CURVE, DAY_CURVE[0]))
        else:
            risen = whole
        return least + (1 - least) * risen


def due_times(shape: Shape, fps: float, seconds: float, phase: float = 0.0) -> npt.NDArray[np.float64]:
    """When the frames of one camera are due: (n,) float64, seconds after the begin, rising.

    Args:
        shape: How the rate goes.
        fps: Frames a second at the full rate.
        seconds: Length.
        phase: 0 to 1: by which part of a frame this camera is behind one that begins at once.
    """
    grid = np.linspace(0.0, seconds, max(2, round(seconds * _STEPS_A_SECOND) + 1))
    middles = (grid[1:] + grid[:-1]) / 2
    due = np.concatenate([[0.0], np.cumsum(shape.share(middles, seconds) * fps * np.diff(grid))])
    return np.interp(np.arange(phase, due[-1] - 1e-6, 1.0), due, grid)

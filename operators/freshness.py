"""Which frames of a camera are looked at when not all of them can be."""

from dataclasses import dataclass, field
from enum import StrEnum


class Rule(StrEnum):
    """What is looked at.

    `every`: all frames that are fresh enough, oldest first. `newest`: the newest first; when more frames wait than can
    be taken in, older ones of the same camera are shed. `sample`: so many a second, the others are shed at once.
    """

    EVERY = "every"
    NEWEST = "newest"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class CameraFreshness:
    """The rule of one camera.

    Attributes:
        rule: See `Rule`.
        frames_per_s: With `sample`, and only then: one frame in each part of a second is looked at. Too low misses
            those who walk by between two frames, too high takes time from other cameras.
    """

    rule: Rule
    frames_per_s: float | None = None

    def __post_init__(self) -> None:
        if (self.rule is Rule.SAMPLE) != (self.frames_per_s is not None):
            raise ValueError("frames_per_s: is given with 'rule: sample', and only then")
        if self.frames_per_s is not None and not 0.001 <= self.frames_per_s <= 1000:
            raise ValueError(f"frames_per_s: must be between 0.001 and 1000, found {self.frames_per_s}")


@dataclass(frozen=True, slots=True)
class FreshnessRule(CameraFreshness):
    """The rule of all cameras.

    Attributes:
        cameras: Rules of single cameras, instead of it.
    """

    cameras: dict[str, CameraFreshness] = field(default_factory=dict)

    def of(self, camera: str) -> CameraFreshness:
        """The rule of one camera."""
        return self.cameras.get(camera, self)

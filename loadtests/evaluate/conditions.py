"""Under which conditions a picture was taken, as rows of a table."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from loadtests.evaluate.rates import Bools
from loadtests.people.nuisance import STREET, Picture

_MIDDLE_BRIGHTNESS = (STREET.brightness.low + STREET.brightness.high) / 2
_ONE_SIDED = 0.3  # about half of all pictures of a street reach it

Holds = Callable[[Picture], bool]


def one_sidedness(picture: Picture) -> float:
    """The share of the light that comes from the left or the right alone, 0 to about 0.6."""
    across, down, towards = picture.view.light
    length = math.sqrt(across**2 + down**2 + towards**2)
    return (1.15 - picture.view.ambient) * abs(across) / length  # 1.15 - ambient: what `render` gives to the light


def _turned(low: float, high: float) -> Holds:
    return lambda picture: low <= abs(picture.view.yaw_deg) < high


def _wide(low: float, high: float) -> Holds:
    return lambda picture: low <= picture.width_px < high


CONDITIONS: tuple[tuple[str, tuple[tuple[str, Holds], ...]], ...] = (
    (
        "yaw",
        (
            ("turned 0 to 10 deg", _turned(0, 10)),
            ("turned 10 to 20 deg", _turned(10, 20)),
            ("turned 20 to 30 deg", _turned(20, 90)),
        ),
    ),
    (
        "width",
        (
            ("40 to 60 px wide", _wide(0, 60)),
            ("60 to 100 px wide", _wide(60, 100)),
            ("100 to 180 px wide", _wide(100, math.inf)),
        ),
    ),
    (
        "brightness",
        (
            ("darker half", lambda picture: picture.view.brightness < _MIDDLE_BRIGHTNESS),
            ("brighter half", lambda picture: picture.view.brightness >= _MIDDLE_BRIGHTNESS),
        ),
    ),
    (
        "light",
        (
            ("even light", lambda picture: one_sidedness(picture) < _ONE_SIDED),
            ("light from one side", lambda picture: one_sidedness(picture) >= _ONE_SIDED),
        ),
    ),
    (
        "cover",
        (
            ("uncovered", lambda picture: picture.cover == 0),
            ("partly covered", lambda picture: picture.cover > 0),
        ),
    ),
)
"""What is told apart, and its rows; each picture is in one row of each."""


def holding(pictures: Sequence[Picture], holds: Holds) -> Bools:
    """Which pictures a row is about, (n,)."""
    return np.array([holds(picture) for picture in pictures], bool)

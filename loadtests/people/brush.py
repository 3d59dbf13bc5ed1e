"""Tools to paint on the map of a head: shapes with soft rims, smooth lines, smooth noise."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from loadtests.people.draws import draw_of
from loadtests.people.head import EDGE
from loadtests.people.person import Colour
from operators.types import Float32

SIDE = 512  # cells of the map of colours, each way: about 170 across a face
_SHIFT = 4  # fractional bits of drawn coordinates
Points = npt.NDArray[np.float64]
"""(n, 2) places on the map, u and v."""


class Brush:
    """Paints shapes given by places on the map."""

    def __init__(self, canvas: Float32) -> None:
        self._canvas = canvas

    def fill(self, points: Points, colour: Colour, opacity: float = 1.0, soft: float = 0.0) -> None:
        """Fill a polygon; `soft` is the blur of its rim in cells."""
        self._blend([points], colour, opacity, soft, None)

    def line(self, points: Points, width: float, colour: Colour, opacity: float = 1.0, soft: float = 0.0) -> None:
        """Draw an open line of a width on the map."""
        self._blend([points], colour, opacity, soft, width)

    def inside(self, points: Points, shapes: Sequence[tuple[Points, Colour]]) -> None:
        """Fill a polygon with the parts of shapes that lie inside it, one over the other."""
        box = self._box(points, 2)
        rim = self._mask(points, box, 0.0, None)
        for shape, colour in shapes:
            self._mix(box, np.minimum(rim, self._mask(shape, box, 0.0, None)), colour)

    def _blend(
        self, polygons: Sequence[Points], colour: Colour, opacity: float, soft: float, width: float | None
    ) -> None:
        for points in polygons:
            spread = 3 * soft + 2 + (0 if width is None else width * SIDE / (2 * EDGE))
            box = self._box(points, spread)
            self._mix(box, self._mask(points, box, soft, width) * np.float32(opacity), colour)

    def _box(self, points: Points, spread: float) -> tuple[int, int, int, int]:
        cells = _cells(points)
        left, top = np.maximum(np.floor(cells.min(0) - spread), 0).astype(int)
        right, bottom = np.minimum(np.ceil(cells.max(0) + spread) + 1, SIDE).astype(int)
        return left, top, right, bottom

    def _mask(self, points: Points, box: tuple[int, int, int, int], soft: float, width: float | None) -> Float32:
        left, top, right, bottom = box
        mask = np.zeros((bottom - top, right - left), np.uint8)
        at = np.rint((_cells(points) - (left, top)) * (1 << _SHIFT)).astype(np.int32)
        if width is None:
            cv2.fillPoly(mask, [at], 255, cv2.LINE_AA, _SHIFT)
        else:
            thick = max(1, round(width * SIDE / (2 * EDGE)))
            cv2.polylines(mask, [at], False, 255, thick, cv2.LINE_AA, _SHIFT)
        if soft > 0:
            cv2.GaussianBlur(mask, (0, 0), soft, dst=mask)
        return mask.astype(np.float32) * np.float32(1 / 255)

    def _mix(self, box: tuple[int, int, int, int], mask: Float32, colour: Colour) -> None:
        left, top, right, bottom = box
        part = self._canvas[top:bottom, left:right]
        part += (np.array(colour, np.float32) - part) * mask[..., None]


def _cells(points: Points) -> Points:
    return (points + EDGE) * (SIDE / (2 * EDGE)) - 0.5


def noise(seed: int, salt: int, cells: tuple[int, int], side: int = SIDE) -> Float32:
    """Smooth noise from -1 to 1: (side, side) float32, from rows x columns random values."""
    draw = draw_of(seed, salt)
    coarse = (draw.random(cells) * 2 - 1).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)


def ellipse(at: tuple[float, float], wide: float, high: float, corners: int) -> Points:
    """The corners of an ellipse around a place, (corners, 2)."""
    return _circle(corners) * (wide, high) + at


@cache
def _circle(corners: int) -> Points:
    angle = np.arange(corners) * (2 * np.pi / corners)
    return np.round(np.stack([np.cos(angle), np.sin(angle)], axis=1), 9)


def curve(points: Sequence[tuple[float, float]], steps: int = 6) -> Points:
    """A smooth line through points (Catmull and Rom's spline)."""
    at = np.array([points[0], *points, points[-1]])
    t = (np.arange(steps) / steps)[:, None]
    parts = []
    for before, start, end, after in zip(at[:-3], at[1:-2], at[2:-1], at[3:], strict=True):
        parts.append(
            0.5
            * (
                2 * start
                + (end - before) * t
                + (2 * before - 5 * start + 4 * end - after) * t * t
                + (3 * start - before - 3 * end + after) * t * t * t
            )
        )
    return np.concatenate([*parts, at[-1:]])


def mirror(points: Points, side: float) -> Points:
    """The points themselves for side 1, on the other side of the face for -1."""
    return points * (side, 1.0)

"""Glasses: rims before the eyes, a bridge, and temples back to the ears, hidden where the head is before them."""

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from loadtests.people.head import surface
from loadtests.people.person import Glasses, Person
from operators.types import Float32

_SHIFT = 4
_CORNERS = 28
_SQUARENESS = {
    Glasses.ROUND: (1.0, 1.0),
    Glasses.OVAL: (1.0, 0.72),
    Glasses.SQUARE: (1.0, 0.78),
    Glasses.HALF: (1.0, 0.68),
}


def draw_glasses(
    pixels: npt.NDArray[np.uint8],
    who: Person,
    skull: Float32,
    turn: Float32,
    origin: tuple[float, float],
    scale_px: float,
    depth: Float32,
) -> None:
    """Draw a person's glasses on a cut-out, in place.

    Args:
        pixels: (h, w, 4) uint8.
        who: Wears them.
        skull: (256, 256) float32, the radii of the head without hair.
        turn: Head to camera, (3, 3) float32.
        origin: Head units, right and down of the head's middle, of the middle of the first pixel.
        scale_px: Pixels of one head unit.
        depth: (h, w) float32, of the head's surface, head units towards the viewer.
    """
    if who.glasses is Glasses.NONE:
        return
    thick = max(1, round(0.030 * who.rim_thickness * scale_px))
    for line in _lines(who, skull):
        seen = line @ turn.T
        at = (seen[:, :2] - np.array(origin, np.float32)) * np.float32(scale_px)
        for start, end, near in zip(at[:-1], at[1:], (seen[:-1, 2] + seen[1:, 2]) / 2, strict=True):
            column, row = ((start + end) / 2).astype(int)
            inside = 0 <= row < depth.shape[0] and 0 <= column < depth.shape[1]
            if inside and near < depth[row, column] - 0.03:
                continue
            ends = np.rint(np.stack([start, end]) * (1 << _SHIFT)).astype(np.int32)
            cv2.polylines(pixels, [ends], False, (*who.rim_colour, 255.0), thick, cv2.LINE_AA, _SHIFT)


def _lines(who: Person, skull: Float32) -> list[Float32]:
    """Rims, bridge and temples as lines of points, each (n, 3) float32, head units."""
    places = np.array([who.eye_u, -who.eye_u, 1.0, -1.0]), np.array([who.eye_v, who.eye_v, 0.0, 0.0])
    right, left, ear_right, ear_left = surface(skull, *(part.astype(np.float32) for part in places))
    wide, high = (0.245 * who.rim_size * part for part in _SQUARENESS[who.glasses])
    front = max(float(right[2]), float(left[2])) + 0.10
    lines = []
    for eye, ear, side in ((right, ear_right, 1.0), (left, ear_left, -1.0)):
        middle = np.array([eye[0] + side * 0.02, eye[1] + 0.02, front], np.float32)
        lines.append(middle + _rim(who.glasses) * np.array([wide, high, 0.0], np.float32))
        hinge = middle + np.array([side * wide, -0.3 * high, 0.0], np.float32)
        beside = np.array([side * (abs(float(ear[0])) + 0.02), hinge[1], 0.35], np.float32)
        behind = np.array([beside[0], float(hinge[1]) + 0.03, -0.12], np.float32)
        lines.append(_straight(hinge, beside, behind))
    inner = [np.array([side * (float(right[0]) + 0.02 - wide), right[1] - 0.01, front], np.float32) for side in (1, -1)]
    lines.append(_straight(inner[0], np.array([0.0, inner[0][1] - 0.03, front + 0.03], np.float32), inner[1]))
    return lines


def _rim(shape: Glasses) -> Float32:
    angle = np.arange(_CORNERS + 1) * (2 * np.pi / _CORNERS)
    if shape is Glasses.HALF:  # open below
        angle = np.pi + np.arange(_CORNERS // 2 + 1) * (2 * np.pi / _CORNERS)
    circle = np.round(np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1), 9)
    if shape is Glasses.SQUARE:
        largest = np.abs(circle[:, :2]).max(axis=1, keepdims=True)
        circle[:, :2] = circle[:, :2] * (0.35 + 0.65 * (0.88 / largest))
    return circle.astype(np.float32)


def _straight(*points: Float32) -> Float32:
    """Straight from point to point, in short steps, so that each can be hidden or seen."""
    t = (np.arange(8) / 8)[:, None].astype(np.float32)
    parts = [a + (b - a) * t for a, b in pairwise(points)]
    return np.concatenate([*parts, points[-1][None]]).astype(np.float32)

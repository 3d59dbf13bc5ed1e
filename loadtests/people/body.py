"""Neck and shoulders, drawn flat behind the head."""

import cv2
import numpy as np
import numpy.typing as npt

from loadtests.people.paint import skin_colour
from loadtests.people.person import Colour, Person
from loadtests.people.view import LEFT, TOP, View

_SHIFT = 4
_MIDDLE = np.array([-LEFT, -TOP])  # of the head within a cut-out, head units
_NECK = np.array([(-0.42, 0.5), (0.42, 0.5), (0.44, 1.2), (0.62, 1.45), (-0.62, 1.45), (-0.44, 1.2)])
_SHADE = np.array([(-0.42, 0.5), (0.42, 0.5), (0.43, 1.0), (0.0, 1.18), (-0.43, 1.0)])
_SHOULDERS = np.array(
    [
        (-0.60, 1.34),
        (0.0, 1.55),
        (0.60, 1.34),
        (1.20, 1.55),
        (1.72, 1.85),
        (1.95, 2.7),
        (-1.95, 2.7),
        (-1.72, 1.85),
        (-1.20, 1.55),
    ]
)
_COLLAR = np.array([(-0.60, 1.34), (0.0, 1.55), (0.60, 1.34), (0.50, 1.56), (0.0, 1.78), (-0.50, 1.56)])
_TORSO = np.array([(-1.95, 2.5), (1.95, 2.5), (1.6, 6.6), (-1.6, 6.6)])
_LEGS = np.array([(-1.6, 6.5), (1.6, 6.5), (1.25, 14.8), (0.2, 14.8), (0.0, 8.0), (-0.2, 14.8), (-1.25, 14.8)])


def draw_below(image: npt.NDArray[np.uint8], at: tuple[float, float], scale_px: float, view: View) -> None:
    """Draw what is below a cut-out, torso and legs, on a frame, in place.

    Args:
        image: (h, w, 3) uint8, BGR.
        at: Where the middle of the head is, pixels right and down.
        scale_px: Pixels of one head unit.
        view: Its clothes and light.
    """
    for points, factor in ((_LEGS, 0.45), (_TORSO, 1.0)):
        corners = np.rint((points * scale_px + at) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(image, [corners], _lit(view.clothes, view, factor), cv2.LINE_AA, _SHIFT)


def paint_body(who: Person, view: View, width: int, height: int, scale_px: float) -> npt.NDArray[np.uint8]:
    """A cut-out with neck and shoulders only: (height, width, 4) uint8."""
    pixels = np.zeros((height, width, 4), np.uint8)
    blue, green, red = skin_colour(who)
    skin: Colour = (blue * 0.86, green * 0.86, red * 0.86)
    neck_sway = np.array([0.004 * view.yaw_deg, 0.0])
    for points, colour, factor in (
        (_NECK + neck_sway, skin, 1.0),
        (_SHADE + neck_sway, skin, 0.72),
        (_SHOULDERS, view.clothes, 1.0),
        (_COLLAR, view.clothes, 0.78),
    ):
        at = np.rint((points + _MIDDLE) * scale_px * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(pixels, [at], (*_lit(colour, view, factor), 255.0), cv2.LINE_AA, _SHIFT)
    # A rim drawn smoothly over nothing mixes with black; opacity already says how much of it there is.
    cover = pixels[..., 3:].astype(np.float32)
    pixels[..., :3] = np.minimum(pixels[..., :3] * (255 / np.maximum(cover, 1)), 255).astype(np.uint8)
    return pixels


def _lit(colour: Colour, view: View, factor: float) -> Colour:
    level = factor * view.brightness * (view.ambient + 0.5 * (1.15 - view.ambient))
    blue, green, red = (min(255.0, part * level * tint) for part, tint in zip(colour, view.tint, strict=True))
    return blue, green, red

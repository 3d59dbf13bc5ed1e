"""A person and a view become a picture: the head's surface is found along every line of sight, coloured and lit.

The view is parallel, as from a camera some metres away. What is returned is a cut-out with transparency, and the truth
about it: five landmarks that follow the turned surface, and the box from hairline to chin and from ear to ear.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from loadtests.people.body import paint_body
from loadtests.people.brush import SIDE
from loadtests.people.glasses import draw_glasses
from loadtests.people.head import EDGE, SHAPE_SIDE, Head, shape_head, surface
from loadtests.people.paint import Expression, Ground, mouth_corner, paint_face, paint_ground
from loadtests.people.person import Person
from loadtests.people.view import BOTTOM, LEFT, RIGHT, TOP, View
from operators.types import Float32

_ITERATIONS = 14
_STRIDE = np.float32(0.72)
_FACE_OUTLINE: tuple[tuple[float, float], ...] = (
    *((side * 0.30, -0.30) for side in (-1, 1)),
    (0.0, -0.33),
    *((side * 0.62, -0.12) for side in (-1, 1)),
    *((side * 0.80, 0.05) for side in (-1, 1)),
    *((side * 0.74, 0.25) for side in (-1, 1)),
    *((side * 0.50, 0.52) for side in (-1, 1)),
    *((side * 0.20, 0.68) for side in (-1, 1)),
    (0.0, 0.72),
    (0.0, 0.20),
)


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """A cut-out of one person, and its truth.

    Attributes:
        pixels: (h, w, 4) uint8: blue, green, red, opacity; colours are not multiplied by the opacity.
        landmarks: (5, 2) float32, pixels: right eye, left eye, nose tip, right and left mouth corner.
        box: (4,) float32, pixels: left, top, right, bottom of the face.
    """

    pixels: npt.NDArray[np.uint8]
    landmarks: Float32
    box: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A person made ready to be drawn: what costs most and stays the same from view to view."""

    who: Person
    head: Head
    ground: Ground

    @staticmethod
    def of(who: Person) -> "Model":
        """The model of a person."""
        return Model(who, shape_head(who), paint_ground(who))


def render(model: Model, view: View, scale_px: float) -> Sprite:
    """The picture of a person.

    Args:
        model: Who.
        view: How.
        scale_px: Pixels of one head unit; a face is about 1.4 units wide.
    """
    turn = _rotation(view)
    width, height = round((RIGHT - LEFT) * scale_px), round((BOTTOM - TOP) * scale_px)
    pixels = paint_body(model.who, view, width, height, scale_px)
    reach = float(model.head.radius.max()) + 0.02
    left, right = (round((side * reach - LEFT) * scale_px) for side in (-1, 1))
    top, bottom = (round((side * reach - TOP) * scale_px) for side in (-1, 1))
    x = ((np.arange(left, right) + 0.5) / scale_px + LEFT).astype(np.float32)
    y = ((np.arange(top, bottom) + 0.5) / scale_px + TOP).astype(np.float32)
    depth, gap, at = _trace(model.head, turn, x, y, reach)
    cover = np.clip(1.8 - gap * scale_px, 0, 1)
    colours = _light(model, view, turn, at)
    part = pixels[top:bottom, left:right]
    _over(part, colours, cover)
    solid = np.where(cover > 0.5, depth, -9).astype(np.float32)
    draw_glasses(part, model.who, model.head.skull, turn, (x[0], y[0]), scale_px, solid)
    landmarks = _project(surface(model.head.skull, *_landmark_places(model.who, view.face)), turn, scale_px)
    outline = _project(surface(model.head.skull, *np.array(_FACE_OUTLINE, np.float32).T), turn, scale_px)
    return Sprite(pixels, landmarks, np.concatenate([outline.min(0), outline.max(0)]).astype(np.float32))


def _rotation(view: View) -> Float32:
    """Head to camera, (3, 3) float32; rounded, so that the last bit of a library's sine does not matter."""
    cos_y, sin_y = _cos_sin(view.yaw_deg)
    cos_p, sin_p = _cos_sin(view.pitch_deg)
    cos_r, sin_r = _cos_sin(view.roll_deg)
    yaw = [[cos_y, 0.0, sin_y], [0.0, 1.0, 0.0], [-sin_y, 0.0, cos_y]]
    pitch = [[1.0, 0.0, 0.0], [0.0, cos_p, sin_p], [0.0, -sin_p, cos_p]]
    roll = [[cos_r, -sin_r, 0.0], [sin_r, cos_r, 0.0], [0.0, 0.0, 1.0]]
    return np.array(_times(roll, _times(pitch, yaw)), np.float32)


def _cos_sin(degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return round(math.cos(angle), 9), round(math.sin(angle), 9)


def _times(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    return [[sum(a[i][k] * b[k][j] for k in range(3)) for j in range(3)] for i in range(3)]


def _trace(head: Head, turn: Float32, x: Float32, y: Float32, reach: float) -> tuple[Float32, Float32, Float32]:
    """Follow every line of sight to the surface.

    Returns:
        Depth (h, w) towards the viewer, how near the line comes to the surface (h, w), both head units, and the place
        on the map, in cells of its 256 x 256, (2, h, w); all float32.
    """
    base = [turn[0, axis] * x[None] + turn[1, axis] * y[:, None] for axis in range(3)]
    outside = np.sqrt(np.maximum(np.float32(reach**2) - x[None] ** 2 - y[:, None] ** 2, 0)).astype(np.float32)
    depth, inside = outside, np.full(outside.shape, -reach, np.float32)
    best_gap, best_depth = np.full(depth.shape, 9, np.float32), depth
    best_at = np.zeros((2, *depth.shape), np.float32)
    within = np.zeros(depth.shape, bool)
    for _ in range(_ITERATIONS):
        px, py, pz = (part + turn[2, axis] * depth for axis, part in enumerate(base))
        norm = np.sqrt(px * px + py * py + pz * pz)
        at = _cells_of(px, py, pz, norm)
        gap = norm - cv2.remap(head.radius, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        sunk = gap < 0
        within |= sunk
        nearer = np.abs(gap) < best_gap
        best_gap = np.where(nearer, np.abs(gap), best_gap)
        best_depth = np.where(nearer, depth, best_depth)
        best_at = np.where(nearer, at, best_at)
        inside, outside = np.where(sunk, depth, inside), np.where(sunk, outside, depth)
        # Step by the gap, which suits smooth skin; halve the bracket where a wall of hair makes that step leave it.
        step = depth - _STRIDE * gap
        leaves = within & ((step >= outside) | (step <= inside))
        depth = np.where(leaves, (inside + outside) * np.float32(0.5), np.maximum(step, np.float32(-reach)))
    return best_depth, np.where(within, np.float32(0), best_gap), best_at


def _cells_of(px: Float32, py: Float32, pz: Float32, norm: Float32) -> Float32:
    down = np.maximum(norm + pz, np.float32(1e-4))
    per = np.float32(SHAPE_SIDE / (2 * EDGE))
    limit = np.float32(EDGE)
    return np.stack([(np.clip(part / down, -limit, limit) + limit) * per - np.float32(0.5) for part in (px, py)])


def _light(model: Model, view: View, turn: Float32, at: Float32) -> Float32:
    """The colour of every pixel, (h, w, 3) float32, 0 to 255 and above."""
    head, fine = model.head, np.float32(SIDE / SHAPE_SIDE)
    painted = cv2.remap(
        paint_face(model.who, model.ground, view.face),
        (at[0] + np.float32(0.5)) * fine - np.float32(0.5),
        (at[1] + np.float32(0.5)) * fine - np.float32(0.5),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    normals = cv2.remap(head.normals, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    hollow = cv2.remap(head.hollow, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light = np.array(view.light, np.float32)
    light = light / np.float32(math.sqrt(float((light * light).sum())))
    towards = turn.T @ light
    facing = normals[..., 0] * towards[0] + normals[..., 1] * towards[1] + normals[..., 2] * towards[2]
    seen = normals[..., 0] * turn[2, 0] + normals[..., 1] * turn[2, 1] + normals[..., 2] * turn[2, 2]
    direct = np.clip((facing + np.float32(0.25)) * np.float32(0.8), 0, 1)
    rim = np.float32(0.72) + np.float32(0.28) * np.clip(seen * 1.6, 0, 1)
    level = (view.ambient + (1.15 - view.ambient) * direct) * rim * hollow * view.brightness
    colours: Float32 = painted.astype(np.float32) * level[..., None] * np.array(view.tint, np.float32)
    return colours


def _over(below: npt.NDArray[np.uint8], colours: Float32, cover: Float32) -> None:
    """Lay colours with an opacity of 0 to 1 over a cut-out, in place."""
    old = below[..., 3].astype(np.float32) * np.float32(1 / 255)
    whole = cover + old * (1 - cover)
    share = np.where(whole > 0, cover / np.maximum(whole, 1e-6), 0)[..., None]
    mixed = np.minimum(colours, 255) * share + below[..., :3] * (1 - share)
    below[..., :3] = (mixed + 0.5).astype(np.uint8)
    below[..., 3] = (whole * 255 + 0.5).astype(np.uint8)


def _landmark_places(who: Person, face: Expression) -> tuple[Float32, Float32]:
    corner_u, corner_v = mouth_corner(who, face)
    places = [
        (-who.eye_u, who.eye_v),
        (who.eye_u, who.eye_v),
        (0.0, who.nose_v),
        (-corner_u, corner_v),
        (corner_u, corner_v),
    ]
    u, v = np.array(places, np.float32).T
    return u, v


def _project(points: Float32, turn: Float32, scale_px: float) -> Float32:
    """Pixels of a cut-out where points of the head appear, (n, 2) float32."""
    across = points[:, 0] * turn[0, 0] + points[:, 1] * turn[0, 1] + points[:, 2] * turn[0, 2]
    down = points[:, 0] * turn[1, 0] + points[:, 1] * turn[1, 1] + points[:, 2] * turn[1, 2]
    return (np.stack([across - np.float32(LEFT), down - np.float32(TOP)], axis=1) * np.float32(scale_px)).astype(
        np.float32
    )

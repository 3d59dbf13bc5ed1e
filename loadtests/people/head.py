"""The shape of a head: how far its surface is from its middle, in every direction.

Head units: x to the right of a picture (the person's left), y down, z towards the viewer; the middle between the ears
is the origin and the head is about 1.4 wide and 2.2 high. A direction d is named by its place on the map, the
stereographic projection u = dx / (1 + dz), v = dy / (1 + dz): the face lies within 0.7 of its middle, the ears at
u = +-1, the back of the head beyond the edge. Map and directions need no function but the square root, which is exact
everywhere.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from loadtests.people.person import Beard, HairStyle, Person
from operators.types import Float32

EDGE = 1.9  # the map covers u and v from -EDGE to EDGE
SHAPE_SIDE = 256  # cells of the map of radii, each way: 0.015 head units in the middle of the face
_HANGING = {HairStyle.BOB: 0.98, HairStyle.LONG: 1.5, HairStyle.LONG_FRINGE: 1.5}  # down to where


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The surface of one person's head.

    Attributes:
        radius: (256, 256) float32, head units, over the map: skin or hair, whichever is seen.
        skull: (256, 256) float32, the same without hair.
        normals: (256, 256, 3) float32 unit vectors pointing outwards, over the map.
        hollow: (256, 256) float32 from 0.5 to 1.1: how much of the light around reaches a place.
    """

    radius: Float32
    skull: Float32
    normals: Float32
    hollow: Float32


@cache
def grid(side: int) -> tuple[Float32, Float32]:
    """The u and v of the middle of every cell of a map of side x side cells, each (side, side) float32, read-only."""
    along = ((np.arange(side) + 0.5) * (2 * EDGE / side) - EDGE).astype(np.float32)
    u, v = np.meshgrid(along, along)
    u.flags.writeable = v.flags.writeable = False
    return u, v


def directions(u: Float32, v: Float32) -> Float32:
    """The unit vectors of places on the map, (..., 3) float32."""
    square = u * u + v * v
    unit: Float32 = np.stack([2 * u, 2 * v, 1 - square], axis=-1) / (1 + square)[..., None]
    return unit


def bump(u: Float32, v: Float32, at: tuple[float, float], size: tuple[float, float]) -> Float32:
    """A smooth hill of height 1 around a place of the map, 0 beyond `size`."""
    inside = 1 - ((u - at[0]) / size[0]) ** 2 - ((v - at[1]) / size[1]) ** 2
    hill: Float32 = np.maximum(inside, 0) ** 2
    return hill


def ramp(values: Float32, low: float, high: float) -> Float32:
    """0 below `low`, 1 above `high`, smooth between; the other way round when low is above high."""
    t = np.clip((values - low) / (high - low), 0, 1)
    smooth: Float32 = t * t * (3 - 2 * t)
    return smooth


def surface(radius: Float32, u: Float32, v: Float32) -> Float32:
    """Points of a surface, given by its map of radii, at places on the map: (n, 3) float32, head units."""
    at = [((values + EDGE) * (SHAPE_SIDE / (2 * EDGE)) - 0.5).astype(np.float32) for values in (u, v)]
    found = cv2.remap(radius, at[0][None], at[1][None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    return np.asarray(directions(u, v) * found[:, None], np.float32)


def shape_head(who: Person) -> Head:
    """The head of a person."""
    u, v = grid(SHAPE_SIDE)
    skull = _skull(who, u, v)
    hair = hair_cover(who, u, v)
    radius = (skull + _hair_thickness(who, u, v) * hair).astype(np.float32)
    if who.hair in _HANGING:
        falls = ramp(directions(u, v)[..., 1], 0, 0.3)
        radius = np.maximum(radius, radius + hair * (_curtain(who, u, v) - radius) * falls)
    soft = cv2.GaussianBlur(radius, (0, 0), 7, borderType=cv2.BORDER_REPLICATE)
    hollow = np.asarray(np.clip(1 + 2.2 * (radius - soft), 0.5, 1.1), np.float32)
    return Head(radius, skull, _normals(radius, directions(u, v)), hollow)


def hair_cover(who: Person, u: Float32, v: Float32) -> Float32:
    """Where hair of the head covers the skin, 0 to 1, over the map."""
    if who.hair is HairStyle.BALD:
        return np.zeros_like(u)
    aside: Float32 = np.abs(u)
    front: float | Float32 = {
        HairStyle.FRINGE: -0.165,
        HairStyle.LONG_FRINGE: -0.165,
        HairStyle.AFRO: -0.34,
        HairStyle.RECEDING: -0.46,
    }.get(who.hair, -0.37) + who.hairline
    if who.hair is HairStyle.PARTED:
        front = front + 0.22 * ramp(u * (1 if who.parting > 0 else -1), 0.05, 0.6)
    if who.hair is HairStyle.RECEDING:
        front = front - 0.12 * bump(u, 0 * v, (0.28, 0), (0.16, 1)) - 0.12 * bump(u, 0 * v, (-0.28, 0), (0.16, 1))
    side = {
        HairStyle.BOB: 0.80,
        HairStyle.LONG: 1.55,
        HairStyle.LONG_FRINGE: 1.55,
        HairStyle.AFRO: 0.45,
        HairStyle.BUZZ: 0.08,
        HairStyle.BUN: 0.10,
    }.get(who.hair, 0.16)
    reach = front + (side - front) * ramp(aside, 0.42, 0.80) + max(0.0, 0.55 - side) * ramp(aside, 1.15, 1.5)
    cover = ramp(reach - v, 0.0, 0.05)
    if side < 0.3:  # short hair leaves the ear free
        cover = cover * (1 - bump(aside, v, (1.03, 0.07), (0.22, 0.24)) ** 0.5)
    return np.asarray(cover, np.float32)


def _skull(who: Person, u: Float32, v: Float32) -> Float32:
    x, y, z = np.moveaxis(directions(u, v), -1, 0)
    across = who.width * (1 - who.jaw_taper * ramp(y, 0.10, 1.05))
    down = np.where(y > 0, 1.05 + who.chin_length, 1.10)
    squares = (x / across) ** 2, (y / down) ** 2, (z / 0.97) ** 2
    round_, boxy = sum(squares), np.sqrt(sum(part * part for part in squares))
    radius = 1 / np.sqrt((1 - who.squareness) * round_ + who.squareness * boxy)
    for height, at, size in _features(who):
        radius = radius + height * bump(u, v, at, size)
    return np.asarray(radius, np.float32)


def _features(who: Person) -> list[tuple[float, tuple[float, float], tuple[float, float]]]:
    """Height, place and size of every hill and hollow on the skull."""
    nose, wide = who.nose_v, who.nose_width
    one_side = [
        (-0.045 - 0.05 * who.eye_depth, (who.eye_u, who.eye_v), (0.13, 0.075)),
        (0.035, (who.eye_u, who.eye_v), (0.075, 0.05)),  # the eyeball
        (0.03 + 0.02 * who.eye_depth, (0.16, who.eye_v - who.brow_height), (0.20, 0.06)),
        (0.055 * who.cheekbone, (0.34, 0.13), (0.20, 0.17)),
        (-0.03 * who.cheekbone, (0.33, 0.36), (0.18, 0.16)),
        (0.06, (0.036 * wide, nose + 0.022), (0.045 * wide, 0.05)),
        (0.06 + 0.09 * who.ear_out, (1.03, 0.07), (0.15 * who.ear_size, 0.17 * who.ear_size)),
    ]
    if who.hair in _HANGING or who.hair is HairStyle.AFRO:  # ears are under the hair
        one_side.pop()
    other_side = [(height, (-u, v), size) for height, (u, v), size in one_side]
    middle = [
        (0.05 + 0.07 * who.nose_bridge, (0.0, nose * 0.45), (0.055, nose * 0.9 + 0.03)),
        (0.17 * who.nose_tip, (0.0, nose), (0.055 + 0.03 * wide, 0.085)),
        (0.055, (0.0, who.mouth_v), (0.22, 0.13)),
        (0.025 * who.lip_upper, (0.0, who.mouth_v - 0.02), (who.mouth_width, 0.03)),
        (0.030 * who.lip_lower, (0.0, who.mouth_v + 0.025), (who.mouth_width * 0.9, 0.035)),
        (-0.03, (0.0, who.mouth_v + 0.085), (0.14, 0.04)),
        (0.02 + 0.07 * who.chin, (0.0, 0.56), (0.17, 0.13)),
    ]
    if who.beard in (Beard.FULL, Beard.GOATEE):
        middle.append((0.06, (0.0, 0.58), (0.30 if who.beard is Beard.FULL else 0.14, 0.2)))
    return [*one_side, *other_side, *middle]


def _hair_thickness(who: Person, u: Float32, v: Float32) -> Float32:
    """How thick the hair is, head units, over the map."""
    top = ramp(v, 0.1, -0.7)
    base, crown = {
        HairStyle.BUZZ: (0.02, 0.02),
        HairStyle.SHORT: (0.04, 0.08),
        HairStyle.QUIFF: (0.04, 0.24),
        HairStyle.PARTED: (0.06, 0.13),
        HairStyle.FRINGE: (0.08, 0.10),
        HairStyle.RECEDING: (0.04, 0.05),
        HairStyle.BOB: (0.16, 0.10),
        HairStyle.LONG: (0.16, 0.10),
        HairStyle.LONG_FRINGE: (0.15, 0.11),
        HairStyle.AFRO: (0.34, 0.40),
        HairStyle.BUN: (0.05, 0.06),
    }.get(who.hair, (0.0, 0.0))
    thickness = (base + (crown - base) * top) * who.hair_volume
    if who.hair is HairStyle.BUN:
        thickness = thickness + 0.42 * who.hair_volume * bump(u, v, (0.0, -1.25), (0.42, 0.36))
    if who.hair is HairStyle.QUIFF:
        thickness = thickness * (1 + 0.5 * who.parting * np.clip(u, -1, 1))
    return np.asarray(thickness, np.float32)


def _curtain(who: Person, u: Float32, v: Float32) -> Float32:
    """Radius of hair that hangs straight down around the head, over the map."""
    x, y, z = np.moveaxis(directions(u, v), -1, 0)
    wide = who.width + 0.15 * who.hair_volume
    around = 1 / np.sqrt((x / wide) ** 2 + (z / 1.02) ** 2 + np.float32(1e-6))
    return np.asarray(np.minimum(around, _HANGING[who.hair] / np.maximum(y, 0.05)), np.float32)


def _normals(radius: Float32, towards: Float32) -> Float32:
    points = towards * radius[..., None]
    down, across = np.gradient(points, axis=0), np.gradient(points, axis=1)
    (ax, ay, az), (dx, dy, dz) = np.moveaxis(across, -1, 0), np.moveaxis(down, -1, 0)
    normal = np.stack([ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx], axis=-1)
    length = np.sqrt(normal[..., 0] ** 2 + normal[..., 1] ** 2 + normal[..., 2] ** 2)
    unit = normal / np.maximum(length, 1e-9)[..., None]
    outwards = np.where((unit * towards).sum(-1, keepdims=True) < 0, -1, 1)
    return np.asarray(unit * outwards, np.float32)

"""Everything about a picture that is not the person: pose, expression, light, size, blur, noise, compression, cover."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from loadtests.people.compose import paste
from loadtests.people.draws import Draw
from loadtests.people.paint import Expression
from loadtests.people.person import Colour
from loadtests.people.render import Model, render
from loadtests.people.view import View
from operators.decode import encode
from operators.types import Float32, Image

FACE_UNITS = 1.42  # mean width of a face from ear to ear, head units


@dataclass(frozen=True, slots=True)
class Range:
    """From where to where, every value as likely."""

    low: float
    high: float

    def draw(self, draw: Draw) -> float:
        """One value."""
        return self.low + (self.high - self.low) * float(draw.random())


@dataclass(frozen=True, slots=True)
class Conditions:
    """How bad it may get.

    Attributes:
        yaw_deg: Heads turn aside by up to this, both ways.
        pitch_deg: And up and down.
        roll_deg: And tilt.
        width_px: Width of a frontal face; small ones are as likely as large ones on a logarithmic scale.
        light: How much of the light may come from one side, 0 to 1.
        brightness: Of everything.
        motion_px: Longest smear.
        noise: Highest standard deviation of the sensor's noise, grey levels.
        quality: Of the JPEG.
        covered: How often something covers a part of the face, 0 to 1.
        expression: How strong expressions are, 0 to 1.
    """

    yaw_deg: float = 30.0
    pitch_deg: float = 12.0
    roll_deg: float = 8.0
    width_px: Range = Range(40, 180)
    light: float = 0.6
    brightness: Range = Range(0.65, 1.2)
    motion_px: float = 2.5
    noise: float = 8.0
    quality: Range = Range(60, 95)
    covered: float = 0.05
    expression: float = 1.0


STREET = Conditions()
"""What a camera over a pavement sees of people who walk towards it."""

STUDIO = Conditions(
    yaw_deg=4,
    pitch_deg=4,
    roll_deg=2,
    width_px=Range(150, 190),
    light=0.15,
    brightness=Range(0.95, 1.1),
    motion_px=0,
    noise=2.0,
    quality=Range(92, 97),
    covered=0.0,
    expression=0.15,
)
"""A reference photograph, as it is enrolled."""

HARSH = Conditions(
    yaw_deg=48,
    pitch_deg=20,
    roll_deg=18,
    width_px=Range(28, 150),
    light=0.9,
    brightness=Range(0.45, 1.35),
    motion_px=4.0,
    noise=14.0,
    quality=Range(45, 97),
    covered=0.12,
)
"""For training: more than is asked for later."""


@dataclass(frozen=True, slots=True)
class Picture:
    """How one picture is taken.

    Attributes:
        view: Pose, expression, light.
        width_px: Of a frontal face.
        motion_px: Length of the smear.
        motion_deg: Its direction.
        noise: Standard deviation, grey levels.
        quality: Of the JPEG.
        cover: Share of the face's height that a bar hides, 0 for none.
    """

    view: View
    width_px: float
    motion_px: float
    motion_deg: float
    noise: float
    quality: int
    cover: float


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture of one face, and its truth.

    Attributes:
        image: (h, w, 3) uint8, BGR: the face with about half its width around it.
        landmarks: (5, 2) float32, pixels.
        box: (4,) float32, pixels.
    """

    image: Image
    landmarks: Float32
    box: Float32


def draw_picture(draw: Draw, within: Conditions) -> Picture:
    """A picture as bad as the conditions allow, or better."""
    log = Range(math.log(within.width_px.low), math.log(within.width_px.high))
    width = round(math.exp(log.draw(draw)), 2)
    size = width / within.width_px.high  # large faces are near: they smear by more pixels
    return Picture(
        view=draw_view(draw, within),
        width_px=width,
        motion_px=within.motion_px * float(draw.random()) * (0.4 + 0.6 * size),
        motion_deg=360 * float(draw.random()),
        noise=within.noise * float(draw.random()),
        quality=int(within.quality.draw(draw)),
        cover=Range(0.12, 0.35).draw(draw) if draw.random() < within.covered else 0.0,
    )


def draw_view(draw: Draw, within: Conditions) -> View:
    """A pose, an expression, a light."""
    sides = _sides(draw, 8)
    strong = within.expression
    face = Expression(
        smile=strong * (Range(-0.3, 1.0).draw(draw) if draw.random() < 0.6 else 0.0),
        open=strong * (float(draw.random()) if draw.random() < 0.3 else 0.0),
        brows=strong * sides[0] * 0.8,
        blink=strong * (0.5 * float(draw.random()) if draw.random() < 0.3 else 0.0),
        gaze=(strong * sides[1], strong * sides[2] * 0.6),
    )
    light = (2.2 * within.light * sides[3], -0.35 - 0.6 * within.light * float(draw.random()), 0.75)
    warm = 0.14 * within.light * sides[4]
    return View(
        yaw_deg=within.yaw_deg * sides[5],
        pitch_deg=within.pitch_deg * sides[6],
        roll_deg=within.roll_deg * sides[7],
        face=face,
        light=light,
        ambient=Range(0.75 - 0.45 * within.light, 0.85 - 0.2 * within.light).draw(draw),
        brightness=within.brightness.draw(draw),
        tint=(1 + warm, 1.0, 1 - warm),
        clothes=_clothes(draw),
    )


def photograph(model: Model, picture: Picture, background: Image, draw: Draw) -> Shot:
    """Take the picture.

    Args:
        model: Of whom.
        picture: How.
        background: A larger image, a part of which stands behind.
        draw: For the noise, the place before the background and the bar that covers.
    """
    sprite = render(model, picture.view, picture.width_px / FACE_UNITS)
    left, top = (max(0, round(side)) for side in sprite.box[:2] - 0.6 * picture.width_px)
    right, bottom = (round(side) for side in sprite.box[2:] + 0.6 * picture.width_px)
    cut = sprite.pixels[top:bottom, left:right]
    canvas = _part(background, cut.shape[0], cut.shape[1], draw)
    paste(canvas, cut, 0, 0)
    shift = np.array([left, top], np.float32)
    landmarks, box = sprite.landmarks - shift, sprite.box - np.tile(shift, 2)
    if picture.cover:
        _cover(canvas, box, picture.cover, draw)
    return Shot(expose(canvas, picture, draw), landmarks, box)


def expose(image: Image, picture: Picture, draw: Draw) -> Image:
    """What the sensor and the encoder make of a scene: smear, noise, JPEG."""
    if picture.motion_px > 0.5:
        image = np.asarray(cv2.filter2D(image, -1, _smear(picture.motion_px, picture.motion_deg)), np.uint8)
    if picture.noise > 0:
        grain = draw.integers(0, 256, (*image.shape[:2], 3), np.uint8).astype(np.float32) - 127.5
        image = np.clip(image + grain * np.float32(picture.noise / 73.9), 0, 255).astype(np.uint8)
    return decode_plain(encode(image, picture.quality, "420"))


def decode_plain(jpeg: bytes) -> Image:
    """The image of a JPEG that this project made itself."""
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def _sides(draw: Draw, count: int) -> list[float]:
    return [float(value) for value in draw.random(count) * 2 - 1]


def _clothes(draw: Draw) -> Colour:
    grey, spread = Range(25, 215).draw(draw), Range(0, 60).draw(draw)
    blue, green, red = (min(255.0, max(0.0, grey + spread * side)) for side in _sides(draw, 3))
    return blue, green, red


def _smear(length: float, degrees: float) -> Float32:
    reach = math.ceil(length / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    across, down = (0.5 * length * part for part in (math.cos(math.radians(degrees)), math.sin(math.radians(degrees))))
    ends = [(round((reach - side * across) * 16), round((reach - side * down) * 16)) for side in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 255, 1, cv2.LINE_AA, 4)
    weights: Float32 = kernel.astype(np.float32)
    return np.asarray(weights / weights.sum(), np.float32)


def _part(background: Image, height: int, width: int, draw: Draw) -> Image:
    room_down, room_across = background.shape[0] - height, background.shape[1] - width
    if room_down < 0 or room_across < 0:
        return np.asarray(cv2.resize(background, (width, height)), np.uint8)
    top, left = int(draw.random() * (room_down + 1)), int(draw.random() * (room_across + 1))
    return background[top : top + height, left : left + width].copy()


def _cover(image: Image, box: Float32, share: float, draw: Draw) -> None:
    """A hand, a scarf, a pole, a phone: a bar over the lower face, one side or the brow."""
    left, top, right, bottom = (float(side) for side in box)
    wide, high = right - left, bottom - top
    kind = int(draw.random() * 3)
    areas = {
        0: (left - 0.2 * wide, bottom - share * high, right + 0.2 * wide, bottom + 0.4 * high),
        1: (left - 0.3 * wide, top - 0.3 * high, left + share * wide, bottom + 0.4 * high),
        2: (left - 0.2 * wide, top - 0.4 * high, right + 0.2 * wide, top + 0.6 * share * high),
    }
    x0, y0, x1, y1 = areas[kind]
    slant = 0.1 * wide * _sides(draw, 1)[0]
    corners = np.array([(x0 + slant, y0), (x1 + slant, y0), (x1 - slant, y1), (x0 - slant, y1)])
    cv2.fillPoly(image, [np.rint(corners * 16).astype(np.int32)], _clothes(draw), cv2.LINE_AA, 4)

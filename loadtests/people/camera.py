"""The frames of one camera of a schedule, each with its truth."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from loadtests.people.body import draw_below
from loadtests.people.compose import covered, paste
from loadtests.people.draws import Draw, draw_of
from loadtests.people.person import person
from loadtests.people.render import Model, Sprite, render
from loadtests.people.scenes import FOCAL_PX, HEIGHT_PX, UNIT_M, WIDTH_PX, Passage, Schedule
from loadtests.people.streets import street
from loadtests.people.view import LEFT, TOP
from operators.decode import encode
from operators.types import Float32, Image

_MARGIN_PX = 24  # by which the background is larger than a frame, for the camera to shake
_SPRITE_PX_PER_UNIT = FOCAL_PX * UNIT_M / 1.15  # nearer people are stretched a little
_GRAINS = 4
_KEPT = 64  # people, about 6 MB each
_QUALITY = 85


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """One person in one frame.

    Attributes:
        passage: Of whom.
        box: (4,) float32, pixels: left, top, right, bottom of the face; partly outside the frame at its edges.
        landmarks: (5, 2) float32, pixels: right eye, left eye, nose tip, right and left mouth corner.
        hidden: Share of the box that people nearer to the camera cover, or that lies outside, 0 to 1; 1 for a back.
    """

    passage: Passage
    box: Float32
    landmarks: Float32
    hidden: float


class Camera:
    """Draws the frames of one camera. Not thread-safe.

    People are made ready when they come into view, about 0.2 s of work for each, or all at once by `prepare`.

    Args:
        schedule: What happens.
        camera: Id of the camera.
        noise: Standard deviation of the sensor's noise, grey levels.
    """

    def __init__(self, schedule: Schedule, camera: str, noise: float = 4.0) -> None:
        self._schedule = schedule
        self._camera = camera
        place = schedule.cameras.index(camera)
        size = (WIDTH_PX + 2 * _MARGIN_PX, HEIGHT_PX + 2 * _MARGIN_PX)
        self._street = street(schedule.seed * 97 + place, *size)
        self._grains = _grains(draw_of(schedule.seed, 41, place), noise)
        self._sprites: dict[int, list[Sprite]] = {}

    def prepare(self) -> None:
        """Make everybody ready, so that frames come at full speed."""
        for passage in self._schedule.passages:
            if passage.camera == self._camera:
                self._sprites_of(passage)

    def prepare_next(self, number: int, ahead_s: float) -> bool:
        """Make one person ready who comes within `ahead_s` of a frame; False when there is none left to do."""
        until = number / self._schedule.fps + ahead_s
        for passage in self._schedule.passages:
            waits = passage.camera == self._camera and passage.number not in self._sprites
            if waits and until - ahead_s <= passage.leaves_s and passage.enters_s <= until:
                self._sprites_of(passage)
                return True
        return False

    def frame(self, number: int) -> tuple[Image, list[Truth]]:
        """A frame and who is in it, the farthest first.

        Args:
            number: 0 and up; taken `number / fps` seconds after the schedule's begin.

        Returns:
            (720, 1280, 3) uint8, BGR, and the truth.
        """
        at_s = number / self._schedule.fps
        image = self._background(number)
        there = self._schedule.in_view(self._camera, at_s)
        self._forget(at_s)
        truths = [self._draw(image, passage, at_s) for passage in there]
        grain = self._grains[number % _GRAINS]
        grained = cv2.subtract(cv2.add(image, grain), self._grains[(number + 1) % _GRAINS])
        return np.asarray(grained, np.uint8), _hidden(truths)

    def jpeg(self, number: int) -> bytes:
        """The frame as a camera sends it."""
        return encode(self.frame(number)[0], _QUALITY, "420")

    def _background(self, number: int) -> Image:
        # A pole in the wind: slow, a few pixels, the same in every run.
        left = _MARGIN_PX + _triangle(number, 61, 6)
        top = _MARGIN_PX + _triangle(number, 37, 4)
        return self._street[top : top + HEIGHT_PX, left : left + WIDTH_PX].copy()

    def _sprites_of(self, passage: Passage) -> list[Sprite]:
        found = self._sprites.get(passage.number)
        if found is None:
            model = Model.of(person(passage.person))
            found = [render(model, view, _SPRITE_PX_PER_UNIT) for view in passage.views]
            self._sprites[passage.number] = found
        return found

    def _forget(self, at_s: float) -> None:
        """Drop the cut-outs of people who have left, once there are many."""
        if len(self._sprites) > _KEPT:
            passages = self._schedule.passages
            self._sprites = {number: kept for number, kept in self._sprites.items() if passages[number].leaves_s > at_s}

    def _draw(self, image: Image, passage: Passage, at_s: float) -> Truth:
        sprite = self._sprites_of(passage)[passage.view(at_s)]
        scale, (x, y) = passage.scale_px(at_s), passage.middle_px(at_s)
        zoom = scale / _SPRITE_PX_PER_UNIT
        left, top = round(x + LEFT * scale), round(y + TOP * scale)
        size = round(sprite.pixels.shape[1] * zoom), round(sprite.pixels.shape[0] * zoom)
        draw_below(image, (x, y), scale, passage.views[0])
        paste(image, _shrunk(sprite.pixels, size), left, top)
        stretch = np.array([size[0] / sprite.pixels.shape[1], size[1] / sprite.pixels.shape[0]], np.float32)
        shift = np.array([left, top], np.float32)
        box = sprite.box * np.tile(stretch, 2) + np.tile(shift, 2)
        return Truth(passage, box, sprite.landmarks * stretch + shift, 1.0 if passage.away else 0.0)


def _shrunk(pixels: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    how = cv2.INTER_AREA if size[0] < pixels.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def _triangle(number: int, period: int, reach: int) -> int:
    at = number % (2 * period)
    return (min(at, 2 * period - at) * 2 * reach) // period - reach


def _grains(draw: Draw, noise: float) -> list[Image]:
    """Pictures of noise: the difference of two of them has the deviation asked for."""
    spread = noise * (6**0.5)  # of a uniform draw from 0 to `spread`, spread / sqrt(12); two are subtracted
    shape = (HEIGHT_PX, WIDTH_PX, 3)
    return [(draw.random(shape, np.float32) * np.float32(spread)).astype(np.uint8) for _ in range(_GRAINS)]


def _hidden(truths: list[Truth]) -> list[Truth]:
    """The truths with how much of each face is covered by those after it, or lies outside."""
    frame = np.array([0, 0, WIDTH_PX, HEIGHT_PX], np.float32)
    done = []
    for place, truth in enumerate(truths):
        outside = 1 - covered(truth.box, frame)
        behind = [covered(truth.box, _head_and_body(nearer)) for nearer in truths[place + 1 :]]
        hidden = max([truth.hidden, outside, *behind])
        done.append(Truth(truth.passage, truth.box, truth.landmarks, hidden))
    return done


def _head_and_body(truth: Truth) -> Float32:
    left, top, right, bottom = truth.box
    wide, high = right - left, bottom - top
    return np.array([left - 0.25 * wide, top - 0.4 * high, right + 0.25 * wide, bottom + 2 * high], np.float32)

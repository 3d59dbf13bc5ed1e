"""Street scenes with people far and near, some seen from behind, and streets without anybody."""

import math
from dataclasses import dataclass, replace

import numpy as np

from loadtests.evaluate.chain import Chain
from loadtests.evaluate.counts import MOST_IN_A_SCENE, PASSERS_FROM, Counts, scene_street
from loadtests.evaluate.detection import Scene
from loadtests.people.compose import covered, paste
from loadtests.people.draws import Draw, draw_of
from loadtests.people.nuisance import FACE_UNITS, STREET, Conditions, Range, draw_picture, draw_view, expose
from loadtests.people.person import person
from loadtests.people.render import Model, Sprite, render
from loadtests.people.streets import street
from operators.types import Float32, Image

WIDTH_PX, HEIGHT_PX = 1280, 720
FACES_PX = Range(20, 200)
EMPTY_EVERY = 5  # scenes: one of them is without anybody
FROM_BEHIND = 0.12
VISIBLE = 0.7
"""Share of a face that must be visible for it to count."""
_SCENE = 4  # kind of picture
_TRIES = 8  # places to look for before somebody stays away
_BODY_UNITS = 0.4  # of hair above the face


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is in a scene.

    Attributes:
        boxes: (t, 4) float32, pixels, of faces.
        landmarks: (t, 5, 2) float32, pixels.
        visible: (t,) float32, share of each that can be seen.
        people: Those seen from behind included.
    """

    boxes: Float32
    landmarks: Float32
    visible: Float32
    people: int


def watch(number: int, counts: Counts, chain: Chain) -> Scene:
    """Compose a scene and let the detector look at it."""
    image, truth = compose(number, counts.seed)
    found, passes = chain.find(image)
    return Scene(truth.boxes, truth.landmarks, truth.visible, found.boxes, found.landmarks, passes, truth.people)


def compose(number: int, seed: int) -> tuple[Image, Truth]:
    """One scene, as a camera sees it: the people of every scene are others, and its street is its own.

    Args:
        number: Of the scene; every fifth is empty.
        seed: Of the evaluation.

    Returns:
        (720, 1280, 3) uint8, BGR, and the truth.
    """
    draw = draw_of(seed, _SCENE, number)
    image = street(scene_street(number), WIDTH_PX, HEIGHT_PX)
    crowd = 0 if number % EMPTY_EVERY == 0 else 1 + int(draw.random() * MOST_IN_A_SCENE)
    log = Range(math.log(FACES_PX.low), math.log(FACES_PX.high))
    widths = sorted(math.exp(log.draw(draw)) for _ in range(crowd))  # far ones first, near ones over them
    owner = np.full(image.shape[:2], -1, np.int16)
    placed: list[_Placed] = []
    for place, width in enumerate(widths):
        away = draw.random() < FROM_BEHIND
        one = _stand(PASSERS_FROM + MOST_IN_A_SCENE * number + place, width, away, draw, placed)
        if one is not None:
            _lay(image, owner, one, len(placed))
            placed.append(one)
    faces = [(at, one) for at, one in enumerate(placed) if not one.away]
    truth = Truth(
        np.array([one.box for _, one in faces], np.float32).reshape(-1, 4),
        np.array([one.landmarks for _, one in faces], np.float32).reshape(-1, 5, 2),
        np.array([_visible(owner, at, one) for at, one in faces], np.float32),
        len(placed),
    )
    return expose(image, draw_picture(draw, STREET), draw), truth


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A person's cut-out and where it comes: its first column and row, pixels of the scene."""

    sprite: Sprite
    left: int
    top: int
    away: bool

    @property
    def box(self) -> Float32:
        return self.sprite.box + np.array([self.left, self.top] * 2, np.float32)

    @property
    def landmarks(self) -> Float32:
        return self.sprite.landmarks + np.array([self.left, self.top], np.float32)

    def hides(self, box: Float32) -> float:
        """The share of a box that lies behind this person, taken as a rectangle from the hair down."""
        hair = _BODY_UNITS / FACE_UNITS * float(self.sprite.box[2] - self.sprite.box[0])
        height, width = self.sprite.pixels.shape[:2]
        body = [self.left, float(self.box[1]) - hair, self.left + width, self.top + height]
        return covered(box, np.array(body, np.float32))


def _stand(seed: int, width_px: float, away: bool, draw: Draw, placed: list[_Placed]) -> _Placed | None:
    """Put a person where nobody's face is hidden; None when no place was found."""
    view = draw_view(draw, STREET if not away else Conditions(yaw_deg=1))
    if away:
        view = replace(view, yaw_deg=180 + 60 * (2 * float(draw.random()) - 1))
    sprite = render(Model.of(person(seed)), view, width_px / FACE_UNITS)
    middle = (sprite.box[:2] + sprite.box[2:]) / 2
    for _ in range(_TRIES):
        at = np.rint(draw.random(2) * (WIDTH_PX, HEIGHT_PX) - middle)
        one = _Placed(sprite, int(at[0]), int(at[1]), away)
        if all(other.away or one.hides(other.box) < 1 - VISIBLE for other in placed):
            return one
    return None


def _lay(image: Image, owner: np.ndarray[tuple[int, ...], np.dtype[np.int16]], one: _Placed, number: int) -> None:
    """Paste a person, and note which pixels are now theirs."""
    paste(image, one.sprite.pixels, one.left, one.top)
    rows, columns = (
        _inside(one.top, one.sprite.pixels.shape[0], HEIGHT_PX),
        _inside(one.left, one.sprite.pixels.shape[1], WIDTH_PX),
    )
    solid = (
        one.sprite.pixels[
            rows.start - one.top : rows.stop - one.top, columns.start - one.left : columns.stop - one.left, 3
        ]
        > 127
    )
    owner[rows, columns][solid] = number


def _inside(first: int, length: int, limit: int) -> slice:
    low = min(max(first, 0), limit)
    return slice(low, max(low, min(first + length, limit)))


def _visible(owner: np.ndarray[tuple[int, ...], np.dtype[np.int16]], number: int, one: _Placed) -> float:
    """The share of a face's solid pixels that are still its own."""
    left, top, right, bottom = (round(float(side)) for side in one.box)
    face = one.sprite.pixels[top - one.top : bottom - one.top, left - one.left : right - one.left, 3]
    seen = owner[_inside(top, bottom - top, HEIGHT_PX), _inside(left, right - left, WIDTH_PX)] == number
    return float(seen.sum()) / max(1, int((face > 127).sum()))

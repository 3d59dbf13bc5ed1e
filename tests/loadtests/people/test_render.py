"""Pictures of a head that is turned in space."""

from dataclasses import replace

import numpy as np
import pytest

from loadtests.people.paint import Expression
from loadtests.people.person import Glasses, person
from loadtests.people.render import Model, render
from loadtests.people.view import View

SCALE_PX = 40.0


@pytest.fixture(scope="module")
def model() -> Model:
    """One person, ready to be drawn."""
    return Model.of(person(1))


def test_the_same_view_is_the_same_picture(model: Model) -> None:
    """Byte for byte, truth included."""
    first, again = render(model, View(yaw_deg=12), SCALE_PX), render(Model.of(person(1)), View(yaw_deg=12), SCALE_PX)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.landmarks, again.landmarks)
    assert np.array_equal(first.box, again.box)


def test_a_head_seen_from_the_front_is_symmetric_in_its_truth(model: Model) -> None:
    """Eyes and mouth corners mirror each other around the nose, and stand in the order that aligning expects."""
    right_eye, left_eye, nose, right_mouth, left_mouth = render(model, View(), SCALE_PX).landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < right_mouth[1]
    assert right_eye[0] + left_eye[0] == pytest.approx(2 * nose[0], abs=0.01)
    assert right_mouth[0] + left_mouth[0] == pytest.approx(2 * nose[0], abs=0.01)


@pytest.mark.parametrize("yaw", [15.0, 30.0])
def test_a_turned_head_is_a_body_in_space(model: Model, yaw: float) -> None:
    """The nose, which stands out, moves farther than the eyes do; the eyes come closer together."""
    front, turned = (render(model, View(yaw_deg=angle), SCALE_PX).landmarks for angle in (0.0, yaw))
    middle_front, middle_turned = front[:2].mean(0), turned[:2].mean(0)
    assert turned[2][0] - front[2][0] > middle_turned[0] - middle_front[0] + 0.05 * SCALE_PX
    assert np.linalg.norm(turned[1] - turned[0]) < np.linalg.norm(front[1] - front[0])
    mirrored = render(model, View(yaw_deg=-yaw), SCALE_PX).landmarks
    assert mirrored[2][0] - front[2][0] == pytest.approx(front[2][0] - turned[2][0], abs=0.01)


def test_bowing_lowers_the_nose_and_tilting_turns_everything(model: Model) -> None:
    """Pitch moves the nose down against the eyes; roll turns all landmarks around the middle of the head."""
    front, bowed = (render(model, View(pitch_deg=angle), SCALE_PX).landmarks for angle in (0.0, 15.0))
    assert bowed[2][1] - bowed[:2, 1].mean() > front[2][1] - front[:2, 1].mean()
    tilted = render(model, View(roll_deg=20), SCALE_PX).landmarks
    across = tilted[1] - tilted[0]
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("yaw", [-30.0, 0.0, 30.0])
def test_the_box_holds_the_face(model: Model, yaw: float) -> None:
    """All landmarks lie in the box, and the pixels in its middle are opaque."""
    sprite = render(model, View(yaw_deg=yaw), SCALE_PX)
    left, top, right, bottom = sprite.box
    assert (sprite.landmarks > (left, top)).all()
    assert (sprite.landmarks < (right, bottom)).all()
    x, y = ((sprite.box[:2] + sprite.box[2:]) / 2).astype(int)
    assert sprite.pixels[y, x, 3] == 255
    assert 1.0 < (right - left) / SCALE_PX < 1.7


def test_an_expression_moves_the_mouth_and_changes_nobody(model: Model) -> None:
    """A smile draws the corners out and up; eyes and nose stay where they are."""
    rest, smile = (render(model, View(face=Expression(smile=value)), SCALE_PX) for value in (0.0, 1.0))
    assert smile.landmarks[4][0] > rest.landmarks[4][0]
    assert smile.landmarks[4][1] < rest.landmarks[4][1]
    assert np.array_equal(smile.landmarks[:3], rest.landmarks[:3])
    assert not np.array_equal(smile.pixels, rest.pixels)


def test_light_comes_from_where_it_is_said_to(model: Model) -> None:
    """The side towards the light is brighter."""
    for side in (-1.0, 1.0):
        sprite = render(model, View(light=(2 * side, 0, 0.5), ambient=0.3), SCALE_PX)
        right_cheek, left_cheek = (sprite.landmarks[eye] + (0, 0.35 * SCALE_PX) for eye in (0, 1))
        levels = [float(sprite.pixels[int(y), int(x), :3].mean()) for x, y in (right_cheek, left_cheek)]
        assert (levels[1] > levels[0]) == (side > 0)


def test_every_part_of_a_person_shows() -> None:
    """Taking away glasses changes pixels around the eyes and nowhere near the chin."""
    seed = next(seed for seed in range(50) if person(seed).glasses is not Glasses.NONE)
    with_rims = render(Model.of(person(seed)), View(), SCALE_PX)
    without = render(Model.of(replace(person(seed), glasses=Glasses.NONE)), View(), SCALE_PX)
    rows = np.flatnonzero((with_rims.pixels != without.pixels).any(axis=(1, 2)))
    assert len(rows) > 5
    assert rows.max() < with_rims.landmarks[3:, 1].min()


def test_the_back_of_a_head_shows_no_eyes() -> None:
    """Turned away, the white of the eyes is nowhere in the picture of a person with dark skin and hair."""
    dark = Model.of(replace(person(4), skin=1.0, hair_colour=(20.0, 20.0, 20.0)))
    views = [View(yaw_deg=yaw, clothes=(0, 0, 0)) for yaw in (0.0, 180.0)]
    white = [int((render(dark, view, SCALE_PX).pixels[..., 0] > 150).sum()) for view in views]
    assert white[0] > 10
    assert white[1] == 0

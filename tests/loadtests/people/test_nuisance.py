"""Pictures under conditions."""

import cv2
import numpy as np
import pytest

from loadtests.people.compose import paste
from loadtests.people.nuisance import (
    FACE_UNITS,
    HARSH,
    STREET,
    STUDIO,
    Conditions,
    Picture,
    draw_picture,
    expose,
    photograph,
)
from loadtests.people.person import person
from loadtests.people.render import Model
from loadtests.people.streets import street
from loadtests.people.view import View


@pytest.mark.parametrize("within", [STREET, STUDIO, HARSH])
def test_pictures_stay_within_their_conditions(within: Conditions) -> None:
    """A thousand draws use the whole range and never leave it."""
    draw = np.random.default_rng(3)
    pictures = [draw_picture(draw, within) for _ in range(1000)]
    yaws = np.array([picture.view.yaw_deg for picture in pictures])
    widths = np.array([picture.width_px for picture in pictures])
    assert np.abs(yaws).max() <= within.yaw_deg
    assert np.abs(yaws).max() > 0.95 * within.yaw_deg
    assert within.width_px.low - 0.01 <= widths.min()
    assert widths.max() <= within.width_px.high + 0.01
    assert all(picture.noise <= within.noise and picture.motion_px <= within.motion_px for picture in pictures)
    assert abs(np.mean([picture.cover > 0 for picture in pictures]) - within.covered) < 0.03


def test_a_photograph_is_as_large_as_asked_and_its_truth_lies_in_it() -> None:
    """The box has about the width asked for, and landmarks and box lie inside the picture."""
    draw = np.random.default_rng(4)
    model, background = Model.of(person(7)), street(7)
    for width in (40.0, 120.0):
        picture = Picture(View(), width, 0.0, 0.0, 0.0, 95, 0.0)
        shot = photograph(model, picture, background, draw)
        assert shot.box[2] - shot.box[0] == pytest.approx(width, rel=0.2)
        assert (shot.landmarks > 0).all()
        assert (shot.landmarks < shot.image.shape[1::-1]).all()
        assert shot.box[2] < shot.image.shape[1]
    assert 1.2 < FACE_UNITS < 1.6


def test_what_covers_a_face_changes_it_and_not_the_truth() -> None:
    """With the same draws but for the bar, pixels of the face differ and landmarks do not."""
    model, background = Model.of(person(7)), street(7)
    shots = [
        photograph(model, Picture(View(), 80.0, 0, 0, 0, 95, cover), background, np.random.default_rng(5))
        for cover in (0.0, 0.3)
    ]
    assert np.array_equal(shots[0].landmarks, shots[1].landmarks)
    assert (np.abs(shots[0].image.astype(int) - shots[1].image) > 40).any()


def test_noise_and_smear_do_what_they_say() -> None:
    """Noise has its deviation; a smear to the side blurs upright edges and leaves level ones."""
    grey = np.full((200, 200, 3), 128, np.uint8)
    noisy = expose(grey, Picture(View(), 50, 0, 0, 10.0, 100, 0), np.random.default_rng(6))
    assert 5 < float(noisy[..., 1].std()) < 12  # JPEG takes some of it away
    edges = np.zeros((64, 64, 3), np.uint8)
    edges[:, 32:] = 200
    smeared = expose(edges, Picture(View(), 50, 8.0, 0.0, 0, 100, 0), np.random.default_rng(6))
    turned = expose(edges.transpose(1, 0, 2).copy(), Picture(View(), 50, 8.0, 0.0, 0, 100, 0), np.random.default_rng(6))
    assert len(np.unique(smeared[32, 20:44, 1] // 16)) > 4
    assert int(turned[40, 32, 1]) - int(turned[24, 32, 1]) > 190


@pytest.mark.parametrize(
    ("left", "top", "expected"),
    [(0, 0, 16), (-2, 0, 8), (3, 3, 25 - 16), (5, 5, 1), (6, 0, 0), (-4, 0, 0), (0, -9, 0)],
)
def test_a_cut_out_is_laid_where_it_fits(left: int, top: int, expected: int) -> None:
    """What lies outside the picture is left out; the rest replaces what was there."""
    image = np.zeros((6, 6, 3), np.uint8)
    cut = np.full((4, 4, 4), 255, np.uint8)
    paste(image, cut, left, top)
    assert (image == 255).all(axis=2).sum() == expected


def test_opacity_mixes() -> None:
    """Nothing at 0, the mean at one half."""
    image = np.full((2, 2, 3), 100, np.uint8)
    cut = np.full((2, 2, 4), 200, np.uint8)
    cut[0, :, 3], cut[1, :, 3] = 0, 128
    paste(image, cut, 0, 0)
    assert (image[0] == 100).all()
    assert np.abs(image[1].astype(int) - 150).max() <= 1


def test_a_street_is_its_seed() -> None:
    """The same twice, another for another seed, and in the size asked for."""
    assert np.array_equal(street(3, 320, 180), street(3, 320, 180))
    assert street(3, 320, 180).shape == (180, 320, 3)
    assert cv2.absdiff(street(3, 320, 180), street(4, 320, 180)).mean() > 5

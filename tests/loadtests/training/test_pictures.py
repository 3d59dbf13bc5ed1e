"""What the networks are trained on. Needs no PyTorch."""

import numpy as np

from loadtests.people.draws import TRAINING_FROM
from loadtests.people.person import person
from loadtests.people.render import Model, render
from loadtests.people.view import View
from loadtests.training.pictures import Bank, crops, sample, traits
from operators.align import SIZE_PX


def test_training_people_are_never_those_of_tests() -> None:
    """They begin at a million; demonstration, evaluation and tests stay below."""
    assert TRAINING_FROM == 1_000_000


def test_traits_have_one_scale_and_tell_people_apart() -> None:
    """Every column has mean 0 and deviation 1 or is constant; the same person has the same traits."""
    found = traits(range(300))
    assert found.shape == (300, len(found[0]))
    assert len(found[0]) > 60
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    assert ((np.abs(found.std(0) - 1) < 1e-4) | (found.std(0) == 0)).all()
    skin = np.array([person(seed).skin for seed in range(300)])
    assert max(abs(np.corrcoef(skin, column)[0, 1]) for column in found.T) > 0.999


def test_crops_are_aligned_and_numbered() -> None:
    """As many of each person as asked, in the order of the seeds, whatever the number of processes."""
    found, who = crops([TRAINING_FROM, TRAINING_FROM + 1], 1, workers=1)
    assert found.shape == (2, SIZE_PX, SIZE_PX, 3)
    assert who.tolist() == [0, 1]


def test_scenes_hold_their_faces() -> None:
    """A scene without people has no truth; boxes and landmarks of the others belong together."""
    sprite = render(Model.of(person(5)), View(), 80.0)
    among = Bank(
        [sprite], [render(Model.of(person(6)), View(yaw_deg=180), 80.0)], [np.full((720, 1280, 3), 90, np.uint8)]
    )
    images, faces = sample(among, 96, np.random.default_rng(2), 12)
    assert images.shape == (12, 96, 96, 3)
    assert sum(len(each) for each in faces) > 0
    for each in faces:
        inside = (each.landmarks > each.boxes[:, None, :2]) & (each.landmarks < each.boxes[:, None, 2:])
        assert inside.all()


def test_some_scenes_end_in_a_black_strip_as_padding_makes_it() -> None:
    """Below or at the right, less than 32 px, in about four of ten; the middle of every face lies in the picture."""
    sprite = render(Model.of(person(5)), View(), 80.0)
    among = Bank([sprite], [sprite], [np.full((720, 1280, 3), 200, np.uint8)])
    images, faces = sample(among, 96, np.random.default_rng(1), 60)
    black = images.max(3) == 0
    below, right = (black.all(axis).argmax(1) * black.all(axis)[:, -1] for axis in (2, 1))
    assert 12 < ((below > 0) | (right > 0)).sum() < 36
    for strip, axis in ((below, 1), (right, 0)):
        for start, each in zip(strip, faces, strict=True):
            middle = (each.boxes[:, axis] + each.boxes[:, axis + 2]) / 2
            assert (middle <= (start or 96) + 1).all()
            assert (start or 96) > 96 - 32

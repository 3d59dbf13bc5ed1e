import numpy as np
import pytest

from loadtests.training.augment import add_noise, expose, occlude, spoil_crop
from operators.types import Image


@pytest.fixture
def crop() -> Image:
    """Dark on the left, bright on the right, with a red mark in the upper left."""
    ramp = np.linspace(20, 230, 112).astype(np.uint8)
    image = np.repeat(np.tile(ramp, (112, 1))[:, :, None], 3, axis=2)
    image[20:36, 20:36] = (0, 0, 255)
    return image


def test_a_crop_is_spoiled_anew_each_time_and_the_same_from_the_same_seed(crop: Image) -> None:
    """Shape and type stay; the source is not written to."""
    before = crop.copy()
    one, two, again = (spoil_crop(crop, np.random.default_rng(seed)) for seed in (1, 2, 1))
    assert one.shape == crop.shape
    assert one.dtype == np.uint8
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(crop, before)


def test_left_stays_left(crop: Image) -> None:
    """No crop is mirrored, and none moves by more than a few pixels."""
    for seed in range(60):
        spoiled = spoil_crop(crop, np.random.default_rng(seed)).astype(float).mean(axis=2)
        assert spoiled[60:, 75:].mean() > spoiled[60:, :37].mean() - 40, seed
        differences = np.abs(spoiled - crop.mean(axis=2)).mean()
        assert differences < 90, seed


def test_light_moves_no_point(crop: Image) -> None:
    """Brighter stays brighter, within a channel."""
    for seed in range(20):
        lit = expose(crop, np.random.default_rng(seed))
        assert (np.diff(lit[100, :, 1].astype(int)) >= 0).all()


def test_noise_is_as_strong_as_asked(crop: Image) -> None:
    """The standard deviation comes out in brightness steps."""
    grey = np.full_like(crop, 128)
    assert add_noise(grey, 6.0, np.random.default_rng(0)).astype(float).std() == pytest.approx(6, rel=0.05)
    np.testing.assert_array_equal(add_noise(grey, 0.0, np.random.default_rng(0)), grey)


def test_something_stands_before_a_part_of_the_face(crop: Image) -> None:
    """In one colour, and never over most of it."""
    shares = []
    for seed in range(60):
        hidden = (occlude(crop, np.random.default_rng(seed)) != crop).any(axis=2)
        shares.append(hidden.mean())
    assert max(shares) < 0.45
    assert np.mean(shares) > 0.03

import numpy as np
import pytest

from operators.tensors import Canvas, Kept, Planes
from operators.types import Image


def test_raw_pixels_are_copied_exactly(picture: Image) -> None:
    """Without mean and scale the planes hold the pixel values, and zeros beyond the image."""
    planes = Planes("bgr", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).fill([picture, picture[::-1]], 128, 224)
    assert planes.shape == (2, 3, 128, 224)
    assert planes.flags.c_contiguous
    assert (planes[0, :, :120, :200] == picture.transpose(2, 0, 1)).all()
    assert (planes[1, :, :120, :200] == picture[::-1].transpose(2, 0, 1)).all()
    assert not planes[:, :, 120:].any()
    assert not planes[:, :, :, 200:].any()


@pytest.mark.parametrize("colour", ["bgr", "rgb"])
def test_black_beyond_the_image_is_normalised_too(picture: Image, colour: str) -> None:
    """Beyond the image lies what a black pixel would give, per channel."""
    mean, scale = np.array([100.0, 110.0, 120.0]), np.array([50.0, 60.0, 70.0])
    planes = Planes(colour, tuple(mean), tuple(scale)).fill([picture], 121, 201)  # type: ignore[arg-type]
    canvas = np.zeros((121, 201, 3))
    canvas[:120, :200] = picture if colour == "bgr" else picture[:, :, ::-1]
    np.testing.assert_allclose(planes[0], ((canvas - mean) / scale).transpose(2, 0, 1), atol=1e-5)


@pytest.mark.parametrize("mean", [0.0, 100.0])
def test_everything_is_divided_in_the_end(picture: Image, mean: float) -> None:
    """As the graph would have done it, to the bit, also beyond the image."""
    scale = (1.0,) * 3 if mean == 0 else (50.0,) * 3
    whole = Planes("bgr", (mean,) * 3, scale).fill([picture], 128, 224)
    np.testing.assert_array_equal(
        Planes("bgr", (mean,) * 3, scale, divisor=127.5).fill([picture], 128, 224), whole / np.float32(127.5)
    )


def test_the_buffer_is_kept_and_cleaned() -> None:
    """A smaller image after a larger one reuses the memory and sees nothing of it."""
    planes = Planes("bgr", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    first = planes.fill([np.full((64, 64, 3), 255, np.uint8)], 64, 64)
    second = planes.fill([np.full((10, 20, 3), 7, np.uint8)], 32, 32)
    assert np.shares_memory(first, second)
    assert second.sum() == 3 * 10 * 20 * 7


def test_nothing_is_left_after_forgetting(picture: Image) -> None:
    """Also of a larger batch before the last one."""
    planes = Planes("bgr", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    large = planes.fill([picture, picture], 128, 224)
    planes.fill([picture], 128, 224)
    assert large.any()
    planes.forget()
    assert not large.any()
    assert planes.fill([picture], 128, 224).any()


def test_a_buffer_that_becomes_too_small_is_forgotten(picture: Image) -> None:
    """It is given back to the system without pixels in it."""
    planes = Planes("bgr", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    small = planes.fill([picture], 128, 224)
    large = planes.fill([picture, picture], 128, 224)
    assert not np.shares_memory(small, large)
    assert not small.any()


def test_the_parted_channels_are_forgotten_too(picture: Image) -> None:
    """They hold the same pixels as the planes."""
    planes = Planes("rgb", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    planes.fill([picture], 128, 224)
    parted = planes._parted.take(picture.size)
    assert parted.any()
    planes.forget()
    assert not parted.any()


def test_a_part_of_a_larger_image_is_cut_out_as_it_is(picture: Image) -> None:
    """Rows that do not follow each other in memory, also read-only ones and in the other order."""
    part = picture[10:50, 180:20:-2]
    part.flags.writeable = False
    planes = Planes("rgb", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).fill([part], 64, 96)
    assert (planes[0, :, :40, :80] == part.transpose(2, 0, 1)[::-1]).all()


def test_kept_memory_forgets_no_more_than_was_used() -> None:
    """A small array after a large one costs a small overwriting, and nothing is left of either."""
    kept = Kept(np.uint8)
    large = kept.take(100)
    large[:] = 7
    kept.forget()
    large[50:] = 9  # as nobody would: it shows what the next call touches
    kept.take(2, 5)[:] = 1
    kept.forget()
    assert not large[:50].any()
    assert (large[50:] == 9).all()


def test_a_canvas_shows_images_on_black_and_forgets_them(picture: Image) -> None:
    """Also after a larger, brighter one, of which nothing is seen any more."""
    canvas = Canvas()
    canvas.fill([np.full((160, 256, 3), 255, np.uint8)] * 2, 160, 256)
    laid = canvas.fill([picture, picture[::-1]], 128, 224)
    assert laid.shape == (2, 128, 224, 3)
    assert (laid[0, :120, :200] == picture).all()
    assert (laid[1, :120, :200] == picture[::-1]).all()
    assert not laid[:, 120:].any()
    assert not laid[:, :, 200:].any()
    whole = canvas._pixels.take(2, 160, 256, 3)
    assert whole[1].any()
    canvas.forget()
    assert not whole.any()


@pytest.mark.parametrize(("images", "canvases"), [(1, 1), (2, 2), (3, 4), (5, 8), (64, 64), (65, 128)])
def test_canvases_are_as_many_as_a_power_of_two(images: int, canvases: int) -> None:
    """So that a GPU meets few shapes; those without an image are black, whatever was there."""
    canvas = Canvas()
    canvas.fill([np.full((8, 8, 3), 255, np.uint8)] * canvases, 8, 8)
    laid = canvas.fill([np.full((8, 8, 3), 7, np.uint8)] * images, 8, 8)
    assert laid.shape == (canvases, 8, 8, 3)
    assert (laid[:images] == 7).all()
    assert not laid[images:].any()

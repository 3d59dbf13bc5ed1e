import numpy as np
import pytest

from operators.crop import context_crop, paint_over

IMAGE = np.arange(300 * 400 * 3, dtype=np.uint32).astype(np.uint8).reshape(300, 400, 3)


def test_a_crop_is_the_box_and_a_little_around() -> None:
    """Four tenths of the box on each side, pixel for pixel."""
    crop = context_crop(IMAGE, np.array([100, 50, 200, 150], np.float32))
    np.testing.assert_array_equal(crop, IMAGE[10:190, 60:240])
    assert crop.base is None


def test_a_crop_ends_where_the_image_ends() -> None:
    """Whatever lies outside is not invented."""
    crop = context_crop(IMAGE, np.array([-50, -50, 50, 50], np.float32))
    np.testing.assert_array_equal(crop, IMAGE[:90, :90])


def test_a_large_face_is_made_smaller() -> None:
    """No side above 256 px: enough for people to compare."""
    crop = context_crop(np.zeros((900, 1000, 3), np.uint8), np.array([100, 100, 600, 700], np.float32))
    assert max(crop.shape[:2]) == 256


@pytest.mark.parametrize("box", [[500, 400, 510, 410], [-20, -20, -10, -10], [100, 100, 100, 100]])
def test_a_box_of_nothing_gives_a_pixel_or_more(box: list[float]) -> None:
    """Detectors may say so; enrolment must not end in an error of the codec."""
    assert context_crop(IMAGE, np.array(box, np.float32)).size >= 3


def test_other_faces_are_painted_over_to_their_last_pixel() -> None:
    """A pixel that a box touches is grey, and outside the image nothing happens."""
    boxes = np.array([[10.5, 20.2, 30.5, 40.9], [390, 290, 500, 400], [-50, -50, -10, -10], [500, 500, 600, 600]])
    painted = IMAGE.copy()
    paint_over(painted, boxes.astype(np.float32))
    assert (painted[20:41, 10:31] == 128).all()
    assert (painted[290:, 390:] == 128).all()
    touched = np.zeros(IMAGE.shape[:2], bool)
    touched[20:41, 10:31] = touched[290:, 390:] = True
    np.testing.assert_array_equal(painted[~touched], IMAGE[~touched])


def test_nobody_else_leaves_the_image_as_it_is() -> None:
    """Nothing is painted."""
    painted = IMAGE.copy()
    paint_over(painted, np.zeros((0, 4), np.float32))
    np.testing.assert_array_equal(painted, IMAGE)

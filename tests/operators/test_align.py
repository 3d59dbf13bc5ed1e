import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.align import TEMPLATE, align, similarity
from operators.types import Float32, Image

Points = npt.NDArray[np.float64]


def _umeyama(points: Points) -> Points:
    """The textbook solution by singular values, with its guard against mirroring."""
    target = TEMPLATE.astype(np.float64)
    source, wanted = points - points.mean(0), target - target.mean(0)
    u, d, v = np.linalg.svd(wanted.T @ source / 5)
    signs = np.array([1.0, -1.0 if np.linalg.det(u) * np.linalg.det(v) < 0 else 1.0])
    rotation = u @ np.diag(signs) @ v
    scale = (d * signs).sum() / source.var(axis=0).sum()
    shift = target.mean(0) - scale * rotation @ points.mean(0)
    return np.column_stack([scale * rotation, shift])


def test_agrees_with_singular_values() -> None:
    """The closed form gives what the textbook gives, also for landmarks seen in a mirror."""
    rng = np.random.default_rng(11)
    faces = TEMPLATE * 3 + rng.normal(0, 8, (50, 5, 2))
    faces[25:, :, 0] *= -1
    expected = np.array([_umeyama(face) for face in faces])
    np.testing.assert_allclose(similarity(faces.astype(np.float32)), expected, atol=1e-2, rtol=1e-4)


@given(st.floats(0.2, 5), st.floats(-3.1, 3.1), st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_undoes_any_similarity(scale: float, angle: float, x: float, y: float) -> None:
    """A face that is the template turned, enlarged and moved comes back onto the template."""
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    face = TEMPLATE @ turn.T + [x, y]
    (transform,) = similarity(face[None].astype(np.float32))
    np.testing.assert_allclose(face @ transform[:, :2].T + transform[:, 2], TEMPLATE, atol=1e-3)


@pytest.mark.parametrize(
    "landmarks",
    [
        np.zeros((5, 2)),
        np.full((5, 2), 700.0),
        np.full((5, 2), np.nan),
        np.full((5, 2), np.inf),
        np.full((5, 2), 1e-12),
    ],
    ids=["origin", "one point", "nan", "infinite", "nearly one point"],
)
def test_degenerate_landmarks_give_a_crop(landmarks: Points, picture: Image) -> None:
    """Landmarks without direction or size neither warn nor spread NaN."""
    degenerate = landmarks[None].astype(np.float32)
    assert np.isfinite(similarity(degenerate)).all()
    assert align(picture, degenerate).shape == (1, 112, 112, 3)


def test_no_faces() -> None:
    """No landmarks give no transforms and no crops."""
    nothing = np.zeros((0, 5, 2), np.float32)
    assert similarity(nothing).shape == (0, 2, 3)
    crops = align(np.zeros((50, 60, 3), np.uint8), nothing)
    assert crops.shape == (0, 112, 112, 3)
    assert crops.dtype == np.uint8


def test_landmarks_on_the_template_copy_the_image(picture: Image) -> None:
    """A face that already lies where it should is cut out unchanged, and the image is left as it was."""
    before = picture.copy()
    landmarks: Float32 = TEMPLATE[None] + np.array([30, 5], np.float32)
    (crop,) = align(picture, landmarks)
    assert np.abs(crop.astype(int) - picture[5:117, 30:142]).max() <= 1
    assert (picture == before).all()


def test_outside_the_image_is_black(picture: Image) -> None:
    """A face half outside is filled with black, not with a repeated border."""
    (crop,) = align(np.full_like(picture, 200), TEMPLATE[None] - np.array([56, 0], np.float32))
    assert not crop[:, :50].any()
    assert (crop[:, 60:] == 200).all()


def test_each_face_has_its_own_crop(picture: Image) -> None:
    """Crops come in the order of the landmarks and equal those cut one by one."""
    landmarks = np.stack([TEMPLATE, TEMPLATE * 0.7 + 20, TEMPLATE[::-1] * 0.5 + 40]).astype(np.float32)
    together = align(picture, landmarks)
    for row in range(3):
        assert (together[row] == align(picture, landmarks[row : row + 1])[0]).all()

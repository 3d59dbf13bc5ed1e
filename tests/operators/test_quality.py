import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest

from operators.align import TEMPLATE
from operators.quality import (
    GateReason,
    QualitySettings,
    gate_geometry,
    gate_sharpness,
    inside,
    sharpness,
    tilt_deg,
    turn,
)
from operators.types import Faces, Float32

SETTINGS = QualitySettings(
    min_confidence=0.7, min_face_width_px=40, max_turn=0.35, max_tilt_deg=45, min_inside=0.5, min_sharpness=0.15
)
SHAPE = (480, 640, 3)


def _face(left: float = 100, width: float = 80, confidence: float = 0.9, landmarks: Float32 = TEMPLATE) -> Faces:
    box = np.array([[left, 100, left + width, 200]], np.float32)
    return Faces(box, np.array([confidence], np.float32), landmarks[None].astype(np.float32))


def _turned(share: float) -> Float32:
    """The template with its nose moved aside by a share of the distance between the eyes."""
    moved = TEMPLATE.copy()
    moved[:, 0] = [0, 100, 50 + 100 * share, 10, 90]
    moved[:, 1] = [0, 0, 50, 100, 100]
    return moved


def _rotated(degrees: float) -> Float32:
    angle = np.radians(degrees)
    turned: Float32 = TEMPLATE @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    return turned


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        (_face(), None),
        (_face(left=-35), None),
        (_face(left=-45), GateReason.OUTSIDE),
        (_face(left=605), GateReason.OUTSIDE),
        (_face(left=2000), GateReason.OUTSIDE),
        (_face(confidence=0.69), GateReason.LOW_CONFIDENCE),
        (_face(confidence=0.7), None),
        (_face(width=39.5), GateReason.TOO_SMALL),
        (_face(width=40), None),
        (_face(width=0), GateReason.OUTSIDE),
        (_face(landmarks=_turned(0.3)), None),
        (_face(landmarks=_turned(0.4)), GateReason.POSE),
        (_face(landmarks=_turned(-0.4)), GateReason.POSE),
        (_face(landmarks=_rotated(40)), None),
        (_face(landmarks=_rotated(-50)), GateReason.POSE),
        (_face(landmarks=_rotated(180)), GateReason.POSE),
        (_face(landmarks=np.zeros((5, 2), np.float32)), GateReason.POSE),
        (_face(landmarks=np.full((5, 2), np.nan, np.float32)), GateReason.POSE),
        (_face(confidence=np.nan), GateReason.LOW_CONFIDENCE),
        (_face(left=2000, confidence=0.1, width=10), GateReason.OUTSIDE),
        (_face(confidence=0.1, width=10), GateReason.LOW_CONFIDENCE),
        (_face(width=10, landmarks=_turned(1)), GateReason.TOO_SMALL),
    ],
)
def test_the_first_reason_is_given(faces: Faces, expected: GateReason | None) -> None:
    """Each check has its reason, limits are inclusive, and the order of checks is fixed."""
    assert gate_geometry(faces, SHAPE, SETTINGS) == [expected]


@pytest.mark.parametrize(("min_inside", "passes"), [(0.0, True), (0.25, True), (0.26, False), (1.0, False)])
def test_how_much_must_be_inside_is_set(min_inside: float, passes: bool) -> None:
    """A face with a quarter of its box in the image passes up to that limit."""
    settings = dataclasses.replace(SETTINGS, min_inside=min_inside)
    assert gate_geometry(_face(left=-60), SHAPE, settings) == [None if passes else GateReason.OUTSIDE]


def test_no_faces() -> None:
    """No faces give no answers."""
    assert gate_geometry(Faces.none(), SHAPE, SETTINGS) == []
    assert gate_sharpness(np.zeros((0, 112, 112, 3), np.uint8), SETTINGS) == []


def test_the_share_inside_is_an_area() -> None:
    """Half outside to the left and half below leave a quarter."""
    boxes = np.array([[-10, 470, 10, 490], [0, 0, 640, 480], [5, 5, 5, 9]], np.float32)
    np.testing.assert_allclose(inside(boxes, SHAPE), [0.25, 1, 0])


@pytest.mark.parametrize("degrees", [0, 30, 90, 170])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_turn_is_free_of_tilt_and_size(degrees: float, share: float) -> None:
    """Turning aside is measured the same however the head is tilted and however large it is."""
    angle = np.radians(degrees)
    spin = 3 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    face = (_turned(share) @ spin.T + 500).astype(np.float32)
    assert turn(face[None])[0] == pytest.approx(share, abs=1e-4)
    assert tilt_deg(face[None])[0] == pytest.approx(degrees, abs=1e-3)


def _crop(blur: float = 0.0, gain: float = 1.0, offset: float = 0.0, noise: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(2)
    fine = cv2.resize(rng.normal(0, 40, (28, 28)).astype(np.float32), (112, 112), interpolation=cv2.INTER_CUBIC)
    fine += rng.normal(0, 15, (112, 112)).astype(np.float32)
    if blur:
        fine = cv2.GaussianBlur(fine, (0, 0), blur)
    grey = fine * gain + 110 + offset + rng.normal(0, 1, (112, 112)) * noise
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_sharpness_falls_with_blur() -> None:
    """More blur is always less sharp."""
    values = [sharpness(_crop(blur)) for blur in (0, 1, 2, 3, 5)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[3]


def test_sharpness_ignores_light_and_contrast() -> None:
    """A dark picture of little contrast counts as sharp as a bright one."""
    assert sharpness(_crop(gain=0.4, offset=-40)) == pytest.approx(sharpness(_crop()), rel=0.05)


def test_noise_does_not_make_a_blurred_face_sharp() -> None:
    """Sensor noise on a blurred face stays below the sharp one."""
    assert sharpness(_crop(blur=3, noise=2)) < 0.8 * sharpness(_crop())


def test_blurred_crops_are_named() -> None:
    """A crop of one colour is blurred, a detailed one passes; a limit of 0 lets everything pass."""
    crops = np.stack([_crop(), np.full((112, 112, 3), 90, np.uint8)])
    assert gate_sharpness(crops, SETTINGS) == [None, GateReason.BLURRED]
    assert gate_sharpness(crops, dataclasses.replace(SETTINGS, min_sharpness=0)) == [None, None]


def test_rounding_is_no_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without vector instructions OpenCV blurs one colour into two that differ in their last bit, here and there."""
    blur = cv2.GaussianBlur

    def rounded(image: Float32, *arguments: Any) -> Float32:
        smooth = np.asarray(blur(image, *arguments), np.float32)
        smooth[::3, ::2] = np.nextafter(smooth[::3, ::2], np.float32(np.inf))
        return smooth

    monkeypatch.setattr(cv2, "GaussianBlur", rounded)
    assert sharpness(np.full((112, 112, 3), 128, np.uint8)) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_confidence", 1.1),
        ("min_face_width_px", 0),
        ("max_turn", 0),
        ("max_tilt_deg", 181),
        ("min_inside", -0.1),
        ("min_inside", 1.1),
        ("min_inside", float("nan")),
        ("min_sharpness", -1),
        ("max_turn", float("nan")),
    ],
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    """A gate that is always open or always shut by mistake is named."""
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(SETTINGS, **{field: value})

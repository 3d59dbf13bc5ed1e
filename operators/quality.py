"""Which detected faces are good enough to be compared with a watchlist."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from operators.types import Faces, Float32

# Eyes closer together than this many pixels hold no direction: the pose counts as unknown, that is as turned.
_MIN_EYES_PX = 1e-3
# Rows and columns of an aligned crop that show face, from the brows to the chin, rather than background.
_FACE = np.s_[16:104, 16:96]


class GateReason(StrEnum):
    """Why a face is not compared, in the order of the checks: the first that applies is given."""

    OUTSIDE = "outside"
    LOW_CONFIDENCE = "low_confidence"
    TOO_SMALL = "too_small"
    POSE = "pose"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """What a face must be like to be compared.

    Attributes:
        min_confidence: Of the detector, in [0, 1], above its own threshold to have an effect. Too high: half covered
            faces are ignored; too low: things that are no faces are compared.
        min_face_width_px: Of the box, pixels of the image given, above 0. Too low: strangers look alike to the
            embedder (MobileFaceNet finds 92 % of people at 20 px, all at 32); too high: distant people are ignored.
        max_turn: How far a head may be turned aside, see `turn`, above 0. Studio portraits reach 0.11, official
            portraits 0.30, group photographs 0.50. Too high: profiles are compared, which embedders hardly know; too
            low: people who look aside are ignored.
        max_tilt_deg: How far the line through the eyes may be from level, degrees, 0 to 180; people reach 15. Alignment
            turns faces upright, so this mostly refuses landmarks that are no face. Too low: tilted cameras see nobody.
        min_inside: Share of the box's area that must lie inside the image, in [0, 1]. Too high: people at the border of
            the picture are ignored; too low: half faces are compared.
        min_sharpness: See `sharpness`, 0 and up. Portraits reach 0.28 to 0.76, group photographs 0.21 to 0.67, a face
            blurred by 3 pixels of the crop 0.11 to 0.24. Too high: soft cameras see nobody; too low: smears are
            compared.
    """

    min_confidence: float
    min_face_width_px: float
    max_turn: float
    max_tilt_deg: float
    min_inside: float
    min_sharpness: float

    def __post_init__(self) -> None:
        checks = {
            "min_confidence: must lie in [0, 1]": 0 <= self.min_confidence <= 1,
            "min_face_width_px: must be above 0": 0 < self.min_face_width_px < np.inf,
            "max_turn: must be above 0": 0 < self.max_turn < np.inf,
            "max_tilt_deg: must lie in [0, 180]": 0 <= self.max_tilt_deg <= 180,
            "min_inside: must lie in [0, 1]": 0 <= self.min_inside <= 1,
            "min_sharpness: must be 0 or above": 0 <= self.min_sharpness < np.inf,
        }
        wrong = [text for text, holds in checks.items() if not holds]
        if wrong:
            raise ValueError("; ".join(wrong))


def gate_geometry(faces: Faces, shape: tuple[int, ...], settings: QualitySettings) -> list[GateReason | None]:
    """The checks that need no pixels, before faces are cut out.

    Args:
        faces: As detected, n of them.
        shape: Of the image, (h, w, ...).
        settings: What a face must be like.

    Returns:
        One entry a face: None when it passes, otherwise the first reason against it.
    """
    # Written as "not at least", so that a value that is not a number is refused.
    checks = {
        GateReason.OUTSIDE: ~(inside(faces.boxes, shape) >= settings.min_inside),
        GateReason.LOW_CONFIDENCE: ~(faces.confidence >= settings.min_confidence),
        GateReason.TOO_SMALL: ~(faces.boxes[:, 2] - faces.boxes[:, 0] >= settings.min_face_width_px),
        GateReason.POSE: ~(
            (turn(faces.landmarks) <= settings.max_turn) & (tilt_deg(faces.landmarks) <= settings.max_tilt_deg)
        ),
    }
    return [next((reason for reason, failed in checks.items() if failed[row]), None) for row in range(len(faces))]


def gate_sharpness(crops: npt.NDArray[np.uint8], settings: QualitySettings) -> list[GateReason | None]:
    """The check on pixels, after faces are cut out.

    Args:
        crops: (n, 112, 112, 3) uint8, BGR, from `align`.
        settings: What a face must be like.

    Returns:
        One entry a crop: None when it passes, BLURRED otherwise.
    """
    return [None if sharpness(crop) >= settings.min_sharpness else GateReason.BLURRED for crop in crops]


def inside(boxes: Float32, shape: tuple[int, ...]) -> Float32:
    """The share of each box's area that lies inside the image.

    Args:
        boxes: (n, 4) float32, pixels, left, top, right, bottom.
        shape: Of the image, (h, w, ...).

    Returns:
        (n,) float32 in [0, 1]; 0 for a box without area.
    """
    limits = np.array([shape[1], shape[0]], np.float32)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    visible = np.maximum(np.minimum(boxes[:, 2:], limits) - np.maximum(boxes[:, :2], 0), 0)
    area = sides[:, 0] * sides[:, 1]
    share: Float32 = visible[:, 0] * visible[:, 1] / np.where(area > 0, area, 1)
    return share


def turn(landmarks: Float32) -> Float32:
    """How far each head is turned aside, whatever its tilt and size.

    The nose tip's distance from the line through the middle of the eyes and the middle of the mouth, divided by the
    distance between the eyes.

    Args:
        landmarks: (n, 5, 2) float32, pixels.

    Returns:
        (n,) float32, 0 for a frontal face; infinite when eyes or mouth and eyes coincide.
    """
    right_eye, left_eye, nose, right_mouth, left_mouth = landmarks.transpose(1, 0, 2)
    middle = (right_eye + left_eye) / 2
    down = (right_mouth + left_mouth) / 2 - middle
    aside = np.abs(down[:, 0] * (nose - middle)[:, 1] - down[:, 1] * (nose - middle)[:, 0])
    eyes, height = np.linalg.norm(left_eye - right_eye, axis=1), np.linalg.norm(down, axis=1)
    known = (eyes > _MIN_EYES_PX) & (height > _MIN_EYES_PX)
    return np.where(known, aside / np.where(known, eyes * height, 1), np.inf).astype(np.float32)


def tilt_deg(landmarks: Float32) -> Float32:
    """How far the line through the eyes is from level, regardless of direction.

    Args:
        landmarks: (n, 5, 2) float32, pixels.

    Returns:
        (n,) float32, degrees, 0 upright to 180 upside down.
    """
    across = landmarks[:, 1] - landmarks[:, 0]
    tilt: Float32 = np.abs(np.degrees(np.arctan2(across[:, 1], across[:, 0])))
    return tilt


def sharpness(crop: npt.NDArray[np.uint8]) -> float:
    """How much fine detail the middle of a crop holds, whatever its brightness and contrast.

    Energy of the Laplacian over energy of the gradient, after a Gaussian of 1 pixel that keeps sensor noise from
    looking like detail: the mean squared spatial frequency. As every crop has one size, a small face enlarged to it
    counts as blurred, as it should.

    Args:
        crop: (112, 112, 3) uint8, BGR, from `align`.

    Returns:
        0 and up; 0 for a crop of one colour.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[_FACE]
    if grey.min() == grey.max():
        return 0.0  # what is left after the Gaussian are errors of rounding, which are as fine as can be
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    across, down = np.diff(smooth, axis=1), np.diff(smooth, axis=0)
    gradient = float(np.vdot(across, across)) + float(np.vdot(down, down))
    laplacian = cv2.Laplacian(smooth, cv2.CV_32F)
    return float(np.vdot(laplacian, laplacian)) / gradient if gradient > 0 else 0.0

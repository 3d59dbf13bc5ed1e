"""Found faces held against true ones: pure functions on arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operators.boxes import overlaps
from operators.types import Float32

SAME_FACE = 0.3
"""Intersection over union from which a box found and a true box are one face."""
SMALLEST_PX = 20.0
"""Narrower true faces are asked of nobody: finding one is no merit, overlooking it no fault."""
Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One scene: what is there and what was found.

    Attributes:
        boxes: (t, 4) float32, pixels, of true faces.
        landmarks: (t, 5, 2) float32, pixels.
        visible: (t,) share of each face that is neither outside the picture nor behind somebody.
        found: (n, 4) float32, pixels, boxes of the detector.
        found_landmarks: (n, 5, 2) float32, pixels.
        passes: (n,) which of those pass the gates, and would be searched.
        people: How many people there are, those seen from behind included.
    """

    boxes: Float32
    landmarks: Float32
    visible: Float32
    found: Float32
    found_landmarks: Float32
    passes: Bools
    people: int


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """All true faces that count, of all scenes.

    Attributes:
        scene: (f,) number of the scene.
        width_px: (f,) of the true box.
        found: (f,) whether a box of the detector is this face's.
        passes: (f,) and passes the gates.
        overlap: (f,) intersection over union with that box, 0 where there is none.
        landmark_error: (f,) mean distance of the five landmarks over the face's width, NaN where there is no box.
    """

    scene: Rows
    width_px: Float32
    found: Bools
    passes: Bools
    overlap: Float32
    landmark_error: Float32


def pair(overlap: Float32, least: float) -> Rows:
    """Which box found is which true face: the closest pair first, each box and each face once.

    Args:
        overlap: (t, n), true faces by boxes found.
        least: Pairs that overlap less are none.

    Returns:
        (t,) the box of each true face, -1 where there is none.
    """
    left = np.where(overlap >= least, overlap, -1.0)
    paired = np.full(len(overlap), -1, np.intp)
    while left.size and left.max() >= 0:
        face, box = np.unravel_index(int(left.argmax()), left.shape)
        paired[face] = box
        left[face], left[:, box] = -1, -1
    return paired


def false_faces(scene: Scene) -> Bools:
    """Which of the boxes found, (n,), are no true face at all, be it small or hidden."""
    near = np.any(overlaps(scene.found, scene.boxes) >= SAME_FACE, axis=1)
    return np.asarray(~near, bool)


def gather(scenes: Sequence[Scene], least_visible: float) -> Faces:
    """The true faces that count: wide enough, and visible enough."""
    parts = [_faces_of(number, scene, least_visible) for number, scene in enumerate(scenes)]
    return Faces(*(np.concatenate([part[field] for part in parts]) for field in range(6)))


def _faces_of(number: int, scene: Scene, least_visible: float) -> tuple[Rows, Float32, Bools, Bools, Float32, Float32]:
    overlap = overlaps(scene.boxes, scene.found)
    paired = pair(overlap, SAME_FACE)
    width = scene.boxes[:, 2] - scene.boxes[:, 0]
    counted = np.flatnonzero((width >= SMALLEST_PX) & (scene.visible >= least_visible))
    box, width = paired[counted], width[counted]
    found = box >= 0
    passes, share, error = (
        np.zeros(len(box), bool),
        np.zeros(len(box), np.float32),
        np.full(len(box), np.nan, np.float32),
    )
    passes[found] = scene.passes[box[found]]
    share[found] = overlap[counted[found], box[found]]
    apart = scene.landmarks[counted[found]] - scene.found_landmarks[box[found]]
    error[found] = np.linalg.norm(apart, axis=2).mean(1) / width[found]
    return np.full(len(box), number, np.intp), width, found, passes, share, error

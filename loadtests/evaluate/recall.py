"""From scenes to what an evaluation says of detection."""

import math
from collections.abc import Sequence

import numpy as np

from loadtests.evaluate.detection import Scene, false_faces, gather
from loadtests.evaluate.findings import Detection, Size
from loadtests.evaluate.rates import exact_count, rate
from loadtests.evaluate.scenes import VISIBLE

SIZES_PX: tuple[tuple[float, float], ...] = ((20, 30), (30, 40), (40, 60), (60, 100), (100, math.inf))
ASKED_PX = 40
_TIGHT = 0.5


def detection(scenes: Sequence[Scene], seed: int) -> Detection:
    """Count faces that were found, faces that were not, and what was taken for a face.

    Args:
        scenes: At least one.
        seed: Of resampling, in which whole scenes are drawn anew.
    """
    faces = gather(scenes, VISIBLE)
    false = [false_faces(scene) for scene in scenes]
    asked = faces.width_px >= ASKED_PX
    errors = faces.landmark_error[faces.found]
    sizes = []
    for low, high in SIZES_PX:
        own = (faces.width_px >= low) & (faces.width_px < high)
        label = f"{low:g} to {high:g} px" if math.isfinite(high) else f"{low:g} px and more"
        sizes.append(Size(label, *(rate(hits[own], faces.scene[own], seed) for hits in (faces.found, faces.passes))))
    count = int(sum(each.sum() for each in false))
    return Detection(
        scenes=len(scenes),
        empty=sum(not scene.people for scene in scenes),
        people=sum(scene.people for scene in scenes),
        ignored=sum(len(scene.boxes) for scene in scenes) - len(faces.found),
        sizes=tuple(sizes),
        recall=rate(faces.found[asked], faces.scene[asked], seed),
        tight=rate(faces.overlap[asked] >= _TIGHT, faces.scene[asked], seed),
        false_faces=count,
        false_interval=exact_count(count),
        false_in_empty=int(sum(each.sum() for each, scene in zip(false, scenes, strict=True) if not scene.people)),
        false_passing=int(sum((each & scene.passes).sum() for each, scene in zip(false, scenes, strict=True))),
        landmark_median=float(np.median(errors)) if len(errors) else math.nan,
        landmark_p95=float(np.quantile(errors, 0.95)) if len(errors) else math.nan,
        overlap_median=float(np.median(faces.overlap[faces.found])) if len(errors) else math.nan,
    )

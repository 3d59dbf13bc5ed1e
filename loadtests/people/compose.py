"""Lay cut-outs over a picture, and know what they hide."""

import cv2
import numpy as np
import numpy.typing as npt

from operators.types import Float32, Image


def covered(box: Float32, by: Float32) -> float:
    """The share, 0 to 1, of a box that another covers; each (4,) float32: left, top, right, bottom."""
    wide = min(box[2], by[2]) - max(box[0], by[0])
    high = min(box[3], by[3]) - max(box[1], by[1])
    area = float((box[2] - box[0]) * (box[3] - box[1]))
    return float(max(wide, 0) * max(high, 0)) / max(area, 1e-6)


def paste(image: Image, cut: npt.NDArray[np.uint8], left: int, top: int) -> None:
    """Lay a cut-out over an image, in place; what lies outside the image is left out.

    Args:
        image: (h, w, 3) uint8, BGR.
        cut: (k, l, 4) uint8, BGR and opacity.
        left: Column of the image where the cut-out's first column comes, may be negative.
        top: And row.
    """
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + cut.shape[1], image.shape[1]), min(top + cut.shape[0], image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = cut[y0 - top : y1 - top, x0 - left : x1 - left]
    room = image[y0:y1, x0:x1]
    opacity = cv2.cvtColor(np.ascontiguousarray(part[..., 3]), cv2.COLOR_GRAY2BGR)
    above = cv2.multiply(np.ascontiguousarray(part[..., :3]), opacity, scale=1 / 255)
    below = cv2.multiply(room, cv2.bitwise_not(opacity), scale=1 / 255)
    room[:] = cv2.add(above, below)

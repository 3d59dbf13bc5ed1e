"""Cut one face and a little around it out of an image, for people to look at."""

import cv2
import numpy as np

from operators.types import Float32, Image

_AROUND = 0.4  # of the box, on each side: hair and chin help people to compare
_MOST_PX = 256
_GREY = 128


def context_crop(image: Image, box: Float32) -> Image:
    """One face of an image, with 0.4 of its box more on each side and no side above 256 px.

    Args:
        image: (h, w, 3) uint8, BGR.
        box: (4,) float32, pixels of `image`, left, top, right, bottom; may lie partly outside.

    Returns:
        (h, w, 3) uint8, BGR, at least 1 x 1.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = box.astype(float)
    more = _AROUND * np.array([left - right, top - bottom, right - left, bottom - top])
    wide = np.rint(box + more).astype(int)
    x0, x1 = np.clip(wide[[0, 2]], 0, width)
    y0, y1 = np.clip(wide[[1, 3]], 0, height)
    cut = image[min(y0, height - 1) : max(y1, y0 + 1), min(x0, width - 1) : max(x1, x0 + 1)]
    scale = _MOST_PX / max(cut.shape[:2])
    if scale < 1:
        size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
        return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)
    return cut.copy()


def paint_over(image: Image, boxes: Float32) -> None:
    """Paint boxes grey within an image, so that it shows nobody whom it is not about.

    A pixel that a box touches is grey, also where that box overlaps the face the image is kept for.

    Args:
        image: (h, w, 3) uint8, BGR; changed where it lies: a copy of it would cost a third of decoding it.
        boxes: (n, 4) float32, pixels of `image`, left, top, right, bottom; may lie partly or wholly outside.
    """
    height, width = image.shape[:2]
    begin = np.clip(np.floor(boxes[:, :2]), 0, (width, height)).astype(int)
    end = np.clip(np.ceil(boxes[:, 2:]), 0, (width, height)).astype(int)
    for (left, top), (right, bottom) in zip(begin, end, strict=True):
        image[top:bottom, left:right] = _GREY

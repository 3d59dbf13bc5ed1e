"""How SCRFD's outputs are read: the variant with landmarks, three strides and two anchors a cell."""

from collections.abc import Sequence

import numpy as np

from operators.heads import STRIDES, Heads, join
from operators.types import Faces, Float32

_ANCHORS = 2
_COLUMNS = (1, 1, 1, 4, 4, 4, 10, 10, 10)


def read_scrfd(names: Sequence[str], outputs: Sequence[Float32], width: int, confidence: float) -> Faces:
    """All faces above a confidence, before suppression, in no order.

    Args:
        names: Of the outputs; exports number them freely, so the order alone counts.
        outputs: For one image, in graph order: confidences (rows, 1), boxes (rows, 4) and landmarks (rows, 10), each
            for stride 8, 16, 32; two rows a cell, cells row by row.
        width: Of the padded input, pixels, a multiple of 32.
        confidence: Lowest confidence to keep, in [0, 1].

    Returns:
        Faces in pixels of the padded input.
    """
    levels = zip(STRIDES, outputs[:3], outputs[3:6], outputs[6:], strict=True)
    return join([_read_stride(level, stride, width // stride, confidence) for stride, *level in levels])


def _read_stride(level: Sequence[Float32], stride: int, columns: int, confidence: float) -> Faces:
    found, sides, offsets = level
    rows = np.flatnonzero(found[:, 0] >= confidence)
    if not len(rows):
        return Faces.none()
    cells = rows // _ANCHORS
    anchor = np.stack([cells % columns, cells // columns], axis=1).astype(np.float32)
    # Left, top, right, bottom: how far each side is from the anchor, in strides.
    side = sides[rows]
    boxes = np.concatenate([anchor - side[:, :2], anchor + side[:, 2:]], axis=1)
    landmarks = offsets[rows].reshape(-1, 5, 2) + anchor[:, None]
    return Faces(boxes * stride, found[rows, 0].clip(0, 1), landmarks * stride)


def _accepts(names: Sequence[str]) -> bool:
    return len(names) == len(_COLUMNS)


def _shapes(names: Sequence[str], pixels: int) -> list[tuple[int, int]]:
    rows = [_ANCHORS * pixels // stride**2 for stride in STRIDES * 3]
    return list(zip(rows, _COLUMNS, strict=True))


SCRFD = Heads("confidences, boxes and landmarks for strides 8, 16 and 32 (nine)", _accepts, _shapes, read_scrfd)

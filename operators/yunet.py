"""How YuNet's outputs are read."""

from collections.abc import Sequence

import numpy as np

from operators.heads import STRIDES, Heads, join
from operators.types import Faces, Float32

_COLUMNS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
OUTPUTS = tuple(f"{kind}_{stride}" for kind in _COLUMNS for stride in STRIDES)


def read_yunet(names: Sequence[str], outputs: Sequence[Float32], width: int, confidence: float) -> Faces:
    """All faces above a confidence, before suppression, in no order.

    Args:
        names: Of the outputs.
        outputs: For one image: cls_S, obj_S (cells, 1), bbox_S (cells, 4), kps_S (cells, 10) for stride S in 8, 16,
            32; one cell per S x S pixels, row by row.
        width: Of the padded input, pixels, a multiple of 32.
        confidence: Lowest confidence to keep, above 0 and at most 1.

    Returns:
        Faces in pixels of the padded input.
    """
    named, lowest = dict(zip(names, outputs, strict=True)), np.float32(confidence) ** 2
    return join([_read_stride(named, stride, width // stride, lowest) for stride in STRIDES])


def _read_stride(outputs: dict[str, Float32], stride: int, columns: int, lowest: np.float32) -> Faces:
    # Most of 19,000 cells hold nothing. No factor counts above 1: what both must reach, the first must reach alone.
    faces = np.flatnonzero(outputs[f"cls_{stride}"][:, 0] >= lowest)
    if not len(faces):
        return Faces.none()
    sure = outputs[f"cls_{stride}"][faces, 0].clip(0, 1) * outputs[f"obj_{stride}"][faces, 0].clip(0, 1)
    rows, found = faces[sure >= lowest], sure[sure >= lowest]
    cell = np.stack([rows % columns, rows // columns], axis=1).astype(np.float32)
    box = outputs[f"bbox_{stride}"][rows]
    centre = cell + box[:, :2]
    # Bounded, so that a broken graph cannot overflow: e^20 cells are wider than any image.
    half = np.exp(np.minimum(box[:, 2:], 20)) / 2
    landmarks = outputs[f"kps_{stride}"][rows].reshape(-1, 5, 2) + cell[:, None]
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return Faces(boxes * stride, np.sqrt(found), landmarks * stride)


def _accepts(names: Sequence[str]) -> bool:
    return sorted(names) == sorted(OUTPUTS)


def _shapes(names: Sequence[str], pixels: int) -> list[tuple[int, int]]:
    parts = [name.split("_") for name in names]
    return [(pixels // int(stride) ** 2, _COLUMNS[kind]) for kind, stride in parts]


YUNET = Heads(", ".join(OUTPUTS), _accepts, _shapes, read_yunet)

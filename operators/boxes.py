"""Geometry of boxes."""

import numpy as np

from operators.types import Float32


def overlaps(a: Float32, b: Float32) -> Float32:
    """Intersection over union of every box of `a` (n, 4) with every box of `b` (m, 4): (n, m) float32 in [0, 1]."""
    left_top = np.maximum(a[:, None, :2], b[None, :, :2])
    right_bottom = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(right_bottom - left_top, 0, None).prod(axis=2)
    area_a = np.clip(a[:, 2:] - a[:, :2], 0, None).prod(axis=1)
    area_b = np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1)
    union = area_a[:, None] + area_b[None, :] - shared
    ratio: Float32 = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
    return ratio

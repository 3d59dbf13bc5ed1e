"""An index held against the reference, by value."""

import numpy as np

from indexes.backends import Rowwise
from indexes.exact import ExactIndex
from operators.types import Float32
from tests.builders import random_units


def check(index: Rowwise, rows: Float32, queries: Float32, k: int, at_least: float) -> None:
    """The same cosines, and rows that have them."""
    cosines, found = index.search(queries, k, at_least)
    expected, _ = ExactIndex(rows).search(queries, k, at_least)
    assert (cosines.dtype, found.dtype) == (np.float32, np.intp)
    assert cosines.shape == found.shape == expected.shape
    # Only a row that lies within float32's rounding of the cut may be in one and not in the other.
    certain = np.isfinite(expected) & (expected > at_least + 1e-6) if len(rows) else np.isfinite(expected)
    np.testing.assert_allclose(cosines[certain], expected[certain], atol=1e-6)
    assert (np.isfinite(cosines) == (found >= 0)).all()
    held = found >= 0
    products = queries @ rows.T if len(rows) else np.zeros((len(queries), 1), np.float32)
    np.testing.assert_allclose(cosines[held], np.take_along_axis(products, found.clip(0), axis=1)[held], atol=1e-6)
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in found)


def near_to(rows: Float32, seed: int, apart: float) -> Float32:
    """Vectors near to rows: cosine about 1 / sqrt(1 + apart^2)."""
    moved = rows + apart * random_units(seed, *rows.shape)
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)

"""Exact answers from an index that rounds to float16."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes import rescored
from indexes.exact import ExactIndex
from indexes.rescored import Rescored, rounding
from operators.types import Float32
from tests.builders import random_units
from tests.indexes.halves import Halves


def _units(vectors: Float32) -> Float32:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _check(rows: Float32, queries: Float32, k: int, at_least: float) -> Halves | None:
    index = Rescored(rows, Halves, np.float16)
    cosines, found = index.search(queries, k, at_least)
    expected, _ = ExactIndex(rows).search(queries, k, at_least)
    assert (cosines.dtype, found.dtype, cosines.shape) == (np.float32, np.intp, expected.shape)
    certain = np.isfinite(expected) & (expected > at_least + 1e-6)
    np.testing.assert_allclose(cosines[certain], expected[certain], atol=1e-6)
    assert (np.isfinite(cosines) == (found >= 0)).all()
    held = found >= 0
    if len(rows):
        products = np.take_along_axis(queries @ rows.T, found.clip(0), axis=1)
        np.testing.assert_allclose(cosines[held], products[held], atol=1e-6)
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in found)
    return index._coarse if isinstance(index._coarse, Halves) else None


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.integers(0, 8),
    st.integers(1, 20),
    st.sampled_from([1, 2, 65, 512]),
    st.sampled_from([-np.inf, 0.0, 0.3, 0.9, 1.0]),
    st.sampled_from([0.0, 1e-4, 1.0]),
)
def test_the_answers_are_those_of_the_reference(
    seed: int, n: int, q: int, k: int, dimension: int, at_least: float, apart: float
) -> None:
    """By value, also among rows so near to each other that float16 puts them in another order, or in none."""
    one = random_units(seed, 1, dimension)
    rows = _units(one + apart * random_units(seed + 1, n, dimension))
    queries = np.concatenate([rows, random_units(seed + 2, 8, dimension)])[:q]
    _check(rows, queries, k, at_least)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 33, 512]), st.floats(0, 40))
def test_the_true_product_lies_within_the_slack(seed: int, dimension: int, peak: float) -> None:
    """For any two vectors: that is what makes the search exact."""
    a, b = random_units(seed, 2, dimension)
    a[0] += np.float32(peak)
    row, query = _units(a[None]), b[None]
    index = Rescored(row, Halves, np.float16)
    coarse = float(Halves(row).search(query, 1)[0][0, 0])
    assert abs(float(row[0].astype(np.float64) @ b) - coarse) <= index._slack(query)[0]


def test_more_are_fetched_until_nobody_behind_can_be_better() -> None:
    """Two hundred rows that float16 can hardly tell apart, and nobody else: few of the first fetch may be the best."""
    rows = _units(random_units(1, 1, 512) + 1e-3 * random_units(2, 200, 512))
    coarse = _check(np.concatenate([rows, random_units(3, 2000, 512)]), rows[:1], 3, -1.0)
    assert coarse
    assert [k for _, k in coarse.asked] == [19, 76, 304]


def test_a_search_that_is_settled_asks_once() -> None:
    """Strangers, and one person on the list, all in one call."""
    rows = random_units(4, 500, 512)
    coarse = _check(rows, np.concatenate([rows[7:8], random_units(5, 9, 512)]), 7, 0.4)
    assert coarse
    assert coarse.asked == [(10, 23)]


def test_all_rows_are_compared_where_the_index_gives_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAISS on a GPU stops at 2,048 rows; whoever lies behind is found all the same."""
    monkeypatch.setattr(rescored, "MOST", 60)
    rows = _units(random_units(1, 1, 64) + 1e-4 * random_units(2, 300, 64))
    coarse = _check(rows, rows[:2], 5, 0.9)
    assert coarse
    assert [k for _, k in coarse.asked] == [21]
    assert _check(rows, rows[:2], 100, 0.9)


@pytest.mark.parametrize(("n", "q", "k"), [(0, 0, 3), (0, 2, 3), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 2, 9)])
def test_the_shapes_of_little_are_those_of_the_reference(n: int, q: int, k: int) -> None:
    """No rows, no queries, nothing asked for, one row."""
    _check(random_units(0, n), random_units(1, q), k, 0.0)


def test_what_is_no_number_or_too_large_for_float16_takes_nobody_else_with_it() -> None:
    """NaN finds nothing; a query far beyond float16 is compared in float32."""
    rows = random_units(2, 30)
    queries = np.stack([np.full(8, np.nan, np.float32), rows[4], 1e6 * rows[5]])
    _, found = Rescored(rows, Halves, np.float16).search(queries, 2, 0.99)
    assert found[:, 0].tolist() == [-1, 4, 5]


def test_float32_is_not_rounded() -> None:
    """With the index in float32, only summing is left to allow for."""
    lost, kept = rounding(random_units(3, 5, 512), np.float32)
    assert (lost == 0).all()
    np.testing.assert_allclose(kept, 1, atol=1e-6)

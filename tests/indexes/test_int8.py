import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes import int8
from indexes.int8 import Int8Index, is_exact_here, rounded
from operators.onnx import Session
from operators.types import Float32
from tests.builders import random_units
from tests.index_check import check, near_to

exact = pytest.mark.skipif(
    not is_exact_here(), reason="without VNNI sums of 8-bit products are cut off: FAISS searches here"
)


@exact
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 60),
    st.integers(0, 12),
    st.integers(1, 70),
    st.sampled_from([1, 2, 65, 512]),
    st.sampled_from([-np.inf, -1.0, 0.0, 0.3, 0.9, 1.0]),
)
def test_the_answers_are_those_of_the_reference(
    seed: int, n: int, q: int, k: int, dimension: int, at_least: float
) -> None:
    """By value, with duplicates, queries that are rows, and more rows above the threshold than a block looks at."""
    rows = random_units(seed, n, dimension)
    rows = rows[np.random.default_rng(seed).integers(0, n, n)]
    queries = np.concatenate([rows, random_units(seed + 1, 20, dimension)])[:q]
    check(Int8Index(rows, 1), rows, queries, k, at_least)


@exact
@pytest.mark.parametrize("at_least", [0.1, 0.2, 0.5, 0.8])
def test_several_blocks_answer_as_one(monkeypatch: pytest.MonkeyPatch, at_least: float) -> None:
    """The last one is shorter; the best of all blocks come first."""
    monkeypatch.setattr(int8, "BLOCK_ROWS", 96)
    rows = random_units(7, 950, 128)
    check(
        Int8Index(rows, 1), rows, np.concatenate([near_to(rows[::50], 8, 0.7), random_units(9, 20, 128)]), 5, at_least
    )


@exact
def test_a_row_with_one_large_number_is_found() -> None:
    """Its scale is coarse and everything else of it is rounded away; the slack says so, and nothing is cut off."""
    rows = random_units(3, 300, 512)
    rows[17] *= 0.02
    rows[17, 5] = 0.9998
    rows[17] /= np.linalg.norm(rows[17])
    queries = near_to(rows[15:20], 4, 0.8)
    check(Int8Index(rows, 1), rows, queries, 3, 0.5)
    assert Int8Index(rows, 1).search(queries, 1, 0.5)[1][2].tolist() == [17]


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 33, 512]), st.floats(0, 40))
def test_the_true_product_lies_within_the_slack(seed: int, dimension: int, peak: float) -> None:
    """For any two vectors, also those with one number far above the others: that is what makes the search exact."""
    a, b = random_units(seed, 2, dimension)
    a[0] += np.float32(peak)
    a /= np.linalg.norm(a)
    row, query = rounded(a[None], 1), rounded(b[None], 1)
    near = float(row.numbers[0].astype(np.int64) @ query.numbers[0]) * float(row.scales[0]) * float(query.scales[0])
    slack = row.lost[0] * np.linalg.norm(b.astype(np.float64)) + query.lost[0] * row.kept[0]
    assert abs(float(a.astype(np.float64) @ b) - near) <= slack + 1e-9


@exact
def test_as_many_rows_as_are_near_are_found() -> None:
    """Forty pictures of one person, and all rows of a list when the threshold lets all of them through."""
    same = near_to(np.repeat(random_units(1, 1, 64), 40, 0), 2, 0.1)
    rows = np.concatenate([random_units(5, 2000, 64), same])
    check(Int8Index(rows, 1), rows, same[:3], 30, 0.6)
    assert (Int8Index(rows, 1).search(same[:1], 40, 0.6)[1] >= 2000).all()
    check(Int8Index(rows, 1), rows, same[:3], 2100, -1.0)


@exact
@pytest.mark.parametrize(("n", "q", "k"), [(0, 0, 3), (0, 2, 3), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 2, 9)])
def test_the_shapes_of_little_are_those_of_the_reference(n: int, q: int, k: int) -> None:
    """No rows, no queries, nothing asked for, one row."""
    rows = random_units(0, n)
    check(Int8Index(rows, 1), rows, random_units(1, q), k, 0.0)


@exact
def test_zeros_match_nobody_and_what_is_no_number_finds_nothing() -> None:
    """As in the reference: cosine 0 with everyone, and no cosine at all."""
    rows = random_units(2, 30)
    queries = np.stack([np.zeros(8, np.float32), np.full(8, np.nan, np.float32), rows[4]])
    cosines, found = Int8Index(rows, 1).search(queries, 2, 0.99)
    assert found[:, 0].tolist() == [-1, -1, 4]
    assert np.isneginf(cosines[:2]).all()
    zeros, _ = Int8Index(np.zeros((3, 8), np.float32), 1).search(rows[:1], 2, -0.5)
    np.testing.assert_array_equal(zeros, [[0, 0]])


def test_a_processor_that_cuts_sums_off_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two products are summed in 16 bits, the largest sums come out too small: the search would miss people."""
    assert isinstance(is_exact_here(), bool)
    opened = int8._open

    def saturating(numbers: npt.NDArray[np.int8], threads: int) -> Session:
        whole = opened(numbers, threads)

        def run(values: Float32) -> list[Float32]:
            rows = numbers.astype(np.int64)
            pairs = (values.astype(np.int64)[:, None, :] * rows).reshape(len(values), len(rows), -1, 2).sum(-1)
            products = pairs.clip(-(2**15), 2**15 - 1).sum(-1) - 128 * rows.sum(1)
            return [products.reshape(len(values), -1, 32).max(2).astype(np.float32)]

        return Session(whole.input, whole.outputs, whole.provider, run)

    monkeypatch.setattr(int8, "_open", saturating)
    assert not is_exact_here()

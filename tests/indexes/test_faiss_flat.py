import threading

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes import faiss_flat
from indexes.exact import ExactIndex
from indexes.faiss_flat import FaissFlat, FaissParts
from operators.types import Float32
from tests.builders import random_units


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few rows are several parts."""
    monkeypatch.setattr(faiss_flat, "_PART_ROWS", 4)


def _check(rows: Float32, queries: Float32, k: int, threads: int) -> None:
    for index in (FaissFlat(rows, threads), FaissParts(rows, threads)):
        _check_one(index, rows, queries, k)


def _check_one(index: FaissFlat | FaissParts, rows: Float32, queries: Float32, k: int) -> None:
    cosines, found = index.search(queries, k)
    expected, _ = ExactIndex(rows).search(queries, k)
    assert cosines.dtype == np.float32
    assert found.dtype == np.intp
    assert cosines.shape == found.shape == expected.shape
    np.testing.assert_allclose(cosines, expected, atol=1e-6)
    # The cosine stands beside the row it belongs to, and no row is given twice.
    np.testing.assert_allclose(cosines, np.take_along_axis(queries @ rows.T, found, axis=1), atol=1e-6)
    assert all(len(set(row)) == len(row) for row in found.tolist())


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 20), st.integers(1, 50), st.sampled_from([2, 8, 65])
)
def test_the_answers_are_those_of_the_reference(seed: int, n: int, q: int, k: int, dimension: int) -> None:
    """By value, with duplicates among the rows and queries that are rows themselves; k may exceed n."""
    rows = random_units(seed, n, dimension)
    rows = rows[np.random.default_rng(seed).integers(0, n, n)]
    queries = np.concatenate([rows, random_units(seed + 1, 20, dimension)])[:q]
    _check(rows, queries, k, 3)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("queries", [1, 7, 8, 64])
def test_both_ways_of_computing_agree_with_the_reference(threads: int, queries: int) -> None:
    """Few queries take FAISS's own loop, many its matrix product; the switch lies between these sizes."""
    _check(random_units(2, 500, 128), random_units(3, queries, 128), 10, threads)


@pytest.mark.parametrize(("n", "q", "k"), [(0, 0, 3), (0, 2, 3), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 2, 9)])
def test_the_shapes_of_little_are_those_of_the_reference(n: int, q: int, k: int) -> None:
    """No rows, no queries, nothing asked for, one row."""
    rows, queries = random_units(0, n), random_units(1, q)
    expected, _ = ExactIndex(rows).search(queries, k)
    for index in (FaissFlat(rows, 1), FaissParts(rows, 2)):
        cosines, found = index.search(queries, k)
        assert cosines.shape == found.shape == expected.shape


def test_rows_are_copied() -> None:
    """What happens to the caller's array later changes no answer; strided and read-only arrays are taken."""
    rows = random_units(0, 6, 16)
    view = rows[::2, ::2]
    view = view / np.linalg.norm(view, axis=1, keepdims=True)
    index, before = FaissFlat(rows[::2], 1), rows[2].copy()
    rows[:] = 0
    before.flags.writeable = False
    cosines, found = index.search(before[None], 1)
    assert found.tolist() == [[1]]
    np.testing.assert_allclose(cosines, [[1]], atol=1e-6)


def test_parts_lie_in_the_rows_they_were_given() -> None:
    """A million entries are in memory once; what is not contiguous is taken too, as a copy."""
    rows = random_units(5, 30, 16)
    index = FaissParts(rows, 3)
    assert [np.shares_memory(part, rows) for part in index._parts] == [True] * 3
    strided = rows[::2, ::2] / np.linalg.norm(rows[::2, ::2], axis=1, keepdims=True)
    view = np.repeat(strided, 2, 1)[:, ::2]
    assert not view.flags.c_contiguous
    assert FaissParts(view, 3).search(strided, 1)[1].tolist() == [[at] for at in range(15)]


@pytest.mark.parametrize("kind", [FaissFlat, FaissParts])
def test_searches_from_several_threads_do_not_mix(kind: type[FaissFlat] | type[FaissParts]) -> None:
    """One index, four threads, each with queries of its own."""
    rows = random_units(5, 300, 32)
    index, reference = kind(rows, 2), ExactIndex(rows)
    wrong: list[int] = []

    def search(seed: int) -> None:
        for step in range(10):
            queries = random_units(100 * seed + step, 5, 32)
            if not np.allclose(index.search(queries, 3)[0], reference.search(queries, 3)[0], atol=1e-6):
                wrong.append(seed)

    threads = [threading.Thread(target=search, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_number_of_threads_holds_in_whichever_thread_searches() -> None:
    """An index is built in one thread and searched in another; OpenMP keeps the number per thread."""
    index = FaissFlat(random_units(5, 8), 1)
    seen = []

    def search() -> None:
        index.search(random_units(6, 1), 1)
        seen.append(faiss.omp_get_max_threads())

    worker = threading.Thread(target=search)
    worker.start()
    worker.join()
    assert seen == [1]

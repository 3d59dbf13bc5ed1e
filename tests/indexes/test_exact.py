import numpy as np
import pytest

from indexes.exact import ExactIndex
from tests.builders import random_units


def test_the_most_alike_come_first_and_of_equals_the_lower_row() -> None:
    """Cosines descend; duplicates keep the order of their rows."""
    rows = np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8]], np.float32)
    cosines, found = ExactIndex(rows).search(np.array([[1, 0], [0, 1]], np.float32), 4)
    np.testing.assert_array_equal(found, [[0, 2, 3, 1], [1, 3, 0, 2]])
    np.testing.assert_allclose(cosines, [[1, 1, 0.6, 0], [1, 0.8, 0, 0]], atol=1e-7)
    assert cosines.dtype == np.float32


@pytest.mark.parametrize(("n", "q", "k"), [(0, 2, 3), (3, 0, 2), (3, 2, 0), (1, 1, 5), (4, 3, 4)])
def test_answers_have_as_many_columns_as_there_are_rows(n: int, q: int, k: int) -> None:
    """Never more than asked for, never more than there are; nothing to search is an answer too."""
    cosines, rows = ExactIndex(random_units(0, n)).search(random_units(1, q), k)
    assert cosines.shape == rows.shape == (q, min(k, n))

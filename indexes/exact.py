"""The reference: exact search with NumPy. Every other back end must return what this returns, ties allowed."""

import numpy as np
import numpy.typing as npt

from operators.types import Float32

Rows = npt.NDArray[np.intp]


class ExactIndex:
    """Rows held in memory, searched by one matrix product."""

    def __init__(self, rows: Float32) -> None:
        self._rows = rows

    def search(self, queries: Float32, k: int) -> tuple[Float32, Rows]:
        """The `k` most alike rows of each query.

        Args:
            queries: (q, d) float32 unit vectors.
            k: At most this many; fewer when there are fewer rows.

        Returns:
            (q, k) float32 cosines, descending, and (q, k) row numbers; of equal cosines the lower row first.
        """
        k = min(k, len(self._rows))
        cosines = queries @ self._rows.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(cosines, order, axis=1), order

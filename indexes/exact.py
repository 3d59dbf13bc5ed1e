"""The reference: exact search with NumPy. Every back end must return what this returns, ties allowed."""

import numpy as np
import numpy.typing as npt

from operators.types import Float32

Rows = npt.NDArray[np.intp]


class ExactIndex:
    """Rows held in memory, searched by one matrix product."""

    def __init__(self, rows: Float32) -> None:
        self._rows = rows

    def search(self, queries: Float32, k: int, at_least: float = -np.inf) -> tuple[Float32, Rows]:
        """The `k` most alike rows of each query among those that reach a cosine.

        Args:
            queries: (q, d) float32, of length 1 or 0; a query that holds what is no number finds nothing.
            k: At most this many; fewer when there are fewer rows.
            at_least: Rows below it are left out.

        Returns:
            (q, k) float32 cosines, descending, and (q, k) row numbers, of equal cosines the lower row first; where
            fewer rows are found, -inf and -1.
        """
        k = min(k, len(self._rows))
        cosines = queries @ self._rows.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        return cut(np.take_along_axis(cosines, order, axis=1), order, at_least)


def cut(cosines: Float32, rows: Rows, at_least: float) -> tuple[Float32, Rows]:
    """What was found, without what is below a cosine or no number: -inf and -1 stand in its place."""
    reaches = cosines >= at_least
    return np.where(reaches, cosines, np.float32(-np.inf)), np.where(reaches, rows, -1)

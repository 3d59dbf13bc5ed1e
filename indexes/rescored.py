"""Exact search by an index that answers in coarser numbers: it proposes rows, which are compared in float32.

How far a coarse cosine can be from the true one follows from what rounding took away. With r' and q' the rounded row
and query, by Cauchy and Schwarz

    |q . r - q' . r'|  <=  |q| |r - r'|  +  |q - q'| |r'|

so no row behind those proposed can be more alike than the last of them by more than that. More are asked for until this
is less than the threshold, or than the worst of the best; where the index gives no more, all rows are compared.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from indexes.exact import Rows, cut
from operators.types import Float32

MOST = 2048  # rows that FAISS on a GPU gives for a query, at most
_FETCH_MORE = 16
_AT_ONCE = 8192  # rows that are rounded at once
Float64 = npt.NDArray[np.float64]


class Coarse(Protocol):
    """An index whose cosines are those of rounded vectors."""

    def search(self, queries: Float32, k: int) -> tuple[Float32, Rows]:
        """The `k` most alike rows, `k` at most `MOST` and the number of rows: (q, k) cosines, descending, and rows."""
        ...


class Rescored:
    """The same answers as `ExactIndex`.

    Args:
        rows: (n, d) float32 unit vectors that never change; not copied.
        coarse: Makes the index that proposes rows.
        kind: What that rounds rows and queries to, to the nearest; its products are summed in float32.
    """

    def __init__(self, rows: Float32, coarse: Callable[[Float32], Coarse], kind: type[np.floating[Any]]) -> None:
        self._rows = rows
        self._kind = kind
        self._coarse = coarse(rows) if len(rows) else None
        self._lost = self._kept = 0.0
        with ThreadPoolExecutor() as pool:  # 8 microseconds a row in one thread: 80 s for ten million
            starts = range(0, len(rows), _AT_ONCE)
            for lost, kept in pool.map(lambda start: rounding(rows[start : start + _AT_ONCE], kind), starts):
                self._lost, self._kept = max(self._lost, float(lost.max())), max(self._kept, float(kept.max()))

    def search(self, queries: Float32, k: int, at_least: float = -np.inf) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`."""
        k = min(k, len(self._rows))
        best, rows = np.full((len(queries), k), -np.inf, np.float32), np.full((len(queries), k), -1, np.intp)
        left = np.flatnonzero(np.isfinite(queries).all(1)) if k else np.zeros(0, np.intp)
        slack, fetch = self._slack(queries), k + _FETCH_MORE
        while len(left) and fetch <= MOST and self._coarse:
            fetch = min(fetch, len(self._rows))
            near, proposed = self._coarse.search(queries[left], fetch)
            for query, some in zip(left.tolist(), proposed, strict=True):
                some = some[some >= 0]
                best[query], rows[query] = _first(self._rows[some] @ queries[query], some, k)
            reach = np.maximum(best[left, -1], at_least)
            settled = (near[:, -1] < reach - slack[left]) | (fetch == len(self._rows))
            left, fetch = left[~settled], 4 * fetch
        for query in left.tolist():
            best[query], rows[query] = _first(self._rows @ queries[query], np.arange(len(self._rows)), k)
        return cut(best, rows, at_least)

    def _slack(self, queries: Float32) -> Float64:
        """How much more alike than its coarse cosine a row can be, for each query."""
        lost, kept = rounding(queries, self._kind)
        summing = 2 * queries.shape[1] * 2.0**-24  # float32, there and here
        with np.errstate(invalid="ignore"):  # what is no number is not searched
            return np.asarray((kept + lost) * self._lost + lost * self._kept + summing)


def _first(cosines: Float32, rows: Rows, k: int) -> tuple[Float32, Rows]:
    """The best `k`, of equal ones the lower row first; -inf and -1 where there are fewer."""
    order = np.lexsort((rows, -cosines))[:k]
    more = k - len(order)
    none, nobody = np.full(more, -np.inf, np.float32), np.full(more, -1, np.intp)
    return np.concatenate([cosines[order], none]), np.concatenate([rows[order], nobody])


def rounding(vectors: Float32, kind: type[np.floating[Any]]) -> tuple[Float64, Float64]:
    """For each vector (n, d) the length of what rounding takes away, and of what is left."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite, and so does its slack
        near = vectors.astype(kind).astype(np.float64)
        return np.linalg.norm(vectors - near, axis=1), np.linalg.norm(near, axis=1)

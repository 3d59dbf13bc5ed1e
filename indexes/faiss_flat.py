"""FAISS flat inner product on the processor, exact: as one index, and as parts that its threads share."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from indexes.blas import fitting_kernels
from indexes.exact import Rows, cut
from operators.types import Float32

with fitting_kernels():
    import faiss

# FAISS decides between its own loop and BLAS by queries x dimension. As installed (128000 in 1.15) batches of 8 to 256
# queries take the slower way on machines with few cores: 6 to 16 times slower at 100,000 rows, 2 cores.
# 800 a thread is what FAISS pull request 5109 proposes.
BLAS_FROM = 800
# Of a part, which has one thread: two queries take 12.7 ms in FAISS's own loop and 15.5 ms in BLAS, four 26 and 14 ms.
_PART_BLAS_FROM = 1600
_PART_ROWS = 4096  # at least: 0.5 ms of one thread, of which handing over takes 0.05


class FaissFlat:
    """The same answers as `ExactIndex`, faster on many rows."""

    def __init__(self, rows: Float32, threads: int, blas_from: int = BLAS_FROM) -> None:
        """Copy `rows` (n, d) float32 into FAISS.

        Args:
            rows: Unit vectors.
            threads: OpenMP threads of a search. More than this process's share of the cores makes idle threads spin:
                tiny searches took 5 ms.
            blas_from: Queries x dimension, for each thread, from which FAISS leaves a search to BLAS.
        """
        self._threads, self._blas_from = threads, blas_from * threads
        self._index = faiss.IndexFlatIP(rows.shape[1])
        self._index.add(np.ascontiguousarray(rows))

    def search(self, queries: Float32, k: int, at_least: float = -np.inf) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`; of equal cosines any may come first."""
        k = min(k, self._index.ntotal)
        if not k or not len(queries):
            return np.zeros((len(queries), k), np.float32), np.zeros((len(queries), k), np.intp)
        faiss.omp_set_num_threads(self._threads)  # holds for the calling thread only
        faiss.cvar.distance_compute_blas_threshold = self._blas_from
        cosines, rows = self._index.search(np.ascontiguousarray(queries), k)
        return cut(cosines, rows.astype(np.intp), at_least)


class FaissParts:
    """The same answers, at the bandwidth of memory when few are asked for.

    FAISS gives each of its threads queries of its own, so one query has one thread and about half of what two cores can
    read. Here each thread has rows of its own.
    """

    def __init__(self, rows: Float32, threads: int) -> None:
        """Search `rows` (n, d) float32 where they lie.

        Args:
            rows: Unit vectors that never change; copied only when they are not contiguous.
            threads: Of a search.
        """
        self._rows = np.ascontiguousarray(rows)
        self._parts = np.array_split(self._rows, max(1, min(threads, len(rows) // _PART_ROWS)))

    def search(self, queries: Float32, k: int, at_least: float = -np.inf) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`; of equal cosines any may come first."""
        k = min(k, len(self._rows))
        if not k or not len(queries):
            return np.zeros((len(queries), k), np.float32), np.zeros((len(queries), k), np.intp)
        asked = np.ascontiguousarray(queries)
        own, *others = self._parts
        beside = [_threads(len(others)).submit(_nearest, part, asked, k) for part in others]
        found = [_nearest(own, asked, k), *(each.result() for each in beside)]
        return cut(*_best(found, [len(part) for part in self._parts], k), at_least)


def _nearest(part: Float32, queries: Float32, k: int) -> tuple[Float32, Rows]:
    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = _PART_BLAS_FROM
    cosines, rows = faiss.knn(queries, part, min(k, len(part)), metric=faiss.METRIC_INNER_PRODUCT)
    return cosines, rows.astype(np.intp)


def _best(found: list[tuple[Float32, Rows]], sizes: list[int], k: int) -> tuple[Float32, Rows]:
    """The best `k` of what was found in parts of these sizes."""
    if len(found) == 1:
        return found[0]
    starts = np.cumsum([0, *sizes[:-1]])
    cosines = np.concatenate([part for part, _ in found], axis=1)
    placed = [np.where(part < 0, -1, part + start) for (_, part), start in zip(found, starts, strict=True)]
    rows = np.concatenate(placed, axis=1)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosines, order, axis=1), np.take_along_axis(rows, order, axis=1)


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """Threads that search beside the one that asks, for all indexes of this process."""
    return ThreadPoolExecutor(count, "faiss")

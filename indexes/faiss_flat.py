"""FAISS flat inner product on the processor: exact, and the only file that imports FAISS."""

import faiss
import numpy as np

from indexes.exact import Rows, cut
from operators.types import Float32

# FAISS decides between its own loop and BLAS by queries x dimension. As installed (128000 in 1.15) batches of 8 to 256
# queries take the slower way on machines with few cores: 6 to 16 times slower at 100,000 rows, 2 cores.
# 800 a thread is what FAISS pull request 5109 proposes.
BLAS_FROM = 800


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

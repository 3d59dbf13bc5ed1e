"""What stands in for FAISS on a GPU: an index that rounds rows and queries to float16, in NumPy; and all back ends."""

from functools import partial

import numpy as np

from indexes.backends import Backend, exact_backend, faiss_backend, int8_backend
from indexes.exact import ExactIndex, Rows
from indexes.half import HalfIndex
from indexes.int8 import is_exact_here
from indexes.rescored import MOST, Rescored
from operators.onnx import Device
from operators.types import Float32


class Halves:
    """Proposes rows by float16 products summed in float32; counts what it was asked for."""

    def __init__(self, rows: Float32) -> None:
        self._exact = ExactIndex(_halved(rows))
        self.size = len(rows)
        self.asked: list[tuple[int, int]] = []

    def search(self, queries: Float32, k: int) -> tuple[Float32, Rows]:
        """See `Coarse.search`; refuses what FAISS refuses."""
        assert 0 < k <= min(MOST, self.size)
        self.asked.append((len(queries), k))
        with np.errstate(invalid="ignore"):
            return self._exact.search(_halved(queries), k)


def halves_backend() -> Backend:
    """FAISS on a GPU, without one."""
    return Backend(partial(Rescored, coarse=Halves, kind=np.float16), ExactIndex)


def all_backends() -> list[Backend]:
    """Those that search on this processor: one that cuts sums of 8-bit products off searches by FAISS."""
    on_gpus = Backend(partial(HalfIndex, device=Device.CPU), ExactIndex)  # as there, and slow
    ours = [exact_backend(), faiss_backend(1), halves_backend(), on_gpus]
    return [*ours, int8_backend(1)] if is_exact_here() else ours


def _halved(vectors: Float32) -> Float32:
    with np.errstate(over="ignore"):
        return vectors.astype(np.float16).astype(np.float32)

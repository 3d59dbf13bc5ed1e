"""FAISS flat inner products on a GPU: proposes rows, in float16 or float32; `Rescored` makes them exact."""

import threading
from functools import cache, partial
from typing import Any

import numpy as np

from indexes.blas import fitting_kernels
from indexes.exact import Rows
from indexes.rescored import Rescored
from operators.errors import DeviceUnavailable
from operators.types import Float32

with fitting_kernels():
    import faiss

# FAISS's GPU resources (streams, cuBLAS, 1.5 GiB of scratch) serve one call at a time, and every index shares them.
_ONE_AT_A_TIME = threading.Lock()


class FaissGpu:
    """A flat index on the first GPU that this process sees. Rows are never removed from it, nor masked.

    Args:
        rows: (n, d) float32 unit vectors; copied to the GPU.
        half: Whether rows and queries are rounded to float16, which takes half of the memory and of its bandwidth.

    Raises:
        DeviceUnavailable: No GPU, no FAISS for it, or not enough memory on it.
    """

    def __init__(self, rows: Float32, half: bool) -> None:
        config = _config(half)
        with _ONE_AT_A_TIME:
            try:
                self._index = faiss.GpuIndexFlatIP(_resources(), rows.shape[1], config)
                self._index.add(np.ascontiguousarray(rows))
            except RuntimeError as error:
                raise _failed(f"{len(rows)} rows of {rows.shape[1]} could not be put on it", error) from error

    def search(self, queries: Float32, k: int) -> tuple[Float32, Rows]:
        """See `Coarse.search`."""
        with _ONE_AT_A_TIME:
            try:
                cosines, rows = self._index.search(np.ascontiguousarray(queries), k)
            except RuntimeError as error:
                raise _failed(f"a search of {len(queries)} queries failed", error) from error
        return cosines, rows.astype(np.intp)


def gpu_flat(rows: Float32, half: bool) -> Rescored:
    """The same answers as `ExactIndex`, from rows on a GPU and in this process's memory."""
    return Rescored(rows, partial(FaissGpu, half=half), np.float16 if half else np.float32)


def check_gpu() -> None:
    """Raise DeviceUnavailable, with what to do, unless FAISS can use a GPU."""
    if not hasattr(faiss, "StandardGpuResources"):
        raise DeviceUnavailable(
            "device cuda: this FAISS knows no GPU; install the extra gpu instead of cpu, or set device: cpu"
        )
    if not faiss.get_num_gpus():
        raise DeviceUnavailable(
            "device cuda: FAISS finds no GPU; check that nvidia-smi lists one and that CUDA_VISIBLE_DEVICES does not "
            "hide it, or set device: cpu"
        )


def _config(half: bool) -> Any:
    check_gpu()
    config = faiss.GpuIndexFlatConfig()
    config.device = 0
    config.useFloat16 = half
    if hasattr(config, "use_cuvs"):
        config.use_cuvs = False  # the bound is that of FAISS's own products: rounded to nearest, summed in float32
    return config


@cache
def _resources() -> Any:
    return faiss.StandardGpuResources()


def _failed(what: str, error: RuntimeError) -> DeviceUnavailable:
    said = " ".join(str(error).split())[:400]
    return DeviceUnavailable(f"device cuda: {what}: {said}; check that its memory is free")

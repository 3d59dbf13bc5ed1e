"""How the rows of a list are searched: one protocol, several ways that give the same answers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from indexes.exact import ExactIndex, Rows
from indexes.faiss_flat import FaissFlat, FaissParts
from indexes.faiss_gpu import check_gpu, gpu_flat
from indexes.half import BLOCK_ROWS, HalfIndex, is_exact_on
from indexes.int8 import Int8Index, is_exact_here
from operators.onnx import Device
from operators.types import Float32


class Rowwise(Protocol):
    """Rows in, the most alike rows out."""

    def search(self, queries: Float32, k: int, at_least: float) -> tuple[Float32, Rows]:
        """See `ExactIndex.search`."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """What a shard's rows are searched with.

    Attributes:
        block: Makes the index of a block, from (n, d) float32 rows that never change.
        tail: Makes the index of the rows that have come since; made anew with every change, so it must be made fast.
        block_rows: Rows of a full block. Smaller ones are rebuilt sooner after a withdrawal, larger ones search faster.
        tail_rows: Rows from which the tail becomes a block.
    """

    block: Callable[[Float32], Rowwise]
    tail: Callable[[Float32], Rowwise]
    block_rows: int = 32_768
    tail_rows: int = 1_024


def exact_backend() -> Backend:
    """The reference, in NumPy: against it the others are held."""
    return Backend(ExactIndex, ExactIndex)


def faiss_backend(threads: int) -> Backend:
    """FAISS in float32, on any processor."""
    return Backend(partial(FaissParts, threads=threads), partial(FaissFlat, threads=threads))


def int8_backend(threads: int) -> Backend:
    """Products of 8-bit numbers that say who may qualify, then float32.

    Raises:
        ModelRefused: This processor gets such products wrong.
    """
    return Backend(partial(Int8Index, threads=threads), partial(FaissFlat, threads=threads))


def gpu_backend(threads: int) -> Backend:
    """Products in float16 on a GPU that say who may qualify, then float32.

    The tail, which changes with every record, stays on the processor. A launch costs more than the products of 32,768
    rows, so blocks are large.

    Args:
        threads: Of a search of the tail.
    """
    return Backend(HalfIndex, partial(FaissFlat, threads=threads), block_rows=BLOCK_ROWS)


def faiss_gpu_backend(threads: int, half: bool = True) -> Backend:
    """FAISS on a GPU, then float32: exact as well, and slower the more rows there are.

    Args:
        threads: Of a search of the tail.
        half: Rows on the GPU in float16; False: in float32.

    Raises:
        DeviceUnavailable: FAISS cannot use a GPU here.
    """
    check_gpu()
    return Backend(partial(gpu_flat, half=half), partial(FaissFlat, threads=threads), block_rows=BLOCK_ROWS)


def best_backend(threads: int, device: Device) -> Backend:
    """The fastest that is exact on this device.

    Raises:
        DeviceUnavailable: There is no such device; another one is never taken instead.
    """
    if device is Device.CUDA:
        return gpu_backend(threads) if is_exact_on(device) else faiss_gpu_backend(threads)
    return int8_backend(threads) if is_exact_here() else faiss_backend(threads)

"""What no search in float32 can be faster than on this machine: reading the rows, and multiplying them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from loadtests.stopwatch import mean_s
from operators.types import Float32

Way = Callable[[Float32], object]
_PIECE = 1 << 20  # numbers that are read by one call: 4 MB


class Sweep:
    """Reads all rows once, each of its threads a part of them.

    No single call reads fastest on every processor, so the fastest of three is taken.

    Attributes:
        ways: All of them.
        name: The fastest here.
    """

    def __init__(self, rows: Float32, threads: int) -> None:
        self._parts = np.array_split(rows.reshape(-1), threads)
        self._pool = ThreadPoolExecutor(threads)
        self.ways: dict[str, Way] = {"dot": _dot, "max": np.max, "or": _or}
        took_s = {name: min(mean_s(partial(self.over, way)) for _ in range(3)) for name, way in self.ways.items()}
        self.name = min(took_s, key=lambda name: took_s[name])

    def __call__(self, _: Float32) -> object:
        """Once over all of them, whatever is asked."""
        return self.over(self.ways[self.name])

    def over(self, way: Way) -> list[object]:
        """Once over all of them in one way: what each part gave."""
        return list(self._pool.map(way, self._parts))


class Product:
    """The products of all rows and some queries by sgemm, into memory that is there; on all cores."""

    def __init__(self, rows: Float32, most: int) -> None:
        self._rows = rows
        self._out = np.empty(len(rows) * most, np.float32)

    def __call__(self, asked: Float32) -> object:
        """Of these queries (q, d)."""
        out = self._out[: len(self._rows) * len(asked)].reshape(len(self._rows), len(asked))
        return np.matmul(self._rows, asked.T, out=out)


def _dot(part: Float32) -> object:
    return [np.dot(piece, piece) for piece in np.array_split(part, len(part) // _PIECE + 1)]


def _or(part: Float32) -> object:
    return np.bitwise_or.reduce(part.view(np.uint32))

"""Prepares batches while the network learns from the one before."""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

T = TypeVar("T")


def prepare(make: Callable[[int], T], threads: int) -> Generator[T, None, None]:
    """make(0), make(1) and so on without end, each made ahead on a thread; close the generator to stop them.

    Args:
        make: A pure function of the step, so that the order in which threads finish changes nothing.
        threads: How many make at once.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[T]] = deque(pool.submit(make, step) for step in range(threads + 1))
        step = len(waiting)
        try:
            while True:
                made = waiting.popleft()
                waiting.append(pool.submit(make, step))
                step += 1
                yield made.result()
        finally:
            for future in waiting:
                future.cancel()


def rows_of(step: int, n: int, batch: int, seed: int) -> npt.NDArray[np.int64]:
    """The rows of a batch: every row once, in a new order each time through, without a last incomplete batch.

    Args:
        step: 0-based.
        n: Number of rows.
        batch: Rows a batch, at most n.
        seed: Of the order.
    """
    each = n // batch
    order = np.random.default_rng([seed, step // each]).permutation(n)
    start = step % each * batch
    return np.sort(order[start : start + batch])


def to_planes(images: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """(n, h, w, 3) uint8 to (n, 3, h, w) float32, 0 to 255, channels last in memory."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float()

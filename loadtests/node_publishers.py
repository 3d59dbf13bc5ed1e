"""Processes that publish frames of their own cameras, all at once: one alone is slower than a node with a GPU."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from cluster.plan import Plan
from loadtests.bench_cluster import publish
from loadtests.bench_frames import Shown
from loadtests.bench_run import publish_steadily

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class InTurn:
    """Which picture a camera shows when: cameras take turns, and so do pictures.

    Attributes:
        cameras: Those of one process.
        jpegs: What they show.
    """

    cameras: Sequence[str]
    jpegs: Sequence[bytes]

    def __call__(self, number: int, now: datetime) -> tuple[str, bytes]:
        """Camera and JPEG of the frame of that number."""
        return self.cameras[number % len(self.cameras)], self.jpegs[number % len(self.jpegs)]


@dataclass(frozen=True, slots=True)
class Publishers:
    """Several processes that publish.

    Attributes:
        plan: Where to.
        cameras: Each belongs to one of them, so that its frames keep their order.
        count: How many they are.
        pool: They.
    """

    plan: Plan
    cameras: Sequence[str]
    count: int
    pool: ProcessPoolExecutor

    def publish(self, frames: Sequence[Shown]) -> None:
        """Publish frames as fast as it goes, and wait until the broker has them."""
        owner = {camera: number % self.count for number, camera in enumerate(self.cameras)}
        parts = [[shown for shown in frames if owner[shown.camera] == number] for number in range(self.count)]
        self._all(partial(publish, self.plan.settings.kafka), parts)

    def steadily(self, jpegs: Sequence[bytes], fps: float, seconds: float) -> int:
        """Publish `fps` frames a second for so long, captured at that moment; how many it were."""
        parts = [InTurn(self.cameras[number :: self.count], jpegs) for number in range(self.count)]
        return sum(self._all(partial(publish_steadily, self.plan, fps / self.count, seconds), parts))

    def _all(self, call: Callable[[T], R], parts: Sequence[T]) -> list[R]:
        return list(self.pool.map(call, parts))


@contextmanager
def publishers(plan: Plan, cameras: Sequence[str], count: int) -> Iterator[Publishers]:
    """So many processes, started anew and gone after the block.

    Args:
        plan: Where they publish to.
        cameras: Whose frames.
        count: How many.
    """
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        yield Publishers(plan, cameras, count, pool)

"""Worker processes, each with the operators in force on one thread."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any, TypeVar

import cv2

from cluster.plan import Plan
from loadtests.evaluate.chain import Chain
from loadtests.evaluate.counts import Counts

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[T, Counts, Chain], R]
_CHUNK = 4  # pieces of work handed over at once: some tenths of a second
_given: list[tuple[Plan, Counts]] = []


class Crew:
    """Processes that share the work; results do not depend on how many there are.

    Args:
        workers: How many.
        plan: What each loads, when its first piece of work comes.
        counts: How much is measured.
    """

    def __init__(self, workers: int, plan: Plan, counts: Counts) -> None:
        cv2.setNumThreads(1)  # also here: threads that exist when a process forks are missing in its child
        context = get_context("fork")
        self._pool = ProcessPoolExecutor(workers, context, initializer=_enter, initargs=(plan, counts))

    def each(self, work: Work[T, R], items: Sequence[T]) -> Iterator[R]:
        """The results of all items, in their order, as they are done."""
        return self._pool.map(_run, [work] * len(items), items, chunksize=_CHUNK)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _enter(plan: Plan, counts: Counts) -> None:
    _given[:] = [(plan, counts)]


@cache
def _chain() -> Chain:
    return Chain(_given[0][0])


def _run(work: Work[Any, R], item: Any) -> R:
    return work(item, _given[0][1], _chain())

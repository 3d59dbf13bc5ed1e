"""Waits until recognisers have finished what was sent."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from cluster.ports import Clock

STEP_S = 0.1


class Finished(Protocol):
    """What recognisers have finished; see `bench_commits.Commits`."""

    @property
    def total(self) -> int:
        """Frames, since the topic was made."""
        ...

    def read(self, timeout_s: float) -> None:
        """Take in what has come within `timeout_s`."""
        ...


def await_finished(
    finished: Finished, until: int, within_s: float, clock: Clock, meanwhile: Callable[[], object] = lambda: None
) -> int:
    """Wait until so many frames are finished; how many are not when the time is over.

    Args:
        finished: What is finished.
        until: Since the topic was made.
        within_s: Longest wait.
        clock: The time.
        meanwhile: Is called again and again.
    """
    deadline = clock.now() + timedelta(seconds=within_s)
    while finished.total < until and clock.now() <= deadline:
        meanwhile()
        finished.read(STEP_S)
    return max(0, until - finished.total)

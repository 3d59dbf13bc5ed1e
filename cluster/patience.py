"""For how long an actor may say nothing before it is taken for frozen."""

import time
from collections.abc import Callable

# A shard answers in milliseconds whatever it does, and starts within seconds. Until a frozen one is ended, all that
# was asked of it stays in the memory of whoever asked: 90 kB of vectors for each question.
SILENT_S = 30.0
STARTING_S = 120.0  # one that has never answered may be loading its libraries on a busy machine


class Patience:
    """Since when whom has been silent. Not thread-safe.

    Args:
        now_s: Gives the present, seconds.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._since_s: dict[str, float] = {}
        self._known = set[str]()

    def answered(self, name: str) -> None:
        """It has said something of itself."""
        self._known.add(name)
        self._since_s.pop(name, None)

    def begins(self, name: str) -> None:
        """Its process is another one, or about to be."""
        self._known.discard(name)
        self._since_s.pop(name, None)

    def is_over(self, name: str) -> bool:
        """Whether one that has not answered again has been silent for too long."""
        silent_s = self._now_s() - self._since_s.setdefault(name, self._now_s())
        return silent_s >= (SILENT_S if name in self._known else STARTING_S)

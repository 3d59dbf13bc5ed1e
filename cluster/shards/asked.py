"""Notes whom a search asks and when they answer, for the traces of the frames that were searched for."""

import random
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cluster.shards.layout import Replica
from cluster.telemetry.stamps import Asked

SILENT = "silent"
# Each becomes a span of every frame that was searched for, and a search is repeated while a shard is down.
MOST = 64
Reply = TypeVar("Reply", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Question:
    replica: Replica
    number: int
    asked_ns: int


class AskedBook(Generic[Reply]):
    """Whom searches have asked since somebody wanted to know, the last `MOST` of them. Not thread-safe.

    Args:
        is_on: Whether anything is noted.
        now_ns: Gives the present, nanoseconds of `time.perf_counter_ns`.
    """

    def __init__(self, is_on: bool, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._is_on = is_on
        self._now_ns = now_ns
        self._open: dict[Reply, _Question] = {}
        self._done = deque[Asked](maxlen=MOST)

    def number(self) -> int:
        """By what a replica is to know the next search; 0 while nothing is noted."""
        return random.getrandbits(64) or 1 if self._is_on else 0

    def ask(self, reply: Reply, replica: Replica, number: int) -> None:
        """A replica is asked."""
        if not self._is_on:
            return
        if len(self._open) >= MOST:  # its answer is not kept in memory either
            self._done.append(self._asked(self._open.pop(next(iter(self._open))), None, SILENT))
        self._open[reply] = _Question(replica, number, self._now_ns())

    def answered(self, reply: Reply, own_ns: int | None, error: str | None = None) -> None:
        """It has answered, after so much time of its own, or failed."""
        question = self._open.pop(reply, None)
        if question:
            self._done.append(self._asked(question, own_ns, error))

    def take(self) -> list[Asked]:
        """Who was asked since the last call. Who has not answered by now is silent, whatever comes later."""
        self._done.extend(self._asked(question, None, SILENT) for question in self._open.values())
        self._open.clear()
        found = list(self._done)
        self._done.clear()
        return found

    def _asked(self, question: _Question, own_ns: int | None, error: str | None) -> Asked:
        took, replica = (question.asked_ns, self._now_ns()), question.replica
        return Asked(str(replica), replica.shard, question.number, took, own_ns, error)

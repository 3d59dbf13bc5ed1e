"""What searches meet from the moment a shard is lost."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from operators.errors import IndexIncomplete

WHOLE, INCOMPLETE, WRONG = "whole", "incomplete", "wrong"
_BETWEEN_S = 0.02  # two searches
_AFTERWARDS = 20  # searches once the shard is there again


@dataclass(frozen=True, slots=True)
class Tried:
    """One search after a shard was killed.

    Attributes:
        outcome: WHOLE, INCOMPLETE or WRONG.
        at_s: When it ended, from the kill on.
        ms: How long it took.
    """

    outcome: str
    at_s: float
    ms: float


@dataclass(frozen=True, slots=True)
class Course:
    """What searches met from the moment a shard was killed until its successor was ready.

    Attributes:
        replicas: Of each shard.
        tried: Every search.
        rebuilt_s: From the kill until the successor was ready.
    """

    replicas: int
    tried: Sequence[Tried]
    rebuilt_s: float

    def count(self, outcome: str) -> int:
        """Searches that ended so."""
        return sum(each.outcome == outcome for each in self.tried)

    @property
    def again_s(self) -> float:
        """From the kill until the first of those searches of which none failed any more; 0 when none failed at all."""
        failed = [number for number, each in enumerate(self.tried) if each.outcome != WHOLE]
        after = self.tried[failed[-1] + 1 :] if failed else []
        return after[0].at_s if after else (float("inf") if failed else 0.0)


def course(
    search: Callable[[], object], whole: object, replicas: int, is_rebuilt: Callable[[], bool], patience_s: float
) -> Course:
    """Search on from a kill that has just happened until another process is in the killed one's place, and a little.

    Args:
        search: One search; IndexIncomplete is one of its outcomes.
        whole: The whole answer.
        replicas: Of each shard.
        is_rebuilt: Whether the other process is ready.
        patience_s: When to give up.
    """
    began, tried, rebuilt_s, more = time.monotonic(), list[Tried](), float("inf"), _AFTERWARDS
    while more and time.monotonic() - began < patience_s:
        if rebuilt_s == float("inf") and is_rebuilt():
            rebuilt_s = time.monotonic() - began
        more -= rebuilt_s < float("inf")
        tried.append(_try(search, whole, began))
        time.sleep(_BETWEEN_S)
    return Course(replicas, tried, rebuilt_s)


def _try(search: Callable[[], object], whole: object, began_s: float) -> Tried:
    started_s = time.monotonic()
    try:
        outcome = WHOLE if search() == whole else WRONG
    except IndexIncomplete:
        outcome = INCOMPLETE
    ended_s = time.monotonic()
    return Tried(outcome, ended_s - began_s, 1000 * (ended_s - started_s))

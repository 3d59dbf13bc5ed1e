"""Has faces searched for until the answer is complete."""

import time
from collections.abc import Callable, Sequence

from cluster.backoff import pause_s
from cluster.policies.standing import Halt
from cluster.ports import Index
from cluster.scope import Scope
from cluster.stages import Stage, Stages
from cluster.telemetry.journal import Journal
from operators.decide import MAX_CANDIDATES
from operators.errors import IndexIncomplete
from operators.types import Hit
from operators.vision import Seen, Vision

RETRY_SEARCH_S, LONGEST_RETRY_SEARCH_S = 0.25, 1.0


class Searching:
    """The watchlist, and the wait for all of it. Not thread-safe.

    Args:
        vision: The models, whose vectors are searched for.
        index: The watchlist.
        scope: By which policy, and whether anything halts everything.
        stages: How long it took.
        stopping: Whether to give up waiting for an index that does not answer.
        journal: Where it is noted what happened to each frame when.

    Attributes:
        lacks: What an answer is incomplete without; None while they are complete.
    """

    def __init__(
        self,
        vision: Vision,
        index: Index,
        scope: Scope,
        stages: Stages,
        stopping: Callable[[], bool],
        journal: Journal,
    ) -> None:
        self._vision = vision
        self._index = index
        self._scope = scope
        self._stages = stages
        self._stopping = stopping
        self._journal = journal
        self.lacks: str | None = None

    def search(self, seen: Sequence[Seen]) -> list[list[list[Hit]]] | Halt:
        """Hits of every face of every frame: one search for all of them, repeated until it is complete or halted.

        Raises:
            IndexIncomplete: It is not complete, and this process is stopping.
        """
        vectors = self._vision.join(seen)
        if not len(vectors):
            return [[] for _ in seen]
        failed, began_ns = 0, self._journal.now_ns()
        while True:
            try:
                with self._stages.watched(Stage.SEARCH):
                    hits = self._index.search(vectors, MAX_CANDIDATES, self._scope.policy.lowest_threshold)
            except IndexIncomplete as incomplete:
                self.lacks = str(incomplete)
                if self._stopping():
                    raise
                if halt := self._scope.halt():
                    self.lacks = None
                    self._journal.searched(began_ns, len(vectors), failed + 1)
                    return halt
                time.sleep(pause_s(failed, RETRY_SEARCH_S, LONGEST_RETRY_SEARCH_S))
                failed += 1
            else:
                self.lacks = None
                self._journal.searched(began_ns, len(vectors), failed)
                self._stages.took(Stage.SEARCH, (self._journal.now_ns() - began_ns) / 1e9)
                answers = iter(hits)
                return [[next(answers) for _ in one.vectors] for one in seen]

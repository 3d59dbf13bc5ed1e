"""Searches that wait for the same list become one: a product of many rows costs little more than one of few."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from operators.types import Float32, Hit

# What the 8-bit search is sized for: 64 queries' products with a block stay in the processor's cache.
MOST_ROWS = 64
Answer = list[list[Hit]]
Search = Callable[[Float32, int, float], Answer]


@dataclass(slots=True, eq=False)
class _Asked:
    """One caller's search. Its `turn` comes when it is answered, or when it is this caller who searches next."""

    vectors: Float32
    k: int
    at_least: float
    turn: threading.Event = field(default_factory=threading.Event)
    answer: Answer | None = None
    error: BaseException | None = None

    def goes_with(self, other: "_Asked") -> bool:
        """Whether both can be one search."""
        alike = (self.k, self.at_least, self.vectors.dtype) == (other.k, other.at_least, other.vectors.dtype)
        return alike and self.vectors.shape[1:] == other.vectors.shape[1:]


class SearchBatches:
    """Lets one search run at a time, and joins those that wait meanwhile. Thread-safe; callers block.

    Nobody waits for company: a search that finds nobody at work begins at once. There is no thread: the caller who has
    waited longest searches for all who can join.

    Args:
        search: As `ports.Index.search`.
        most_rows: Most rows of one search, unless a single caller brings more.
    """

    def __init__(self, search: Search, most_rows: int = MOST_ROWS) -> None:
        self._search = search
        self._most_rows = most_rows
        self._lock = threading.Lock()
        self._waiting: list[_Asked] = []
        self._busy = False

    def search(self, vectors: Float32, k: int, at_least: float) -> Answer:
        """See `ports.Index`; what the search raises is raised to all who were part of it."""
        mine = _Asked(vectors, k, at_least)
        with self._lock:
            self._waiting.append(mine)
            if not self._busy:
                self._busy = True
                mine.turn.set()
        mine.turn.wait()
        if mine.answer is None and mine.error is None:
            self._search_for(self._join(mine))
        if mine.error is not None:
            raise mine.error
        return mine.answer or []

    def _join(self, first: _Asked) -> list[_Asked]:
        """Those who are searched for together: the first, and whoever can join, in the order they came."""
        joined, rows = [first], len(first.vectors)
        with self._lock:
            for asked in self._waiting:
                if asked is not first and asked.goes_with(first) and rows + len(asked.vectors) <= self._most_rows:
                    joined.append(asked)
                    rows += len(asked.vectors)
            self._waiting = [asked for asked in self._waiting if asked not in joined]
        return joined

    def _search_for(self, joined: Sequence[_Asked]) -> None:
        first = joined[0]
        try:
            vectors = first.vectors if len(joined) == 1 else np.concatenate([asked.vectors for asked in joined])
            answers = self._search(vectors, first.k, first.at_least)
            at = 0
            for asked in joined:
                asked.answer = answers[at : at + len(asked.vectors)]
                at += len(asked.vectors)
        except BaseException as error:  # noqa: BLE001 - raised to every caller; none must wait for ever
            for asked in joined:
                asked.answer, asked.error = None, error
        finally:
            self._pass_on(joined)

    def _pass_on(self, done: Sequence[_Asked]) -> None:
        """Wake those who are answered, and the next who searches."""
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._busy = following is not None
        for asked in done:
            asked.turn.set()
        if following is not None:
            following.turn.set()

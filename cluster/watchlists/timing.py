"""How long searches take, and changes of the list until they are searched with."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from cluster.ports import Record
from cluster.stages import Durations, Histogram

ENROLLED, WITHDRAWN = "enrolled", "withdrawn"


class Timing:
    """Counts for one holder of the list. Read from any thread; one search at a time is counted."""

    def __init__(self) -> None:
        self._searches = Histogram()
        self._effects = {ENROLLED: Histogram(), WITHDRAWN: Histogram()}
        self._last_effect_s: dict[str, float] = {}
        self._waiting: list[tuple[str, float]] = []  # changes by kind, and when each was written, Unix time

    @contextmanager
    def search(self) -> Iterator[None]:
        """Around a search."""
        began_s = time.perf_counter()
        yield
        self._searches.took(time.perf_counter() - began_s)

    def has_come(self, records: Iterable[Record]) -> None:
        """These changes, records of the watchlist topic, have been read and are not searched with yet."""
        self._waiting += [(ENROLLED if record.value else WITHDRAWN, record.timestamp_ms / 1000) for record in records]

    def took_effect(self, now: datetime) -> None:
        """All that has come is searched with from now on, UTC-aware; by the clock of whoever wrote it."""
        for kind, at_s in self._waiting:
            seconds = now.timestamp() - at_s
            self._effects[kind].took(seconds)
            self._last_effect_s[kind] = max(0.0, seconds)
        self._waiting = []

    def waiting_s(self, now: datetime) -> Mapping[str, float]:
        """By kind of change, how old the oldest is that has come and is not searched with yet; 0 where none is."""
        oldest_s = dict.fromkeys(self._effects, now.timestamp())
        for kind, at_s in list(self._waiting):
            oldest_s[kind] = min(at_s, oldest_s[kind])
        return {kind: now.timestamp() - at_s for kind, at_s in oldest_s.items()}

    @property
    def searches(self) -> Durations:
        """How long each took."""
        return self._searches.durations

    @property
    def effects(self) -> Mapping[str, Durations]:
        """By kind of change."""
        return {kind: histogram.durations for kind, histogram in self._effects.items()}

    @property
    def last_effect_s(self) -> Mapping[str, float]:
        """By kind of change, of the last one."""
        return dict(self._last_effect_s)

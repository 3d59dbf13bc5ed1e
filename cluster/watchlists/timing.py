"""How long searches take, and changes of the list until they are searched with."""

import time
from collections.abc import Iterator, Mapping, Sequence
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

    @contextmanager
    def search(self) -> Iterator[None]:
        """Around a search."""
        began_s = time.perf_counter()
        yield
        self._searches.took(time.perf_counter() - began_s)

    def took_effect(self, records: Sequence[Record], now: datetime) -> None:
        """These changes are searched with from now on; by the clock of whoever wrote them.

        Args:
            records: Of the watchlist topic.
            now: UTC-aware.
        """
        for record in records:
            kind, seconds = ENROLLED if record.value else WITHDRAWN, now.timestamp() - record.timestamp_ms / 1000
            self._effects[kind].took(seconds)
            self._last_effect_s[kind] = max(0.0, seconds)

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

"""What an index shard has searched for lately: should a frame's trace be kept, its own part of it is known still."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster.telemetry import names
from cluster.telemetry.context import TraceContext
from cluster.telemetry.names import Value
from cluster.telemetry.spans import Kind, Span

MOST = 4096  # searches: of a batch, that is a second of the fastest shard and a minute of most


@dataclass(frozen=True, slots=True)
class _Search:
    began_ns: int
    ended_ns: int
    rows: int


class RecentSearches:
    """The last searches of one shard. Thread-safe.

    Args:
        replica: Name of the holder.
        shard: Which shard it holds.
        now_ns: Gives the present, nanoseconds of a clock that is never set.
        unix_ns: Gives the present, Unix nanoseconds.
    """

    def __init__(
        self,
        replica: str,
        shard: int,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        unix_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._said: dict[str, Value] = {names.REPLICA: replica, names.SHARD: shard}
        self.now_ns = now_ns
        self._unix_ns = unix_ns
        self._lock = threading.Lock()
        self._searches: OrderedDict[int, _Search] = OrderedDict()

    def note(self, number: int, began_ns: int, rows: int) -> int:
        """A search has ended; how long it took, nanoseconds. One without a number is not remembered."""
        ended_ns = self.now_ns()
        if number:
            with self._lock:
                self._searches[number] = _Search(began_ns, ended_ns, rows)
                if len(self._searches) > MOST:
                    self._searches.popitem(last=False)
        return ended_ns - began_ns

    def spans(self, told: Sequence[tuple[int, TraceContext]]) -> list[Span]:
        """The spans of searches, as parts of those named; of searches that are known no more there are none."""
        to_unix_ns = self._unix_ns() - self.now_ns()
        with self._lock:
            found = [(self._searches[number], asking) for number, asking in told if number in self._searches]
        return [self._span(search, asking, to_unix_ns) for search, asking in found]

    def _span(self, search: _Search, asking: TraceContext, to_unix_ns: int) -> Span:
        began_ns, ended_ns = search.began_ns + to_unix_ns, search.ended_ns + to_unix_ns
        said = {**self._said, names.ROWS: search.rows}
        return Span(names.SEARCH_SHARD, Kind.SERVER, asking.child(), asking.span_id, began_ns, ended_ns, said)

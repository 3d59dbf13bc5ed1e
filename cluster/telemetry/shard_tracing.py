"""The traces of an index shard: its searches, as parts of the traces of frames that recognisers keep."""

from collections.abc import Sequence

from cluster.settings import ClusterSettings
from cluster.shards.layout import Replica
from cluster.telemetry.context import TraceContext
from cluster.telemetry.recent_searches import RecentSearches
from cluster.telemetry.span_sink import open_sink


class ShardTracing:
    """Remembers the last searches, and tells of those that it is asked for. Thread-safe.

    Args:
        settings: Which collector is told; none, when the cluster file names none.
        replica: Which holder of which shard this is.
    """

    def __init__(self, settings: ClusterSettings, replica: Replica) -> None:
        self._recent = RecentSearches(str(replica), replica.shard)
        self._sink = open_sink(settings, "shard", str(replica))
        self.now_ns, self.note = self._recent.now_ns, self._recent.note

    @property
    def dropped(self) -> int:
        """Spans that were not sent."""
        return self._sink.dropped if self._sink else 0

    def tell(self, told: Sequence[tuple[int, TraceContext]]) -> None:
        """Send spans of these searches, as parts of those named."""
        if self._sink:
            self._sink.send(self._recent.spans(told))

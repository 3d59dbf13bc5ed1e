"""The watchlist behind shards, as a recogniser sees it: one layout at a time, in pieces that can be sent."""

from typing import Generic

from cluster.shards.layout import Layout
from cluster.shards.shard_replicas import Answer, Calls, Reply, ShardReplicas
from operators.types import Float32

# Ray passes arguments of up to 100 KiB inside the call; larger ones go through the object store, which can spill.
INLINE_BYTES = 90_000


class ShardedIndex(Generic[Reply]):
    """`ports.Index` over the shards of one layout. One search at a time; `use` may come from another thread.

    Args:
        layout: Which shards and replicas there are.
        calls: How they are asked.
        slot: Number of the asker: askers begin at different replicas.
    """

    def __init__(self, layout: Layout, calls: Calls[Reply], slot: int = 0) -> None:
        self._calls = calls
        self._slot = slot
        self._replicas = ShardReplicas(layout, calls, slot)

    @property
    def layout(self) -> Layout:
        """Which shards it asks."""
        return self._replicas.layout

    def use(self, layout: Layout) -> None:
        """Ask the shards of another layout from the next search on."""
        if layout != self.layout:
            self._replicas = ShardReplicas(layout, self._calls, self._slot)

    def search(self, vectors: Float32, k: int, at_least: float) -> Answer:
        """See `ports.Index`."""
        replicas = self._replicas  # one layout from the first row to the last
        rows = max(1, INLINE_BYTES // (vectors.shape[1] * vectors.itemsize))
        hits: Answer = []
        for start in range(0, len(vectors), rows):
            hits += replicas.search(vectors[start : start + rows], k, at_least)
        return hits

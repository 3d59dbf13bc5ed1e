"""One replica of one shard of the watchlist, shared by all recognisers."""

import shutil

from cluster.layout import Replica
from cluster.plan import Plan
from cluster.search_batches import SearchBatches
from cluster.watchlist_feed import WatchlistFeed
from operators.types import Float32, Hit


class IndexShard(WatchlistFeed):
    """Follows its share of the topic; searches that come while one runs are put together.

    Args:
        plan: Which Kafka, and how vectors were made.
        replica: Which shard it holds, of how many, and which of its replicas it is.
    """

    def __init__(self, plan: Plan, replica: Replica) -> None:
        index, contract = plan.settings.index, plan.contract.digest
        kafka, device, folder = plan.settings.kafka, plan.settings.device, index.folder_of(str(replica))
        super().__init__(kafka, replica.shard, replica.shards, contract, index.threads, folder, device)
        self._batches = SearchBatches(super().search)

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """See `ports.Index`."""
        return self._batches.search(vectors, k, at_least)

    def retire(self) -> None:
        """Stop, and take what was kept for the next start from the disk: there will be none."""
        self.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

"""One replica of one shard of the watchlist, shared by all recognisers."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from cluster.plan import Plan
from cluster.shards.layout import Replica
from cluster.shards.search_batches import SearchBatches
from cluster.telemetry.process import this_process
from cluster.watchlists.feed import FeedStatus, WatchlistFeed
from indexes.snapshot import remove
from operators.errors import IndexIncomplete
from operators.onnx import Device
from operators.types import Float32, Hit

# A recogniser that can ask another replica tries a bad one again after 10 s: one that fails then, too, is replaced.
FAILING_S = 10.0
WHY_CHARACTERS = 200

log = logging.getLogger("beholden.watchlist")


class IndexShard(WatchlistFeed):
    """Follows its share of the topic; searches that come while one runs are put together.

    Args:
        plan: Which Kafka, and how vectors were made.
        replica: Which shard it holds, of how many, and which of its replicas it is.
        on_failure: Called when searches have failed for FAILING_S and none has succeeded: a card or a library that has
            failed may work for a process that is started anew.
        now_s: Gives the present, seconds.
    """

    def __init__(
        self,
        plan: Plan,
        replica: Replica,
        on_failure: Callable[[], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        index, contract = plan.settings.index, plan.contract.digest
        kafka, device, folder = plan.settings.kafka, plan.settings.index_device, index.folder_of(str(replica))
        self._on_failure = on_failure
        self._is_on_gpu = device is Device.CUDA
        self._now_s = now_s
        self._failing: tuple[float, str] | None = None  # since when, and why
        super().__init__(kafka, replica.shard, replica.shards, contract, index.threads, folder, device)
        self._batches = SearchBatches(self._search_now)

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """See `ports.Index`."""
        return self._batches.search(vectors, k, at_least)

    def status(self) -> FeedStatus:
        """State of the index and its process; searches that fail are trouble, until one succeeds."""
        status, failing = replace(super().status(), process=this_process(self._is_on_gpu)), self._failing
        return replace(status, trouble=status.trouble or f"searches fail: {failing[1]}") if failing else status

    def _search_now(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        try:
            hits = super().search(vectors, k, at_least)
        except IndexIncomplete:
            raise
        except Exception as error:
            self._note(error)
            raise
        self._failing = None
        return hits

    def _note(self, error: Exception) -> None:
        """A search has failed; of the library's own words, the first tell what it was."""
        since_s = self._failing[0] if self._failing else self._now_s()
        words = " ".join(str(error).split())[:WHY_CHARACTERS]
        self._failing = since_s, f"{type(error).__name__}: {words}"
        log.error("shard %d of %d: searches fail: %s", self._shard, self._shards, self._failing[1])
        if self._now_s() - since_s >= FAILING_S:
            self._on_failure()

    def retire(self) -> None:
        """Stop, and take what was kept for the next start from the disk: there will be none."""
        self.close()
        self._thread.join()  # a snapshot that is being written would be there again afterwards
        if self._folder:
            remove(self._folder)

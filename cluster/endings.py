"""How frames end: accounted for, and finished once all that was written for them is; then they are committed."""

import time
from collections.abc import Collection, Sequence

from cluster.account import Account, Outcome
from cluster.admission_queue import Dropped
from cluster.ledger.writer import LedgerWriter
from cluster.offsets import OffsetTracker, TopicPartition
from cluster.ports import Clock, Delivery, FrameSource, Record
from cluster.privacy.nonmatches import Nonmatches
from cluster.results import DELIVERY_TIMEOUT_S, Results, Undelivered, settle
from cluster.shed_book import ShedBook
from cluster.stages import Stage
from cluster.telemetry.journal import Journal
from operators.errors import FrameRefused
from operators.types import FrameRef


class Endings:
    """Ends frames, each of which is another's until then. Not thread-safe.

    Args:
        source: Where offsets are committed.
        ledger: This process' chain.
        results: What is written for frames.
        offsets: Which frames have begun.
        account: Where frames are accounted for.
        clock: The time.
        journal: Where it is noted what happened to each frame when.

    Attributes:
        book: The account of frames that nobody looked at.
        nonmatches: The account of faces that were dropped.
        committed_at: When offsets were last committed, by `time.monotonic`.
    """

    def __init__(
        self,
        source: FrameSource,
        ledger: LedgerWriter,
        results: Results,
        offsets: OffsetTracker,
        account: Account,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._results = results
        self._offsets = offsets
        self._account = account
        self._stages = account.measures.stages
        self._clock = clock
        self._journal = journal
        self.book = ShedBook(ledger, account, offsets)
        self.nonmatches = Nonmatches(ledger, account)
        self.committed_at = 0.0

    def shed(self, dropped: Sequence[Dropped]) -> None:
        """Account for frames that nobody looks at; each is finished once the ledger has it."""
        for each in dropped:
            at = each.frame.captured_at
            self.book.add(each.frame.ref, (each.frame.camera,), each.reason, (at, at), self._clock.now())
            self._journal.end(each.frame.ref, Outcome.SHED, each.reason)
            self._journal.written(each.frame.ref)

    def dead_letter(self, record: Record, refused: FrameRefused) -> None:
        """Account for a frame that cannot be processed, and write why."""
        self._stages.refused(refused.reason)
        delivery = self._results.send_dead_letter(record, refused)
        self.close([record.ref], Outcome.DEAD_LETTERED, refused.reason, [delivery])

    def close(self, done: list[FrameRef], outcome: Outcome, reason: str, deliveries: Sequence[Delivery] = ()) -> None:
        """Account for a frame; it, and those that waited for it, are finished once all that was written for it is."""
        self._account.close(outcome, reason)
        self._journal.end(done[0], outcome, reason)
        lets_go = len(done) > 1  # of earlier frames, which may have led to an alert that is not written yet
        if deliveries or (lets_go and self._results.has_undelivered):
            self._results.follow(done, deliveries)
        else:
            self.finish(done)

    def finish(self, refs: Sequence[FrameRef], acknowledged_ns: int = 0) -> None:
        """These may be committed."""
        for ref in refs:
            self._offsets.finish(ref)
            self._journal.written(ref, acknowledged_ns)

    def write(self) -> None:
        """Start to write what is to be told of dropped frames and faces by now."""
        self.book.write(self._clock.now())
        self.nonmatches.write(self._clock.now())

    def write_all(self) -> None:
        """Start to write all of it."""
        self.book.write_all()
        self.nonmatches.write_all(self._clock.now())

    def settle(self, pending: Sequence[Undelivered]) -> None:
        """Wait for acknowledgements. One that does not come ends this process before anything is committed."""
        with self._stages.watched(Stage.PUBLISH):
            for waited_s in settle(pending, self.finish):
                self._stages.took(Stage.PUBLISH, waited_s)
        self.book.settle(DELIVERY_TIMEOUT_S)
        self.nonmatches.settle(DELIVERY_TIMEOUT_S)

    def flush(self) -> None:
        """Wait for everything that was written, and commit what is finished."""
        self.settle(self._results.take_undelivered())
        self.commit()

    def commit(self) -> None:
        """Store what is finished; intervals before a result end now: in a transaction it is not readable earlier."""
        self.committed_at = time.monotonic()
        if self._results.last:
            self.book.write_before(self._results.last)
            self.book.settle(DELIVERY_TIMEOUT_S)
        self._ledger.check()
        ready = self._offsets.take()
        if ready:
            began_ns = self._journal.now_ns()
            self._source.commit(ready)
            self._journal.committed(began_ns, ready)
        self._results.committed(ready)

    def forget(self, elsewhere: Collection[TopicPartition], waiting: int) -> None:
        """Partitions belong to another process now.

        Args:
            elsewhere: Which.
            waiting: How many of their frames waited here.
        """
        self._offsets.forget(elsewhere)
        self._journal.forget(elsewhere)
        self._account.take_back(waiting, self.book.forget(elsewhere))
        self._results.forget(elsewhere)

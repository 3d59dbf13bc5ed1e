"""When everything happened to frames that have no end yet, and at a frame's end whether its trace is kept.

Until then there are time stamps and nothing else. A frame whose trace is not kept is forgotten when it ends.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from cluster.account import Outcome
from cluster.offsets import TopicPartition
from cluster.telemetry.context import TraceContext, new_trace, parse_traceparent
from cluster.telemetry.stamps import AT_HAND, AlertSent, Asked, Batch, Entry, Kept, Poll
from operators.types import Frame, FrameRef
from operators.vision import Seen

# Kept traces that wait for the commit of their frame. One may wait for long, for a passage to be confirmed.
MOST_UNCOMMITTED = 512


@dataclass(frozen=True, slots=True)
class Rule:
    """Which traces are kept.

    Attributes:
        share: Of all frames, whatever becomes of them, unless their cameras say which.
        objective_ms: Those of frames that are older than this when they are decided.
    """

    share: float
    objective_ms: int


class Journal:
    """Time stamps of the frames of one recogniser. Not thread-safe.

    Args:
        rule: Which traces are kept; None: none, and nothing is noted.
        keep: Takes what is known of frames whose traces are kept, once they are committed or belong to somebody else.
        asked: Gives whom searches have asked since it was called last.
        now_ns: Gives the present, nanoseconds of the clock by which the operators time themselves.

    Attributes:
        now_ns: As above.
        policy: Number and digest of the policy that decides from now on.
    """

    def __init__(
        self,
        rule: Rule | None = None,
        keep: Callable[[Sequence[Entry]], None] = lambda _: None,
        asked: Callable[[], Sequence[Asked]] = tuple,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._rule = rule
        self._keep = keep
        self._asked = asked
        self.now_ns = now_ns
        self.policy = (0, "")
        self._open: dict[FrameRef, Entry] = {}
        self._uncommitted: dict[FrameRef, Entry] = {}
        self._poll = Poll((0, 0), 0)
        self._batch = Batch(0, 0)

    def __len__(self) -> int:
        return len(self._open) + len(self._uncommitted)

    def polled(self, began_ns: int, frames: int) -> None:
        """So many frames have come at once."""
        self._poll = Poll((began_ns, self.now_ns()), frames)

    def take(self, ref: FrameRef) -> None:
        """A frame of those polled last is taken in."""
        if self._rule:
            self._open[ref] = Entry(ref, self._poll)

    def understood(self, frame: Frame) -> None:
        """It is known whose a frame is."""
        if entry := self._open.get(frame.ref):
            entry.camera, entry.captured_at, entry.traceparent = frame.camera, frame.captured_at, frame.traceparent
            AT_HAND.set(entry)

    def turn(self, refs: Sequence[FrameRef]) -> None:
        """The turn of these frames has come, together."""
        self._batch = Batch(self.now_ns(), len(refs))
        for ref in refs:
            if entry := self._open.get(ref):
                entry.batch = self._batch

    def at_hand(self, ref: FrameRef) -> None:
        """A frame is about to be decided."""
        AT_HAND.set(self._open.get(ref))

    def seen(self, ref: FrameRef, seen: Seen) -> None:
        """A frame has been looked at."""
        if entry := self._open.get(ref):
            entry.times, entry.compared, entry.gated = seen.times, len(seen.faces), seen.gated.total()

    def searched(self, began_ns: int, rows: int, failed: int) -> None:
        """The faces of the present batch have been searched for, after so many searches that failed."""
        batch = self._batch
        batch.search, batch.rows, batch.failed = (began_ns, self.now_ns()), rows, failed
        batch.asked = tuple(self._asked())

    def decided(self, ref: FrameRef, began_ns: int, age_ms: float) -> None:
        """It is known what follows from a frame that is so old."""
        if entry := self._open.get(ref):
            entry.decide, entry.age_ms = (began_ns, self.now_ns()), age_ms

    def proven(self, ref: FrameRef) -> None:
        """What proves the alerts of a frame is written; it was begun when the frame was decided."""
        if entry := self._open.get(ref):
            entry.evidence = (entry.decide[1], self.now_ns())

    def send_alert(self, frame: Frame, alert_id: str) -> Frame:
        """An alert that follows from a frame is about to be written; the frame as the alert is to name it."""
        entry = self._open.get(frame.ref)
        if entry is None:
            return frame
        sent = AlertSent(alert_id, self._process(entry).child(), self.now_ns())
        entry.alerts.append(sent)
        return replace(frame, traceparent=str(sent.context))

    def end(self, ref: FrameRef, outcome: Outcome, reason: str) -> None:
        """The outcome of a frame is known. Without a reason to keep its trace it is forgotten."""
        AT_HAND.set(None)
        if entry := self._open.get(ref):
            entry.outcome, entry.reason, entry.ended_ns = outcome, reason, self.now_ns()
            entry.policy, entry.kept = self.policy, self._why_kept(entry)
            if entry.kept is None:
                del self._open[ref]

    def written(self, ref: FrameRef, acknowledged_ns: int = 0) -> None:
        """All that was written for a frame is acknowledged, since that moment, or since now if it is not known."""
        entry = self._open.get(ref)
        if entry and entry.outcome:
            entry.written_ns = acknowledged_ns or self.now_ns()
            self._uncommitted[ref] = self._open.pop(ref)
            if len(self._uncommitted) > MOST_UNCOMMITTED:
                self._keep([self._uncommitted.pop(next(iter(self._uncommitted)))])

    def committed(self, began_ns: int, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Offsets are stored."""
        took = (began_ns, self.now_ns())
        stored = [ref for ref in self._uncommitted if ref.offset < next_offsets.get((ref.topic, ref.partition), 0)]
        entries = [self._uncommitted.pop(ref) for ref in stored]
        for entry in entries:
            entry.commit = took
        self._keep(entries)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions belong to another process now: what has no end yet is told of by that one."""
        for ref in [ref for ref in self._open if (ref.topic, ref.partition) in partitions]:
            del self._open[ref]
        theirs = [ref for ref in self._uncommitted if (ref.topic, ref.partition) in partitions]
        self._keep([self._uncommitted.pop(ref) for ref in theirs])

    def close(self) -> None:
        """There is no more to come."""
        self._open.clear()
        self._keep(list(self._uncommitted.values()))
        self._uncommitted.clear()

    def _why_kept(self, entry: Entry) -> Kept | None:
        assert self._rule  # noqa: S101 - otherwise there are no entries
        if entry.outcome is Outcome.ALERTED:
            return Kept.ALERT
        if entry.outcome is Outcome.DEAD_LETTERED or (entry.batch and entry.batch.failed):
            return Kept.ERROR
        if entry.age_ms > self._rule.objective_ms:
            return Kept.LATE
        return Kept.SHARE if self._sender(entry).sampled else None

    def _sender(self, entry: Entry) -> TraceContext:
        if entry.sender is None:
            told = parse_traceparent(entry.traceparent)
            share = self._rule.share if self._rule else 0.0
            entry.sender, entry.has_sender = told or new_trace(share), told is not None
        return entry.sender

    def _process(self, entry: Entry) -> TraceContext:
        if entry.process is None:
            entry.process = replace(self._sender(entry).child(), sampled=True)
        return entry.process

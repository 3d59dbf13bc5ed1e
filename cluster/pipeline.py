"""The whole dataflow of one recogniser on one page. It knows neither Kafka nor Ray.

    poll -> admit -> see (decode, detect, gate, align, embed) -> search -> decide -> publish -> commit

One process owns a frame from poll to commit. Pixels and vectors of faces that do not match are gone when `step`
returns.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cluster.account import Account, NoMatch, Outcome, Shed
from cluster.offsets import OffsetTracker, TopicPartition
from cluster.policy import PolicyInForce
from cluster.ports import Clock, Delivery, FrameSource, Index, Record, ResultSink
from cluster.wire.alerts import Alert, AlertContext, encode_alert
from cluster.wire.frames import encode_dead_letter, parse_frame
from operators.decide import MAX_CANDIDATES, match
from operators.errors import FrameReason, FrameRefused, IndexIncomplete
from operators.sightings import Sighting, Sightings, Verdict
from operators.types import Frame, FrameRef, Hit
from operators.vision import Seen, Vision

DELIVERY_TIMEOUT_S = 120.0  # kafka-python's own delivery time-out: after it the broker's answer is not going to come
COMMIT_INTERVAL_S = 1.0  # frames processed again after a crash, against a round trip for each batch
RETRY_SEARCH_S = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Outlets:
    """Where results are written."""

    alerts: ResultSink
    dead_letters: ResultSink


class Pipeline:
    """One recogniser's dataflow. Not thread-safe: one thread calls `step` until it is done.

    Args:
        source: Frames in.
        outlets: Alerts and dead letters out.
        vision: The models.
        index: The watchlist.
        policy: What decides.
        context: The settings in force, as alerts name them.
        clock: The time.
        account: Where frames are accounted for.
        poll_records: Most frames of one batch.
        stopping: Whether to give up waiting for an index that does not answer.
    """

    def __init__(
        self,
        source: FrameSource,
        outlets: Outlets,
        vision: Vision,
        index: Index,
        policy: PolicyInForce,
        context: AlertContext,
        clock: Clock,
        account: Account,
        poll_records: int,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source = source
        self._outlets = outlets
        self._vision = vision
        self._index = index
        self._policy = policy.policy
        self._context = context
        self._clock = clock
        self._poll_records = poll_records
        self._stopping = stopping
        self._sightings = Sightings(policy.policy.sightings)
        self._cameras = frozenset(policy.policy.cameras)
        self._partition_cameras: dict[TopicPartition, set[str]] = {}
        self._seen_to: dict[TopicPartition, int] = {}
        self._again_to: dict[TopicPartition, int] = {}
        self._offsets = OffsetTracker()
        self._undelivered: list[tuple[FrameRef, list[Delivery]]] = []
        self._committed_at = 0.0
        self.account = account
        self.waiting_for: str | None = None

    def step(self, timeout_s: float) -> int:
        """Process one batch, waiting up to `timeout_s` for its first frame; how many frames it had.

        The broker's acknowledgements of one batch are awaited after the next has been computed, so that the wait is
        over when it begins.
        """
        polled = self._source.poll(self._poll_records, timeout_s, self._offsets.ready())
        records = [record for record in polled if self._is_new(record.ref)]
        earlier, self._undelivered = self._undelivered, []
        admitted = [pair for record in records if (pair := self._admit(record)) is not None]
        seen = self._see(admitted)
        detected_at = self._clock.now()
        hits = self._search([one for _, one in seen])
        for (frame, one), found in zip(seen, hits, strict=True):
            self._decide(frame, one, found, detected_at)
        self._settle(earlier)
        if not polled:
            self.drain()
        elif time.monotonic() - self._committed_at >= COMMIT_INTERVAL_S:
            self._commit()
        return len(records)

    def drain(self) -> None:
        """Wait for everything that was written and commit what is finished."""
        pending, self._undelivered = self._undelivered, []
        self._settle(pending)
        self._commit()

    def rebalance(self, revoked: Sequence[TopicPartition], owned: Sequence[TopicPartition]) -> None:
        """The partitions have been shared anew. Those that are still here begin again at their last commit.

        What was written is awaited first, so that everything seen here so far is finished: frames of it that come
        again are passed over, and passages and cool-downs of their cameras go on as if nothing had been.

        Raises:
            BrokerUnavailable: Something was not acknowledged.
        """
        pending, self._undelivered = self._undelivered, []
        self._settle(pending)
        elsewhere = set(revoked).difference(owned)
        self._offsets.forget(elsewhere)
        gone = set[str]()
        for partition in elsewhere:
            self._seen_to.pop(partition, None)
            gone |= self._partition_cameras.pop(partition, set())
        self._sightings.forget(sorted(gone.difference(*self._partition_cameras.values())))
        self._again_to = dict(self._seen_to)
        self._commit()

    def _is_new(self, ref: FrameRef) -> bool:
        """Whether a frame is not one of those that come again after a rebalance."""
        partition = (ref.topic, ref.partition)
        if ref.offset < self._again_to.get(partition, 0):
            return False
        self._again_to.pop(partition, None)
        self._seen_to[partition] = ref.offset + 1
        return True

    def _admit(self, record: Record) -> tuple[Record, Frame] | None:
        """Take a frame in: understood, of a camera the policy covers, and fresh."""
        self.account.frames_in += 1
        self._offsets.start(record.ref)
        try:
            frame = parse_frame(record)
            self._check_scope(frame)
        except FrameRefused as refused:
            self._dead_letter(record, refused)
            return None
        partition = (record.ref.topic, record.ref.partition)
        self._partition_cameras.setdefault(partition, set()).add(frame.camera)
        age_ms = (self._clock.now() - frame.captured_at).total_seconds() * 1000
        if age_ms > self._policy.max_frame_age_ms:
            self._close(frame.ref, Outcome.SHED, Shed.TOO_OLD)
            return None
        return record, frame

    def _check_scope(self, frame: Frame) -> None:
        if frame.camera not in self._cameras:
            raise FrameRefused(FrameReason.UNKNOWN_CAMERA, "the policy in force does not cover this camera")

    def _see(self, frames: Sequence[tuple[Record, Frame]]) -> list[tuple[Frame, Seen]]:
        """Faces and vectors of every frame that can be decoded."""
        found = []
        for (record, frame), seen in zip(frames, self._vision.see([f.jpeg for _, f in frames]), strict=True):
            if isinstance(seen, FrameRefused):
                self._dead_letter(record, seen)
            else:
                found.append((frame, seen))
        return found

    def _search(self, seen: Sequence[Seen]) -> list[list[list[Hit]]]:
        """Hits of every face of every frame: one search for all of them, repeated until it is complete."""
        vectors = self._vision.join(seen)
        if not len(vectors):
            return [[] for _ in seen]
        while True:
            try:
                hits = self._index.search(vectors, MAX_CANDIDATES, self._policy.lowest_threshold)
            except IndexIncomplete as incomplete:
                self.waiting_for = str(incomplete)
                if self._stopping():
                    raise
                time.sleep(RETRY_SEARCH_S)
            else:
                self.waiting_for = None
                answers = iter(hits)
                return [[next(answers) for _ in one.vectors] for one in seen]

    def _decide(self, frame: Frame, seen: Seen, hits: Sequence[Sequence[Hit]], detected_at: datetime) -> None:
        """From hits to alerts, or to the reason why there is none."""
        matches = [match(found, frame.camera, self._policy.watchlists) for found in hits]
        sightings = self._sightings.update(frame.camera, frame.ref, frame.captured_at, seen.faces.boxes, matches)
        due = [sighting for sighting in sightings if sighting.verdict is Verdict.ALERT]
        self.account.faces.update(seen.gated)
        self.account.faces["compared"] += len(seen.faces)
        if due:
            self._close(
                frame.ref, Outcome.ALERTED, "candidate", [self._alert(frame, seen, one, detected_at) for one in due]
            )
        else:
            self._close(frame.ref, Outcome.NO_MATCH, _why_not(seen, sightings))

    def _alert(self, frame: Frame, seen: Seen, sighting: Sighting, detected_at: datetime) -> Delivery:
        box = tuple(float(side) for side in seen.faces.boxes[sighting.face])
        alert = Alert(
            frame=frame,
            face=int(seen.numbers[sighting.face]),
            box=(box[0], box[1], box[2], box[3]),
            confidence=float(seen.faces.confidence[sighting.face]),
            match=sighting.match,
            passage=sighting.passage,
            frames=sighting.frames,
            detected_at=detected_at,
            alerted_at=self._clock.now(),
        )
        value, headers = encode_alert(alert, self._context)
        self.account.alerts += 1
        return self._outlets.alerts.send(frame.camera, value, headers, frame.ref)

    def _dead_letter(self, record: Record, refused: FrameRefused) -> None:
        value = encode_dead_letter(record, refused.reason, refused.detail, self._clock.now())
        delivery = self._outlets.dead_letters.send(str(record.ref), value, [], record.ref)
        self._close(record.ref, Outcome.DEAD_LETTERED, refused.reason, [delivery])

    def _close(self, ref: FrameRef, outcome: Outcome, reason: str, deliveries: Sequence[Delivery] = ()) -> None:
        """Account for a frame; it is finished once everything written for it is acknowledged."""
        self.account.close(outcome, reason)
        if deliveries:
            self._undelivered.append((ref, list(deliveries)))
        else:
            self._offsets.finish(ref)

    def _settle(self, pending: Sequence[tuple[FrameRef, list[Delivery]]]) -> None:
        """Wait for acknowledgements. One that does not come ends this process before anything is committed."""
        for ref, deliveries in pending:
            for delivery in deliveries:
                delivery.wait(DELIVERY_TIMEOUT_S)
            self._offsets.finish(ref)

    def _commit(self) -> None:
        self._committed_at = time.monotonic()
        ready = self._offsets.take()
        if ready:
            self._source.commit(ready)


def _why_not(seen: Seen, sightings: Sequence[Sighting]) -> NoMatch:
    """The farthest stage any face of the frame reached."""
    if any(sighting.verdict is Verdict.REPEATED for sighting in sightings):
        return NoMatch.REPEATED
    if sightings:
        return NoMatch.UNCONFIRMED
    if len(seen.faces):
        return NoMatch.BELOW_THRESHOLD
    return NoMatch.GATED if seen.gated else NoMatch.NO_FACE

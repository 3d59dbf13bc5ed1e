"""The whole dataflow of one recogniser on one page. It knows neither Kafka nor Ray.

    poll -> admit -> queue -> see (decode, detect, gate, align, embed) -> search -> decide -> publish -> commit

One process owns a frame from poll to commit. Pixels and vectors of faces that do not match are gone when `step`
returns.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from cluster.account import Account, NoMatch, Outcome, Shed
from cluster.admission_queue import AdmissionQueue, Admitted, Dropped
from cluster.backoff import pause_s
from cluster.holds import Holds
from cluster.in_hand import InHand
from cluster.ledger_writer import LedgerWriter
from cluster.looking import Looking
from cluster.offsets import OffsetTracker, TopicPartition
from cluster.pace import Pace
from cluster.policy import PolicyInForce
from cluster.ports import Clock, Delivery, FrameSource, Index, Record, ResultSink, Skipped
from cluster.shed_book import ShedBook
from cluster.wire.alerts import Alert, AlertContext, alert_id, encode_alert, parse_told
from cluster.wire.frames import encode_dead_letter, parse_frame
from operators.decide import MAX_CANDIDATES, match
from operators.errors import FrameReason, FrameRefused, IndexIncomplete
from operators.sightings import Sighting, Sightings, Verdict
from operators.types import Frame, FrameRef, Hit
from operators.vision import Seen, Vision

DELIVERY_TIMEOUT_S = 120.0  # kafka-python's own delivery time-out: after it the broker's answer is not going to come
COMMIT_INTERVAL_S = 1.0  # frames processed again after a crash, against a round trip for each batch
RETRY_SEARCH_S, LONGEST_RETRY_SEARCH_S = 0.25, 1.0
POLL_FRAMES = 256  # more are polled than a batch has only when more have come than a batch has
BATCH_BYTES = 32 * 1024 * 1024  # of JPEGs in one batch
QUEUE_BYTES = 32 * 1024 * 1024  # of JPEGs that wait; one poll may go beyond it, by what the client had fetched
BATCHES_OF_AGE = 5  # a frame waits while one batch is fetched and one looked at, then a third is looked at with it
SKIP_INTERVAL_S = 1.0  # Kafka is asked where fresh frames begin no more often than this
MAX_AGE_MS = 10**13  # three centuries, for ages beyond any calendar
SLOW_S = 1.0  # a frame that takes longer to be decoded and searched for faces is told of


@dataclass(frozen=True, slots=True, eq=False)
class Outlets:
    """Where results are written: two topics, and this process' chain of the ledger."""

    alerts: ResultSink
    dead_letters: ResultSink
    ledger: LedgerWriter


class Pipeline:
    """One recogniser's dataflow. Not thread-safe: one thread calls `step` until it is done.

    Args:
        source: Frames in.
        outlets: Alerts, dead letters and shed frames out.
        vision: The models.
        index: The watchlist.
        policy: What decides.
        context: The settings in force, as alerts name them.
        clock: The time.
        account: Where frames are accounted for.
        poll_records: Most frames of one batch.
        stopping: Whether to give up waiting for an index that does not answer.
        in_hand: Where the frames that are looked at are written down; by default nowhere.
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
        in_hand: InHand | None = None,
    ) -> None:
        self._source = source
        self._outlets = outlets
        self._vision = vision
        self._index = index
        self._policy = policy.policy
        self._context = context
        self._clock = clock
        self._stopping = stopping
        self._in_hand = in_hand or InHand()
        self._looking = Looking(vision, self._in_hand, stopping)
        self._sightings = Sightings(policy.policy.sightings)
        self._cameras = frozenset(policy.policy.cameras)
        self._partition_cameras: dict[TopicPartition, set[str]] = {}
        self._seen_to: dict[TopicPartition, int] = {}
        self._again_to: dict[TopicPartition, int] = {}
        self._begins = set[TopicPartition]()  # no frame of these has come yet, since the partitions were shared
        self._offsets = OffsetTracker()
        self._holds = Holds(self._offsets, policy.policy.sightings)
        self._told = set[str]()
        self._max_age = timedelta(milliseconds=min(self._policy.max_frame_age_ms, MAX_AGE_MS))
        self._queue = AdmissionQueue(self._policy.freshness, self._max_age, poll_records, BATCH_BYTES)
        self._pace = Pace(poll_records, self._max_age.total_seconds() / BATCHES_OF_AGE)
        self._book = ShedBook(outlets.ledger, account, self._offsets)
        self._skipped_at = 0.0
        self._undelivered: list[tuple[list[FrameRef], list[Delivery]]] = []
        self._results: dict[TopicPartition, int] = {}  # offsets of the last frames that led to one, not committed yet
        self._committed_at = 0.0
        self._idle_s = 0.0  # waited for frames; the rest of the time is `busy_s`
        self._index_lacks: str | None = None
        self.account = account
        self.busy_s = 0.0

    @property
    def waiting_for(self) -> str | None:
        """What nothing goes on for; None while frames are looked at and searched for."""
        return self._looking.waiting_for or self._index_lacks or self._outlets.ledger.waits

    def step(self, timeout_s: float) -> int:
        """Process one batch, waiting up to `timeout_s` for its first frame; how many frames reached their end.

        The broker's acknowledgements of one batch are awaited after the next has been computed, so that the wait is
        over when it begins.
        """
        ended, began_s, idle_s = self.account.frames_out.total(), time.perf_counter(), self._idle_s
        batch = self._next_batch(timeout_s)
        earlier, self._undelivered = self._undelivered, []
        seen = self._see(batch)
        detected_at = self._clock.now()
        hits = self._search([one for _, one in seen])
        for (frame, one), found in zip(seen, hits, strict=True):
            self._decide(frame, one, found, detected_at)
        self._settle(earlier)
        self._book.write(self._clock.now())
        if not batch:
            if (overdue := self._holds.overdue(self._clock.now())) and self._source.is_caught_up():
                self._holds.let_go(overdue)
            self._flush()
        elif time.monotonic() - self._committed_at >= COMMIT_INTERVAL_S:
            self._commit()
        self.busy_s += time.perf_counter() - began_s - (self._idle_s - idle_s)
        return self.account.frames_out.total() - ended

    def drain(self) -> None:
        """Wait for everything that was written, shed frames included, and commit what is finished."""
        self._book.write_all()
        self._flush()

    def _next_batch(self, timeout_s: float) -> list[Admitted]:
        """Poll, take in what has come, and give each camera its turn."""
        self._source.hold(self._queue.full(QUEUE_BYTES))
        began_s = time.perf_counter()
        polled = self._source.poll(POLL_FRAMES, 0.0 if len(self._queue) else timeout_s, self._offsets.ready())
        if len(polled) < POLL_FRAMES:  # it has waited for frames, or had none to wait for
            self._idle_s += time.perf_counter() - began_s
        for record in polled:
            if self._is_new(record):
                self._admit(record)
        self._skip(polled)
        batch, dropped = self._queue.take(self._clock.now(), self._pace.frames)
        self._shed(dropped)
        return batch

    def _flush(self) -> None:
        pending, self._undelivered = self._undelivered, []
        self._settle(pending)
        self._commit()

    def rebalance(self, revoked: Sequence[TopicPartition], owned: Sequence[TopicPartition]) -> None:
        """The partitions have been shared anew. Those that are still here begin again at their last commit.

        What was written is awaited first, so that everything seen here so far is finished: frames of it that come
        again are passed over, and passages and cool-downs of their cameras go on as if nothing had been. What others
        have alerted about must be given to `recall` next, for those that stayed as well: a member that was given up
        and taken in again does not know who had them meanwhile.

        Raises:
            BrokerUnavailable: Something was not acknowledged.
        """
        pending, self._undelivered = self._undelivered, []
        self._settle(pending)
        elsewhere = set(revoked).difference(owned)
        self._holds.forget(elsewhere)
        self._offsets.forget(elsewhere)
        self.account.take_back(self._queue.forget(elsewhere), self._book.forget(elsewhere))
        gone = set[str]()
        for partition in elsewhere:
            self._seen_to.pop(partition, None)
            self._results.pop(partition, None)
            gone |= self._partition_cameras.pop(partition, set())
        self._sightings.forget(sorted(gone.difference(*self._partition_cameras.values())))
        self._begins = set(owned)
        self._again_to = dict(self._seen_to)
        self._in_hand.learn()
        self._commit()

    @property
    def recall_from(self) -> datetime:
        """Alerts that were written earlier are of no importance to `recall`: their cool-downs are over."""
        quiet = timedelta(seconds=self._policy.sightings.cool_down_s)
        replayed = timedelta(milliseconds=self._policy.max_frame_age_ms + self._policy.sightings.passage_gap_ms)
        return self._clock.now() - quiet - replayed

    def recall(self, alerts: Iterable[bytes]) -> None:
        """Take over what others have alerted about: it is neither alerted again nor written again.

        Args:
            alerts: Everything that was written to the alerts topic since `recall_from`, in its order.
        """
        self._told = set()
        for told in filter(None, map(parse_told, alerts)):
            if told.deployment == self._context.deployment:
                self._told.add(told.alert_id)
                box, key = np.array(told.box, np.float32), (told.watchlist, told.entry)
                self._sightings.recall(told.camera, key, told.passage, box, told.captured_at)

    def _is_new(self, record: Record) -> bool:
        """Whether a frame is not one of those that come again after a rebalance."""
        ref = record.ref
        partition = (ref.topic, ref.partition)
        if ref.offset < self._again_to.get(partition, 0):
            return False
        self._again_to.pop(partition, None)
        if partition in self._begins:
            self._begins.discard(partition)
            self._pass_over(partition)
        if ref.offset > self._seen_to.get(partition, ref.offset):
            self._account_for_expired(record)
        self._seen_to[partition] = ref.offset + 1
        return True

    def _admit(self, record: Record) -> None:
        """Take a frame in: understood, of a camera the policy covers, and fresh."""
        self.account.take_in()
        self._offsets.start(record.ref)
        try:
            frame = parse_frame(record)
            self._check_scope(frame)
            self._in_hand.check(record, frame.camera)
        except FrameRefused as refused:
            self._dead_letter(record, refused)
            return
        partition = (record.ref.topic, record.ref.partition)
        self._partition_cameras.setdefault(partition, set()).add(frame.camera)
        self._shed(self._queue.put(record, frame, self._clock.now()))

    def _shed(self, dropped: Sequence[Dropped]) -> None:
        """Account for frames that nobody looks at; each is finished once the ledger has it."""
        for each in dropped:
            at = each.frame.captured_at
            self._book.add(each.frame.ref, (each.frame.camera,), each.reason, (at, at), self._clock.now())

    def _skip(self, polled: Sequence[Record]) -> None:
        """Where Kafka has frames that have grown too old, go on with the first that has not."""
        begin_ms = int((self._clock.now() - self._max_age).timestamp() * 1000) if polled else 0
        last_ms = {(record.ref.topic, record.ref.partition): record.timestamp_ms for record in polled}
        behind = {partition for partition, at_ms in last_ms.items() if at_ms < begin_ms}
        if not behind or time.monotonic() - self._skipped_at < SKIP_INTERVAL_S:
            return
        self._skipped_at = time.monotonic()
        for skipped in self._source.skip(behind, begin_ms):
            partition = (skipped.topic, skipped.partition)
            span = (_time(last_ms[partition]), _time(begin_ms))
            self._account_for(skipped, Shed.SKIPPED, span)

    def _pass_over(self, partition: TopicPartition) -> None:
        """What is before the last commit has been seen, by whoever had the partition then."""
        committed = self._source.committed(partition)
        if committed is not None:
            self._seen_to[partition] = max(self._seen_to.get(partition, 0), committed)

    def _account_for_expired(self, record: Record) -> None:
        """Kafka had deleted the frames before this one. Gaps that it leaves for other reasons are no frames."""
        partition = (record.ref.topic, record.ref.partition)
        there = min(self._source.first(partition), record.ref.offset)
        at = _time(record.timestamp_ms)
        self._account_for(Skipped(*partition, self._seen_to[partition], there), Shed.EXPIRED, (at, at))

    def _account_for(self, skipped: Skipped, reason: Shed, span: tuple[datetime, datetime]) -> None:
        """Frames that nobody fetched count as many as the offsets do; whose they were is not known."""
        partition = (skipped.topic, skipped.partition)
        frames = skipped.next - max(skipped.first, self._seen_to.get(partition, 0))
        if frames < 1:
            return  # they come again after a rebalance
        last = FrameRef(skipped.topic, skipped.partition, skipped.next - 1)
        self._seen_to[partition] = skipped.next
        self._offsets.start(last)
        self.account.take_in(frames)
        cameras = tuple(sorted(self._partition_cameras.get(partition, ())))
        self._book.add(last, cameras, reason, span, self._clock.now(), frames)

    def _check_scope(self, frame: Frame) -> None:
        if frame.camera not in self._cameras:
            raise FrameRefused(FrameReason.UNKNOWN_CAMERA, "the policy in force does not cover this camera")

    def _see(self, frames: Sequence[Admitted]) -> list[tuple[Frame, Seen]]:
        """Faces and vectors of every frame that can be decoded."""
        began_s = time.perf_counter()
        whole = self._looking.see([record for record, _ in frames])
        self._pace.took(len(frames), time.perf_counter() - began_s)
        found = []
        for (record, frame), seen in zip(frames, whole, strict=True):
            if isinstance(seen, FrameRefused):
                self._dead_letter(record, seen)
            else:
                found.append((frame, seen))
                if seen.took_s > SLOW_S:
                    self.account.slow[frame.camera] += 1
        return found

    def _search(self, seen: Sequence[Seen]) -> list[list[list[Hit]]]:
        """Hits of every face of every frame: one search for all of them, repeated until it is complete."""
        vectors = self._vision.join(seen)
        if not len(vectors):
            return [[] for _ in seen]
        failed = 0
        while True:
            try:
                hits = self._index.search(vectors, MAX_CANDIDATES, self._policy.lowest_threshold)
            except IndexIncomplete as incomplete:
                self._index_lacks = str(incomplete)
                if self._stopping():
                    raise
                time.sleep(pause_s(failed, RETRY_SEARCH_S, LONGEST_RETRY_SEARCH_S))
                failed += 1
            else:
                self._index_lacks = None
                answers = iter(hits)
                return [[next(answers) for _ in one.vectors] for one in seen]

    def _decide(self, frame: Frame, seen: Seen, hits: Sequence[Sequence[Hit]], detected_at: datetime) -> None:
        """From hits to alerts, or to the reason why there is none."""
        matches = [match(found, frame.camera, self._policy.watchlists) for found in hits]
        sightings = self._sightings.update(frame.camera, frame.ref, frame.captured_at, seen.faces.boxes, matches)
        due = [sighting for sighting in sightings if sighting.verdict is Verdict.ALERT]
        self.account.faces.update(seen.gated)
        self.account.faces["compared"] += len(seen.faces)
        self.account.decided(frame.camera, (self._clock.now() - frame.captured_at).total_seconds() * 1000)
        done = [frame.ref, *self._holds.keep(frame, self._sightings.waits_for(frame.camera), detected_at)]
        if due:
            alerts = [self._alert(frame, seen, one, detected_at) for one in due]
            self._close(done, Outcome.ALERTED, "candidate", [each for each in alerts if each])
        else:
            self._close(done, Outcome.NO_MATCH, _why_not(seen, sightings))

    def _alert(self, frame: Frame, seen: Seen, sighting: Sighting, detected_at: datetime) -> Delivery | None:
        """Write one alert; None when another process has done so before it could commit the frame."""
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
        if alert_id(alert, self._context) in self._told:
            return None
        self._outlets.ledger.check()
        value, headers = encode_alert(alert, self._context)
        self.account.alerts += 1
        self._results[frame.ref.topic, frame.ref.partition] = frame.ref.offset
        return self._outlets.alerts.send(frame.camera, value, headers, frame.ref)

    def _dead_letter(self, record: Record, refused: FrameRefused) -> None:
        value = encode_dead_letter(record, refused.reason, refused.detail, self._clock.now())
        delivery = self._outlets.dead_letters.send(str(record.ref), value, [], record.ref)
        self._results[record.ref.topic, record.ref.partition] = record.ref.offset
        self._close([record.ref], Outcome.DEAD_LETTERED, refused.reason, [delivery])

    def _close(self, done: list[FrameRef], outcome: Outcome, reason: str, deliveries: Sequence[Delivery] = ()) -> None:
        """Account for a frame; it, and those that waited for it, are finished once all that was written for it is."""
        self.account.close(outcome, reason)
        lets_go = len(done) > 1  # of earlier frames, which may have led to an alert that is not written yet
        if deliveries or (lets_go and self._undelivered):
            self._undelivered.append((done, list(deliveries)))
        else:
            self._finish(done)

    def _settle(self, pending: Sequence[tuple[list[FrameRef], list[Delivery]]]) -> None:
        """Wait for acknowledgements. One that does not come ends this process before anything is committed."""
        for done, deliveries in pending:
            for delivery in deliveries:
                delivery.wait(DELIVERY_TIMEOUT_S)
            self._finish(done)
        self._book.settle(DELIVERY_TIMEOUT_S)

    def _finish(self, refs: Sequence[FrameRef]) -> None:
        for ref in refs:
            self._offsets.finish(ref)

    def _commit(self) -> None:
        """Store what is finished; intervals before a result end now: in a transaction it is not readable earlier."""
        self._committed_at = time.monotonic()
        if self._results:
            self._book.write_before(self._results)
            self._book.settle(DELIVERY_TIMEOUT_S)
        self._outlets.ledger.check()
        ready = self._offsets.take()
        if ready:
            self._source.commit(ready)
        self._results = {at: offset for at, offset in self._results.items() if ready.get(at, 0) <= offset}


def _time(at_ms: int) -> datetime:
    """A record's time; one outside the calendar is the calendar's beginning."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)


def _why_not(seen: Seen, sightings: Sequence[Sighting]) -> NoMatch:
    """The farthest stage any face of the frame reached."""
    if any(sighting.verdict is Verdict.REPEATED for sighting in sightings):
        return NoMatch.REPEATED
    if sightings:
        return NoMatch.UNCONFIRMED
    if len(seen.faces):
        return NoMatch.BELOW_THRESHOLD
    return NoMatch.GATED if seen.gated else NoMatch.NO_FACE

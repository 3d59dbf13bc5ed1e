"""The whole dataflow of one recogniser on one page. It knows neither Kafka nor Ray.

    poll -> admit -> queue -> see (decode, detect, gate, align, embed) -> search -> decide -> publish -> commit

One process owns a frame from poll to commit. Pixels and vectors of faces that do not match are gone when `step`
returns.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import compress

import numpy as np

from cluster.account import CANARY, CANDIDATE, Account, NoMatch, Outcome, Shed
from cluster.admission_queue import AdmissionQueue, Admitted, Dropped
from cluster.backoff import pause_s
from cluster.holds import Holds
from cluster.in_hand import InHand
from cluster.looking import Looking
from cluster.measures import Work
from cluster.offsets import OffsetTracker, TopicPartition
from cluster.pace import Pace
from cluster.policies.in_force import PolicyInForce
from cluster.policies.standing import Halt, Halting, nothing_halts
from cluster.ports import Clock, Delivery, FrameSource, Index, Record
from cluster.privacy.nonmatches import Batch, Nonmatches
from cluster.progress import Progress
from cluster.results import DELIVERY_TIMEOUT_S, Outlets, Results, Undelivered, settle
from cluster.shed_book import ShedBook
from cluster.stages import Stage
from cluster.telemetry.journal import Journal
from cluster.traces import forget_frames
from cluster.wire.alerts import About, AlertContext, parse_told
from cluster.wire.frames import parse_frame
from operators.decide import MAX_CANDIDATES, match
from operators.errors import FrameReason, FrameRefused, IndexIncomplete
from operators.policy import Policy
from operators.sightings import Sighting, Sightings, Verdict
from operators.types import Frame, FrameRef, Hit
from operators.vision import Seen, Vision

COMMIT_INTERVAL_S = 1.0  # frames processed again after a crash, against a round trip for each batch
RETRY_SEARCH_S, LONGEST_RETRY_SEARCH_S = 0.25, 1.0
POLL_FRAMES = 256  # more are polled than a batch has only when more have come than a batch has
BATCH_BYTES = 32 * 1024 * 1024  # of JPEGs in one batch
QUEUE_BYTES = 32 * 1024 * 1024  # of JPEGs that wait; one poll may go beyond it, by what the client had fetched
BATCHES_OF_AGE = 5  # a frame waits while one batch is fetched and one looked at, then a third is looked at with it
MAX_AGE_MS = 10**13  # three centuries, for ages beyond any calendar
SLOW_S = 1.0  # a frame that takes longer to be decoded and searched for faces is told of


class Pipeline:
    """One recogniser's dataflow. Not thread-safe: one thread calls `step` until it is done.

    Args:
        source: Frames in.
        outlets: Alerts with their evidence, dead letters and shed frames out.
        vision: The models.
        index: The watchlist.
        policy: What decides.
        context: The settings in force, as alerts name them.
        clock: The time.
        account: Where frames are accounted for.
        poll_records: Most frames of one batch.
        stopping: Whether to give up waiting for an index that does not answer.
        in_hand: Where the frames that are looked at are written down; by default nowhere.
        halting: What halts everything that this policy decides; asked for each frame when it comes, when its turn has
            come, and before anything follows from it.
        journal: Where it is noted what happened to each frame when; by default nowhere.
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
        halting: Halting = nothing_halts,
        journal: Journal | None = None,
    ) -> None:
        self._source = source
        self._outlets = outlets
        self._vision = vision
        self._index = index
        self._clock = clock
        self._stages = account.measures.stages
        self._stopping = stopping
        self._halting = halting
        self._in_hand = in_hand or InHand()
        self._looking = Looking(vision, self._in_hand, stopping)
        self._sightings = Sightings(policy.policy.sightings)
        self._offsets = OffsetTracker()
        self._holds = Holds(self._offsets, policy.policy.sightings)
        self._journal = Journal() if journal is None else journal
        self._results = Results(outlets, vision, account, clock, context, self._journal)
        self._told = set[About]()
        self._poll_records = poll_records
        self._pace = Pace(poll_records)
        self._book = ShedBook(outlets.ledger, account, self._offsets)
        self._nonmatches = Nonmatches(outlets.ledger, account)
        self._progress = Progress(source, self._offsets, self._book, account, clock)
        self._aside: list[Admitted] = []  # frames that the next policy is to judge
        self._committed_at = 0.0
        self._idle_s = 0.0  # waited for frames; the rest of the time is `busy_s`
        self._index_lacks: str | None = None
        self._held = 0  # partitions from which nothing is polled for now
        self.account = account
        self.busy_s = 0.0
        self._decide_by(policy.policy, context)

    def _decide_by(self, policy: Policy, context: AlertContext) -> None:
        """Everything that a policy decides is changed here, and nowhere else."""
        self._policy = policy
        self._results.context = context
        self._journal.policy = (context.policy, context.policy_digest)
        self._max_age = timedelta(milliseconds=min(policy.max_frame_age_ms, MAX_AGE_MS))
        self._queue = AdmissionQueue(policy.freshness, self._max_age, self._poll_records, BATCH_BYTES)
        self._pace.longest_s = self._max_age.total_seconds() / BATCHES_OF_AGE
        self._sightings.adopt(policy.sightings)
        self._holds.adopt(policy.sightings)
        self._vision.adopt(policy.detect, policy.quality)
        self._outlets.ledger.policy_digest = context.policy_digest

    def switch(self, policy: PolicyInForce, context: AlertContext) -> None:
        """From the next step on another policy decides, the whole of it; call it between two steps.

        What was seen by the former is written first and counts no more: passages and cool-downs go on, so that nobody
        alerts twice, and an alert that needs several frames needs all of them anew. Frames that wait are taken in anew,
        and so are those that were looked at when the other policy had come already.

        Args:
            policy: What decides from now on. Its models are those that run.
            context: The settings in force, as alerts name them.

        Raises:
            BrokerUnavailable: Something was not acknowledged.
        """
        self._settle(self._results.take_undelivered())
        self._book.write_all()
        self._nonmatches.write_all(self._clock.now())
        waiting, self._aside = [*self._aside, *self._queue.empty()], []
        self._decide_by(policy.policy, context)
        for record, frame in waiting:
            self._take(record, frame)

    @property
    def waiting_for(self) -> str | None:
        """What nothing goes on for; None while frames are looked at and searched for."""
        return self._looking.waiting_for or self._index_lacks or self._outlets.ledger.waits

    def work(self, lag: Mapping[int, int]) -> Work:
        """What is in hand; may be asked by any thread.

        Args:
            lag: Frames of each partition that wait to be polled.
        """
        return Work(
            busy_s=self.busy_s,
            waiting_bytes=self._queue.waiting_bytes,
            in_flight=self._results.undelivered,
            paused=self._held,
            waits_for_ledger=self._outlets.ledger.waits is not None,
            lag_s=self._progress.lag_s(lag, self._clock.now()),
        )

    def step(self, timeout_s: float) -> int:
        """Process one batch, waiting up to `timeout_s` for its first frame; how many frames reached their end.

        The broker's acknowledgements of one batch are awaited after the next has been computed, so that the wait is
        over when it begins.
        """
        ended, began_s, idle_s = self.account.ended, time.perf_counter(), self._idle_s
        batch = self._next_batch(timeout_s)
        earlier = self._results.take_undelivered()
        is_idle = not batch
        self._watch_and_drop(batch)
        self._settle(earlier)
        self._book.write(self._clock.now())
        self._nonmatches.write(self._clock.now())
        if is_idle:
            if (overdue := self._holds.overdue(self._clock.now())) and self._source.is_caught_up():
                self._holds.let_go(overdue)
            self._flush()
        elif time.monotonic() - self._committed_at >= COMMIT_INTERVAL_S:
            self._commit()
        if self._results.last and (halt := self._halting(self._results.context.policy_digest)) and halt.reason:
            self._publish()
        self.busy_s += time.perf_counter() - began_s - (self._idle_s - idle_s)
        return self.account.ended - ended

    def _watch_and_drop(self, batch: list[Admitted]) -> None:
        """See, search and decide. When it returns or raises, nothing holds a pixel or a vector of the batch."""
        seen_from_s, faces = time.perf_counter(), Batch()
        try:
            self._watch(batch, faces)
        except BaseException as error:
            forget_frames(error)  # whoever handles it may wait for a broker
            raise
        finally:
            batch.clear()
            lived_s = time.perf_counter() - seen_from_s
            self._nonmatches.add(faces, lived_s, self._policy.max_nonmatch_s, self._clock.now())

    def _watch(self, batch: Sequence[Admitted], faces: Batch) -> None:
        seen = self._see(batch)
        faces.gated, faces.compared = sum(one.gated.total() for _, one in seen), sum(len(one.faces) for _, one in seen)
        detected_at = self._clock.now()
        hits = self._search([one for _, one in seen])
        if isinstance(hits, Halt):
            for admitted, _ in seen:
                self._bar(admitted, hits)
            hits, seen = [], []
        for (admitted, one), found in zip(seen, hits, strict=True):
            faces.alerted += self._decide(admitted, one, found, detected_at)

    def drop(self) -> None:
        """Forget the frames that wait: whoever has their partitions next reads them again."""
        self._queue.empty()
        self._aside.clear()
        self._journal.close()

    def drain(self) -> None:
        """Wait for everything that was written, shed frames included, and commit what is finished."""
        self._book.write_all()
        self._nonmatches.write_all(self._clock.now())
        self._flush()

    def _next_batch(self, timeout_s: float) -> list[Admitted]:
        """Poll, take in what has come, and give each camera its turn."""
        held = self._queue.full(QUEUE_BYTES)
        self._held = len(held)
        self._source.hold(held)
        began_s, began_ns = time.perf_counter(), self._journal.now_ns()
        polled = self._source.poll(POLL_FRAMES, 0.0 if len(self._queue) else timeout_s, self._offsets.ready())
        if len(polled) < POLL_FRAMES:  # it has waited for frames, or had none to wait for
            self._idle_s += time.perf_counter() - began_s
        self._journal.polled(began_ns, len(polled))
        for record in polled:
            if self._progress.is_new(record):
                self._journal.take(record.ref)
                self._admit(record)
        self._progress.skip(polled, self._clock.now() - self._max_age)
        batch, dropped = self._queue.take(self._clock.now(), self._pace.frames)
        for waited_s in self._queue.waited_s:
            self._stages.took(Stage.TURN, waited_s)
        self._shed(dropped)
        if batch:
            self._in_hand.learn([record for record, _ in batch])
        turn = [each for each in batch if not self._is_barred(each) and not self._is_quarantined(each)]
        self._journal.turn([record.ref for record, _ in turn])
        return turn

    def _flush(self) -> None:
        self._settle(self._results.take_undelivered())
        self._commit()

    def _publish(self) -> None:
        """Everything is halted: what was decided before becomes readable now, and waits for no other frame."""
        for record, frame in self._queue.empty():
            self._take(record, frame)
        self._holds.let_all_go()
        self._flush()

    def rebalance(self, revoked: Sequence[TopicPartition], owned: Sequence[TopicPartition]) -> None:
        """The partitions have been shared anew. Those that are still here begin again at their last commit.

        What was written is awaited first, so that everything seen here so far is finished: frames of it that come
        again are passed over, and passages and cool-downs of their cameras go on as if nothing had been. What others
        have alerted about must be given to `recall` next, for those that stayed as well: a member that was given up
        and taken in again does not know who had them meanwhile.

        Raises:
            BrokerUnavailable: Something was not acknowledged.
        """
        self._settle(self._results.take_undelivered())
        elsewhere = set(revoked).difference(owned)
        self._holds.forget(elsewhere)
        self._offsets.forget(elsewhere)
        self._journal.forget(elsewhere)
        stays = [each for each in self._aside if (each[0].ref.topic, each[0].ref.partition) not in elsewhere]
        waiting = len(self._aside) - len(stays) + self._queue.forget(elsewhere)
        self._aside = stays
        self.account.take_back(waiting, self._book.forget(elsewhere))
        self._results.forget(elsewhere)
        self._sightings.forget(self._progress.share(elsewhere, owned))
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
            if told.deployment == self._results.context.deployment:
                self._told.add(told.about)
                box, key = np.array(told.box, np.float32), (told.about.watchlist, told.about.entry)
                self._sightings.recall(told.camera, key, told.passage, box, told.captured_at)

    def _admit(self, record: Record) -> None:
        """Take a frame in: understood, of a camera the policy covers, and fresh."""
        self.account.take_in()
        self._offsets.start(record.ref)
        try:
            frame = parse_frame(record)
        except FrameRefused as refused:
            self._dead_letter(record, refused)
        else:
            self._stages.took(Stage.TOPIC, (self._clock.now() - frame.captured_at).total_seconds())
            self._take(record, frame)

    def _take(self, record: Record, frame: Frame) -> None:
        """Have a frame wait for its turn, if the policy in force covers it."""
        self._journal.understood(frame)
        try:
            self._check_scope(frame)
        except FrameRefused as refused:
            self._dead_letter(record, refused)
            return
        if self._is_quarantined((record, frame)):
            return
        self._progress.has_camera((record.ref.topic, record.ref.partition), frame.camera)
        if not self._is_barred((record, frame)):
            self._shed(self._queue.put(record, frame, self._clock.now()))

    def _is_quarantined(self, admitted: Admitted) -> bool:
        """Whether a frame is to blame and dead-lettered; others may have ended with it while it waited here."""
        record, frame = admitted
        try:
            self._in_hand.check(record, frame.camera)
        except FrameRefused as refused:
            self._dead_letter(record, refused)
            return True
        return False

    def _shed(self, dropped: Sequence[Dropped]) -> None:
        """Account for frames that nobody looks at; each is finished once the ledger has it."""
        for each in dropped:
            at = each.frame.captured_at
            self._book.add(each.frame.ref, (each.frame.camera,), each.reason, (at, at), self._clock.now())
            self._journal.end(each.frame.ref, Outcome.SHED, each.reason)
            self._journal.written(each.frame.ref)

    def _check_scope(self, frame: Frame) -> None:
        if frame.camera not in self._policy.cameras:
            raise FrameRefused(FrameReason.UNKNOWN_CAMERA, "the policy in force does not cover this camera")

    def _barred(self, frame: Frame) -> Halt | None:
        """Why a frame is not looked at now, and nothing may follow from it; None: it may be.

        Both the moment at which it was taken and the present must lie within the policy's times.
        """
        if halt := self._halting(self._results.context.policy_digest):
            return halt
        times = (self._clock.now(), frame.captured_at)
        is_in_scope = all(self._policy.in_scope(frame.camera, at) for at in times)
        return None if is_in_scope else Halt(Shed.OUT_OF_HOURS, "outside the times of the policy")

    def _is_barred(self, admitted: Admitted) -> bool:
        """Whether nothing may follow from a frame: then it is shed, or set aside for the next policy to judge."""
        halt = self._barred(admitted[1])
        if halt is not None:
            self._bar(admitted, halt)
        return halt is not None

    def _bar(self, admitted: Admitted, halt: Halt) -> None:
        if halt.reason is None:
            self._aside.append(admitted)
        else:
            self._shed([Dropped(admitted[1], halt.reason)])

    def _see(self, frames: Sequence[Admitted]) -> list[tuple[Admitted, Seen]]:
        """Faces and vectors of every frame that can be decoded."""
        began_s = time.perf_counter()
        whole = self._looking.see([record for record, _ in frames])
        self._pace.took(len(frames), time.perf_counter() - began_s)
        found = []
        for (record, frame), seen in zip(frames, whole, strict=True):
            if isinstance(seen, FrameRefused):
                self._dead_letter(record, seen)
            else:
                found.append(((record, frame), seen))
                self._journal.seen(record.ref, seen)
                self._stages.looked(seen.times)
                if seen.times.looked_s > SLOW_S:
                    self.account.slow[frame.camera] += 1
        return found

    def _search(self, seen: Sequence[Seen]) -> list[list[list[Hit]]] | Halt:
        """Hits of every face of every frame: one search for all of them, repeated until it is complete or halted."""
        vectors = self._vision.join(seen)
        if not len(vectors):
            return [[] for _ in seen]
        failed, began_ns = 0, self._journal.now_ns()
        while True:
            try:
                with self._stages.watched(Stage.SEARCH):
                    hits = self._index.search(vectors, MAX_CANDIDATES, self._policy.lowest_threshold)
            except IndexIncomplete as incomplete:
                self._index_lacks = str(incomplete)
                if self._stopping():
                    raise
                if halt := self._halting(self._results.context.policy_digest):
                    self._index_lacks = None
                    self._journal.searched(began_ns, len(vectors), failed + 1)
                    return halt
                time.sleep(pause_s(failed, RETRY_SEARCH_S, LONGEST_RETRY_SEARCH_S))
                failed += 1
            else:
                self._index_lacks = None
                self._journal.searched(began_ns, len(vectors), failed)
                self._stages.took(Stage.SEARCH, (self._journal.now_ns() - began_ns) / 1e9)
                answers = iter(hits)
                return [[next(answers) for _ in one.vectors] for one in seen]

    def _decide(self, admitted: Admitted, seen: Seen, hits: Sequence[Sequence[Hit]], detected_at: datetime) -> int:
        """From hits to alerts, or to the reason why there is none; how many faces led to alerts."""
        if self._is_barred(admitted):
            return 0
        frame, began_ns = admitted[1], self._journal.now_ns()
        self._journal.at_hand(frame.ref)
        matches = [match(found, frame.camera, self._policy.watchlists) for found in hits]
        sightings = self._sightings.update(frame.camera, frame.ref, frame.captured_at, seen.faces.boxes, matches)
        due = [sighting for sighting in sightings if sighting.verdict is Verdict.ALERT]
        self.account.faces.update(seen.gated)
        self.account.faces["compared"] += len(seen.faces)
        age_ms = (self._clock.now() - frame.captured_at).total_seconds() * 1000
        self.account.decided(frame.camera, frame.captured_at, age_ms)
        self.account.sighted(frame.camera, sightings)
        self._journal.decided(frame.ref, began_ns, age_ms)
        self._stages.took(Stage.DECIDE, ((decided_ns := self._journal.now_ns()) - began_ns) / 1e9)
        alerts = [self._results.alert(frame, seen, one, detected_at) for one in due]
        untold = [alert.about not in self._told for alert in alerts]
        with self._stages.watched(Stage.EVIDENCE):
            named = self._results.keep_evidence(frame, seen, list(compress(alerts, untold)))
        if due:
            with self._stages.watched(Stage.EVIDENCE):
                self._outlets.ledger.prove()
            self._journal.proven(frame.ref)
            self._stages.took(Stage.EVIDENCE, (self._journal.now_ns() - decided_ns) / 1e9)
            if self._is_barred(admitted):  # while its evidence was on its way, or the ledger was waited for
                self._sightings.take_back(frame.camera, frame.ref, list(compress(due, untold)))
                return 0
        done = [frame.ref, *self._holds.keep(frame, self._sightings.waits_for(frame.camera), detected_at)]
        if due:
            self._close(done, Outcome.ALERTED, _why(due), self._results.send(named))
        else:
            self._close(done, Outcome.NO_MATCH, _why_not(seen, sightings))
        return len({sighting.face for sighting in due})

    def _dead_letter(self, record: Record, refused: FrameRefused) -> None:
        self._stages.refused(refused.reason)
        delivery = self._results.send_dead_letter(record, refused)
        self._close([record.ref], Outcome.DEAD_LETTERED, refused.reason, [delivery])

    def _close(self, done: list[FrameRef], outcome: Outcome, reason: str, deliveries: Sequence[Delivery] = ()) -> None:
        """Account for a frame; it, and those that waited for it, are finished once all that was written for it is."""
        self.account.close(outcome, reason)
        self._journal.end(done[0], outcome, reason)
        lets_go = len(done) > 1  # of earlier frames, which may have led to an alert that is not written yet
        if deliveries or (lets_go and self._results.has_undelivered):
            self._results.follow(done, deliveries)
        else:
            self._finish(done)

    def _settle(self, pending: Sequence[Undelivered]) -> None:
        """Wait for acknowledgements. One that does not come ends this process before anything is committed."""
        with self._stages.watched(Stage.PUBLISH):
            for waited_s in settle(pending, self._finish):
                self._stages.took(Stage.PUBLISH, waited_s)
        self._results.count_readable()
        self._book.settle(DELIVERY_TIMEOUT_S)
        self._nonmatches.settle(DELIVERY_TIMEOUT_S)

    def _finish(self, refs: Sequence[FrameRef], acknowledged_ns: int = 0) -> None:
        for ref in refs:
            self._offsets.finish(ref)
            self._journal.written(ref, acknowledged_ns)

    def _commit(self) -> None:
        """Store what is finished; intervals before a result end now: in a transaction it is not readable earlier."""
        self._committed_at = time.monotonic()
        if self._results.last:
            self._book.write_before(self._results.last)
            self._book.settle(DELIVERY_TIMEOUT_S)
        self._outlets.ledger.check()
        ready = self._offsets.take()
        if ready:
            began_ns = self._journal.now_ns()
            self._source.commit(ready)
            self._journal.committed(began_ns, ready)
        self._results.committed(ready)


def _why(due: Sequence[Sighting]) -> str:
    """Whether an alert of a frame is about somebody who is sought."""
    return CANARY if all(sighting.match.is_canary for sighting in due) else CANDIDATE


def _why_not(seen: Seen, sightings: Sequence[Sighting]) -> NoMatch:
    """The farthest stage any face of the frame reached."""
    if any(sighting.verdict is Verdict.REPEATED for sighting in sightings):
        return NoMatch.REPEATED
    if sightings:
        return NoMatch.UNCONFIRMED
    if len(seen.faces):
        return NoMatch.BELOW_THRESHOLD
    return NoMatch.GATED if seen.gated else NoMatch.NO_FACE

"""The whole dataflow of one recogniser on one page. It knows neither Kafka nor Ray.

    poll -> admit -> queue -> see (decode, detect, gate, align, embed) -> search -> decide -> publish -> commit

One process owns a frame from poll to commit. Pixels and vectors of faces that do not match are gone when `step`
returns.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from cluster.account import Account
from cluster.admission_queue import Admitted
from cluster.decisions import Decisions
from cluster.endings import Endings
from cluster.in_hand import InHand
from cluster.intake import Intake
from cluster.looking import Looking
from cluster.measures import Work
from cluster.offsets import OffsetTracker, TopicPartition
from cluster.policies.in_force import PolicyInForce
from cluster.policies.standing import Halt, Halting, nothing_halts
from cluster.ports import Clock, FrameSource, Index
from cluster.privacy.nonmatches import Batch
from cluster.results import Outlets, Results
from cluster.scope import Scope
from cluster.searching import Searching
from cluster.telemetry.journal import Journal
from cluster.traces import forget_frames
from cluster.wire.alerts import AlertContext
from operators.errors import FrameRefused
from operators.policy import Policy
from operators.vision import Seen, Vision

COMMIT_INTERVAL_S = 1.0  # frames processed again after a crash, against a round trip for each batch
RESULT_WAIT_S = 0.1  # an alert that can be read with its frame's commit only waits no longer
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
        self._ledger = ledger = outlets.ledger
        self._vision = vision
        self._clock = clock
        self._stages = account.measures.stages
        self._in_hand = in_hand or InHand()
        self._journal = journal = Journal() if journal is None else journal
        self._scope = scope = Scope(policy.policy, context.policy_digest, clock, halting)
        offsets = OffsetTracker()
        self._results = results = Results(outlets, vision, account, clock, context, journal)
        self._endings = ends = Endings(source, ledger, results, offsets, account, clock, journal)
        self._intake = Intake(source, offsets, ends, scope, self._in_hand, account, clock, journal, poll_records)
        self._looking = Looking(vision, self._in_hand, stopping)
        self._searching = Searching(vision, index, scope, self._stages, stopping, journal)
        self._decisions = Decisions(ledger, results, offsets, ends, self._intake, scope, account, clock, journal)
        self.account = account
        self.busy_s = 0.0
        self._decide_by(policy.policy, context)

    def _decide_by(self, policy: Policy, context: AlertContext) -> None:
        """Everything that a policy decides is changed here, and nowhere else."""
        self._scope.policy, self._scope.digest = policy, context.policy_digest
        self._results.context = context
        self._journal.policy = (context.policy, context.policy_digest)
        self._intake.adopt()
        self._decisions.adopt()
        self._vision.adopt(policy.detect, policy.quality)
        self._ledger.policy_digest = context.policy_digest

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
        self._endings.settle(self._results.take_undelivered())
        self._endings.write_all()
        waiting = self._intake.take_out()
        self._decide_by(policy.policy, context)
        self._intake.take_again(waiting)

    @property
    def waiting_for(self) -> str | None:
        """What nothing goes on for; None while frames are looked at and searched for."""
        return self._looking.waiting_for or self._searching.lacks or self._ledger.waits

    def work(self, lag: Mapping[int, int]) -> Work:
        """What is in hand; may be asked by any thread.

        Args:
            lag: Frames of each partition that wait to be polled.
        """
        return Work(
            busy_s=self.busy_s,
            waiting_bytes=self._intake.waiting_bytes,
            in_flight=self._results.undelivered,
            paused=self._intake.held,
            waits_for_ledger=self._ledger.waits is not None,
            lag_s=self._intake.progress.lag_s(lag, self._clock.now()),
        )

    def step(self, timeout_s: float) -> int:
        """Process one batch, waiting up to `timeout_s` for its first frame; how many frames reached their end.

        The broker's acknowledgements of one batch are awaited after the next has been computed, so that the wait is
        over when it begins.
        """
        ended, began_s, idle_s = self.account.ended, time.perf_counter(), self._intake.idle_s
        batch = self._intake.next_batch(timeout_s)
        earlier = self._results.take_undelivered()
        is_idle = not batch
        self._watch_and_drop(batch)
        self._endings.settle(earlier)
        self._endings.write()
        if is_idle:
            if (overdue := self._decisions.holds.overdue(self._clock.now())) and self._source.is_caught_up():
                self._decisions.holds.let_go(overdue)
            self._endings.flush()
        elif (since_s := time.monotonic() - self._endings.committed_at) >= COMMIT_INTERVAL_S:
            self._endings.commit()
        elif since_s >= RESULT_WAIT_S and self._source.keeps_results:
            self._endings.flush()
        if self._results.last and (halt := self._scope.halt()) and halt.reason:
            self._publish()
        self.busy_s += time.perf_counter() - began_s - (self._intake.idle_s - idle_s)
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
            self._endings.nonmatches.add(faces, lived_s, self._scope.policy.max_nonmatch_s, self._clock.now())

    def _watch(self, batch: Sequence[Admitted], faces: Batch) -> None:
        seen = self._see(batch)
        faces.gated, faces.compared = sum(one.gated.total() for _, one in seen), sum(len(one.faces) for _, one in seen)
        detected_at = self._clock.now()
        hits = self._searching.search([one for _, one in seen])
        if isinstance(hits, Halt):
            for admitted, _ in seen:
                self._intake.bar(admitted, hits)
            hits, seen = [], []
        for (admitted, one), found in zip(seen, hits, strict=True):
            faces.alerted += self._decisions.decide(admitted, one, found, detected_at)

    def _see(self, frames: Sequence[Admitted]) -> list[tuple[Admitted, Seen]]:
        """Faces and vectors of every frame that can be decoded."""
        began_s = time.perf_counter()
        whole = self._looking.see([record for record, _ in frames])
        self._intake.pace.took(len(frames), time.perf_counter() - began_s)
        found = []
        for (record, frame), seen in zip(frames, whole, strict=True):
            if isinstance(seen, FrameRefused):
                self._endings.dead_letter(record, seen)
            else:
                found.append(((record, frame), seen))
                self._journal.seen(record.ref, seen)
                self._stages.looked(seen.times)
                if seen.times.looked_s > SLOW_S:
                    self.account.slow[frame.camera] += 1
        return found

    def _publish(self) -> None:
        """Everything is halted: what was decided before becomes readable now, and waits for no other frame."""
        self._intake.check_again()
        self._decisions.holds.let_all_go()
        self._endings.flush()

    def drop(self) -> None:
        """Forget the frames that wait: whoever has their partitions next reads them again."""
        self._intake.take_out()
        self._journal.close()

    def drain(self) -> None:
        """Wait for everything that was written, shed frames included, and commit what is finished."""
        self._endings.write_all()
        self._endings.flush()

    def rebalance(self, revoked: Sequence[TopicPartition], owned: Sequence[TopicPartition]) -> None:
        """The partitions have been shared anew. Those that are still here begin again at their last commit.

        What was written is awaited first, so that everything seen here so far is finished: frames of it that come
        again are passed over, and passages and cool-downs of their cameras go on as if nothing had been. What others
        have alerted about must be given to `recall` next, for those that stayed as well: a member that was given up
        and taken in again does not know who had them meanwhile.

        Raises:
            BrokerUnavailable: Something was not acknowledged.
        """
        self._endings.settle(self._results.take_undelivered())
        elsewhere = set(revoked).difference(owned)
        self._decisions.holds.forget(elsewhere)
        self._endings.forget(elsewhere, self._intake.forget(elsewhere))
        self._decisions.sightings.forget(self._intake.progress.share(elsewhere, owned))
        self._in_hand.learn()
        self._endings.commit()

    @property
    def recall_from(self) -> datetime:
        """See `Decisions`."""
        return self._decisions.recall_from

    def recall(self, alerts: Iterable[bytes]) -> None:
        """See `Decisions`."""
        self._decisions.recall(alerts)

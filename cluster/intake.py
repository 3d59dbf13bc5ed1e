"""The way of a frame from the topic to its turn: polled, understood, covered by the policy, and waiting."""

import time
from collections.abc import Collection, Iterable

from cluster.account import Account
from cluster.admission_queue import AdmissionQueue, Admitted, Dropped
from cluster.endings import Endings
from cluster.in_hand import InHand
from cluster.offsets import OffsetTracker, TopicPartition
from cluster.pace import Pace
from cluster.policies.standing import Halt
from cluster.ports import Clock, FrameSource, Record
from cluster.progress import Progress
from cluster.scope import Scope
from cluster.stages import Stage
from cluster.telemetry.journal import Journal
from cluster.wire.frames import parse_frame
from operators.errors import FrameRefused
from operators.types import Frame

POLL_FRAMES = 256  # more are polled than a batch has only when more have come than a batch has
BATCH_BYTES = 32 * 1024 * 1024  # of JPEGs in one batch
QUEUE_BYTES = 32 * 1024 * 1024  # of JPEGs that wait; one poll may go beyond it, by what the client had fetched
BATCHES_OF_AGE = 5  # a frame waits while one batch is fetched and one looked at, then a third is looked at with it


class Intake:
    """Takes frames in, and gives each camera its turn. Not thread-safe.

    Args:
        source: Frames in.
        offsets: Is told which frames have begun.
        endings: Where those end that are not looked at.
        scope: Whether they may be.
        in_hand: Which frames have ended others.
        account: Where frames are accounted for.
        clock: The time.
        journal: Where it is noted what happened to each frame when.
        batch_frames: Most frames of one batch.

    Attributes:
        pace: How many frames the next batch may have.
        progress: How far each partition has been seen.
        idle_s: Seconds that were spent waiting for frames.
        held: Partitions from which nothing is polled for now.
    """

    def __init__(
        self,
        source: FrameSource,
        offsets: OffsetTracker,
        endings: Endings,
        scope: Scope,
        in_hand: InHand,
        account: Account,
        clock: Clock,
        journal: Journal,
        batch_frames: int,
    ) -> None:
        self._source = source
        self._offsets = offsets
        self._endings = endings
        self._scope = scope
        self._in_hand = in_hand
        self._account = account
        self._stages = account.measures.stages
        self._clock = clock
        self._journal = journal
        self._batch_frames = batch_frames
        self._aside: list[Admitted] = []  # frames that the next policy is to judge
        self.pace = Pace(batch_frames)
        self.progress = Progress(source, offsets, endings.book, account, clock)
        self.idle_s = 0.0
        self.held = 0
        self.adopt()

    def adopt(self) -> None:
        """Go by the policy that is in force by now. What waits must have been taken out before."""
        max_age = self._scope.max_age
        self._queue = AdmissionQueue(self._scope.policy.freshness, max_age, self._batch_frames, BATCH_BYTES)
        self.pace.longest_s = max_age.total_seconds() / BATCHES_OF_AGE

    @property
    def waiting_bytes(self) -> int:
        """Of all JPEGs that wait."""
        return self._queue.waiting_bytes

    def next_batch(self, timeout_s: float) -> list[Admitted]:
        """Poll, take in what has come, and give each camera its turn.

        Args:
            timeout_s: Longest wait, while nothing waits here.
        """
        held = self._queue.full(QUEUE_BYTES)
        self.held = len(held)
        self._source.hold(held)
        began_s, began_ns = time.perf_counter(), self._journal.now_ns()
        polled = self._source.poll(POLL_FRAMES, 0.0 if len(self._queue) else timeout_s, self._offsets.ready())
        if len(polled) < POLL_FRAMES:  # it has waited for frames, or had none to wait for
            self.idle_s += time.perf_counter() - began_s
        self._journal.polled(began_ns, len(polled))
        for record in polled:
            if self.progress.is_new(record):
                self._journal.take(record.ref)
                self._admit(record)
        self.progress.skip(polled, self._clock.now() - self._scope.max_age)
        batch, dropped = self._queue.take(self._clock.now(), self.pace.frames)
        for waited_s in self._queue.waited_s:
            self._stages.took(Stage.TURN, waited_s)
        self._endings.shed(dropped)
        if batch:
            self._in_hand.learn([record for record, _ in batch])
        turn = [each for each in batch if not self.is_barred(each) and not self._is_quarantined(each)]
        self._journal.turn([record.ref for record, _ in turn])
        return turn

    def is_barred(self, admitted: Admitted) -> bool:
        """Whether nothing may follow from a frame: then it is shed, or set aside for the next policy to judge."""
        halt = self._scope.barred(admitted[1])
        if halt is not None:
            self.bar(admitted, halt)
        return halt is not None

    def bar(self, admitted: Admitted, halt: Halt) -> None:
        """Shed a frame, or set it aside for the next policy to judge."""
        if halt.reason is None:
            self._aside.append(admitted)
        else:
            self._endings.shed([Dropped(admitted[1], halt.reason)])

    def take_out(self) -> list[Admitted]:
        """All frames that wait, those that were set aside first; none of them waits any more."""
        waiting, self._aside = [*self._aside, *self._queue.empty()], []
        return waiting

    def take_again(self, waiting: Iterable[Admitted]) -> None:
        """Have frames that waited wait again, if the policy in force covers them."""
        for record, frame in waiting:
            self._take(record, frame)

    def check_again(self) -> None:
        """Shed what waits for its turn, if something halts everything by now."""
        self.take_again(self._queue.empty())

    def forget(self, elsewhere: Collection[TopicPartition]) -> int:
        """Drop what waits of partitions that belong to another process now; how many frames."""
        stays = [each for each in self._aside if (each[0].ref.topic, each[0].ref.partition) not in elsewhere]
        waiting = len(self._aside) - len(stays) + self._queue.forget(elsewhere)
        self._aside = stays
        return waiting

    def _admit(self, record: Record) -> None:
        """Take a frame in: understood, of a camera the policy covers, and fresh."""
        self._account.take_in()
        self._offsets.start(record.ref)
        try:
            frame = parse_frame(record)
        except FrameRefused as refused:
            self._endings.dead_letter(record, refused)
        else:
            self._stages.took(Stage.TOPIC, (self._clock.now() - frame.captured_at).total_seconds())
            self._take(record, frame)

    def _take(self, record: Record, frame: Frame) -> None:
        """Have a frame wait for its turn, if the policy in force covers it."""
        self._journal.understood(frame)
        try:
            self._scope.check(frame)
        except FrameRefused as refused:
            self._endings.dead_letter(record, refused)
            return
        if self._is_quarantined((record, frame)):
            return
        self.progress.has_camera((record.ref.topic, record.ref.partition), frame.camera)
        if not self.is_barred((record, frame)):
            self._endings.shed(self._queue.put(record, frame, self._clock.now()))

    def _is_quarantined(self, admitted: Admitted) -> bool:
        """Whether a frame is to blame and dead-lettered; others may have ended with it while it waited here."""
        record, frame = admitted
        try:
            self._in_hand.check(record, frame.camera)
        except FrameRefused as refused:
            self._endings.dead_letter(record, refused)
            return True
        return False

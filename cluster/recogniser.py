"""A lane: one process that owns frames from poll to commit. Ray starts, watches and replaces it; it knows no Ray."""

import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from cluster.account import Account
from cluster.backoff import pause_s
from cluster.clocks import SystemClock
from cluster.delivery import member_of, open_delivery
from cluster.in_hand import InHand
from cluster.kafka.frame_source import KafkaFrameSource
from cluster.kafka.groups import expel
from cluster.kafka.topics import ALERTS
from cluster.keys import read_evidence_key
from cluster.ledger.writer import Head, LedgerWriter
from cluster.measures import Work
from cluster.offsets import TopicPartition
from cluster.pipeline import Pipeline
from cluster.plan import Plan, open_vision
from cluster.policies.feed import PolicyFeed, open_topic
from cluster.policies.following import Following
from cluster.policies.in_force import PolicyInForce
from cluster.policies.standing import Halt
from cluster.policies.state import PolicyState, fits
from cluster.ports import Index, MessageSink
from cluster.rates import Rates
from cluster.recogniser_status import LEAVE_S, LEAVING, STANDING_BY, Departure, RecogniserStatus
from cluster.scaling import standby_slots
from cluster.slot import SLOT_TAKEN, wait_until_free
from cluster.telemetry.frame_tracing import FrameTracing
from cluster.telemetry.process import this_process
from cluster.traces import forget_frames, trace_of
from cluster.watchlists.feed import WatchlistFeed
from cluster.watchlists.register import read_topic
from cluster.wire.text import format_time
from operators.errors import BrokerUnavailable, IndexIncomplete, ModelsFail, PolicyUnknown, SlotTaken
from operators.onnx import Device

POLL_S = 0.2
RETRY_S, LONGEST_RETRY_S = 1.0, 5.0  # a broker that is back is to be used within seconds
LEDGER_AWAITED = "waits for the ledger: nothing is looked at before it has the settings in force"

log = logging.getLogger("beholden.recogniser")


class Recogniser:
    """Loads the models, then processes frames in a thread of its own until closed; one that stands by, when called.

    When Kafka goes away it drops everything it has not committed and starts again from there; alerts written twice
    carry the same id. Frames that have meanwhile become older than the policy allows are shed, and accounted for so.

    When another process has taken its slot it says so and stays out of the way: to take the slot back would stop that
    one, which would take it back in turn.

    Args:
        plan: What is to run.
        slot: 0-based number of this recogniser.
        index: The watchlist when it is elsewhere; None holds all of it here.
        on_failure: Called when the thread ends by an error nobody foresaw.
        notes: Where the processes of this machine write down which frames they have in hand; None: nowhere, and a look
            that never returns is waited for.
        tracing: Makes the traces of frames; None: there are none.

    Raises:
        SettingsRefused: This machine lacks the key that seals evidence.
        ModelRefused: See `open_vision`.
        DeviceUnavailable: See `open_vision`.
    """

    def __init__(
        self,
        plan: Plan,
        slot: int,
        index: Index | None,
        on_failure: Callable[[], None],
        notes: Path | None = None,
        tracing: FrameTracing | None = None,
    ) -> None:
        self._plan = plan
        self._slot = slot
        self._key = read_evidence_key(plan.settings.key_folder)
        self._vision = open_vision(plan)
        self._in_hand = InHand(notes, member_of(slot))
        if self._in_hand.suspects:
            self._vision.check()  # a machine that is ill must not let frames appear to be to blame
        self._stopping, self._on_call = threading.Event(), threading.Event()
        self.stand_by(slot in standby_slots(plan.settings.recognisers, ()))
        clock, deployment = SystemClock(), plan.in_force.policy.deployment
        state = PolicyState(deployment, plan.settings.people, fits(plan))
        self._policy = PolicyFeed(partial(open_topic, plan.settings.kafka), state, clock, self._stopping.is_set)
        self._following = Following(plan, self._policy, clock)
        self._feed = None if index else _whole_list(plan, slot)
        self._index = index
        self._on_failure = on_failure
        self._account = Account(plan.settings.telemetry.objective_ms / 1000)
        self._tracing = tracing
        self._pipeline: Pipeline | None = None
        self._trouble: str | None = None
        self._restarts = self._in_a_row = 0
        self._is_taken = False
        self._ledger_head: Head | None = None
        self._lag: dict[int, int] = {}
        self._rates = Rates()
        self._has_left = False
        self._told = (0.0, 0, 0)
        self._thread = threading.Thread(target=self._run, name="recogniser", daemon=True)
        self._thread.start()

    def status(self) -> RecogniserStatus:
        """State of this recogniser."""
        in_force, standing = self._following.in_force if self._on_call.is_set() else None, self._policy.standing
        halt = standing.halt(SystemClock().now(), latest=self._policy.latest) if standing else None
        return RecogniserStatus(
            slot=self._slot,
            pid=os.getpid(),
            node=socket.gethostname(),
            state=self._state(halt),
            partitions=dict(self._lag),
            frames_per_s=self._rates.frames_per_s,
            policy=in_force.policy.policy if in_force else 0,
            policy_digest=in_force.digest if in_force else "",
            provider=self._vision.provider,
            restarts=self._restarts,
            index=self._feed.status() if self._feed else None,
            account=self._account.summary(),
            load=self._rates.load(sum(self._lag.values()) + self._account.open),
            switched_at=format_time(at) if (at := self._following.switched_at) else None,
            halted=halt.why if halt else None,
            measured=self._account.measures.measured,
            work=self._work(),
            process=this_process(self._plan.settings.device is Device.CUDA),
            spans_dropped=self._tracing.dropped if self._tracing else 0,
        )

    def stand_by(self, is_so: bool) -> None:
        """Look at no frames: finish what is in hand, commit, and leave the group. Or, when not, join it and go to work.

        It is another thread that does so, within a second.
        """
        (self._on_call.clear if is_so else self._on_call.set)()

    def close(self, timeout_s: float) -> Departure:
        """Finish the batch in hand, commit, and leave the group; the partitions are another's at once.

        Args:
            timeout_s: Longest wait. What is not done by then is done again, by whoever has the partitions next.
        """
        if not self._stopping.is_set():
            self._told = (time.monotonic(), self._account.ended, self._account.given_back)
        self._stopping.set()
        self._thread.join(timeout_s)
        told_at_s, frames, given_back = self._told
        departure = Departure(
            frames=self._account.ended - frames,
            given_back=self._account.given_back - given_back,
            seconds=time.monotonic() - told_at_s,
            has_left=self._has_left,
        )
        self._policy.close()
        if self._feed:
            self._feed.close()
        if self._tracing:
            self._tracing.close()
        return departure

    def _state(self, halt: Halt | None) -> str:
        if self._stopping.is_set():
            return LEAVING
        trouble = self._trouble or self._policy.trouble
        pipeline = self._pipeline
        if pipeline is None and not self._on_call.is_set():
            return trouble or STANDING_BY
        if trouble or pipeline is None:
            return trouble or "starting"
        return pipeline.waiting_for or (halt.why if halt else "watching")

    def _work(self) -> Work | None:
        pipeline, lag = self._pipeline, dict(self._lag)
        return pipeline.work(lag) if pipeline else None

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self._on_call.wait(POLL_S):
                    self._has_left, self._trouble, self._pipeline = True, None, None  # it is in no group
                    continue
                try:
                    self._has_left = False
                    self._watch(self._following.begin())
                    self._has_left = True
                except PolicyUnknown as unknown:  # only who is told to stop does not wait for it
                    log.info("recogniser %d stops: %s", self._slot, unknown)
                    continue
                except (BrokerUnavailable, SlotTaken) as error:
                    log.warning("recogniser %d: %s", self._slot, error)
                    self._account.give_back()
                    self._trouble, self._pipeline = str(error), None
                    forget_frames(error)
                else:
                    continue
                gc.collect()  # of a dataflow, its source and its listener each holds the others
                self._start_over()
        except BaseException as error:
            log.error("recogniser %d ends: %s", self._slot, trace_of(error))  # noqa: TRY400 - its text may hold anything
            self._on_failure()
            raise

    def _start_over(self) -> None:
        """Wait before the next try. It is called when nothing of the last one is held any more."""
        if self._is_taken:
            self._trouble = SLOT_TAKEN
            wait_until_free(self._plan.settings.kafka, self._plan.group, self._slot, self._stopping)
            self._is_taken = False
            self._restarts += 1
        else:
            self._restarts += 1
            self._stopping.wait(pause_s(self._in_a_row, RETRY_S, LONGEST_RETRY_S))
            self._in_a_row += 1

    def _watch(self, plan: Plan) -> None:
        """Join the group and process frames until stopped; whoever was this recogniser before is no member any more.

        Args:
            plan: What is to run, with the policy that stands.
        """
        expel(plan.settings.kafka, plan.group, member_of(self._slot))
        with ExitStack() as closing:
            settings = plan.settings
            source, outlets = open_delivery(
                settings.kafka,
                settings.delivery,
                plan.group,
                self._slot,
                lambda revoked, owned: self._share(pipeline, revoked, owned),
                self._key,
                partial(self._begin_chain, plan.in_force),
                closing,
            )
            index = self._index or self._feed
            assert index is not None  # noqa: S101 - one of the two was given at construction
            pipeline = Pipeline(
                source,
                outlets,
                self._vision,
                index,
                plan.in_force,
                plan.context,
                SystemClock(),
                self._account,
                plan.settings.recognisers.poll_frames,
                self._stopping.is_set,
                self._in_hand,
                self._policy.halting,
                self._tracing.journal() if self._tracing else None,
            )
            self._pipeline, self._trouble = pipeline, None
            self._rates.begin()
            try:
                self._loop(pipeline, source, outlets.ledger)
                outlets.ledger.end(LEAVE_S)
            finally:
                self._ledger_head = outlets.ledger.head

    def _begin_chain(self, in_force: PolicyInForce, sink: MessageSink) -> LedgerWriter:
        """Begin a chain of the ledger with the settings in force: before it has these, nothing is looked at."""
        deployment, writer, clock = in_force.policy.deployment, member_of(self._slot), SystemClock()
        ledger = LedgerWriter(sink, deployment, writer, in_force.digest, clock, self._ledger_head)
        self._trouble = self._trouble or LEDGER_AWAITED
        self._following.tell(ledger)
        return ledger

    def _share(self, pipeline: Pipeline, revoked: Sequence[TopicPartition], owned: Sequence[TopicPartition]) -> None:
        """The group has shared the partitions anew: what others have alerted about is read first."""
        pipeline.rebalance(revoked, owned)
        if owned:
            records = read_topic(self._plan.settings.kafka, ALERTS, pipeline.recall_from)
            pipeline.recall([record.value for record in records])

    def _loop(self, pipeline: Pipeline, source: KafkaFrameSource, ledger: LedgerWriter) -> None:
        measured_at = 0.0
        try:
            while self._on_call.is_set() and not self._stopping.is_set():
                self._following.step(pipeline, ledger)
                pipeline.step(POLL_S)
                self._in_a_row = 0
                if time.monotonic() - measured_at > 1.0:
                    measured_at = time.monotonic()
                    self._lag = source.lag()
                    looked_at = self._account.watched.total()
                    self._rates.measure(measured_at, self._account.frames_in, looked_at, pipeline.busy_s)
            pipeline.drain()
        except SlotTaken:
            self._is_taken = True  # noted before anything else fails on the way out
            raise
        except (IndexIncomplete, ModelsFail, PolicyUnknown):
            if not self._stopping.is_set():
                raise
            log.info("recogniser %d stops while the index, the models or the policy topic are silent", self._slot)
        finally:
            self._account.give_back()  # what waits here, and has not been committed, is another's to account for
            pipeline.drop()
            self._lag = {}


def _whole_list(plan: Plan, slot: int) -> WatchlistFeed:
    index = plan.settings.index
    folder = index.folder_of(member_of(slot))
    kafka, device = plan.settings.kafka, plan.settings.index_device
    return WatchlistFeed(kafka, 0, 1, plan.contract.digest, index.threads, folder, device)

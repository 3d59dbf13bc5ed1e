"""What follows from frames: alerts with their evidence, and dead letters; and what of it is not acknowledged yet."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from cluster.account import Account
from cluster.ledger.writer import LedgerWriter
from cluster.offsets import TopicPartition
from cluster.ports import Clock, Delivery, Record, ResultSink
from cluster.privacy.evidence import EvidenceSink
from cluster.telemetry.journal import Journal
from cluster.unread import Unread
from cluster.wire.alerts import Alert, AlertContext, alert_id, encode_alert
from cluster.wire.evidence import Evidence, EvidenceName
from cluster.wire.frames import encode_dead_letter
from operators.errors import FrameRefused
from operators.sightings import Sighting
from operators.types import Frame, FrameRef
from operators.vision import Seen, Vision

DELIVERY_TIMEOUT_S = 120.0  # kafka-python's own delivery time-out: after it the broker's answer is not going to come


@dataclass(frozen=True, slots=True, eq=False)
class Outlets:
    """Where results are written: topics, and this process' chain of the ledger."""

    alerts: ResultSink
    dead_letters: ResultSink
    ledger: LedgerWriter
    evidence: EvidenceSink


@dataclass(frozen=True, slots=True, eq=False)
class Undelivered:
    """Frames that are finished once what was written for them, since `since_ns`, is acknowledged."""

    frames: Sequence[FrameRef]
    deliveries: Sequence[Delivery]
    since_ns: int = field(default_factory=time.perf_counter_ns)


class Results:
    """Makes and writes what follows from frames. Not thread-safe.

    Args:
        outlets: Where it is written.
        vision: Paints over others in the evidence of an alert.
        account: Where alerts are counted.
        clock: The time.
        context: The settings in force, as alerts name them.
        journal: Says where whoever reads an alert goes on in its frame's trace.

    Attributes:
        context: As above; another one from the next alert on.
        last: Of each partition, the offset of the last frame that led to something and is not committed yet.
    """

    def __init__(
        self,
        outlets: Outlets,
        vision: Vision,
        account: Account,
        clock: Clock,
        context: AlertContext,
        journal: Journal,
    ) -> None:
        self._outlets = outlets
        self._vision = vision
        self._account = account
        self._clock = clock
        self._journal = journal
        self._undelivered: list[Undelivered] = []
        self._unread = Unread(account, clock, journal.now_ns)
        self.context = context
        self.last: dict[TopicPartition, int] = {}

    def alert(self, frame: Frame, seen: Seen, sighting: Sighting, detected_at: datetime) -> Alert:
        """The alert that follows from one sighting; it is not written yet."""
        box = tuple(float(side) for side in seen.faces.boxes[sighting.face])
        return Alert(
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

    def keep_evidence(self, frame: Frame, seen: Seen, alerts: Sequence[Alert]) -> list[tuple[Alert, EvidenceName]]:
        """Write the evidence of alerts of a frame, and wait until it is there.

        Whoever finds an alert written looks no further, so one that was written without evidence would stay without.
        """
        kept = [(alert, *self._outlets.evidence.send(self._evidence(alert, seen), frame.ref)) for alert in alerts]
        for _, _, delivery in kept:
            delivery.wait(DELIVERY_TIMEOUT_S)
        return [(alert, name) for alert, name, _ in kept]

    def send(self, named: Sequence[tuple[Alert, EvidenceName]]) -> list[Delivery]:
        """Write alerts whose evidence is there."""
        at = self._clock.now()
        return [self._send(replace(alert, alerted_at=at), evidence) for alert, evidence in named]

    def send_dead_letter(self, record: Record, refused: FrameRefused) -> Delivery:
        """Write why a frame cannot be processed."""
        value = encode_dead_letter(record, refused.reason, refused.detail, self._clock.now())
        self._note(record.ref)
        return self._outlets.dead_letters.send(str(record.ref), value, [], record.ref)

    def follow(self, frames: Sequence[FrameRef], deliveries: Sequence[Delivery]) -> None:
        """These frames are finished once all of these are acknowledged, and all that was written before."""
        self._undelivered.append(Undelivered(frames, deliveries))

    @property
    def undelivered(self) -> int:
        """Frames of which something may not be acknowledged yet."""
        return sum(len(each.frames) for each in self._undelivered.copy())

    @property
    def has_undelivered(self) -> bool:
        """Whether anything may not be acknowledged yet."""
        return bool(self._undelivered)

    def take_undelivered(self) -> list[Undelivered]:
        """What may not be acknowledged yet, for `settle`; it counts as settled from now on."""
        pending, self._undelivered = self._undelivered, []
        return pending

    def committed(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Offsets are stored, and with them in a transaction what follows from their frames."""
        self.count_readable()
        self.last = {at: offset for at, offset in self.last.items() if next_offsets.get(at, 0) <= offset}

    def count_readable(self) -> None:
        """Account for alerts that can be read by now."""
        self._unread.count()

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions belong to another process now."""
        self._unread.forget(partitions)
        for partition in partitions:
            self.last.pop(partition, None)

    def _send(self, alert: Alert, evidence: EvidenceName) -> Delivery:
        frame = self._journal.send_alert(alert.frame, alert_id(alert, self.context))
        value, headers = encode_alert(replace(alert, frame=frame), self.context, evidence)
        self._note(frame.ref)
        delivery = self._outlets.alerts.send(frame.camera, value, headers, frame.ref)
        if not alert.match.is_canary:
            self._account.alerted(frame.camera, alert.match)
            self._unread.add(frame, delivery)
        return delivery

    def _note(self, ref: FrameRef) -> None:
        self.last[ref.topic, ref.partition] = ref.offset

    def _evidence(self, alert: Alert, seen: Seen) -> Evidence:
        """What an alert can be computed again from."""
        origin, [face] = seen.origin, np.flatnonzero(seen.numbers == alert.face).tolist()
        return Evidence(
            alert_id=alert_id(alert, self.context),
            crop=origin.crops[face],
            face=origin.found.take(seen.numbers[[face]]),
            shape=origin.shape,
            provider=self._vision.provider,
            context=self._vision.context(alert.frame.jpeg, seen, face),
        )


def settle(pending: Sequence[Undelivered], finish: Callable[[Sequence[FrameRef], int], None]) -> list[float]:
    """Wait for acknowledgements, and finish the frames they are of; seconds until all of a frame's were there.

    Args:
        pending: What was written for them.
        finish: Is given frames, and when the last message for them was acknowledged, see `ports.Delivery`.

    Raises:
        BrokerUnavailable: One does not come: nothing of it may be committed.
    """
    took_s = []
    for each in pending:
        for delivery in each.deliveries:
            delivery.wait(DELIVERY_TIMEOUT_S)
        acknowledged_ns = max((delivery.acknowledged_ns for delivery in each.deliveries), default=0)
        finish(each.frames, acknowledged_ns)
        if each.deliveries:
            took_s.append(((acknowledged_ns or time.perf_counter_ns()) - each.since_ns) / 1e9)
    return took_s

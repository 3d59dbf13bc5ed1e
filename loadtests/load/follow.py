"""A run from its first frame to the last alert that can be expected."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from cluster.ports import Clock
from loadtests.load.machine_watch import Usage
from loadtests.load.plants import planted
from loadtests.load.samples import Sample
from loadtests.load.scenario import Plant
from loadtests.load.sending import Sender
from loadtests.load.truth import Judgement, Read, Truth

SETTLE_S = 60.0  # for frames that were sent and are not finished
LAST_S = 3.0  # for the alert of the last frame that is finished, and for the ledger's last intervals
GRACE_S = 5.0  # a passage that is over for less is not missed yet, on the screen
SAMPLE_S = 1.0

Seen = Callable[[Sample], None]


class Alerts(Protocol):
    """Where alerts come from; see `AlertWatch`."""

    def take(self) -> Sequence[Read]:
        """What has come since the last call."""
        ...


class Machine(Protocol):
    """Who uses what; see `MachineWatch`."""

    def look(self) -> Usage:
        """What was used since the last look."""
        ...


class Follow:
    """Follows one run from second to second, until every frame has ended or nothing more can be expected.

    Args:
        truth: What alerts are held against.
        alerts: Where they come from.
        plant: What the reader does wrong on purpose.
        sender: Who sends.
        machine: Who uses what.
        begin: When the timetable begins, UTC-aware.
        clock: The time.

    Attributes:
        samples: One a second.
        is_over: Whether nothing more is waited for.
    """

    def __init__(
        self,
        truth: Truth,
        alerts: Alerts,
        plant: Plant | None,
        sender: Sender,
        machine: Machine,
        begin: datetime,
        clock: Clock,
    ) -> None:
        self.truth = truth
        self.samples: list[Sample] = []
        self._alerts = alerts
        self._planted = planted(plant)
        self._sender = sender
        self._machine = machine
        self._begin = begin
        self._clock = clock
        self._next_s = 0.0
        self._sent_at_s = self._ended_at_s = float("inf")
        self.is_over = False

    def step(self, ended: int, seen: Seen) -> None:
        """Take in what has come; `ended` frames have been finished so far."""
        for each in self._planted(self._alerts.take()):
            self.truth.take(each)
        now_s, sent = (self._clock.now() - self._begin).total_seconds(), self._sender.look()
        if sent.is_done:
            self._sent_at_s = min(now_s, self._sent_at_s)
            if ended >= sent.frames:
                self._ended_at_s = min(now_s, self._ended_at_s)
        if now_s >= self._next_s:
            self._next_s = max(self._next_s + SAMPLE_S, now_s)
            truth = self.truth
            counts = {str(each): truth.count(each) for each in Judgement}
            missed = len(truth.missed(now_s - GRACE_S))
            self.samples.append(Sample(now_s, sent, ended, missed=missed, usage=self._machine.look(), **counts))
            seen(self.samples[-1])
        self.is_over = now_s > min(self._ended_at_s + LAST_S, self._sent_at_s + SETTLE_S)

"""What a recogniser decides by: it changes over between two steps, and tells the ledger what it has done."""

import time
from collections import deque
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from cluster.ledger.writer import LedgerWriter
from cluster.plan import Plan
from cluster.policies.in_force import PolicyInForce
from cluster.policies.standing import Standing
from cluster.policies.state import Refusal
from cluster.ports import Clock
from cluster.wire.alerts import AlertContext
from cluster.wire.policy_records import FOLLOWED, REFUSED, followed_body, refused_body
from cluster.wire.settings import IN_FORCE, in_force_body

TELL_S = 60.0  # how often the ledger is told what is in force although nothing has changed
TOLD_AT_ONCE = 10  # documents that are not followed, between two steps: whoever writes thousands must not stop frames
LEDGER_S = 10.0  # for a record: a broker that is there needs a hundredth of it


class Feed(Protocol):
    """What stands: see `PolicyFeed`."""

    @property
    def standing(self) -> Standing | None:
        """See `PolicyFeed`."""
        ...

    def wait(self) -> Standing:
        """See `PolicyFeed`."""
        ...

    def refusals(self) -> list[Refusal]:
        """See `PolicyFeed`."""
        ...


class Switchable(Protocol):
    """A dataflow whose policy can be exchanged."""

    def switch(self, policy: PolicyInForce, context: AlertContext) -> None:
        """See `Pipeline.switch`."""
        ...


class Following:
    """Follows the policy topic for one recogniser. Not thread-safe, but what it says of itself may be read anywhere.

    Args:
        plan: What was asked for when the recogniser was made; its policy may be an old one by now.
        feed: What stands.
        clock: The time.

    Attributes:
        in_force: By which policy it decides; None before it has begun.
        switched_at: When it changed over to that, UTC-aware; None when it has begun with it.
    """

    def __init__(self, plan: Plan, feed: Feed, clock: Clock) -> None:
        self._plan = plan
        self._feed = feed
        self._clock = clock
        self._since = clock.now()
        self._told_s = 0.0
        self._order: str | None = None
        self._untold = deque[Refusal]()
        self.in_force: PolicyInForce | None = None
        self.switched_at: datetime | None = None

    def begin(self) -> Plan:
        """The plan with the policy that stands, once that is certain.

        Raises:
            PolicyUnknown: The recogniser is stopping.
        """
        found = self._feed.wait().release.in_force
        if self.in_force is None or self.in_force.digest != found.digest:
            self._goes_by(found)
        return replace(self._plan, in_force=found)

    def tell(self, ledger: LedgerWriter) -> None:
        """Write what is in force to the ledger: before it has that, nothing may follow from it.

        Raises:
            BrokerUnavailable: It was not acknowledged.
        """
        if self.in_force is not None:
            ledger.write(IN_FORCE, in_force_body(self.in_force, self._since)).wait(LEDGER_S)
            self._told_s = time.monotonic()

    def step(self, pipeline: Switchable, ledger: LedgerWriter) -> None:
        """Between two steps of the dataflow: change over if another policy stands, and tell the ledger of all news.

        Raises:
            BrokerUnavailable: Something was not acknowledged.
        """
        standing = self._feed.standing
        if standing is not None and self.in_force is not None:
            found = standing.release.in_force
            if found.digest != self.in_force.digest:
                pipeline.switch(found, replace(self._plan, in_force=found).context)
                self._goes_by(found)
                self.tell(ledger)
            elif time.monotonic() - self._told_s >= TELL_S:
                self.tell(ledger)
            self._tell_of_order(standing, ledger)
        self._untold.extend(self._feed.refusals())
        for first in list(self._untold)[:TOLD_AT_ONCE]:
            ledger.write(REFUSED, refused_body(first.offset, first.reason, first.number))
            self._untold.popleft()

    def _goes_by(self, found: PolicyInForce) -> None:
        self._since = self._clock.now()
        self.switched_at = self._since if self.in_force is not None else None
        self.in_force = found

    def _tell_of_order(self, standing: Standing, ledger: LedgerWriter) -> None:
        order = standing.last_order
        if order is not None and order.digest != self._order:
            ledger.write(FOLLOWED, followed_body(order.action, order.digest, self._clock.now()))
            self._order = order.digest

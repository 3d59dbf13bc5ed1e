"""By which policy a process decides, and whether anything may be looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cluster.account import Shed
from cluster.policies.in_force import why_over
from cluster.wire.order import Order
from cluster.wire.release import Release
from cluster.wire.text import format_time


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing is looked at.

    Attributes:
        reason: What the account of frames says; None: nothing, for the policy that stands is to judge them.
        why: What people are told.
    """

    reason: Shed | None
    why: str


Halting = Callable[[str], Halt | None]
"""What halts everything now that the policy of this digest decides; None: nothing does. Waits until that is known."""


def nothing_halts(_: str) -> None:
    """For a dataflow that nobody gives orders to."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the policy topic says to one process.

    Attributes:
        release: By which it decides: the newest that fits the models it runs.
        newest: The newest, whether it fits or not.
        newest_at: When that was written, UTC-aware.
        stopped_by: The order to stop that has not been ended.
        last_order: The order that was followed last.
        misfit: Why the newest is not followed; None when it is.
        release_in_doubt: See `PolicyBook`.
        stop_in_doubt: See `PolicyBook`.
    """

    release: Release
    newest: Release
    newest_at: datetime
    stopped_by: Order | None = None
    last_order: Order | None = None
    misfit: str | None = None
    release_in_doubt: str | None = None
    stop_in_doubt: str | None = None

    def halt(self, now: datetime, digest: str | None = None, latest: datetime | None = None) -> Halt | None:
        """Why nothing is looked at at this moment; None: what a frame shows decides.

        Args:
            now: UTC-aware.
            digest: Of the policy by which whoever asks decides; None: by the one that stands.
            latest: The latest time that was seen, UTC-aware: what is over by then stays over. None: now.
        """
        if order := self.stopped_by:
            return Halt(Shed.STOPPED, self.stop_in_doubt or f"stopped by {order.by}: {order.why}")
        if self.release_in_doubt:
            return Halt(Shed.LAPSED, self.release_in_doubt)
        if digest not in (None, self.release.digest):
            return Halt(None, f"policy {self.release.number} stands, and is being changed over to")
        return self._ended(latest or now) or self._closed(now)

    def _ended(self, now: datetime) -> Halt | None:
        """Why the policy decides nothing any more."""
        number, policy = self.release.number, self.release.in_force.policy
        if self.release.is_expired(now):
            return Halt(Shed.LAPSED, f"policy {number} was looser for a time, which is over: apply a stricter one")
        over = why_over(policy, now)
        return Halt(Shed.LAPSED, over) if over else None

    def _closed(self, now: datetime) -> Halt | None:
        """Why the policy decides nothing at this hour."""
        number, policy = self.release.number, self.release.in_force.policy
        if now < policy.start:
            return Halt(Shed.OUT_OF_HOURS, f"policy {number} begins at {format_time(policy.start)}")
        if not policy.hours.include(now):
            return Halt(Shed.OUT_OF_HOURS, f"outside the hours of policy {number}")
        return None

"""Time, as `ports.Clock`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from cluster.ports import Clock


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present, UTC-aware."""
        return datetime.now(UTC)


@dataclass(slots=True)
class HandClock:
    """A clock that moves when told to."""

    time: datetime

    def now(self) -> datetime:
        """The time it was set to."""
        return self.time


class LatestTime:
    """The latest time that was seen anywhere: a clock that is set back does not move it. May be used from any thread.

    Args:
        clock: Which is seen whenever anybody asks.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._latest = clock.now()

    def see(self, at: datetime) -> datetime:
        """Take in what another clock says, UTC-aware; the latest time."""
        with self._lock:
            self._latest = max(self._latest, at)
            return self._latest

    def now(self) -> datetime:
        """The latest time, UTC-aware: never before what it said last."""
        return self.see(self._clock.now())


def from_ms(at_ms: int) -> datetime:
    """The moment of a record, Unix milliseconds; one outside the calendar is the calendar's beginning."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)

"""Time, as `ports.Clock`."""

from dataclasses import dataclass
from datetime import UTC, datetime


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


def from_ms(at_ms: int) -> datetime:
    """The moment of a record, Unix milliseconds; one outside the calendar is the calendar's beginning."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)

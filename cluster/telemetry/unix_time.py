"""Moments as spans have them: Unix nanoseconds."""

from datetime import UTC, datetime, timedelta

LATEST_NS = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unix_ns(moment: datetime) -> int:
    """Unix nanoseconds of a UTC-aware moment, to its last microsecond.

    What lies before 1970 or after 2262, by a clock that is wrong, is the first or the last that a span can name.
    """
    return min(max(0, (moment - _EPOCH) // timedelta(microseconds=1) * 1000), LATEST_NS)

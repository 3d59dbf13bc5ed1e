"""Moments as spans have them: Unix nanoseconds."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unix_ns(moment: datetime) -> int:
    """Unix nanoseconds of a UTC-aware moment, to its last microsecond."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000

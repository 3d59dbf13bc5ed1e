"""What all message forms share: times and JSON."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Headers = list[tuple[str, bytes]]


def parse_time(text: str) -> datetime:
    """RFC 3339 text with a time zone as a UTC-aware time; ValueError otherwise."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text}: has no time zone; write it as 2026-01-31T12:00:00Z")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text}: lies outside the calendar; write a year between 1 and 9999") from None


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_line(text: str, max_bytes: int) -> bool:
    """Whether a name can stand in a list, a log line and a header: not empty, printable, no blanks at its ends."""
    return 0 < len(text.encode()) <= max_bytes and text.isprintable() and text == text.strip()


def dump(body: Mapping[str, Any]) -> bytes:
    """Compact JSON, UTF-8, keys in the order given."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def headers_of(pairs: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """Headers by name; of a repeated name the last, of a null value the empty one."""
    return {name: value or b"" for name, value in pairs}


def counted(number: int, one: str, more: str) -> str:
    """A number with what it counts: `1 day`, `2 days`."""
    return f"{number} {one if number == 1 else more}"

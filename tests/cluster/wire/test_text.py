import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire.text import dump, format_time, headers_of, parse_time

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)  # noqa: DTZ001


def test_times_are_written_in_utc_with_milliseconds() -> None:
    """Whatever the zone; what is finer is cut off, never rounded up past an end."""
    zone = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 1, 31, 14, 0, 0, 999_999, tzinfo=zone)) == "2026-01-31T12:00:00.999Z"
    assert format_time(datetime(2026, 1, 31, 12, tzinfo=UTC)) == "2026-01-31T12:00:00.000Z"


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000+00:00", "2026-01-31T14:00:00+02:00", "2026-01-31 07:00:00-05:00"],
)
def test_times_are_read_in_any_zone(text: str) -> None:
    """And are UTC afterwards."""
    found = parse_time(text)
    assert found == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-13-31T12:00:00Z",
        "1769860800",
        "9999-12-31T23:59:59-23:00",
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_what_is_no_time_with_a_zone_is_refused(text: str) -> None:
    """Also what leaves the calendar on its way to UTC."""
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do, callers write their own
        parse_time(text)


@given(TIMES)
def test_what_is_written_is_read_back_to_the_millisecond(time: datetime) -> None:
    """Never later than it was."""
    found = parse_time(format_time(time))
    assert timedelta(0) <= time - found < timedelta(milliseconds=1)
    assert format_time(found) == format_time(time)


@given(st.text())
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    """No other error comes out."""
    with contextlib.suppress(ValueError):
        assert parse_time(text).tzinfo is UTC


def test_json_is_compact_ordered_and_strict() -> None:
    """Letters of all languages as they are; numbers that JSON does not know are refused."""
    assert dump({"b": "Süd", "a": [1, 0.5]}) == '{"b":"Süd","a":[1,0.5]}'.encode()
    assert json.loads(dump({"x": 0.1 + 0.2})) == {"x": 0.1 + 0.2}
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            dump({"x": wrong})


def test_of_a_repeated_header_the_last_counts() -> None:
    """A null value is an empty one."""
    assert headers_of([("a", b"1"), ("b", None), ("a", b"2")]) == {"a": b"2", "b": b""}
    assert headers_of([]) == {}

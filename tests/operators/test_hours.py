from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.hours import WEEKDAYS, Hours

SHUT: dict[str, tuple[str, ...]] = dict.fromkeys(WEEKDAYS, ())
OPEN = Hours("UTC", dict.fromkeys(WEEKDAYS, ("00:00-24:00",)))


def hours(zone: str = "Europe/London", **windows: tuple[str, ...]) -> Hours:
    """Shut but for the days given."""
    return Hours(zone, {**SHUT, **windows})


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-05T07:29:59Z", False),  # a Monday in winter, when London has UTC
        ("2026-01-05T07:30:00Z", True),
        ("2026-01-05T18:59:59Z", True),
        ("2026-01-05T19:00:00Z", False),
        ("2026-01-06T08:00:00Z", False),
        ("2026-07-06T06:29:59Z", False),  # a Monday in summer
        ("2026-07-06T06:30:00Z", True),
        ("2026-07-06T18:00:00Z", False),
        ("2026-07-05T23:30:00Z", True),  # Monday, 00:30 in London
    ],
)
def test_a_window_is_read_on_the_clock_of_the_place(at: str, expected: bool) -> None:
    """Its first minute belongs to it, the one at its end does not."""
    assert hours(mon=("00:00-01:00", "07:30-19:00")).include(datetime.fromisoformat(at)) is expected


def test_the_hour_that_comes_twice_is_watched_twice_and_the_one_that_is_left_out_never() -> None:
    """Both as the clock on the wall says."""
    sunday = hours(sun=("01:00-02:00",))
    night = [datetime(2026, 10, 25, 0, 30, tzinfo=UTC) + timedelta(hours=n) for n in range(-1, 3)]
    assert [sunday.include(at) for at in night] == [False, True, True, False]
    spring = [datetime(2026, 3, 29, 0, tzinfo=UTC) + timedelta(minutes=n) for n in range(180)]
    assert not any(sunday.include(at) for at in spring)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_all_hours_are_all_moments(at: datetime) -> None:
    """And no windows are none."""
    assert OPEN.include(at)
    assert not hours().include(at)


@pytest.mark.parametrize(
    "zone",
    ["", "London", "europe/london", "localtime", "Europe", "../Europe/London", "/etc/localtime", "GMT+1", "+01:00"],
)
def test_a_zone_has_the_name_of_its_place(zone: str) -> None:
    """Nothing is looked for outside the package that names zones."""
    with pytest.raises(ValueError, match=r"zone: .* is no time zone: write an IANA name"):
        hours(zone)


def test_no_zone_is_read_from_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """PYTHONTZPATH would change at what hours people are watched."""
    from operators import hours as module

    monkeypatch.setenv("PYTHONTZPATH", str(tmp_path))
    module._zone.cache_clear()
    assert module._zone("Asia/Tokyo").utcoffset(datetime(2026, 1, 1)) == timedelta(hours=9)  # noqa: DTZ001
    assert module._zone("Asia/Tokyo") is not ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        (("9:00-10:00",), "is no window"),
        (("09:00",), "is no window"),
        (("09:00-10:00 ",), "is no window"),
        (("09:60-10:00",), "is no window"),
        (("24:00-24:00",), "is no window"),
        (("23:00-24:01",), "is no window"),
        (("10:00-10:00",), "is no window"),
        (("22:00-02:00",), "is 22:00-24:00 and 00:00-02:00 on the day after"),
        (("09:00-10:00", "08:00-08:30"), "in order and not overlap"),
        (("09:00-10:00", "09:59-11:00"), "in order and not overlap"),
        (("09:00-10:00", "09:00-10:00"), "in order and not overlap"),
    ],
)
def test_windows_can_be_read_in_one_way_only(windows: tuple[str, ...], words: str) -> None:
    """The message names the day."""
    with pytest.raises(ValueError, match=f"windows.tue: .*{words}"):
        hours(tue=windows)
    assert hours(tue=("09:00-10:00", "10:00-11:00"))


def test_every_day_is_named() -> None:
    """A day that was forgotten is not a day off, and one that nobody knows is none."""
    for windows in ({"mon": ()}, {**SHUT, "monday": ()}, {}):
        with pytest.raises(ValueError, match=r"windows: name each of mon, .*\[\] stands for a day without"):
            Hours("UTC", windows)


WINDOWS = (
    st.lists(st.integers(0, 24), unique=True, max_size=6)
    .map(sorted)
    .map(lambda at: tuple(f"{a:02}:00-{b:02}:00" for a, b in zip(at[::2], at[1::2], strict=False)))
)


@given(WINDOWS, WINDOWS)
def test_hours_cover_others_when_no_hour_is_outside(some: tuple[str, ...], others: tuple[str, ...]) -> None:
    """Held against every hour of a day."""
    wide, narrow = hours("UTC", mon=some), hours("UTC", mon=others)
    day = [datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=n) for n in range(24)]
    assert wide.cover(narrow) == all(wide.include(at) for at in day if narrow.include(at))


def test_hours_in_another_zone_are_never_covered() -> None:
    """When the zones agree today they may not tomorrow."""
    assert OPEN.cover(OPEN)
    assert not OPEN.cover(Hours("Europe/London", OPEN.windows))

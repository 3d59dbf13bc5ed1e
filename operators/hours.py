"""At what times of the week a deployment watches, on the clock of the place."""

import functools
import importlib.resources
import itertools
import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]|24):([0-5][0-9])")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """When faces may be searched for.

    Attributes:
        zone: Time zone of the place, an IANA name such as `Europe/London`. It is read from the package tzdata, not from
            the machine, so that every process of a cluster reads the same clock.
        windows: For each of `WEEKDAYS` its windows such as `07:30-19:00`, in order; none on a day without. The first
            minute belongs to a window, the last does not. 24:00 is the end of the day; a night is two windows on two
            days. Too long watches people whom the purpose does not ask for.
    """

    zone: str
    windows: dict[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        if self.zone not in _zones():
            raise ValueError(f"zone: {self.zone!r} is no time zone: write an IANA name such as Europe/London")
        if set(self.windows) != set(WEEKDAYS):
            raise ValueError(f"windows: name each of {', '.join(WEEKDAYS)}; [] stands for a day without")
        for day, windows in self.windows.items():
            _check(day, windows)

    def include(self, at: datetime) -> bool:
        """Whether a moment, aware of its zone, lies in a window."""
        local = at.astimezone(_zone(self.zone))
        minute = 60 * local.hour + local.minute
        return any(start <= minute < end for start, end in map(_minutes, self.windows[WEEKDAYS[local.weekday()]]))

    def cover(self, other: "Hours") -> bool:
        """Whether no moment of `other` lies outside these; certain only if both are in one zone."""
        return self.zone == other.zone and all(
            any(start <= first and last <= end for start, end in _joined(self.windows[day]))
            for day in WEEKDAYS
            for first, last in _joined(other.windows[day])
        )


@functools.cache
def _minutes(window: str) -> tuple[int, int]:
    """First minute of the day and the one after the last."""
    found = _WINDOW.fullmatch(window)
    hours = [int(part) for part in found.groups()] if found else []
    if not hours or (end := 60 * hours[2] + hours[3]) > _DAY_MINUTES or (start := 60 * hours[0] + hours[1]) >= end:
        raise ValueError(
            f"{window!r} is no window: write 07:30-19:00, at the latest until 24:00; a night such as 22:00-02:00 is "
            "22:00-24:00 and 00:00-02:00 on the day after"
        )
    return start, end


def _check(day: str, windows: tuple[str, ...]) -> None:
    try:
        pairs = [_minutes(window) for window in windows]
    except ValueError as error:
        raise ValueError(f"windows.{day}: {error}") from None
    if any(after[0] < before[1] for before, after in itertools.pairwise(pairs)):
        raise ValueError(f"windows.{day}: must be in order and not overlap")


def _joined(windows: tuple[str, ...]) -> list[tuple[int, int]]:
    """The windows of one day, those that touch made one."""
    found: list[tuple[int, int]] = []
    for start, end in map(_minutes, windows):
        if found and found[-1][1] == start:
            start = found.pop()[0]
        found.append((start, end))
    return found


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(importlib.resources.files("tzdata").joinpath("zones").read_text().split())


@functools.cache
def _zone(name: str) -> ZoneInfo:
    with importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, name)

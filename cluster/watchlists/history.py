"""Who was on which list when, from the ledger alone: it outlives the images and vectors of whoever was listed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cluster.wire.list_events import Change, ListEvent

REPLACED = "enrolled anew"


@dataclass(frozen=True, slots=True)
class Stay:
    """One person's time on one list.

    Attributes:
        watchlist: Which.
        category: What for.
        since: UTC-aware.
        until: UTC-aware; the person is not searched for at this moment any more.
        ended_by: Why it ends then.
        record: SHA-256 (hex) of the entry's record.
        by: Who approved it.
    """

    watchlist: str
    category: str
    since: datetime
    until: datetime
    ended_by: str
    record: str
    by: str


def stays(events: Iterable[ListEvent], member: str) -> list[Stay]:
    """When one person was listed.

    Args:
        events: In the order of the ledger.
        member: What the ledger calls them, see `DeploymentKeys.member`.

    Returns:
        In order; none overlaps another.
    """
    found: list[Stay] = []
    for event in events:
        if event.member != member:
            continue
        if event.change is Change.WITHDRAWN and event.why:
            _end(found, event.at, str(event.why))
        if event.change is Change.ENROLLED and event.not_after:
            _end(found, event.at, REPLACED)
            until = max(event.at, event.not_after)
            stay = Stay(event.watchlist, event.category, event.at, until, "expired", event.record, event.by)
            found.append(stay)
    return found


def _end(found: list[Stay], at: datetime, why: str) -> None:
    """A person's last stay ends at the latest at this moment; one that has ended is left as it is."""
    if found and at < found[-1].until:
        found[-1] = replace(found[-1], until=max(at, found[-1].since), ended_by=why)


def at(found: Sequence[Stay], moment: datetime, watchlist: str | None = None) -> Stay | None:
    """The stay of a moment, on any list or on one; None when there is none."""
    for stay in found:
        if stay.since <= moment < stay.until and watchlist in (None, stay.watchlist):
            return stay
    return None

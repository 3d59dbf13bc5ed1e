"""Records of the ledger topic that say what happened to lists. They name nobody: people are told apart by a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cluster.wire.ledger import LedgerInvalid, parse_record, typed
from cluster.wire.text import format_time, parse_time


class Change(StrEnum):
    """What happened to a list."""

    CREATED = "watchlist.created"
    ENROLLED = "watchlist.enrolled"
    WITHDRAWN = "watchlist.withdrawn"


class Withdrawal(StrEnum):
    """Why somebody was taken off: the closed vocabulary, because free text may name people."""

    FOUND = "found"
    NOT_SOUGHT = "not_sought"
    MISTAKE = "mistake"
    EXPIRED = "expired"
    DEPLOYMENT_ENDED = "deployment_ended"


@dataclass(frozen=True, slots=True)
class ListEvent:
    """One change of a list.

    Attributes:
        change: What happened: the type of the record.
        at: UTC-aware; of an enrolment, before anyone is searched for; of a withdrawal, once nobody is any more.
        deployment: Whose list.
        by: Who did it or approved it.
        members_id: Which key `member` was made with.
        member: Who, under that key; empty when a list is created.
        watchlist: Which list; empty for a withdrawal, which takes a person off whatever list they are on.
        category: What an enrolment is for.
        record: SHA-256 (hex) of an enrolment's record in the watchlist topic.
        not_after: When an enrolment ends by itself.
        images: Of an enrolment.
        minor: Whether records say that an enrolment is of a minor.
        why: Of a withdrawal.
    """

    change: Change
    at: datetime
    deployment: str
    by: str
    members_id: str
    member: str = ""
    watchlist: str = ""
    category: str = ""
    record: str = ""
    not_after: datetime | None = None
    images: int = 0
    minor: bool = False
    why: Withdrawal | None = None


def event_body(event: ListEvent) -> dict[str, Any]:
    """Body of the record; what else is told of the event stands in every record."""
    return {
        "by": event.by,
        "members_id": event.members_id,
        "member": event.member,
        "watchlist": event.watchlist,
        "category": event.category,
        "record": event.record,
        "not_after": format_time(event.not_after) if event.not_after else None,
        "images": event.images,
        "minor": event.minor,
        "why": str(event.why) if event.why else None,
    }


def parse_event(value: bytes) -> ListEvent | None:
    """The change of a list in a record of the ledger topic; None for records about something else.

    Raises:
        LedgerInvalid: It is no record of the ledger, or no change of a list as this version writes them.
    """
    record = parse_record(value)
    if record.kind not in list(Change):
        return None
    try:
        return _event(Change(record.kind), record.at, record.deployment, record.body)
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerInvalid(f"not a change of a list: {type(error).__name__}") from None


def _event(change: Change, at: datetime, deployment: str, body: Mapping[str, Any]) -> ListEvent:
    texts = ("by", "members_id", "member", "watchlist", "category", "record")
    return ListEvent(
        change=change,
        at=at,
        deployment=deployment,
        **{name: typed(body, name, str) for name in texts},
        not_after=parse_time(body["not_after"]) if body["not_after"] is not None else None,
        images=typed(body, "images", int),
        minor=typed(body, "minor", bool),
        why=Withdrawal(body["why"]) if body["why"] is not None else None,
    )

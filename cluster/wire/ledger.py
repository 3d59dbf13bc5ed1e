"""The ledger topic: what happened to lists, in records that name nobody and hold no picture and no vector.

When cameras were not watched stands in the same topic: `cluster/wire/shed.py`.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import rfc8785

from cluster.wire.text import format_time, parse_time
from operators.errors import BeholdenError

LEDGER_FORM = "beholden.ledger.v1"

T = TypeVar("T")


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
        change: What happened.
        at: UTC-aware; of an enrolment, before anyone is searched for; of a withdrawal, once nobody is any more.
        deployment: Whose list.
        policy_digest: SHA-256 (hex) of the policy by which it was done.
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
    policy_digest: str
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


def encode_event(event: ListEvent) -> bytes:
    """Value of a record of the ledger topic, in RFC 8785 form."""
    return rfc8785.dumps(
        {
            "form": LEDGER_FORM,
            "type": str(event.change),
            "at": format_time(event.at),
            "deployment": event.deployment,
            "policy_digest": event.policy_digest,
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
    )


class LedgerInvalid(BeholdenError):
    """A record of the ledger topic that cannot be read."""


def parse_event(value: bytes) -> ListEvent | None:
    """The change of a list in a record of the ledger topic; None for records about something else.

    Raises:
        LedgerInvalid: It is no record of the ledger.
    """
    return parse_record(value, list(Change), _event)


def _event(body: Mapping[str, Any]) -> ListEvent:
    texts = ("deployment", "policy_digest", "by", "members_id", "member", "watchlist", "category", "record")
    return ListEvent(
        change=Change(body["type"]),
        at=parse_time(body["at"]),
        **{name: typed(body, name, str) for name in texts},
        not_after=parse_time(body["not_after"]) if body["not_after"] is not None else None,
        images=typed(body, "images", int),
        minor=typed(body, "minor", bool),
        why=Withdrawal(body["why"]) if body["why"] is not None else None,
    )


def parse_record(value: bytes, types: Collection[str], build: Callable[[Mapping[str, Any]], T]) -> T | None:
    """What `build` makes of a record of one of these types; None for records of other types.

    Raises:
        LedgerInvalid: It is no record of the ledger, or `build` finds a member missing or of another kind.
    """
    try:
        body: Mapping[str, Any] = json.loads(value)
        if body["form"] != LEDGER_FORM:
            raise LedgerInvalid(f"its form is not {LEDGER_FORM}")
        return build(body) if typed(body, "type", str) in types else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerInvalid(f"not a record of the ledger: {type(error).__name__}") from None


def typed(body: Mapping[str, Any], name: str, kind: type) -> Any:
    """A member of a record, which must be of this kind and no other.

    Raises:
        LedgerInvalid: It is of another one.
    """
    value = body[name]
    if type(value) is not kind:
        raise LedgerInvalid(f"{name} is not of its kind")
    return value

from typing import Any

import pytest

from cluster.wire.ledger import LedgerInvalid
from cluster.wire.list_events import Change, ListEvent, Withdrawal, event_body, parse_event
from tests.builders import NOW, TOMORROW, ledger_value


def event(change: Change = Change.ENROLLED, **changes: Any) -> ListEvent:
    """An enrolment of one person on the list `sought`."""
    fields: dict[str, Any] = {
        "deployment": "test",
        "by": "inspector 7",
        "members_id": "0" * 16,
        "member": "a" * 64,
        "watchlist": "sought",
        "category": "missing",
        "record": "e" * 64,
        "not_after": TOMORROW,
        "images": 1,
    }
    return ListEvent(change, changes.pop("at", NOW), **{**fields, **changes})


def event_value(of: ListEvent) -> bytes:
    """The record of a change."""
    return ledger_value(of.change, event_body(of), at=of.at, deployment=of.deployment)


EVENTS = [
    event(),
    event(minor=True, images=3),
    event(Change.CREATED, member="", category="", record="", not_after=None, images=0),
    event(Change.WITHDRAWN, watchlist="", record="", not_after=None, images=0, why=Withdrawal.FOUND),
]


@pytest.mark.parametrize("written", EVENTS, ids=lambda each: each.change)
def test_an_event_is_read_back(written: ListEvent) -> None:
    """As it was."""
    assert parse_event(event_value(written)) == written


def test_records_about_something_else_are_left_to_others() -> None:
    """The ledger has other writers."""
    assert parse_event(ledger_value("policy.applied", event_body(event()))) is None


@pytest.mark.parametrize("field", sorted(event_body(event())))
def test_each_field_is_needed_and_of_its_kind(field: str) -> None:
    """A record that cannot be read is told of, never guessed."""
    body = event_body(event())
    broken = [{name: value for name, value in body.items() if name != field}]
    broken += [{**body, field: wrong} for wrong in ([], {"a": 1}, 1.5)]
    for each in broken:
        with pytest.raises(LedgerInvalid):
            parse_event(ledger_value(Change.ENROLLED, each))


def test_what_is_no_record_of_the_ledger_is_refused() -> None:
    """With the ledger's own error."""
    with pytest.raises(LedgerInvalid):
        parse_event(b"{}")

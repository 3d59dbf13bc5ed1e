import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire.ledger import Change, LedgerInvalid, ListEvent, Withdrawal, encode_event, parse_event
from tests.builders import NOW, TOMORROW


def event(change: Change = Change.ENROLLED, **changes: Any) -> ListEvent:
    """An enrolment of one person on the list `sought`."""
    fields: dict[str, Any] = {
        "deployment": "test",
        "policy_digest": "d" * 64,
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


EVENTS = [
    event(),
    event(minor=True, images=3),
    event(Change.CREATED, member="", category="", record="", not_after=None, images=0),
    event(Change.WITHDRAWN, watchlist="", record="", not_after=None, images=0, why=Withdrawal.FOUND),
]


@pytest.mark.parametrize("written", EVENTS, ids=lambda each: each.change)
def test_an_event_is_read_back(written: ListEvent) -> None:
    """In the same bytes for the same event, keys sorted, as a hash chain needs them."""
    value = encode_event(written)
    assert parse_event(value) == written
    assert value == encode_event(written)
    assert list(json.loads(value)) == sorted(json.loads(value))


def test_records_about_something_else_are_left_to_others() -> None:
    """The ledger has other writers."""
    body = {**json.loads(encode_event(event())), "type": "policy.applied"}
    assert parse_event(json.dumps(body).encode()) is None


@pytest.mark.parametrize("field", sorted(json.loads(encode_event(event()))))
def test_each_field_is_needed_and_of_its_kind(field: str) -> None:
    """A record that cannot be read is told of, never guessed."""
    body = json.loads(encode_event(event()))
    broken = [{name: value for name, value in body.items() if name != field}]
    broken += [{**body, field: wrong} for wrong in ([], {"a": 1}, 1.5)]
    for each in broken:
        with pytest.raises(LedgerInvalid):
            parse_event(json.dumps(each).encode())


@given(st.binary(max_size=40))
def test_garbage_is_refused(value: bytes) -> None:
    """With no other error."""
    with pytest.raises(LedgerInvalid):
        parse_event(value)


def test_times_are_kept_to_the_millisecond() -> None:
    """Which is how the topics write them."""
    written = event(at=NOW + timedelta(microseconds=1500))
    found = parse_event(encode_event(written))
    assert found is not None
    assert found.at == NOW + timedelta(milliseconds=1)

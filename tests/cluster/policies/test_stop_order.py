from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.policies.signatures import Role
from cluster.policies.stop_order import check_order, signers_needed
from cluster.wire.order import Action, Order, encode_order, parse_order
from cluster.wire.sealed import form_of
from operators.errors import ReleaseReason, ReleaseRefused
from tests.builders import NOW
from tests.releases import SIGNERS, damaged, order

STOP, RESUME = Action.STOP, Action.RESUME
STOPPED = order(STOP, "dan")
SECOND = timedelta(seconds=1)


def reason(found: Order, stopped_by: Order | None = None, last: Order | None = None, now: Any = NOW) -> ReleaseReason:
    """Why it is not followed."""
    with pytest.raises(ReleaseRefused) as refused:
        check_order(found, SIGNERS, now, stopped_by, last)
    return refused.value.reason


def test_one_person_stops() -> None:
    """Also when it is stopped already, and whatever the clock says: stopping is the safe side."""
    check_order(STOPPED, SIGNERS, NOW, None)
    check_order(order(STOP, "dan", at=NOW + SECOND), SIGNERS, NOW, STOPPED, STOPPED)
    check_order(order(STOP, "dan", at=NOW + timedelta(days=1)), SIGNERS, NOW, None)


def test_two_people_resume() -> None:
    """The very stop that is in force."""
    check_order(order(RESUME, "dan", "bob", ends=STOPPED), SIGNERS, NOW, STOPPED, STOPPED)
    assert reason(order(RESUME, "dan", ends=STOPPED), STOPPED) is ReleaseReason.NOT_APPROVED
    assert reason(order(RESUME, "dan", "dan", ends=STOPPED), STOPPED) is ReleaseReason.SAME_PERSON
    assert reason(order(RESUME, "dan", "cyd", ends=STOPPED), STOPPED) is ReleaseReason.WRONG_ROLE
    assert reason(order(RESUME, "dan", "mal", ends=STOPPED), STOPPED) is ReleaseReason.UNKNOWN_SIGNER
    assert reason(order(RESUME, "dan", "bob", ends=STOPPED, role=Role.STOP), STOPPED) is ReleaseReason.WRONG_ROLE


def test_an_order_to_resume_ends_no_other_stop_and_is_used_once() -> None:
    """A replayed one finds the stop that it ends no more."""
    again = order(STOP, "dan", at=NOW + SECOND)
    resume = order(RESUME, "dan", "bob", ends=STOPPED)
    assert reason(resume, again, again) is ReleaseReason.OTHER_STOP
    assert reason(resume, None, resume) is ReleaseReason.NOT_STOPPED
    assert reason(order(RESUME, "dan", "bob"), STOPPED) is ReleaseReason.OTHER_STOP
    late = order(RESUME, "dan", "bob", ends=STOPPED, at=NOW + timedelta(minutes=2))
    assert reason(late, STOPPED) is ReleaseReason.CLOCK


def test_an_old_stop_does_not_come_back() -> None:
    """Neither the last one nor one before it."""
    resume = order(RESUME, "dan", "bob", ends=STOPPED, at=NOW + SECOND)
    assert reason(STOPPED, None, resume) is ReleaseReason.REPLAYED
    assert reason(STOPPED, STOPPED, STOPPED) is ReleaseReason.REPLAYED


def test_a_stop_has_the_signature_of_who_orders_it() -> None:
    """In the role, over all it says."""
    assert reason(replace(STOPPED, signatures=())) is ReleaseReason.UNSIGNED
    assert reason(order(STOP, "bob")) is ReleaseReason.WRONG_ROLE
    assert reason(replace(STOPPED, why="another")) is ReleaseReason.BAD_SIGNATURE
    assert reason(replace(STOPPED, deployment="other")) is ReleaseReason.BAD_SIGNATURE
    assert reason(replace(STOPPED, by="bob")) is ReleaseReason.UNSIGNED


def test_where_nobody_could_sign_anybody_stops_and_resumes() -> None:
    """A demonstration has no people in its cluster file."""
    stop = replace(STOPPED, signatures=())
    check_order(stop, {}, NOW, None)
    check_order(Order("test", RESUME, "x", NOW, "why", stop.digest), {}, NOW, stop)
    assert [signers_needed(each, SIGNERS) for each in (STOPPED, order(RESUME, "dan"))] == [1, 2]
    assert signers_needed(STOPPED, {}) == 0


@pytest.mark.parametrize("found", [STOPPED, order(RESUME, "dan", "bob", ends=STOPPED)])
def test_an_order_is_read_as_it_was_written(found: Order) -> None:
    """By itself and in the topic."""
    assert parse_order(encode_order(found)) == found
    assert form_of(encode_order(found)) == "beholden.order.v1"


VALUE = encode_order(STOPPED)


@given(st.integers(0, len(VALUE) - 1), st.integers(1, 255))
def test_any_byte_that_is_another_is_found(at: int, flip: int) -> None:
    """An order that was written half is none."""
    value = bytearray(VALUE)
    value[at] ^= flip
    with pytest.raises(ReleaseRefused, match="malformed"):
        parse_order(bytes(value))


@pytest.mark.parametrize(
    "members", [{"action": "pause"}, {"ends": 5}, {"at": "now"}, {"another": 1}, {"signatures": [{"by": "dan"}]}]
)
def test_an_order_has_one_form(members: dict[str, Any]) -> None:
    """As a release has."""
    with pytest.raises(ReleaseRefused, match="malformed"):
        parse_order(damaged(VALUE, **members))

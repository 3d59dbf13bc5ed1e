from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cluster.watchlists.history import REPLACED, at, stays
from cluster.wire.list_events import Change, ListEvent, Withdrawal
from tests.builders import NOW
from tests.cluster.wire.test_list_events import event

HOUR = timedelta(hours=1)


def _enrolled(hours: int, until: int, member: str = "a", **changes: str) -> ListEvent:
    return event(at=NOW + hours * HOUR, not_after=NOW + until * HOUR, member=member, **changes)


def _withdrawn(hours: int, member: str = "a") -> ListEvent:
    return event(Change.WITHDRAWN, at=NOW + hours * HOUR, member=member, why=Withdrawal.FOUND, not_after=None)


def test_a_stay_ends_by_itself() -> None:
    """At its end the person is not searched for any more."""
    [stay] = found = stays([_enrolled(0, 5), _enrolled(0, 9, "b")], "a")
    assert (stay.since, stay.until, stay.ended_by) == (NOW, NOW + 5 * HOUR, "expired")
    assert at(found, NOW) == stay
    assert at(found, NOW - HOUR / 60) is None
    assert at(found, NOW + 5 * HOUR) is None
    assert at(found, NOW + HOUR, "sought") == stay
    assert at(found, NOW + HOUR, "other") is None


def test_a_withdrawal_ends_a_stay_and_one_after_its_end_changes_nothing() -> None:
    """Nor does one of a person who is on no list."""
    [stay] = stays([_withdrawn(-1), _enrolled(0, 5), _withdrawn(2), _withdrawn(3)], "a")
    assert (stay.until, stay.ended_by) == (NOW + 2 * HOUR, "found")
    [stay] = stays([_enrolled(0, 5), _withdrawn(6)], "a")
    assert (stay.until, stay.ended_by) == (NOW + 5 * HOUR, "expired")


def test_an_enrolment_takes_the_place_of_an_earlier_one() -> None:
    """On another list, for another purpose, until another time."""
    first, second = stays([_enrolled(0, 5), _enrolled(1, 2, watchlist="other")], "a")
    assert (first.until, first.ended_by) == (NOW + HOUR, REPLACED)
    assert (second.watchlist, second.until) == ("other", NOW + 2 * HOUR)


STEPS = st.lists(st.tuples(st.sampled_from(["enrol", "withdraw"]), st.integers(0, 20), st.integers(1, 10)), max_size=12)


@given(STEPS)
def test_history_is_what_a_list_kept_by_hand_says(steps: list[tuple[str, int, int]]) -> None:
    """At every hour, for any sequence of enrolments, withdrawals and ends."""
    steps = sorted(steps, key=lambda step: step[1])
    events = [_enrolled(hour, hour + more) if what == "enrol" else _withdrawn(hour) for what, hour, more in steps]
    found = stays(events, "a")
    for hour in range(-1, 32):
        moment = NOW + hour * HOUR + HOUR / 2
        until: datetime | None = None
        for what, began, more in steps:
            if NOW + began * HOUR <= moment:
                until = NOW + (began + more) * HOUR if what == "enrol" else None
        assert (at(found, moment) is not None) == (until is not None and moment < until)
    assert all(one.until <= other.since for one, other in pairwise(found))

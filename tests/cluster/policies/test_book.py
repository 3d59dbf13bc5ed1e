from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.policies.book import PolicyBook, Refused
from cluster.policies.signatures import Role
from cluster.wire.order import Action, encode_order
from cluster.wire.release import encode_release
from operators.errors import ReleaseReason
from tests.builders import NOW
from tests.releases import SIGNERS, approved, changed, in_topic, loosening, order, proposed, signed, threshold

FIRST = approved(changed())
SECOND = loosening(changed(8, threshold(0.55)), FIRST)
THIRD = signed(proposed(changed(9), SECOND), ada=Role.PROPOSE)
STOP = order(Action.STOP, "dan")
RESUME = order(Action.RESUME, "dan", "bob", ends=STOP, at=NOW + timedelta(seconds=1))
GOOD = [encode_release(each) for each in (FIRST, SECOND, THIRD)]
BAD = [
    b"",
    b"half a",
    GOOD[1][:-9],
    encode_release(approved(changed(8, deployment="other"))),
    encode_release(signed(proposed(changed(20, threshold(0.5))), ada=Role.PROPOSE)),
    encode_release(proposed(changed(30, people="synthetic"), FIRST)),
    encode_order(order(Action.RESUME, "mal")),
    encode_order(order(Action.RESUME, "dan", ends=STOP)),
]


def book() -> PolicyBook:
    """Nothing read yet."""
    return PolicyBook("test", SIGNERS)


def test_the_last_good_release_is_in_force_and_the_last_good_order_stands() -> None:
    """Stops do not depend on policies, nor policies on stops."""
    found = book()
    for offset, value in enumerate([GOOD[0], encode_order(STOP), GOOD[1], encode_order(RESUME), GOOD[2]]):
        taken = found.take(in_topic(value, offset), NOW)
        assert not isinstance(taken, Refused)
        assert (found.stopped_by == STOP) is (offset in (1, 2))
    assert found.in_force == THIRD
    assert list(found.releases) == [0, 2, 4]
    assert found.last_order == RESUME
    assert found.refused == []


def test_records_of_other_deployments_are_passed_over() -> None:
    """And one of theirs under our name is refused."""
    found = book()
    assert found.take(in_topic(GOOD[0], key="other"), NOW) is None
    assert found.take(in_topic(encode_release(approved(changed(deployment="other"))), 4), NOW) == found.refused[0]
    assert found.refused[0].reason is ReleaseReason.DEPLOYMENT
    assert found.refused[0].offset == 4
    assert found.in_force is None


@settings(max_examples=20)
@given(st.lists(st.one_of(st.sampled_from(GOOD), st.sampled_from(BAD)), max_size=12))
def test_bad_records_change_nothing_wherever_they_stand(values: list[bytes]) -> None:
    """What is in force is what the good ones alone give, and each bad one is told of once."""
    found, alone = book(), book()
    taken: list[Any] = [found.take(in_topic(value, at), NOW) for at, value in enumerate(values)]
    for value in values:
        if value in GOOD:
            alone.take(in_topic(value), NOW)
    assert found.in_force == (alone.in_force)
    assert found.stopped_by is None
    assert found.refused == [each for each in taken if isinstance(each, Refused)]
    assert len(found.refused) + len(found.releases) == len(values)

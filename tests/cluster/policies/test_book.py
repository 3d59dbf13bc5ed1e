from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.policies.book import PolicyBook, Refused
from cluster.policies.signatures import Role
from cluster.wire.order import Action, encode_order
from cluster.wire.release import encode_release, parse_release
from operators.errors import ReleaseReason
from tests.builders import NOW
from tests.releases import (
    SIGNERS,
    approved,
    changed,
    damaged,
    former_form,
    in_topic,
    loosening,
    order,
    proposed,
    signed,
    threshold,
)

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


def free_first() -> bytes:
    """For people who do not exist."""
    return encode_release(proposed(changed(people="synthetic")))


def free_second() -> bytes:
    """After it."""
    return encode_release(proposed(changed(8, people="synthetic"), parse_release(free_first())))


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


def test_another_deployment_is_noted_unless_all_it_has_is_free_to_anybody() -> None:
    """Two people sign the first policy beside it; what cannot be read may be a policy of another version."""
    free = encode_release(proposed(changed(deployment="demo", people="synthetic")))
    for value, beside in (
        (free, None),
        (encode_order(STOP), None),
        (encode_release(approved(changed(deployment="street"))), "other"),
        (encode_release(signed(proposed(changed(deployment="x", people="synthetic")), ada=Role.PROPOSE)), "other"),
        (b"of another version", "other"),
    ):
        found = book()
        assert found.take(in_topic(value, 0, "other"), NOW) is None
        assert found.beside == beside
        first = found.take(in_topic(encode_release(proposed(changed(people="synthetic"))), 1), NOW)
        assert isinstance(first, Refused) is (beside is not None)
        assert not isinstance(found.take(in_topic(GOOD[0], 2) if beside else in_topic(b"", 2, "x"), NOW), Refused)


def test_a_deployment_that_nobody_signs_for_does_not_go_on_so_beside_one_that_is_signed_for() -> None:
    """Whoever was there first would have a way past every signature, before the same cameras, for ever."""
    found = book()
    for offset, (value, key) in enumerate([(free_first(), "test"), (GOOD[0], "other")]):
        assert not isinstance(found.take(in_topic(value, offset, key), NOW), Refused)
    refused = found.take(in_topic(free_second(), 2), NOW)
    assert isinstance(refused, Refused)
    assert (refused.reason, found.in_force, found.beside) == (
        ReleaseReason.UNSIGNED,
        parse_release(free_first()),
        "other",
    )
    alone = signed(parse_release(free_second()), ada=Role.PROPOSE)
    refused = found.take(in_topic(encode_release(alone), 3), NOW)
    assert isinstance(refused, Refused)
    assert (refused.reason, "has policies of other" in refused.detail) == (ReleaseReason.NOT_APPROVED, True)
    both = signed(alone, bob=Role.APPROVE)
    assert found.take(in_topic(encode_release(both), 4), NOW) == both == found.in_force


def test_own_releases_that_cannot_be_read_may_have_been_signed() -> None:
    """After an upgrade nobody goes on unsigned where two people had to sign; what says that it is free is free."""
    found, free = book(), parse_release(free_first())
    assert isinstance(found.take(in_topic(former_form(free), 0), NOW), Refused)
    assert (found.unread, found.unread_said) == ({}, None)
    assert not isinstance(found.take(in_topic(free_first(), 1), NOW), Refused)
    found = book()
    refused = found.take(in_topic(former_form(FIRST), 0), NOW)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.number, found.unread) == (ReleaseReason.MALFORMED, 7, {0: 7})
    synthetic = proposed(changed(8, people="synthetic"))
    for offset, release in enumerate((synthetic, signed(synthetic, ada=Role.PROPOSE)), 1):
        refused = found.take(in_topic(encode_release(release), offset), NOW)
        assert isinstance(refused, Refused)
        assert "a release of test that cannot be read, as those of a former form (up to policy 7)" in refused.detail
    two = signed(synthetic, ada=Role.PROPOSE, bob=Role.APPROVE)
    assert found.take(in_topic(encode_release(two), 3), NOW) == two


def test_what_nobody_signs_ends_where_a_release_that_cannot_be_read_comes() -> None:
    """As it does beside another deployment that is signed for."""
    found = book()
    for offset, value in enumerate([free_first(), former_form(FIRST), free_second()]):
        found.take(in_topic(value, offset), NOW)
    assert found.in_force == parse_release(free_first())
    assert [each.reason for each in found.refused] == [ReleaseReason.MALFORMED, ReleaseReason.UNSIGNED]


@pytest.mark.parametrize("number", [True, 7.5, "7", 0, -1, 2**53, None, [7]])
def test_a_number_that_is_none_is_not_told(number: Any) -> None:
    """The ledger could not be written with some of these."""
    found = book()
    refused = found.take(in_topic(damaged(GOOD[0], number=number) if number != 2**53 else _huge(GOOD[0])), NOW)
    assert isinstance(refused, Refused)
    assert (refused.number, found.unread, found.last_unread) == (None, {0: None}, 0)


def _huge(value: bytes) -> bytes:
    return value.replace(b'"number":7,', f'"number":{2**53},'.encode())


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

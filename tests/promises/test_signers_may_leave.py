"""Whoever is taken out of the cluster file, or loses a role, takes nothing back that they signed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.policies.book import PolicyBook
from cluster.policies.desk import settle
from cluster.policies.signatures import Person, Role
from cluster.policies.state import PolicyState
from cluster.wire.order import Action, encode_order
from cluster.wire.release import encode_release
from operators.errors import ReleaseReason, ReleaseRefused
from tests.builders import NOW
from tests.releases import SIGNERS, approved, changed, in_topic, order, person, proposed, signed, threshold

SECOND = timedelta(seconds=1)
FIRST = approved(changed(7, threshold(0.55)))
STRICTER = signed(proposed(changed(8, threshold(0.8)), FIRST, by="cyd"), cyd=Role.PROPOSE)
STOP = order(Action.STOP, "dan")
TOPIC = [encode_release(FIRST), encode_release(STRICTER), encode_order(STOP)]
CHANGED: dict[str, Mapping[str, Person] | None] = {
    "left": None,
    "another role": {"cyd": person("cyd", Role.APPROVE), "dan": person("dan", Role.RESUME)},
    "another key": {"cyd": person("eve"), "dan": person("mal")},
}


def state(people: Mapping[str, Person], *values: bytes) -> PolicyState:
    """After these records."""
    found = PolicyState("test", people, lambda _: None)
    for offset, value in enumerate(values):
        found.take(in_topic(value, offset))
    return found


def book(people: Mapping[str, Person], *values: bytes) -> PolicyBook:
    """The same, as commands read it."""
    found = PolicyBook("test", people)
    for offset, value in enumerate(values):
        found.take(in_topic(value, offset), NOW)
    return found


def why(found: PolicyState) -> str:
    """Why nothing is looked at; empty when it is."""
    standing = found.standing
    if standing is None:
        return found.lacks or ""
    halt = standing.halt(NOW)
    return halt.why if halt else ""


def without(*names: str) -> dict[str, Person]:
    """Nobody of these in the cluster file."""
    return {name: found for name, found in SIGNERS.items() if name not in names}


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(CHANGED)),
    st.sets(st.sampled_from(sorted(SIGNERS)), min_size=1),
    st.integers(1, len(TOPIC)),
)
def test_who_is_changed_in_the_cluster_file_takes_nothing_back(how: str, names: set[str], records: int) -> None:
    """Either the same stands, or nothing is looked at and it says why: no older policy, and no end of the stop."""
    new = CHANGED[how] or {}
    people = {**without(*names), **{name: new[name] for name in names if name in new}}
    before, after = state(SIGNERS, *TOPIC[:records]), state(people, *TOPIC[:records])
    if not (words := why(after)):
        assert before.standing == after.standing
        assert not why(before)
    if records == len(TOPIC):
        assert words
    assert ("until:" in words or "role" in words or "stopped by" in words) is bool(words)


def test_what_it_says_and_what_becomes_of_a_start() -> None:
    """Who it is, what to do; and nothing begins by the older policy, nor by the same anew."""
    found = state(without("cyd"), *TOPIC[:2])
    assert why(found).startswith("policy topic names cyd, who is not among the people of the cluster file")
    assert "add them with until:" in why(found)
    for named in (FIRST, FIRST.in_force, STRICTER):
        with pytest.raises(ReleaseRefused, match="people"):
            settle(named, book(without("cyd"), *TOPIC[:2]), NOW)
    assert why(state(without("dan"), *TOPIC)).startswith("policy topic names dan,")
    assert "ada" in why(state(without("ada", "bob"), *TOPIC[:1]))


def test_who_leaves_with_until_is_counted_before_and_not_after() -> None:
    """By the moment at which the broker took the record; what they sign afterwards halts nothing."""
    stays = {name: replace(found, until=NOW + SECOND) for name, found in SIGNERS.items()}
    before = state(stays, *TOPIC)
    assert before.standing == state(SIGNERS, *TOPIC).standing
    left = {**SIGNERS, "cyd": replace(SIGNERS["cyd"], until=NOW), "dan": replace(SIGNERS["dan"], until=NOW)}
    found = book(left, *TOPIC)
    assert [each.reason for each in found.refused] == [ReleaseReason.SIGNER_LEFT] * 2
    assert why(state(left, *TOPIC)) == ""


def test_two_people_put_right_what_nobody_can_check() -> None:
    """It may be false: whoever can write to the topic can halt, and only that, until two have looked at it."""
    people = without("cyd", "dan")
    people["eve"] = person("eve", Role.RESUME)
    alone = signed(proposed(changed(9, threshold(0.9)), FIRST), ada=Role.PROPOSE)
    found = book(people, *TOPIC, encode_release(alone))
    assert found.refused[-1].reason is ReleaseReason.NOT_APPROVED
    both = signed(proposed(changed(9, threshold(0.9)), FIRST), ada=Role.PROPOSE, bob=Role.APPROVE)
    resume = order(Action.RESUME, "bob", "eve", ends=STOP)
    assert why(state(people, *TOPIC, encode_release(both))).startswith("policy topic names dan")
    assert why(state(people, *TOPIC, encode_order(resume))).startswith("policy topic names cyd")
    assert why(state(people, *TOPIC, encode_release(both), encode_order(resume))) == ""


def test_what_could_not_have_been_followed_halts_nothing() -> None:
    """Garbage, what fits nowhere, what a person of the file has not signed, and who resumes but may not."""
    forged = replace(STOP, signatures=(replace(STOP.signatures[0], signature="0" * 128),))
    half = signed(proposed(changed(8, threshold(0.8)), FIRST, by="eve"), eve=Role.PROPOSE)
    mixed = replace(
        half, signatures=(*half.signatures, replace(half.signatures[0], by="bob", key_id=SIGNERS["bob"].key_id))
    )
    values = [
        TOPIC[1][:-9],
        encode_order(forged),
        encode_order(order(Action.RESUME, "eve", "mal", ends=STOP)),
        encode_release(approved(changed(9), STRICTER, by="eve")),
        encode_release(mixed),
    ]
    assert why(state(SIGNERS, TOPIC[0], *values)) == ""
    assert len(book(SIGNERS, TOPIC[0], *values).refused) == len(values)

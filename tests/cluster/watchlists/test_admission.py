from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.watchlists.admission import Origin, Person, admit, faults, faults_of
from cluster.wire.entries import Minor
from operators.errors import EnrolmentReason, EnrolmentRefused
from tests.builders import CONTRACT, NOW, TOMORROW, entry_record, policy

POLICY = policy()
ORIGIN = Origin("given by the family", date(2026, 1, 5))
PERSON = Person("case-7", "sought", "missing", "not seen since Friday", "inspector 7", TOMORROW)
LONGEST = timedelta(days=30)


def _reasons(person: Person = PERSON, *origins: Origin) -> list[EnrolmentReason]:
    return [reason for reason, _ in faults(person, list(origins or [ORIGIN]), POLICY, NOW)]


def test_whoever_is_completely_described_is_let_in() -> None:
    """Up to the last moment and the last day that the policy allows."""
    assert _reasons() == []
    assert _reasons(replace(PERSON, not_after=NOW + LONGEST)) == []
    assert _reasons(replace(PERSON, minor=Minor("superintendent 1", "aged 15"))) == []
    assert _reasons(PERSON, Origin("a", NOW.date())) == []
    admit(PERSON, [ORIGIN], POLICY, NOW)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"watchlist": "other"}, EnrolmentReason.UNKNOWN_LIST),
        ({"category": "annoying"}, EnrolmentReason.UNKNOWN_CATEGORY),
        ({"not_after": NOW}, EnrolmentReason.EXPIRED),
        ({"not_after": NOW - timedelta(days=1)}, EnrolmentReason.EXPIRED),
        ({"not_after": NOW + LONGEST + timedelta(seconds=1)}, EnrolmentReason.TOO_DISTANT),
        ({"minor": Minor("inspector 7", "aged 15")}, EnrolmentReason.MINOR),
        ({"minor": Minor("", "aged 15")}, EnrolmentReason.INCOMPLETE),
        ({"minor": Minor("superintendent 1", "")}, EnrolmentReason.INCOMPLETE),
    ],
)
def test_whoever_must_not_be_listed_is_refused_with_the_reason(
    changes: dict[str, Any], reason: EnrolmentReason
) -> None:
    """One fault, one reason code, and something to do about it."""
    person = replace(PERSON, **changes)
    assert _reasons(person) == [reason]
    with pytest.raises(EnrolmentRefused) as refused:
        admit(person, [ORIGIN], POLICY, NOW)
    assert refused.value.reason is reason
    assert len(refused.value.detail) > 20


def test_nobody_is_searched_for_longer_than_the_policy_lasts() -> None:
    """An entry may end with it and not after it."""
    ends = policy(review_by=TOMORROW, end=TOMORROW)
    assert list(faults(PERSON, [ORIGIN], ends, NOW)) == []
    late = replace(PERSON, not_after=TOMORROW + timedelta(seconds=1))
    [(reason, detail)] = faults(late, [ORIGIN], ends, NOW)
    assert reason is EnrolmentReason.TOO_DISTANT
    assert "past the end of the policy, 2026-02-01 12:00 UTC" in detail


@given(
    st.sampled_from(["ref", "watchlist", "category", "necessity", "approver"]),
    st.one_of(st.sampled_from(["", " ", "\t", "a\nb", " a", "a ", "\0", "ga\u202ete"]), st.just("x" * 2001)),
)
def test_an_entry_that_lacks_a_field_is_refused(field: str, value: str) -> None:
    """Blank, several lines, unprintable, too long: it says nothing that could be reviewed."""
    assert EnrolmentReason.INCOMPLETE in _reasons(replace(PERSON, **{field: value}))


@pytest.mark.parametrize("source", ["", " ", "a\nb", "x" * 2001])
def test_an_image_of_unknown_source_is_refused(source: str) -> None:
    """One such image among others is enough."""
    assert _reasons(PERSON, ORIGIN, Origin(source, ORIGIN.captured_on)) == [EnrolmentReason.INCOMPLETE]


def test_nobody_is_listed_without_an_image_or_from_one_of_tomorrow() -> None:
    """A date to come is a mistake in the date of the image."""
    assert [reason for reason, _ in faults(PERSON, [], POLICY, NOW)] == [EnrolmentReason.INCOMPLETE]
    assert _reasons(PERSON, Origin("a", NOW.date() + timedelta(days=1))) == [EnrolmentReason.CAPTURED_LATER]


def test_an_entry_on_a_list_is_held_against_the_policy_of_today() -> None:
    """The policy may have changed since, and the models too; that it has ended meanwhile is no fault."""
    record = entry_record("case-7")
    assert list(faults_of(record, POLICY, CONTRACT)) == []
    shorter = {"sought": replace(POLICY.watchlists["sought"], categories=("wanted",))}
    found = [reason for reason, _ in faults_of(record, policy(watchlists=shorter), "f" * 64)]
    assert found == [EnrolmentReason.UNKNOWN_CATEGORY, EnrolmentReason.FOREIGN_CONTRACT]

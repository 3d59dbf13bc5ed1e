from dataclasses import replace
from datetime import timedelta

import pytest

from cluster.watchlists.vacancies import Vacancies, living
from cluster.wire.entries import EntryRecord
from operators.errors import EnrolmentReason, EnrolmentRefused
from operators.policy import Policy
from tests.builders import NOW, entry_record, policy


def _policy(most: int) -> Policy:
    rule = replace(policy().watchlists["sought"], most_entries=most)
    return policy(watchlists={"sought": rule, "others": rule})


def _there(*refs: str, **changes: object) -> dict[str, EntryRecord]:
    return {ref: entry_record(ref, **changes) for ref in refs}


def _refused(vacancies: Vacancies, ref: str, watchlist: str = "sought") -> str:
    with pytest.raises(EnrolmentRefused) as refused:
        vacancies.take(ref, watchlist)
    assert refused.value.reason is EnrolmentReason.LIST_FULL
    with pytest.raises(EnrolmentRefused):
        vacancies.check(ref, watchlist)
    return refused.value.detail


def test_a_list_takes_as_many_as_the_policy_says_and_nobody_else() -> None:
    """The next one is refused, with how many there are and what to do."""
    vacancies = Vacancies(_policy(3), _there("anna", "bert"), NOW)
    assert vacancies.left("sought") == 1
    vacancies.take("cleo", "sought")
    assert vacancies.left("sought") == 0
    detail = _refused(vacancies, "dora")
    assert "sought has 3 entries that have not ended, and the policy allows 3" in detail
    assert "withdraw whom nobody seeks any more" in detail


def test_to_ask_takes_no_place() -> None:
    """Whoever turns out to have no good picture leaves it to the next."""
    vacancies = Vacancies(_policy(1), {}, NOW)
    for ref in ("anna", "bert"):
        vacancies.check(ref, "sought")
    vacancies.take("bert", "sought")
    _refused(vacancies, "anna")


def test_an_entry_that_is_replaced_does_not_count_twice() -> None:
    """Also on a list that is longer than it may be by now, which nobody new gets on."""
    vacancies = Vacancies(_policy(1), _there("anna", "bert"), NOW)
    assert vacancies.left("sought") == 0
    vacancies.take("anna", "sought")
    _refused(vacancies, "cleo")


def test_whoever_comes_from_another_list_takes_a_place_there_and_leaves_one() -> None:
    """A reference is on one list at a time."""
    there = _there("anna") | _there("bert", watchlist="others")
    vacancies = Vacancies(_policy(2), there, NOW)
    vacancies.take("bert", "sought")
    assert (vacancies.left("sought"), vacancies.left("others")) == (0, 2)


def test_entries_that_have_ended_take_no_place() -> None:
    """They match nobody, though nobody has removed them yet."""
    ended = _there("anna", not_after=NOW, enrolled_at=NOW - timedelta(days=1))
    assert living(ended, "sought", NOW) == set()
    vacancies = Vacancies(_policy(1), ended, NOW)
    vacancies.take("bert", "sought")
    _refused(vacancies, "anna")


def test_a_list_of_no_policy_is_none_of_its_business() -> None:
    """That it is not known is another refusal, with another reason."""
    Vacancies(_policy(1), _there("anna"), NOW).check("bert", "unknown")


def test_whom_a_table_brings_and_no_list_takes_is_told_beforehand() -> None:
    """List by list: how many come who are not on it, and how many of them fit."""
    vacancies = Vacancies(_policy(3), _there("anna", "bert"), NOW)
    told = list(vacancies.shortfalls({"sought": {"anna", "cleo", "dora"}, "others": {"emil"}, "unknown": {"x"}}))
    assert told == ["sought: 2 people are to come, and 1 fits: the policy allows 3 entries, and 2 have not ended"]
    assert list(vacancies.shortfalls({"sought": {"anna", "cleo"}})) == []

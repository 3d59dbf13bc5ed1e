from datetime import timedelta

import numpy as np

from cluster.keys import new_keys
from cluster.plan import Plan
from cluster.watchlists.register import Events, Register
from cluster.watchlists.verify import alike, verify
from cluster.wire.entries import EntryRecord, encode_entry, parse_entry
from cluster.wire.list_events import Change, ListEvent, Withdrawal
from operators.types import Float32
from tests.builders import NOW, entry_record, random_units
from tests.cluster.watchlists.test_desk import most
from tests.cluster.wire.test_list_events import event
from tests.drawn import DIMENSION

KEYS = new_keys()


def _record(drawn: Plan, ref: str, *vectors: Float32, **changes: object) -> EntryRecord:
    rows = vectors or (random_units(1, 1, DIMENSION)[0],)
    written = entry_record(ref, *rows, **{"contract": drawn.contract, **changes})
    return parse_entry(ref.encode(), encode_entry(written))


def _told(record: EntryRecord, **changes: object) -> ListEvent:
    fields = {"member": KEYS.member(record.entry.ref), "members_id": KEYS.members_id, "record": record.entry.digest}
    return event(**{**fields, **changes})


CREATED = event(Change.CREATED, member="", members_id=KEYS.members_id)


def _findings(drawn: Plan, records: list[EntryRecord], events: list[ListEvent], **register: object) -> list[str]:
    found = Register({record.entry.ref: record for record in records}, **register)  # type: ignore[arg-type]
    return [finding.what for finding in verify(found, Events(events), drawn, KEYS, NOW)]


def test_a_list_that_is_as_policy_and_ledger_say_has_no_findings(drawn: Plan) -> None:
    """Whoever was withdrawn meanwhile included."""
    anna, bert = _record(drawn, "anna"), _record(drawn, "bert")
    gone = _told(bert, change=Change.WITHDRAWN, why=Withdrawal.FOUND, not_after=None)
    assert _findings(drawn, [anna], [CREATED, _told(anna), _told(bert), gone]) == []


def test_each_difference_from_the_ledger_is_found(drawn: Plan) -> None:
    """An entry nobody wrote down, another record than told, one that should be gone, one that is gone, no beginning."""
    anna, other = _record(drawn, "anna"), _record(drawn, "anna", necessity="something else")
    gone = _told(anna, change=Change.WITHDRAWN, why=Withdrawal.FOUND, not_after=None)
    assert _findings(drawn, [anna], [CREATED]) == ["not in ledger"]
    assert _findings(drawn, [other], [CREATED, _told(anna)]) == ["not as told"]
    assert _findings(drawn, [anna], [CREATED, _told(anna), gone]) == ["withdrawn"]
    assert _findings(drawn, [], [CREATED, _told(anna)]) == ["only in ledger"]
    assert _findings(drawn, [anna], [_told(anna)]) == ["never begun"]
    assert _findings(drawn, [], [event(member="", change=Change.CREATED, members_id="other")]) == ["other key"]


def test_each_fault_of_an_entry_is_found(drawn: Plan) -> None:
    """A category that the policy does not know, an end too far away or past, other models, no entry at all."""
    for changes, what in (
        ({"category": "annoying"}, "unknown_category"),
        ({"not_after": NOW + timedelta(days=31)}, "too_distant"),
        ({"not_after": NOW, "enrolled_at": NOW - timedelta(days=1)}, "expired"),
    ):
        record = _record(drawn, "anna", **changes)
        told = _told(record, not_after=record.entry.not_after, at=record.enrolled_at)
        assert _findings(drawn, [record], [CREATED, told]) == [what]
    foreign = parse_entry(b"anna", encode_entry(entry_record("anna")))
    assert _findings(drawn, [foreign], [CREATED, _told(foreign)]) == ["foreign_contract"]
    assert _findings(drawn, [], [CREATED], invalid={"anna": "not a watchlist entry"}) == ["invalid"]


def test_a_list_that_is_longer_than_the_policy_allows_is_told_of(drawn: Plan) -> None:
    """Also one that was not too long when people came: who has ended does not count, and nobody is dropped."""
    anna, bert = _record(drawn, "anna"), _record(drawn, "bert")
    ended = _record(drawn, "cleo", not_after=NOW, enrolled_at=NOW - timedelta(days=1))
    told = [CREATED, _told(anna), _told(bert), _told(ended, not_after=NOW, at=ended.enrolled_at)]
    assert _findings(most(drawn, 2), [anna, bert, ended], told) == ["expired"]
    register = Register({each.entry.ref: each for each in (anna, bert, ended)})
    [_, found] = verify(register, Events(told), most(drawn, 1), KEYS, NOW)
    assert (found.ref, found.what) == ("sought", "too long")
    assert "has 2 entries that have not ended, and the policy allows 1" in found.detail


def test_entries_that_may_be_one_person_are_told_of(drawn: Plan) -> None:
    """At the list's own threshold; of those asked for only; never across lists, nor of other models."""
    one, two = random_units(1, 2, DIMENSION)
    close = (one + np.float32(0.2) * two).astype(np.float32)
    close /= np.linalg.norm(close)
    records = {ref: _record(drawn, ref, rows) for ref, rows in (("a", one), ("b", two), ("c", close), ("d", one))}
    register = Register(records)
    found = {frozenset((pair.one, pair.other)) for pair in alike(register, drawn)}
    assert found == {frozenset("ac"), frozenset("ad"), frozenset("cd")}
    assert {frozenset((pair.one, pair.other)) for pair in alike(register, drawn, {"c"})} == {
        frozenset("ac"),
        frozenset("cd"),
    }
    assert list(alike(register, drawn, {"b"})) == []
    assert all(pair.watchlist == "sought" and pair.cosine >= 0.9 for pair in alike(register, drawn))
    assert list(alike(Register({"a": records["a"], "x": entry_record("x")}), drawn)) == []

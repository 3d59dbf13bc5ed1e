import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cluster.keys import new_keys
from cluster.plan import Plan, read_plan
from cluster.register import Events, Register
from cluster.watchlist_verify import alike, verify
from cluster.wire.entries import EntryRecord, encode_entry, parse_entry
from cluster.wire.ledger import Change, ListEvent, Withdrawal
from operators.types import Float32
from tests.builders import NOW, entry_record, random_units
from tests.cluster.wire.test_ledger import event
from tests.drawn import DIMENSION, write_deployment

KEYS = new_keys()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A deployment of drawn people."""
    folder = tmp_path_factory.mktemp("deployment")
    file: Path = folder / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(folder)}))
    return read_plan(file)


def _record(plan: Plan, ref: str, *vectors: Float32, **changes: object) -> EntryRecord:
    rows = vectors or (random_units(1, 1, DIMENSION)[0],)
    written = entry_record(ref, *rows, **{"contract": plan.contract, **changes})
    return parse_entry(ref.encode(), encode_entry(written))


def _told(record: EntryRecord, **changes: object) -> ListEvent:
    fields = {"member": KEYS.member(record.entry.ref), "members_id": KEYS.members_id, "record": record.entry.digest}
    return event(**{**fields, **changes})


CREATED = event(Change.CREATED, member="", members_id=KEYS.members_id)


def _findings(plan: Plan, records: list[EntryRecord], events: list[ListEvent], **register: object) -> list[str]:
    found = Register({record.entry.ref: record for record in records}, **register)  # type: ignore[arg-type]
    return [finding.what for finding in verify(found, Events(events), plan, KEYS, NOW)]


def test_a_list_that_is_as_policy_and_ledger_say_has_no_findings(plan: Plan) -> None:
    """Whoever was withdrawn meanwhile included."""
    anna, bert = _record(plan, "anna"), _record(plan, "bert")
    gone = _told(bert, change=Change.WITHDRAWN, why=Withdrawal.FOUND, not_after=None)
    assert _findings(plan, [anna], [CREATED, _told(anna), _told(bert), gone]) == []


def test_each_difference_from_the_ledger_is_found(plan: Plan) -> None:
    """An entry nobody wrote down, another record than told, one that should be gone, one that is gone, no beginning."""
    anna, other = _record(plan, "anna"), _record(plan, "anna", necessity="something else")
    gone = _told(anna, change=Change.WITHDRAWN, why=Withdrawal.FOUND, not_after=None)
    assert _findings(plan, [anna], [CREATED]) == ["not in ledger"]
    assert _findings(plan, [other], [CREATED, _told(anna)]) == ["not as told"]
    assert _findings(plan, [anna], [CREATED, _told(anna), gone]) == ["withdrawn"]
    assert _findings(plan, [], [CREATED, _told(anna)]) == ["only in ledger"]
    assert _findings(plan, [anna], [_told(anna)]) == ["never begun"]
    assert _findings(plan, [], [event(member="", change=Change.CREATED, members_id="other")]) == ["other key"]


def test_each_fault_of_an_entry_is_found(plan: Plan) -> None:
    """A category that the policy does not know, an end too far away or past, other models, no entry at all."""
    for changes, what in (
        ({"category": "annoying"}, "unknown_category"),
        ({"not_after": NOW + timedelta(days=31)}, "too_distant"),
        ({"not_after": NOW, "enrolled_at": NOW - timedelta(days=1)}, "expired"),
    ):
        record = _record(plan, "anna", **changes)
        told = _told(record, not_after=record.entry.not_after, at=record.enrolled_at)
        assert _findings(plan, [record], [CREATED, told]) == [what]
    foreign = parse_entry(b"anna", encode_entry(entry_record("anna")))
    assert _findings(plan, [foreign], [CREATED, _told(foreign)]) == ["foreign_contract"]
    assert _findings(plan, [], [CREATED], invalid={"anna": "not a watchlist entry"}) == ["invalid"]


def test_entries_that_may_be_one_person_are_told_of(plan: Plan) -> None:
    """At the list's own threshold; of those asked for only; never across lists, nor of other models."""
    one, two = random_units(1, 2, DIMENSION)
    close = (one + np.float32(0.2) * two).astype(np.float32)
    close /= np.linalg.norm(close)
    records = {ref: _record(plan, ref, rows) for ref, rows in (("a", one), ("b", two), ("c", close), ("d", one))}
    register = Register(records)
    found = {frozenset((pair.one, pair.other)) for pair in alike(register, plan)}
    assert found == {frozenset("ac"), frozenset("ad"), frozenset("cd")}
    assert {frozenset((pair.one, pair.other)) for pair in alike(register, plan, {"c"})} == {
        frozenset("ac"),
        frozenset("cd"),
    }
    assert list(alike(register, plan, {"b"})) == []
    assert all(pair.watchlist == "sought" and pair.cosine >= 0.9 for pair in alike(register, plan))
    assert list(alike(Register({"a": records["a"], "x": entry_record("x")}), plan)) == []

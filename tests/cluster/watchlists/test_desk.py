from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast

import pytest

from cluster.clocks import HandClock
from cluster.keys import DeploymentKeys, new_keys
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemoryDelivery, MemorySink
from cluster.plan import Plan
from cluster.watchlists.desk import WRITER, Desk
from cluster.watchlists.history import at, stays
from cluster.watchlists.vacancies import Vacancies
from cluster.wire.entries import encode_entry
from cluster.wire.ledger import parse_record
from cluster.wire.list_events import Change, ListEvent, Withdrawal, parse_event
from operators.errors import BrokerUnavailable, EnrolmentReason, EnrolmentRefused
from tests.builders import NOW, TOMORROW, entry_record


@dataclass(slots=True)
class Both:
    """The two topics, and everything written to them in the order it was written."""

    order: list[str] = field(default_factory=list)
    silent: str = ""
    topics: dict[str, "Named"] = field(default_factory=dict)


class Named(MemorySink):
    """A topic that notes when it is written, and is acknowledged unless it is the silent one."""

    def __init__(self, both: Both, name: str) -> None:
        super().__init__()
        self.both, self.name = both, name
        both.topics[name] = self

    def send(self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]]) -> MemoryDelivery:
        """See `MemorySink`."""
        if b"chain.begun" not in value:
            self.both.order.append(self.name)
        self.acknowledges = self.both.silent != self.name
        return super().send(key, value, headers)


def desk_of(drawn: Plan, both: Both, keys: DeploymentKeys | None = None) -> Desk:
    """A desk in memory."""
    clock = HandClock(NOW)
    ledger = LedgerWriter(Named(both, "ledger"), "drawn", WRITER, drawn.in_force.digest, clock)
    return Desk(drawn, keys or new_keys(), Named(both, "watchlist"), ledger, clock)


def free(plan: Plan) -> Vacancies:
    """Lists that nobody is on."""
    return Vacancies(plan.in_force.policy, {}, NOW)


def most(plan: Plan, entries: int) -> Plan:
    """A plan whose policy allows so many on a list."""
    rule = replace(plan.in_force.policy.watchlists["sought"], most_entries=entries)
    policy = replace(plan.in_force.policy, watchlists={"sought": rule})
    return replace(plan, in_force=replace(plan.in_force, policy=policy))


def _events(both: Both) -> list[ListEvent]:
    found = [parse_event(message.value) for message in both.topics["ledger"].messages]
    return [event for event in found if event]


ANNA = {"anna": encode_entry(entry_record("anna"))}


def test_an_entry_is_told_of_before_it_is_searched(drawn: Plan) -> None:
    """The ledger names nobody, and says on whose word, what for, until when, and which record."""
    both = Both()
    desk = desk_of(drawn, both)
    [record] = desk.put(ANNA, free(drawn))
    assert both.order == ["ledger", "watchlist"]
    [event] = _events(both)
    assert event.change is Change.ENROLLED
    assert (event.watchlist, event.category, event.by, event.not_after) == (
        "sought",
        "missing",
        "inspector 7",
        TOMORROW,
    )
    assert (event.record, event.images, event.minor) == (record.entry.digest, 1, False)
    told = parse_record(both.topics["ledger"].messages[-1].value)
    assert (told.deployment, told.writer, told.policy_digest) == ("drawn", "desk", drawn.in_force.digest)
    assert event.member == desk.keys.member("anna")
    written = b"".join(message.value for message in both.topics["ledger"].messages)
    assert b"anna" not in written
    assert b"Friday" not in written


def test_nobody_is_searched_of_whom_the_ledger_does_not_know(drawn: Plan) -> None:
    """When the ledger does not answer, nothing is written to the list."""
    both = Both(silent="ledger")
    with pytest.raises(BrokerUnavailable):
        desk_of(drawn, both).put(ANNA, free(drawn))
    assert both.topics["watchlist"].messages == []


def test_nothing_is_written_when_the_list_has_no_place_for_all(drawn: Plan) -> None:
    """Neither to the list nor to the ledger; whoever is there already may be enrolled anew."""
    both, plan = Both(), most(drawn, 1)
    desk, bert = desk_of(plan, both), {"bert": encode_entry(entry_record("bert"))}
    with pytest.raises(EnrolmentRefused, match="list_full"):
        desk.put({**ANNA, **bert}, free(plan))
    there = Vacancies(plan.in_force.policy, {"bert": entry_record("bert")}, NOW)
    with pytest.raises(EnrolmentRefused, match="list_full"):
        desk.put(ANNA, there)
    assert both.order == []
    desk.put(bert, there)
    assert both.order == ["ledger", "watchlist"]


def test_a_withdrawal_takes_effect_before_it_is_told_of(drawn: Plan) -> None:
    """An empty value under the same key; the ledger's time is not earlier than that."""
    both = Both()
    desk_of(drawn, both).withdraw(["anna", "bert"], Withdrawal.FOUND, "operator 3")
    assert both.order == ["watchlist"] * 2 + ["ledger"] * 2
    assert [(message.key, message.value) for message in both.topics["watchlist"].messages] == [
        ("anna", b""),
        ("bert", b""),
    ]
    assert [(event.change, event.why, event.by) for event in _events(both)] == [
        (Change.WITHDRAWN, Withdrawal.FOUND, "operator 3")
    ] * 2


def test_a_withdrawal_that_was_not_acknowledged_is_not_told_of(drawn: Plan) -> None:
    """The ledger would say that nobody looks for a person who is still searched for."""
    both = Both(silent="watchlist")
    with pytest.raises(BrokerUnavailable):
        desk_of(drawn, both).withdraw(["anna"], Withdrawal.FOUND, "operator 3")
    assert both.topics["ledger"].messages == []


def test_who_was_listed_is_known_after_everything_about_them_is_gone(drawn: Plan) -> None:
    """From the ledger and the key alone; with another key it says nothing."""
    both, keys = Both(), new_keys()
    desk = desk_of(drawn, both, keys)
    desk.put(ANNA, free(drawn))
    cast("HandClock", desk.clock).time += timedelta(minutes=1)
    desk.withdraw(["anna"], Withdrawal.MISTAKE, "operator 3")
    found = stays(_events(both), keys.member("anna"))
    assert at(found, NOW) is not None
    assert at(found, desk.clock.now()) is None
    assert found[0].ended_by == "mistake"
    assert stays(_events(both), keys.member("bert")) == []
    assert stays(_events(both), new_keys().member("anna")) == []


def test_a_list_is_begun_by_somebody_and_is_one_of_the_policys(drawn: Plan) -> None:
    """Nothing is written otherwise."""
    both = Both()
    desk = desk_of(drawn, both)
    desk.create("sought", "inspector 7")
    assert [(event.change, event.watchlist, event.by) for event in _events(both)] == [
        (Change.CREATED, "sought", "inspector 7")
    ]
    for name, by, reason in (("other", "x", EnrolmentReason.UNKNOWN_LIST), ("sought", " ", EnrolmentReason.INCOMPLETE)):
        with pytest.raises(EnrolmentRefused) as refused:
            desk.create(name, by)
        assert refused.value.reason is reason
    with pytest.raises(EnrolmentRefused):
        desk.withdraw(["anna"], Withdrawal.FOUND, "a\nb")
    assert len(both.order) == 1

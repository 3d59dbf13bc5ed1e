"""Hold a list against the policy in force and against the ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cluster.keys import DeploymentKeys
from cluster.plan import Plan
from cluster.watchlists.admission import faults_of
from cluster.watchlists.history import Stay, stays
from cluster.watchlists.register import Events, Register
from cluster.watchlists.vacancies import living
from cluster.wire.entries import EntryRecord
from cluster.wire.list_events import Change, ListEvent
from indexes.columns import columns_of
from indexes.near import near
from operators.errors import EnrolmentReason


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        ref: Whose entry, or which list; what the ledger calls the person where no entry is there.
        what: Short name of the fault.
        detail: What was found and what to do.
    """

    ref: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Alike:
    """Two entries of one list that may be the same person.

    Attributes:
        watchlist: Which list.
        one: Reference.
        other: Reference.
        cosine: Of their closest vectors; at least the list's threshold.
    """

    watchlist: str
    one: str
    other: str
    cosine: float


def verify(register: Register, events: Events, plan: Plan, keys: DeploymentKeys, now: datetime) -> Iterator[Finding]:
    """Every fault of every entry, and every difference between the lists and the ledger."""
    yield from _of_policy(register, plan, now)
    yield from _of_length(register, plan, now)
    yield from _of_ledger(events, keys)
    by_member: dict[str, list[ListEvent]] = {}
    for event in events.events:
        by_member.setdefault(event.member, []).append(event)
    created = {event.watchlist for event in events.events if event.change is Change.CREATED}
    for name in sorted({record.entry.watchlist for record in register.entries.values()} - created):
        yield Finding(name, "never begun", "the ledger does not say who began this list: beholden watchlist create")
    members = {keys.member(ref): record for ref, record in register.entries.items()}
    for member, record in members.items():
        yield from _of_stay(record, stays(by_member.get(member, []), member), now)
    for member, told in by_member.items():
        found = stays(told, member)
        if member not in members and found and found[-1].until > now:
            yield Finding(
                member[:16],
                "only in ledger",
                f"says the ledger: on {found[-1].watchlist} until {found[-1].until:%Y-%m-%d}, and no entry is there; "
                "the record was lost or a withdrawal cut short: withdraw or enrol again",
            )


def _of_policy(register: Register, plan: Plan, now: datetime) -> Iterator[Finding]:
    for ref, why in register.invalid.items():
        yield Finding(ref, "invalid", f"{why}: it is not searched; withdraw it")
    for ref, record in register.entries.items():
        for reason, detail in faults_of(record, plan.in_force.policy, plan.contract.digest):
            yield Finding(ref, str(reason), detail)
        if record.entry.not_after <= now:
            ended = f"{record.entry.not_after:%Y-%m-%d %H:%M}"
            detail = f"ended {ended} UTC and matches nobody; beholden watchlist expire removes it"
            yield Finding(ref, str(EnrolmentReason.EXPIRED), detail)


def _of_length(register: Register, plan: Plan, now: datetime) -> Iterator[Finding]:
    for name, rule in plan.in_force.policy.watchlists.items():
        if (count := len(living(register.entries, name, now))) > rule.most_entries:
            detail = (
                f"has {count} entries that have not ended, and the policy allows {rule.most_entries}: it is searched "
                "as it is, and takes nobody new; withdraw whom nobody seeks any more, until it fits"
            )
            yield Finding(name, "too long", detail)


def _of_ledger(events: Events, keys: DeploymentKeys) -> Iterator[Finding]:
    for offset in events.invalid:
        yield Finding(f"ledger/{offset}", "unreadable", "a record of the ledger that is none")
    others = sorted({event.members_id for event in events.events} - {keys.members_id})
    for other in others:
        yield Finding(
            other, "other key", "parts of the ledger were written with another key: whom they name is not known"
        )


def _of_stay(record: EntryRecord, found: Sequence[Stay], now: datetime) -> Iterator[Finding]:
    entry = record.entry
    if not found:
        yield Finding(
            entry.ref, "not in ledger", "nobody wrote down who put this entry on the list: withdraw or enrol anew"
        )
    elif found[-1].record != entry.digest:
        yield Finding(entry.ref, "not as told", "the ledger tells of another record of this entry: enrol anew")
    elif found[-1].until <= now < entry.not_after:
        yield Finding(
            entry.ref, "withdrawn", f"says the ledger ({found[-1].ended_by}), and is there: withdraw it again"
        )


def alike(register: Register, plan: Plan, new: set[str] | None = None) -> Iterator[Alike]:
    """Entries of one list that are as alike as a face and an entry that alert.

    Args:
        register: All entries.
        plan: Whose thresholds and embedding contract.
        new: Only pairs with one of these; None: all pairs.
    """
    for name, rule in plan.in_force.policy.watchlists.items():
        entries = [
            record.entry
            for record in register.entries.values()
            if record.entry.watchlist == name and record.entry.contract == plan.contract.digest
        ]
        entries.sort(key=lambda entry: new is not None and entry.ref in new)
        first = next((at for at, entry in enumerate(entries) if new is None or entry.ref in new), len(entries))
        if first < len(entries):
            for one, other, cosine in near(columns_of(entries), rule.threshold, first):
                yield Alike(name, one, other, cosine)

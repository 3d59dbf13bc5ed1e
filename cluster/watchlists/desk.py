"""Where people are put on lists and taken off: every change goes to the topic and to the ledger.

Somebody is in the ledger before anyone searches for them, and searched for by nobody before the ledger says that they
are off: whatever fails in between, the ledger never says less than what was searched. `beholden watchlist verify` finds
what it says too much, and doing the same again mends it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cluster.clocks import SystemClock
from cluster.kafka.admin import ensure_topics
from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.topics import LEDGER, WATCHLIST
from cluster.keys import DeploymentKeys, make_keys, read_keys
from cluster.ledger.writer import LedgerWriter
from cluster.plan import Plan
from cluster.ports import Clock, Delivery, MessageSink
from cluster.watchlists.admission import Person
from cluster.watchlists.enrol import Picture, enrol
from cluster.watchlists.register import read_events, read_register
from cluster.watchlists.vacancies import Vacancies
from cluster.wire.entries import MAX_LINE_BYTES, EntryRecord, parse_entry
from cluster.wire.list_events import Change, ListEvent, Withdrawal, event_body
from cluster.wire.text import is_line
from operators.errors import EnrolmentReason, EnrolmentRefused, SettingsRefused
from operators.vision import Vision

WRITE_TIMEOUT_S = 30.0
WRITER = "desk"


@dataclass(frozen=True, slots=True)
class Desk:
    """Writes changes of lists. Not thread-safe.

    Attributes:
        plan: Policy and models in force.
        keys: The deployment's.
        entries: Topic `watchlist`.
        ledger: This desk's chain of topic `ledger`.
        clock: Time.
    """

    plan: Plan
    keys: DeploymentKeys
    entries: MessageSink
    ledger: LedgerWriter
    clock: Clock

    def create(self, watchlist: str, by: str) -> None:
        """Write down that a list of the policy is begun with this deployment's keys, and by whom.

        Raises:
            EnrolmentRefused: The policy has no such list, or `by` is no name.
            BrokerUnavailable: It could not be written.
        """
        _check_name(by)
        if watchlist not in (lists := self.plan.in_force.policy.watchlists):
            raise EnrolmentRefused(EnrolmentReason.UNKNOWN_LIST, f"the policy has {', '.join(lists)}; name one of them")
        self._tell(Change.CREATED, by, watchlist=watchlist).wait(WRITE_TIMEOUT_S)

    def enrol(self, person: Person, pictures: Sequence[Picture], vision: Vision, vacancies: Vacancies) -> EntryRecord:
        """Put one person on a list, in place of an entry of the same reference; what was written.

        Raises:
            EnrolmentRefused: With the reason and what to do; nothing was written.
            BrokerUnavailable: It could not be written; do it again.
        """
        value = enrol(person, pictures, self.plan, vision, self.keys, self.clock.now(), vacancies)
        [record] = self.put({person.ref: value}, vacancies)
        return record

    def put(self, entries: Mapping[str, bytes], vacancies: Vacancies) -> list[EntryRecord]:
        """Write entries that `cluster.watchlists.enrol.enrol` made, by reference; what they say.

        Args:
            entries: Each takes a place.
            vacancies: Of the policy in force and of everybody who is on a list.

        Raises:
            EnrolmentRefused: A list has no place for all of them; nothing was written.
            BrokerUnavailable: They could not all be written; do it again.
        """
        records = [parse_entry(ref.encode(), value) for ref, value in entries.items()]
        for record in records:
            vacancies.take(record.entry.ref, record.entry.watchlist)
        _wait([self._tell_of(record) for record in records])
        _wait([self.entries.send(ref, value, []) for ref, value in entries.items()])
        return records

    def withdraw(self, refs: Sequence[str], why: Withdrawal, by: str) -> None:
        """Take people off, whatever list they are on.

        Raises:
            EnrolmentRefused: `by` is no name; nothing was written.
            BrokerUnavailable: It could not all be written; do it again.
        """
        _check_name(by)
        _wait([self.entries.send(ref, b"", []) for ref in refs])
        _wait([self._tell(Change.WITHDRAWN, by, member=self.keys.member(ref), why=why) for ref in refs])

    def _tell_of(self, record: EntryRecord) -> Delivery:
        entry = record.entry
        return self._tell(
            Change.ENROLLED,
            record.approver,
            member=self.keys.member(entry.ref),
            watchlist=entry.watchlist,
            category=record.category,
            record=entry.digest,
            not_after=entry.not_after,
            images=len(record.photos),
            minor=record.minor is not None,
        )

    def _tell(self, change: Change, by: str, **about: Any) -> Delivery:
        deployment = self.plan.in_force.policy.deployment
        event = ListEvent(change, self.clock.now(), deployment, by, self.keys.members_id, **about)
        return self.ledger.write(change, event_body(event))


def create_list(plan: Plan, watchlist: str, by: str) -> bool:
    """Begin a list, and make the deployment's keys with the first one; whether keys were made.

    Raises:
        SettingsRefused: The deployment has written its ledger with keys that are not here.
        EnrolmentRefused: See `Desk.create`.
        BrokerUnavailable: Kafka does not answer.
    """
    folder, deployment = plan.settings.key_folder, plan.in_force.policy.deployment
    ensure_topics(plan.settings.kafka, plan.in_force.policy.retention)
    used = {event.members_id for event in read_events(plan.settings.kafka, deployment).events}
    made = False if used else make_keys(folder)
    with open_desk(plan) as desk:
        if used and desk.keys.members_id not in used:
            raise SettingsRefused(
                f"the ledger of {deployment} was written with other keys than those in {folder}: copy them here; "
                "with new ones nobody could tell any more who has been listed"
            )
        desk.create(watchlist, by)
    return made


def read_vacancies(plan: Plan) -> Vacancies:
    """The places that are left on the lists now. Two who enrol at one moment do not see each other: `verify` does.

    Raises:
        BrokerUnavailable: The topic cannot be read.
    """
    there = read_register(plan.settings.kafka).entries
    return Vacancies(plan.in_force.policy, there, SystemClock().now())


@contextmanager
def open_desk(plan: Plan) -> Iterator[Desk]:
    """A desk at the plan's Kafka, with the deployment's keys; topics that are missing are made.

    Raises:
        SettingsRefused: There are no keys, or others may read them.
        BrokerUnavailable: Kafka does not answer.
    """
    kafka = plan.settings.kafka
    keys = read_keys(plan.settings.key_folder)
    ensure_topics(kafka, plan.in_force.policy.retention)
    with producing(kafka, "beholden-watchlist") as producer:
        entries, sink = (KafkaSink(kafka, producer, topic) for topic in (WATCHLIST, LEDGER))
        in_force, clock = plan.in_force, SystemClock()
        ledger = LedgerWriter(sink, in_force.policy.deployment, WRITER, in_force.digest, clock)
        yield Desk(plan, keys, entries, ledger, clock)
        ledger.end()


def _wait(deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        delivery.wait(WRITE_TIMEOUT_S)


def _check_name(by: str) -> None:
    if not is_line(by, MAX_LINE_BYTES):
        detail = f"who does this must be one line of at most {MAX_LINE_BYTES} bytes"
        raise EnrolmentRefused(EnrolmentReason.INCOMPLETE, detail)

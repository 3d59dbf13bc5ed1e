"""Reading topics to their present end, and what stands in `watchlist` and `ledger`."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import LEDGER, WATCHLIST
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record
from cluster.wire.entries import EntryInvalid, EntryRecord, parse_entry
from cluster.wire.ledger import LedgerInvalid
from cluster.wire.list_events import ListEvent, parse_event

_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Register:
    """Everybody who is on a list.

    Attributes:
        entries: By reference, without their pictures: those of a large list are many times the rest.
        invalid: References of records that are no entries, each with the reason.
    """

    entries: dict[str, EntryRecord] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Take in one record of the topic; a later one of the same key takes an earlier one's place."""
        ref = (record.key or b"").decode(errors="replace")
        self.entries.pop(ref, None)
        self.invalid.pop(ref, None)
        if record.value:
            try:
                self.entries[ref] = _without_pictures(parse_entry(record.key, record.value))
            except EntryInvalid as invalid:
                self.invalid[ref] = str(invalid)


@dataclass(frozen=True, slots=True)
class Events:
    """Everything that happened to lists.

    Attributes:
        events: In the order of the ledger.
        invalid: Offsets of records that cannot be read.
    """

    events: list[ListEvent] = field(default_factory=list)
    invalid: list[int] = field(default_factory=list)

    def take(self, record: Record, deployment: str) -> None:
        """Take in one record of the topic, if it is of this deployment."""
        try:
            event = parse_event(record.value)
        except LedgerInvalid:
            self.invalid.append(record.ref.offset)
            return
        if event is not None and event.deployment == deployment:
            self.events.append(event)


def _without_pictures(record: EntryRecord) -> EntryRecord:
    return replace(record, photos=tuple(replace(photo, crop=b"") for photo in record.photos))


def read_register(kafka: KafkaSettings) -> Register:
    """Everybody who is on a list now.

    Raises:
        BrokerUnavailable: The topic cannot be read.
    """
    register = Register()
    for record in read_topic(kafka, WATCHLIST):
        register.take(record)
    return register


def read_events(kafka: KafkaSettings, deployment: str) -> Events:
    """Everything that has happened to the lists of a deployment.

    Raises:
        BrokerUnavailable: The topic cannot be read.
    """
    events = Events()
    for record in read_topic(kafka, LEDGER):
        events.take(record, deployment)
    return events


def read_topic(kafka: KafkaSettings, topic: str, after: datetime | None = None) -> Iterator[Record]:
    """Every record of a topic up to its present end.

    Args:
        kafka: Which Kafka.
        topic: Name without prefix.
        after: Only those that were written at or after this moment, UTC-aware; None: all.

    Raises:
        BrokerUnavailable: It cannot be read.
    """
    with closing(TopicReader(kafka, topic, 0, 1, from_beginning=True, after=after)) as reader:
        while not reader.is_caught_up():
            yield from reader.poll(_POLL_S)

"""Whether every recogniser that runs goes by what was just written: they say so in the ledger."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from cluster.delivery import slot_named
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import LEDGER
from cluster.kafka_settings import KafkaSettings
from cluster.policies.feed import Reader
from cluster.ports import Clock
from cluster.wire.ledger import CHAIN_ENDED, LedgerInvalid, LedgerRecord, parse_record
from operators.errors import TopicMissing

WITHIN_S = 5.0  # an order to stop must be followed by then
HEARD = timedelta(seconds=70)  # a recogniser writes to the ledger every 60 s, whatever happens
_POLL_S = 0.1


@dataclass(slots=True)
class Recognisers:
    """Those of a deployment that run, by what the ledger says of late.

    Attributes:
        deployment: Whose.
        kind: Of the records in which they say what they go by.
        digest: Of the policy, or the order, that they are to go by.
        open: Writers whose chain has not ended, by name, with that chain.
        confirmed: Writers that have said that they go by it, and of nothing else since.
    """

    deployment: str
    kind: str
    digest: str
    open: dict[str, str] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)

    @property
    def missing(self) -> tuple[str, ...]:
        """Those that run and have not said so."""
        return tuple(sorted(self.open.keys() - self.confirmed))

    def take(self, value: bytes) -> None:
        """Take in the next record of the ledger; what is none, or another's, is passed over."""
        with suppress(LedgerInvalid):
            record = parse_record(value)
            if record.deployment == self.deployment and slot_named(record.writer) is not None:
                self._take(record)

    def _take(self, record: LedgerRecord) -> None:
        if record.kind != CHAIN_ENDED:
            self.open[record.writer] = record.chain
        elif self.open.get(record.writer) == record.chain:
            del self.open[record.writer]
        if record.kind == self.kind and record.body.get("digest") == self.digest:
            self.confirmed.add(record.writer)
        elif record.kind == self.kind:
            self.confirmed.discard(record.writer)


def await_confirmation(open_reader: Callable[[], Reader], deployment: str, kind: str, digest: str) -> Recognisers:
    """Wait until every recogniser that runs says in the ledger that it goes by a policy or an order.

    Args:
        open_reader: The ledger, so far back that each has written something since.
        deployment: Whose.
        kind: Of the records in which they say so.
        digest: Of the policy or the order.

    Returns:
        Those that run; `missing` names those that have not said so within `WITHIN_S`.

    Raises:
        BrokerUnavailable: The ledger cannot be read.
    """
    until_s = time.monotonic() + WITHIN_S
    found = Recognisers(deployment, kind, digest)
    with suppress(TopicMissing), closing(open_reader()) as reader:  # nothing was ever written: nobody runs
        is_read = False
        while not is_read or (found.missing and time.monotonic() < until_s):
            records = reader.poll(_POLL_S)
            for record in records:
                found.take(record.value)
            is_read = is_read or (not records and reader.is_current()) or time.monotonic() >= until_s
    return found


def open_recent_ledger(kafka: KafkaSettings, clock: Clock) -> Reader:
    """What the ledger has from so far back that every recogniser that runs has written something since.

    Raises:
        BrokerUnavailable: It cannot be read.
    """
    return TopicReader(kafka, LEDGER, 0, 1, from_beginning=True, after=clock.now() - HEARD)

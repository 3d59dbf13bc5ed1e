"""How a recogniser is tied to Kafka: the one place that knows the modes of delivery."""

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from cluster.in_flight import InFlight
from cluster.kafka.frame_source import KafkaFrameSource, OnRebalance
from cluster.kafka.producer import CLOSE_S, KafkaSink, learn_topics, producing
from cluster.kafka.topics import ALERTS, DEAD_LETTERS, EVIDENCE, LEDGER
from cluster.kafka.transactions import TransactionalFrameSource, TransactionalProducer
from cluster.kafka_settings import KafkaSettings
from cluster.keys import EvidenceKey
from cluster.ledger.writer import LedgerWriter
from cluster.outbox import Outbox, OutboxSink
from cluster.ports import MessageSink, ResultSink
from cluster.privacy.evidence import EvidenceSink
from cluster.results import Outlets
from cluster.settings import Delivery

RESULTS_IN_FLIGHT_BYTES = 4 * 1024 * 1024  # of a recogniser's results and ledger: 2,000 alerts, 70 pieces of evidence
_NAME = re.compile(r"recogniser-(\d+)")


def open_delivery(
    kafka: KafkaSettings,
    delivery: Delivery,
    group: str,
    slot: int,
    on_rebalance: OnRebalance,
    key: EvidenceKey,
    begin_chain: Callable[[MessageSink], LedgerWriter],
    closing: ExitStack,
) -> tuple[KafkaFrameSource, Outlets]:
    """Where a recogniser's frames come from and its results go.

    Args:
        kafka: Which Kafka.
        delivery: What is promised of an alert.
        group: Consumer group of all recognisers.
        slot: 0-based number of this one.
        on_rebalance: See `KafkaFrameSource`.
        key: Seals the evidence of alerts.
        begin_chain: Begins this process' chain of the ledger; until it has, no frame is asked for.
        closing: Lets go of everything at its end.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    topics = (ALERTS, DEAD_LETTERS, EVIDENCE)
    member, in_flight = member_of(slot), InFlight(RESULTS_IN_FLIGHT_BYTES)
    producer = closing.enter_context(producing(kafka, member))
    ledger = begin_chain(KafkaSink(kafka, producer, LEDGER, in_flight))
    if delivery is Delivery.EXACTLY_ONCE:
        # The producer first: from then on no other process of this slot writes anything.
        outbox, writer = Outbox(), TransactionalProducer(kafka, f"{group}.{member}", topics)
        closing.callback(writer.close, CLOSE_S)
        source: KafkaFrameSource = TransactionalFrameSource(kafka, group, member, on_rebalance, writer, outbox)
        closing.callback(source.close)
        return source, _outlets([OutboxSink(outbox, topic) for topic in topics], ledger, key)
    learn_topics(kafka, producer, topics)
    source = KafkaFrameSource(kafka, group, member, on_rebalance)
    closing.callback(source.close)
    return source, _outlets([KafkaSink(kafka, producer, topic, in_flight) for topic in topics], ledger, key)


def _outlets(results: Sequence[ResultSink], ledger: LedgerWriter, key: EvidenceKey) -> Outlets:
    alerts, dead_letters, evidence = results
    return Outlets(alerts, dead_letters, ledger, EvidenceSink(evidence, key))


def member_of(slot: int) -> str:
    """What the recogniser of a slot is called: in the group, in Ray, in the ledger and on a disk."""
    return f"recogniser-{slot}"


def slot_named(name: str) -> int | None:
    """The slot of that name; None when the name is of something else."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None

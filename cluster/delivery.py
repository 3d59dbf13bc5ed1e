"""How a recogniser is tied to Kafka: the one place that knows the modes of delivery."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from cluster.kafka_io import ALERTS, DEAD_LETTERS, KafkaFrameSource, KafkaSink, close_producer, open_producer
from cluster.kafka_transactions import TransactionalFrameSource, TransactionalProducer
from cluster.offsets import TopicPartition
from cluster.outbox import Outbox, OutboxSink
from cluster.pipeline import Outlets
from cluster.settings import Delivery, KafkaSettings

CLOSE_S = 5.0

OnRebalance = Callable[[Sequence[TopicPartition], Sequence[TopicPartition]], None]


def open_delivery(
    kafka: KafkaSettings, delivery: Delivery, group: str, slot: int, on_rebalance: OnRebalance, closing: ExitStack
) -> tuple[KafkaFrameSource, Outlets]:
    """Where a recogniser's frames come from and its results go.

    Args:
        kafka: Which Kafka.
        delivery: What is promised of an alert.
        group: Consumer group of all recognisers.
        slot: 0-based number of this one.
        on_rebalance: See `KafkaFrameSource`.
        closing: Lets go of everything at its end.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    member = f"recogniser-{slot}"
    if delivery is Delivery.EXACTLY_ONCE:
        # The producer first: from then on no other process of this slot writes anything.
        outbox, writer = Outbox(), TransactionalProducer(kafka, f"{group}.{member}")
        closing.callback(writer.close, CLOSE_S)
        source: KafkaFrameSource = TransactionalFrameSource(kafka, group, member, on_rebalance, writer, outbox)
        closing.callback(source.close)
        return source, Outlets(OutboxSink(outbox, ALERTS), OutboxSink(outbox, DEAD_LETTERS))
    producer = open_producer(kafka, member)
    closing.callback(close_producer, producer, CLOSE_S)
    source = KafkaFrameSource(kafka, group, member, on_rebalance)
    closing.callback(source.close)
    return source, Outlets(KafkaSink(kafka, producer, ALERTS), KafkaSink(kafka, producer, DEAD_LETTERS))

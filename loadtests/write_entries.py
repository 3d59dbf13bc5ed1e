"""Write entries into the watchlist of a cluster that exists for a measurement."""

from collections.abc import Iterable
from itertools import islice

from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.topics import WATCHLIST
from cluster.kafka_settings import KafkaSettings

AT_ONCE = 2_000  # a million in flight would be gigabytes
WAIT_S = 60.0


def write_entries(kafka: KafkaSettings, entries: Iterable[tuple[str, bytes]]) -> None:
    """Write entries, each by its reference and its record, and wait until the broker has them.

    Raises:
        BrokerUnavailable: They could not be written.
    """
    left = iter(entries)
    with producing(kafka, "bench") as producer:
        sink = KafkaSink(kafka, producer, WATCHLIST)
        while part := [sink.send(ref, record, []) for ref, record in islice(left, AT_ONCE)]:
            for delivery in part:
                delivery.wait(WAIT_S)

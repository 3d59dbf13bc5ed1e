"""Whether entries lie in the partitions that their keys belong to: who is withdrawn is withdrawn there alone."""

from contextlib import closing

from cluster.kafka.partitions import partition_of
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import WATCHLIST
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Record
from operators.errors import SettingsRefused

OLDEST = 100  # of each partition: those from before it grew, of which every second or more lies in the wrong one
POLL_S = 0.5


def is_misplaced(record: Record, partitions: int) -> bool:
    """Whether a record lies in another partition than its key belongs to, of so many."""
    return record.key is not None and partition_of(record.key, partitions) != record.ref.partition


def check_places(kafka: KafkaSettings) -> None:
    """Hold the oldest entries of each partition against the number of partitions that the cluster file says.

    Raises:
        BrokerUnavailable: The topic cannot be read.
        SettingsRefused: Partitions were added after entries had been written.
    """
    count, name = kafka.watchlist_partitions, kafka.topic_prefix + WATCHLIST
    for number in range(count):
        if any(is_misplaced(record, count) for record in _oldest_entries(kafka, number)):
            raise SettingsRefused(
                f"topic {name} has {count} partitions and holds entries that were written when it had others: who is "
                "withdrawn would go on matching, for the withdrawal goes to another partition. Kafka takes none back: "
                f"delete {name}, 'beholden up' makes it anew, and enrol again whoever is to be on a list"
            )


def _oldest_entries(kafka: KafkaSettings, number: int) -> list[Record]:
    """The first entries of a partition, withdrawals left out."""
    found: list[Record] = []
    with closing(TopicReader(kafka, WATCHLIST, number, kafka.watchlist_partitions, from_beginning=True)) as reader:
        while len(found) < OLDEST and not reader.is_caught_up():
            found += [record for record in reader.poll(POLL_S) if record.value]
    return found

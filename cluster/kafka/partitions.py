"""Which partition a key goes to."""

from kafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """The number of the partition, of so many, that Kafka's own clients in Java and this project's choose for a key."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions

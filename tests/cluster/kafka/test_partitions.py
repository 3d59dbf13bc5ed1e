"""Which partition a key goes to."""

import pytest

from cluster.kafka.partitions import partition_of


@pytest.mark.parametrize(
    ("key", "hashed"), [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536)]
)
def test_the_partition_is_that_of_kafkas_own_clients(key: str, hashed: int) -> None:
    """The hashes are those of the tests of Kafka's client in Java."""
    assert partition_of(key.encode(), 1000) == (hashed & 0x7FFFFFFF) % 1000

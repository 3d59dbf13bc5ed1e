"""A topic outside any group, on a real broker: what a fetch that the broker keeps for long must not hold up."""

import time
from contextlib import closing

import pytest

from cluster.kafka.admin import ensure_topics
from cluster.kafka.producer import write_one
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import WATCHLIST
from tests.builders import profile
from tests.integration.lane_process import kafka_of
from tests.integration.scene import wait

pytestmark = pytest.mark.integration
KEPT_MS, SOON_S = 20_000, 10.0


def test_a_fetch_that_is_kept_holds_nothing_up(bootstrap: str) -> None:
    """Neither the beginning, also where some partitions go on from an offset, nor a record, nor the end."""
    kafka = kafka_of(bootstrap, "kept.")
    ensure_topics(kafka, profile())
    reader = TopicReader(kafka, WATCHLIST, 0, 1, from_beginning=True, since={0: 0}, fetch_max_wait_ms=KEPT_MS)
    with closing(reader):
        began_s = time.monotonic()
        wait(lambda: not reader.poll(0.1) and reader.is_caught_up(), "not read", SOON_S)
        write_one(kafka, WATCHLIST, "somebody", b"record")
        assert [record.value for record in reader.poll(KEPT_MS / 1000)] == [b"record"]
        reader.poll(0.1)
    assert time.monotonic() - began_s < SOON_S

"""Staying out of the way of another process that has the same slot."""

import logging
import threading

from cluster.delivery import member_of
from cluster.kafka.frame_source import SESSION_MS
from cluster.kafka.groups import has_member
from cluster.kafka_settings import KafkaSettings
from operators.errors import BrokerUnavailable

# Who takes a slot joins the group seconds later. Before the first look this process itself must be out of the group.
FIRST_LOOK_S, LOOK_S, LOOKS = SESSION_MS / 1000 + 2.0, 2.0, 10
SLOT_TAKEN = (
    "slot taken by another process: does the same cluster run elsewhere? End one with 'beholden down', then start this "
    "one anew with 'beholden down' and 'beholden up'"
)

log = logging.getLogger("beholden.recogniser")


def wait_until_free(kafka: KafkaSettings, group: str, slot: int, stopping: threading.Event) -> None:
    """Wait for good while another process of this name is in the group; return when there is nobody, or to stop.

    A process that was frozen in a transaction is barred as well, by Kafka: then nobody of its name joins the group.

    Args:
        kafka: Which Kafka.
        group: Consumer group of all recognisers.
        slot: 0-based number of this recogniser.
        stopping: Set when there is nothing to wait for any more.
    """
    looks = 0
    stopping.wait(FIRST_LOOK_S)
    while looks < LOOKS and not stopping.is_set():
        try:
            if has_member(kafka, group, member_of(slot)):
                stopping.wait()
        except BrokerUnavailable as unavailable:
            log.warning("recogniser %d: %s", slot, unavailable)
        else:
            looks += 1
        stopping.wait(LOOK_S)

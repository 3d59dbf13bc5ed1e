"""Questions and changes to a Kafka cluster as a whole."""

import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from cluster.kafka_io import ALERTS, DEAD_LETTERS, FRAMES, WATCHLIST, client_settings, translated
from cluster.settings import KafkaSettings
from operators.errors import BrokerUnavailable

POLL_S = 0.05
CONNECT_TIMEOUT_S = 0.5


def wait_ready(bootstrap: str, nodes: int, timeout_s: float, still_starting: Callable[[], None] | None = None) -> None:
    """Wait until a metadata request names enough live brokers.

    Args:
        bootstrap: Comma-separated host:port of all nodes.
        nodes: How many brokers must be there.
        timeout_s: Longest wait, seconds.
        still_starting: Called between attempts while nothing answers; raises to end the wait early.

    Raises:
        BrokerUnavailable: The time is over.
    """
    deadline_s = time.monotonic() + timeout_s
    while len(live_brokers(bootstrap, deadline_s - time.monotonic())) < nodes:
        if time.monotonic() >= deadline_s:
            raise BrokerUnavailable(
                f"{bootstrap} did not show {nodes} live brokers within {timeout_s:.0f} s: "
                "check that they run (beholden broker status) and that the address is right"
            )
        if still_starting is not None:
            still_starting()
        time.sleep(POLL_S)


def live_brokers(bootstrap: str, timeout_s: float) -> frozenset[int]:
    """Give the ids of the brokers that one metadata request names; none when no address answers.

    Args:
        bootstrap: Comma-separated host:port of the nodes.
        timeout_s: Longest wait for the answer, seconds.
    """
    # A client that cannot connect keeps its thread and its sockets after the constructor has raised (kafka-python
    # 3.0.12), so it gets only addresses that accept a connection.
    open_addresses = [address for address in bootstrap.split(",") if _accepts(address)]
    if not open_addresses:
        return frozenset()
    timeout_ms = max(1_000, int(timeout_s * 1000))
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=open_addresses, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
        )
    except KafkaError:
        return frozenset()
    try:
        return frozenset(int(broker["broker_id"]) for broker in admin.describe_cluster()["brokers"])
    except KafkaError:
        return frozenset()
    finally:
        admin.close()


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def ensure_topics(kafka: KafkaSettings) -> list[str]:
    """Make the topics that are missing; those that exist are left as they are.

    Returns:
        Names of the topics made.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    with translated(kafka, "making topics"), closing(KafkaAdminClient(**client_settings(kafka))) as admin:
        there = set(admin.list_topics())
        missing = {name: spec for name, spec in _topics(kafka).items() if name not in there}
        if missing:
            admin.create_topics(missing, wait_for_metadata=True)
    return sorted(missing)


def _topics(kafka: KafkaSettings) -> dict[str, dict[str, Any]]:
    """What each topic is made with: the reasons are in docs/decisions/0004-topics.md."""
    minute, day = 60_000, 86_400_000
    size = str(kafka.max_message_bytes)
    # A closed segment is the least that Kafka deletes, so segments of frames roll often.
    frames = {"retention.ms": 10 * minute, "segment.ms": minute, "max.message.bytes": size}
    return {
        kafka.topic_prefix + name: {
            "num_partitions": partitions,
            "replication_factor": kafka.replication,
            "configs": {key: str(value) for key, value in configs.items()},
        }
        for name, partitions, configs in (
            (FRAMES, kafka.frame_partitions, frames),
            (ALERTS, kafka.frame_partitions, {"retention.ms": day, "segment.ms": 60 * minute}),
            (WATCHLIST, kafka.watchlist_partitions, {"cleanup.policy": "compact", "segment.ms": 60 * minute}),
            (DEAD_LETTERS, 1, {"retention.ms": 7 * day, "segment.ms": 60 * minute}),
        )
    }

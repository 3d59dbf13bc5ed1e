"""Which brokers are alive, asked in Kafka's own protocol with nothing but a socket.

A Kafka client could ask as well, but one that cannot connect keeps its thread and its sockets (kafka-python 3.0.12),
and it asks whichever node it likes. Plaintext only: this is for the local broker.
"""

import socket
import struct
import time
from collections.abc import Callable
from typing import BinaryIO

from operators.errors import BrokerUnavailable

POLL_S = 0.05
ANSWER_TIMEOUT_S = 1.0
# Metadata, version 1, correlation id 0, no client id, no topics. Version 1 is in every Kafka from 0.10 to 4.3 at least.
METADATA_REQUEST = struct.pack(">hhihi", 3, 1, 0, -1, 0)


def wait_ready(bootstrap: str, nodes: int, timeout_s: float, still_starting: Callable[[], None] | None = None) -> None:
    """Wait until every node answers a metadata request with all nodes alive.

    Args:
        bootstrap: Comma-separated host:port of all nodes.
        nodes: How many brokers must be alive.
        timeout_s: Longest wait, seconds.
        still_starting: Called between attempts; raises to end the wait early.

    Raises:
        BrokerUnavailable: The time is over.
    """
    deadline_s = time.monotonic() + timeout_s
    while any(len(live_brokers(address)) < nodes for address in bootstrap.split(",")):
        if time.monotonic() >= deadline_s:
            raise BrokerUnavailable(
                f"{bootstrap} did not show {nodes} live brokers within {timeout_s:.0f} s: look at its logs "
                "(beholden broker status names the folder) and whether this machine is overloaded"
            )
        if still_starting is not None:
            still_starting()
        time.sleep(POLL_S)


def live_brokers(address: str, timeout_s: float = ANSWER_TIMEOUT_S) -> frozenset[int]:
    """Give the ids of the brokers that one node counts as alive; none when it does not answer.

    A node answers once its own registration is in force, which is later than that it accepts connections.

    Args:
        address: host:port of the node.
        timeout_s: Longest wait for the connection and for each read, seconds.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout_s) as connection, connection.makefile("rb") as answer:
            connection.sendall(struct.pack(">i", len(METADATA_REQUEST)) + METADATA_REQUEST)
            _unpack(answer, ">ii")  # length, correlation id
            (count,) = _unpack(answer, ">i")
            return frozenset(_read_broker(answer) for _ in range(count))
    except (OSError, EOFError):
        return frozenset()


def _read_broker(answer: BinaryIO) -> int:
    broker, host_bytes = _unpack(answer, ">ih")
    _read(answer, host_bytes)
    _, rack_bytes = _unpack(answer, ">ih")  # port; -1 for no rack
    _read(answer, max(0, rack_bytes))
    return broker


def _unpack(answer: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, _read(answer, struct.calcsize(layout)))


def _read(answer: BinaryIO, size_bytes: int) -> bytes:
    data = answer.read(size_bytes)
    if len(data) < size_bytes:
        raise EOFError
    return data

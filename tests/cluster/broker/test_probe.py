"""Asking one node which brokers are alive."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cluster.broker.probe import live_brokers, wait_ready
from operators.errors import BrokerUnavailable
from tests.waiting import PATIENCE_S

REFUSED = "127.0.0.1:1"


def _string(text: bytes | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text


def _answer(*brokers: tuple[int, bytes | None]) -> bytes:
    """A metadata answer, version 1, from ids and racks."""
    entries = [
        struct.pack(">i", each) + _string(b"127.0.0.1") + struct.pack(">i", 9092) + _string(rack)
        for each, rack in brokers
    ]
    body = struct.pack(">ii", 0, len(brokers)) + b"".join(entries) + struct.pack(">ii", 1, 0)
    return struct.pack(">i", len(body)) + body


@contextmanager
def _node(answer: bytes) -> Iterator[str]:
    """Something that reads one request, gives one answer and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(PATIENCE_S)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_answer((1, None), (2, b"rack"), (3, None)), {1, 2, 3}),
        (_answer(), set()),
        (_answer((1, None), (2, None))[:-25], set()),
        (b"", set()),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", set()),
    ],
)
def test_only_a_whole_answer_counts(answer: bytes, expected: set[int]) -> None:
    """Ids are read from an answer; half an answer, none, and another protocol are no brokers."""
    with _node(answer) as address:
        assert live_brokers(address, PATIENCE_S) == expected


def test_refused_connection_is_no_brokers() -> None:
    """A port on which nothing listens is no error."""
    assert live_brokers(REFUSED) == frozenset()


def test_every_node_must_answer() -> None:
    """Ready needs each node, not just the first; the error names address, time and remedy."""
    with _node(_answer((1, None), (2, None))) as address:
        bootstrap = f"{address},{REFUSED}"
        with pytest.raises(BrokerUnavailable, match=r"did not show 2 live brokers within 0 s: look"):
            wait_ready(bootstrap, 2, timeout_s=0.0)


def test_waiting_ends_early_when_told() -> None:
    """What the caller raises between attempts ends the wait."""

    def give_up() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        wait_ready(REFUSED, 1, timeout_s=60.0, still_starting=give_up)

"""A collector for one machine: what is sent arrives, and what nobody should send is refused."""

import gzip
import http.client
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cluster.telemetry import receiver as module
from cluster.telemetry import tracing
from cluster.telemetry.context import TraceContext
from cluster.telemetry.receiver import PROTOBUF, Receiver
from cluster.telemetry.span_store import SpanStore
from cluster.telemetry.spans import Kind, Span
from cluster.telemetry.tracing import open_tracer
from tests.waiting import PATIENCE_S, wait_until

MUCH = ExportTraceServiceRequest(resource_spans=[{}] * 2_000).SerializeToString()
METRICS = ExportMetricsServiceRequest(resource_metrics=[{}])


class Listening:
    """A receiver at work, with what it was given."""

    def __init__(self, folder: Path) -> None:
        self.store = SpanStore(folder / "traces.sqlite")
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.receiver = Receiver("127.0.0.1", 0, self.store, self.metrics.append)
        self.address = self.receiver.address
        self._thread = threading.Thread(target=self.receiver.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def post(self, path: str, body: bytes, **headers: str) -> int:
        """Status of an answer."""
        host, port = self.address.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
        try:
            connection.request("POST", path, body, {"Content-Type": PROTOBUF, **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    def close(self) -> None:
        """Stop."""
        self.receiver.shutdown()
        self.receiver.server_close()
        self.store.close()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    """A receiver at work."""
    there = Listening(tmp_path)
    yield there
    there.close()


def test_what_a_tracer_sends_is_in_the_store(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: OpenTelemetry's own encoding, over a socket, into the file."""
    monkeypatch.setattr(tracing, "EVERY_MS", 10)
    monkeypatch.setattr(tracing, "TIMEOUT_S", PATIENCE_S)
    tracer = open_tracer(listening.address, "shard", "shard-0-of-2-r0", "test")
    context = TraceContext(0xAB, 0xCD)
    said = {"beholden.shard": 0, "beholden.frame.age_ms": 1.5, "beholden.camera": "gate"}
    tracer.send([Span("search shard", Kind.SERVER, context, 0xEF, 1_000, 2_000, said, error="TimeoutError")])
    tracer.close(PATIENCE_S)
    [found] = listening.store.trace(f"{0xAB:032x}")
    assert (found.span_id, found.parent_id) == (f"{0xCD:016x}", f"{0xEF:016x}")
    assert (found.name, found.kind, found.began_ns, found.ended_ns) == ("search shard", "server", 1_000, 2_000)
    assert found.attributes == {**said, "error.type": "TimeoutError"}
    assert found.error == "TimeoutError"
    assert found.process["service.name"] == "shard"
    assert found.process["service.instance.id"] == "shard-0-of-2-r0"


def test_metrics_are_handed_on(listening: Listening) -> None:
    """To whoever wants them."""
    assert listening.post("/v1/metrics", METRICS.SerializeToString()) == 200
    assert listening.metrics == [METRICS]


REFUSED: dict[str, tuple[str, bytes, dict[str, str], int]] = {
    "another signal": ("/v1/logs", b"", {}, 404),
    "another path": ("/", b"", {}, 404),
    "another type": ("/v1/traces", b"{}", {"Content-Type": "application/json"}, 415),
    "no protobuf": ("/v1/traces", b"no protobuf", {}, 400),
    "not packed": ("/v1/traces", b"not packed", {"Content-Encoding": "gzip"}, 400),
    "too much when unpacked": ("/v1/traces", gzip.compress(MUCH, mtime=0), {"Content-Encoding": "gzip"}, 400),
    "too much": ("/v1/traces", bytes(1_001), {}, 413),
    "no length": ("/v1/traces", b"", {"Content-Length": "many"}, 411),
    "nothing, which is well": ("/v1/traces", b"", {}, 200),
}


@pytest.mark.parametrize(("path", "body", "headers", "status"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_taken_is_refused(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """By the status that says why; what unpacks to too much is not unpacked."""
    monkeypatch.setattr(module, "MOST_BYTES", 1_000)
    assert listening.post(path, body, **headers) == status
    assert len(listening.store) == 0


def test_ids_of_the_wrong_length_are_refused(listening: Listening) -> None:
    """They could not be found again."""
    spans = [{"scope_spans": [{"spans": [{"trace_id": b"short", "span_id": bytes(8)}]}]}]
    request = ExportTraceServiceRequest(resource_spans=spans)
    assert listening.post("/v1/traces", request.SerializeToString()) == 400


def test_a_span_out_of_all_time_is_refused_and_the_next_is_taken(listening: Listening) -> None:
    """One malformed span ends nothing."""
    for start_ns, status in ((2**63, 400), (5, 200)):
        span = {"trace_id": bytes(16), "span_id": bytes(8), "name": "x", "start_time_unix_nano": start_ns}
        request = ExportTraceServiceRequest(resource_spans=[{"scope_spans": [{"spans": [span]}]}])
        assert listening.post("/v1/traces", request.SerializeToString()) == status
    assert len(listening.store) == 1


def test_a_store_that_takes_nothing_has_the_sender_come_again(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the disk is full."""
    monkeypatch.setattr(listening.store, "add", Mock(side_effect=sqlite3.OperationalError("disk is full")))
    assert listening.post("/v1/traces", b"") == 503


def test_one_sender_too_many_is_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads are bounded; when somebody has gone there is room again."""
    monkeypatch.setattr(module, "MOST_SENDERS", 1)
    listening = Listening(tmp_path)
    host, port = listening.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))), socket.create_connection((host, int(port)), PATIENCE_S) as second:
        assert second.recv(100).startswith(b"HTTP/1.1 503 ")
    wait_until(lambda: _status(listening) == 200)
    listening.close()


def _status(listening: Listening) -> int:
    try:
        return listening.post("/v1/traces", b"")
    except ConnectionError:  # refused before it was sent
        return 503


def test_bodies_beyond_what_there_is_room_for_are_told_to_come_again(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that are on their way together; what has been taken makes room."""
    monkeypatch.setattr(module, "MOST_WAITING_BYTES", 1_000)
    with listening.receiver.room(600) as has_room:
        assert has_room
        assert listening.post("/v1/metrics", bytes(500)) == 503
    assert listening.post("/v1/metrics", METRICS.SerializeToString()) == 200
    assert [listening.post("/v1/metrics", b"no protobuf") for _ in range(200)] == [400] * 200

"""What leaves a process, and that nobody waits for whoever takes it."""

import logging
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cluster.telemetry import tracing
from cluster.telemetry.context import TraceContext
from cluster.telemetry.names import LONGEST_BYTES, OF_PROCESSES, OF_SPANS
from cluster.telemetry.receiver import stored_spans
from cluster.telemetry.spans import Kind, Span
from cluster.telemetry.tracing import Post, Tracer, open_tracer
from tests.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans do not wait for company, nor for long until they are sent again; a collector that answers is waited for."""
    monkeypatch.setattr(tracing, "EVERY_MS", 10)
    monkeypatch.setattr(tracing, "TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(tracing, "RETRY", tracing.RETRY.new(backoff_factor=0.0))


def _tracer(post: Post) -> Tracer:
    return Tracer(post, "recogniser", "recogniser-0", "test")


def _span(number: int = 1, **changes: Any) -> Span:
    fields: dict[str, Any] = {
        "name": "decode",
        "kind": Kind.INTERNAL,
        "context": TraceContext(number, number),
        "parent": None,
        "began_ns": 5,
        "ended_ns": 9,
    }
    return Span(**{**fields, **changes})


class Taken:
    """A collector that takes everything."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def take(self, body: bytes) -> bool:
        """Take it."""
        self.bodies.append(body)
        return True

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """What was taken."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]


def test_who_sends_is_said_once_for_all_spans() -> None:
    """Service, instance, machine and process, and nothing that is not listed."""
    collector = Taken()
    tracer = _tracer(collector.take)
    tracer.send([_span(1), _span(2)])
    tracer.close(PATIENCE_S)
    [[found]] = [request.resource_spans for request in collector.requests]
    said = {each.key: each.value for each in found.resource.attributes}
    assert said["service.name"].string_value == "recogniser"
    assert said["process.pid"].int_value == os.getpid()
    assert set(said) == OF_PROCESSES
    assert len(found.scope_spans[0].spans) == 2
    assert tracer.dropped == 0


def test_of_a_thousand_spans_nothing_leaves_that_is_not_listed() -> None:
    """Keys of all kinds, values of all sizes: with names, vectors and pictures among them."""
    draw, collector = random.Random(7), Taken()  # noqa: S311 - the same each time
    keys = [*OF_SPANS, "entry", "beholden.cosine", "jpeg", "beholden.vector", "name", ""]
    values = ["Jane-Canary-Doe" * 30, "x", b"\xff\xd8" * 200, [0.1] * 512, 3, 0.5, True, None, "ü" * 256, {"a": 1}]
    tracer = _tracer(collector.take)
    given: list[dict[str, Any]] = [
        {draw.choice(keys): draw.choice(values) for _ in range(draw.randrange(12))} for _ in range(1000)
    ]
    tracer.send([_span(number, attributes=each) for number, each in enumerate(given, start=1)])
    tracer.close(PATIENCE_S)
    spans = [span for request in collector.requests for span in stored_spans(request)]
    assert len(spans) == 1000
    left = [item for span in spans for item in span.attributes.items()]
    assert len(left) > 1000
    assert {key for key, _ in left} <= OF_SPANS
    assert all(isinstance(value, str | int | float) and len(str(value).encode()) <= LONGEST_BYTES for _, value in left)
    assert not any(b"Canary" in body for body in collector.bodies)


def test_what_is_given_just_before_the_end_is_sent() -> None:
    """However late the thread that sends it comes to look."""
    collector, go = Taken(), threading.Event()

    class Late(Tracer):
        def _run(self) -> None:
            go.wait(PATIENCE_S)
            super()._run()

    tracer = Late(collector.take, "recogniser", "recogniser-0", "test")
    tracer.send([_span()])
    tracer.close(0.0)
    go.set()
    tracer.close(PATIENCE_S)
    assert len(collector.bodies) == 1


def test_what_is_given_after_the_end_is_counted_as_dropped() -> None:
    """Nobody is left to send it."""
    collector = Taken()
    tracer = _tracer(collector.take)
    tracer.close(PATIENCE_S)
    tracer.send([_span(), _span()])
    assert (tracer.dropped, collector.bodies) == (2, [])


class _Stuck:
    """Takes the first spans and never returns until it is let go."""

    def __init__(self) -> None:
        self.is_stuck = threading.Event()
        self.go = threading.Event()
        self.taken = 0

    def take(self, body: bytes) -> bool:
        """See the class."""
        self.is_stuck.set()
        self.go.wait(PATIENCE_S)
        self.taken += len(list(stored_spans(ExportTraceServiceRequest.FromString(body))))
        return True


def test_the_queue_is_bounded_and_what_has_no_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the collector hangs. When it goes on, what waited is sent."""
    monkeypatch.setattr(tracing, "QUEUE_SPANS", 100)
    monkeypatch.setattr(tracing, "BATCH_SPANS", 50)
    collector = _Stuck()
    tracer = _tracer(collector.take)
    tracer.send([_span()] * 150)
    assert collector.is_stuck.wait(PATIENCE_S)
    assert tracer.dropped == 50
    tracer.send([_span()] * 10)
    assert tracer.dropped == 60
    collector.go.set()
    tracer.close(PATIENCE_S)
    assert collector.taken == 100
    assert tracer.dropped == 60


def test_to_close_does_not_wait_for_a_collector_that_hangs() -> None:
    """The wait is the caller's to choose."""
    collector = _Stuck()
    tracer = _tracer(collector.take)
    tracer.send([_span()])
    assert collector.is_stuck.wait(PATIENCE_S)
    tracer.close(0.01)
    assert collector.taken == 0
    collector.go.set()


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of somebody who accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("who", ["silent", "nobody"])
def test_what_nobody_takes_is_dropped_and_told_of_once(
    who: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Over a real socket, with a short time-out: spans are counted, and the log does not fill with it."""
    monkeypatch.setattr(tracing, "TIMEOUT_S", 0.05)
    with caplog.at_level(logging.INFO):
        tracer = open_tracer(request.getfixturevalue(who), "recogniser", "recogniser-0", "test")
        tracer.send([_span(number) for number in range(1, 2 * tracing.BATCH_SPANS + 10)])
        tracer.close(PATIENCE_S)
    assert tracer.dropped == 2 * tracing.BATCH_SPANS + 9
    assert [each.getMessage()[:30] for each in caplog.records] == ["the collector takes no traces:"]


def test_what_cannot_be_encoded_is_dropped_and_nobody_is_said_to_have_refused_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is counted, and the log does not repeat what it is; whoever gives it goes on, and so do the next."""
    collector = Taken()
    tracer = _tracer(collector.take)
    tracer.send([_span(1, began_ns=-1, name="Jane")])
    tracer.close(PATIENCE_S)
    assert (tracer.dropped, collector.bodies) == (1, [])
    [said] = [each.getMessage() for each in caplog.records]
    assert said.startswith("1 spans cannot be encoded and are dropped: ValueError at ")
    assert "Jane" not in said


class Moody(ThreadingHTTPServer):
    """A collector that answers by the next of these statuses, and remembers who was asked for what."""

    def __init__(self, *statuses: HTTPStatus) -> None:
        self.left, self.paths = list(statuses), list[str]()
        super().__init__(("127.0.0.1", 0), _Answers)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Moody

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.send_response(self.server.left.pop(0))
        self.send_header("Retry-After", "3600")
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
        """Nothing."""


@pytest.mark.parametrize(
    ("statuses", "dropped"),
    [
        ((HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.OK), 0),
        ((HTTPStatus.SERVICE_UNAVAILABLE,) * 4, 1),
        ((HTTPStatus.BAD_REQUEST,), 1),
        ((HTTPStatus.TEMPORARY_REDIRECT,), 1),
    ],
)
def test_a_collector_that_is_busy_is_asked_again(statuses: tuple[HTTPStatus, ...], dropped: int) -> None:
    """A few times, and soon, whatever it asks for; one that refuses is not, and nobody else is asked in its place."""
    with Moody(*statuses) as collector:
        threading.Thread(target=collector.serve_forever, args=(0.01,), daemon=True).start()
        tracer = open_tracer(collector.address, "recogniser", "recogniser-0", "test")
        tracer.send([_span()])
        tracer.close(PATIENCE_S)
        collector.shutdown()
    assert tracer.dropped == dropped
    assert collector.paths == ["/v1/traces"] * len(statuses)


CHECK = """
import sys
from cluster.telemetry.tracing import Collector
collector = Collector("http://collector.example:4318")
session = collector._session
asked = session.merge_environment_settings(collector._address, {}, None, None, None)
print(collector._address, sorted(session.headers), asked["proxies"], asked["verify"], asked["cert"],
      [name for name in sys.modules if name.startswith("opentelemetry.sdk")])
"""
VARIABLES = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere:1",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
    "OTEL_RESOURCE_ATTRIBUTES": "person=jane",
    "OTEL_SDK_DISABLED": "true",
    "HTTP_PROXY": "http://elsewhere:3",
    "REQUESTS_CA_BUNDLE": "/elsewhere.pem",
}


def test_no_variable_changes_where_or_how_spans_are_sent() -> None:
    """In a process whose environment names other places, headers and certificates; who reads others is not loaded."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", CHECK]
    both = [
        subprocess.Popen(command, env={**plain, **more}, stdout=subprocess.PIPE, text=True) for more in ({}, VARIABLES)
    ]
    [answer] = {process.communicate(timeout=60)[0] for process in both}
    assert answer.startswith("http://collector.example:4318/v1/traces ['Accept', ")
    assert "Authorization" not in answer
    assert answer.endswith("OrderedDict() True None []\n")

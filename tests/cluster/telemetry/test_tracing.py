"""What leaves a process, and that nobody waits for whoever takes it."""

import logging
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import Mock

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from cluster.telemetry import tracing
from cluster.telemetry.context import TraceContext
from cluster.telemetry.names import LONGEST_BYTES, OF_PROCESSES, OF_SPANS
from cluster.telemetry.spans import Kind, Span
from cluster.telemetry.tracing import Tracer, open_tracer
from tests.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans do not wait for company."""
    monkeypatch.setattr(tracing, "EVERY_MS", 10)


def _tracer(exporter: SpanExporter) -> Tracer:
    return Tracer(exporter, "recogniser", "recogniser-0", "test")


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


def test_a_span_leaves_as_it_is() -> None:
    """Name, kind, ids, times, links, error; and who sends it."""
    exporter = InMemorySpanExporter()
    tracer = _tracer(exporter)
    links = (TraceContext(8, 9),)
    tracer.send([_span(3, parent=2, kind=Kind.PRODUCER, attributes={"beholden.faces": 2}, links=links, error="Broken")])
    tracer.close(PATIENCE_S)
    [found] = exporter.get_finished_spans()
    context, parent = found.get_span_context(), found.parent
    assert context is not None
    assert parent is not None
    assert (found.name, found.kind, context.trace_id, context.span_id) == ("decode", SpanKind.PRODUCER, 3, 3)
    assert (parent.trace_id, parent.span_id) == (3, 2)
    assert (found.start_time, found.end_time) == (5, 9)
    assert [(link.context.trace_id, link.context.span_id) for link in found.links] == [(8, 9)]
    assert found.status.status_code is StatusCode.ERROR
    assert found.status.description is None
    assert dict(found.attributes or {}) == {"beholden.faces": 2, "error.type": "Broken"}
    said = found.resource.attributes
    assert said["service.name"] == "recogniser"
    assert said["process.pid"] == os.getpid()
    assert set(said) == OF_PROCESSES
    assert tracer.dropped == 0


def test_of_a_thousand_spans_nothing_leaves_that_is_not_listed() -> None:
    """Keys of all kinds, values of all sizes: with names, vectors and pictures among them."""
    draw, exporter = random.Random(7), InMemorySpanExporter()  # noqa: S311 - the same each time
    keys = [*OF_SPANS, "entry", "beholden.cosine", "jpeg", "beholden.vector", "name", ""]
    values = ["Jane-Canary-Doe" * 30, "x", b"\xff\xd8" * 200, [0.1] * 512, 3, 0.5, True, None, "ü" * 256, {"a": 1}]
    tracer = _tracer(exporter)
    given: list[dict[str, Any]] = [
        {draw.choice(keys): draw.choice(values) for _ in range(draw.randrange(12))} for _ in range(1000)
    ]
    tracer.send([_span(number, attributes=each) for number, each in enumerate(given, start=1)])
    tracer.close(PATIENCE_S)
    spans = exporter.get_finished_spans()
    assert len(spans) == 1000
    left = [item for span in spans for item in (span.attributes or {}).items()]
    assert len(left) > 1000
    assert {key for key, _ in left} <= OF_SPANS
    assert all(isinstance(value, str | int | float) and len(str(value).encode()) <= LONGEST_BYTES for _, value in left)
    assert "Canary" not in repr([span.to_json() for span in spans])


class _Stuck(SpanExporter):
    """Takes the first spans and never returns until it is let go."""

    def __init__(self) -> None:
        self.is_stuck = threading.Event()
        self.go = threading.Event()
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See the class."""
        self.is_stuck.set()
        self.go.wait(PATIENCE_S)
        self.taken += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Let go."""
        self.go.set()


def test_the_queue_is_bounded_and_what_has_no_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the collector hangs. When it goes on, what waited is sent."""
    monkeypatch.setattr(tracing, "QUEUE_SPANS", 100)
    monkeypatch.setattr(tracing, "BATCH_SPANS", 50)
    exporter = _Stuck()
    tracer = _tracer(exporter)
    tracer.send([_span()] * 150)
    assert exporter.is_stuck.wait(PATIENCE_S)
    assert tracer.dropped == 50
    tracer.send([_span()] * 10)
    assert tracer.dropped == 60
    exporter.go.set()
    tracer.close(PATIENCE_S)
    assert exporter.taken == 100
    assert tracer.dropped == 60


def test_to_close_does_not_wait_for_a_collector_that_hangs() -> None:
    """The wait is the caller's to choose."""
    exporter = _Stuck()
    tracer = _tracer(exporter)
    tracer.send([_span()])
    assert exporter.is_stuck.wait(PATIENCE_S)
    tracer.close(0.01)
    assert exporter.taken == 0
    exporter.go.set()


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
    """It is counted, and the log does not repeat what it is."""
    exporter = Mock(export=Mock(side_effect=ValueError("Jane")))
    tracer = _tracer(exporter)
    tracer.send([_span()])
    tracer.close(PATIENCE_S)
    assert tracer.dropped == 1
    [said] = [each.getMessage() for each in caplog.records]
    assert said.startswith("1 spans cannot be encoded and are dropped: ValueError at ")
    assert "Jane" not in said


CHECK = """
import os, sys
from cluster.telemetry.tracing import open_tracer
tracer = open_tracer("http://collector.example:4318", "shard", "shard-0", "test")
exporter = tracer._counting._exporter
print(exporter._endpoint, exporter._client._timeout, sorted(exporter._client._headers),
      exporter._client._transport._session.verify, exporter._client._transport._session.trust_env,
      sorted(tracer._resource.attributes), tracer._processor._batch_processor._max_queue_size,
      [name for name in os.environ if name.startswith("OTEL_")])
"""
VARIABLES = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere:1",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere:2",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "deflate",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/elsewhere.pem",
    "OTEL_RESOURCE_ATTRIBUTES": "person=jane",
    "OTEL_SERVICE_NAME": "elsewhere",
    "OTEL_BSP_MAX_QUEUE_SIZE": "1",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_PYTHON_CONTEXT": "nonsense",
    "HTTP_PROXY": "http://elsewhere:3",
    "REQUESTS_CA_BUNDLE": "/elsewhere.pem",
}


def test_no_variable_changes_where_or_how_spans_are_sent() -> None:
    """In a process whose environment names other places, headers, sizes and certificates."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-c", CHECK]
    both = [
        subprocess.Popen(command, env={**plain, **more}, stdout=subprocess.PIPE, text=True) for more in ({}, VARIABLES)
    ]
    [answer] = {process.communicate(timeout=60)[0] for process in both}
    assert answer.startswith("http://collector.example:4318/v1/traces 3.0 ['Content-Encoding', ")
    assert "authorization" not in answer
    assert answer.endswith("[]\n")

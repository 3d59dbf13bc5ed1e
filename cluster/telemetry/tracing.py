"""Spans to a collector. The one file that knows OpenTelemetry's traces.

Whatever the collector does, nobody waits for it: spans are queued, the queue is bounded, and what has no room or is not
taken is counted.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence

from cluster.software import software
from cluster.telemetry.otel_environment import forget_variables

forget_variables()

# ruff: noqa: E402
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from cluster.telemetry import names
from cluster.telemetry.context import TraceContext
from cluster.telemetry.settings import signal_address
from cluster.telemetry.spans import Span
from cluster.traces import trace_of

QUEUE_SPANS = 4096  # 2 MB; of alerts' traces, those of some 200
BATCH_SPANS = 512
EVERY_MS = 500
TIMEOUT_S = 3.0
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
_KINDS = {str(kind.name).lower(): kind for kind in SpanKind}

log = logging.getLogger("beholden.tracing")
# Their own words for a collector that does not answer, twice a second; we say it once.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


class Tracer:
    """Sends the spans of one process. Thread-safe.

    Args:
        exporter: Takes them to the collector.
        service: What the process is: `recogniser`, `shard`, `camera`, `alert-reader`.
        instance: Which of them.
        cluster: Its name, from the cluster file.
    """

    def __init__(self, exporter: SpanExporter, service: str, instance: str, cluster: str) -> None:
        self._counting = _Counting(exporter)
        self._processor = BatchSpanProcessor(self._counting, 2 * QUEUE_SPANS, EVERY_MS, BATCH_SPANS, TIMEOUT_S * 1000)
        self._resource = _resource(service, instance, cluster)
        self._scope = InstrumentationScope("beholden", software(), SCHEMA)

    @property
    def dropped(self) -> int:
        """Spans that were not sent: there was no room, or nobody took them."""
        return self._counting.dropped

    def send(self, spans: Sequence[Span]) -> None:
        """Have spans sent as soon as may be. Returns at once."""
        for span in spans:
            if self._counting.has_room():
                self._processor.on_end(self._readable(span))

    def close(self, timeout_s: float) -> None:
        """Send what is queued, and wait for that no longer than `timeout_s`."""
        thread = threading.Thread(target=self._processor.shutdown, name="last-spans", daemon=True)
        thread.start()
        thread.join(timeout_s)

    def _readable(self, span: Span) -> ReadableSpan:
        error = {names.ERROR: span.error} if span.error else {}
        attributes = names.allowed({**span.attributes, **error})
        return ReadableSpan(
            name=span.name,
            context=_context(span.context),
            parent=_parent(span),
            resource=self._resource,
            attributes=attributes,
            links=[Link(_context(link)) for link in span.links],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR if span.error else StatusCode.UNSET),
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=self._scope,
        )


def open_tracer(otlp: str, service: str, instance: str, cluster: str) -> Tracer:
    """What sends spans to a collector; see `Tracer` and `settings.TraceSettings`."""
    session = requests.Session()
    session.trust_env = False  # no proxy, no password and no certificates from the environment
    exporter = OTLPSpanExporter(
        endpoint=signal_address(otlp, "traces"),
        timeout=TIMEOUT_S,
        compression=Compression.Gzip,
        session=session,
    )
    return Tracer(exporter, service, instance, cluster)


class _Counting(SpanExporter):
    """An exporter with a bound on what waits for it, that counts what was lost and says so once."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_answering = True
        self.dropped = 0

    def has_room(self) -> bool:
        """Whether one more span may wait; it is counted either way."""
        with self._lock:
            has_room = self._waiting < QUEUE_SPANS
            self._waiting += has_room
            self.dropped += not has_room
        return has_room

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See `SpanExporter`."""
        try:
            result = self._exporter.export(spans)
            self._say(result is SpanExportResult.SUCCESS)
        except Exception as error:  # noqa: BLE001 - whatever cannot be sent is dropped; nobody has refused it
            result = SpanExportResult.FAILURE
            log.warning("%d spans cannot be encoded and are dropped: %s", len(spans), trace_of(error))
        with self._lock:
            self._waiting -= len(spans)
            self.dropped += 0 if result is SpanExportResult.SUCCESS else len(spans)
        return result

    def shutdown(self) -> None:
        """See `SpanExporter`."""
        self._exporter.shutdown()

    def _say(self, is_sent: bool) -> None:
        if is_sent and not self._is_answering:
            log.info("the collector takes traces again")
        elif self._is_answering and not is_sent:
            log.warning("the collector takes no traces: they are dropped and counted, nothing waits for them")
        self._is_answering = is_sent


def _resource(service: str, instance: str, cluster: str) -> Resource:
    said = {
        names.NAMESPACE: "beholden",
        names.SERVICE: service,
        names.INSTANCE: instance,
        names.VERSION: software(),
        names.HOST: socket.gethostname(),
        names.PID: os.getpid(),
        names.CLUSTER: cluster,
    }
    return Resource(names.allowed(said, names.OF_PROCESSES), SCHEMA)


def _context(context: TraceContext, is_remote: bool = False) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(context.trace_id, context.span_id, is_remote, flags)


def _parent(span: Span) -> SpanContext | None:
    if span.parent is None:
        return None
    return _context(TraceContext(span.context.trace_id, span.parent))

"""A small collector for one machine: takes OTLP over HTTP, keeps spans in a file, and hands metrics on.

It is for looking at traces where nothing else is at hand. A deployment that has OpenTelemetry's collector uses that.
"""

import logging
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from cluster.telemetry import names
from cluster.telemetry.span_store import SpanStore, StoredSpan

PROTOBUF = "application/x-protobuf"
MOST_BYTES = 16 * 1024 * 1024  # of one request, also when it is unpacked
MOST_WAITING_BYTES = 64 * 1024 * 1024  # of all requests that are being taken
MOST_SENDERS = 64  # connections; each has a thread
MOST_UNPACKED = 2  # requests that are unpacked and read at once
SILENT_S = 10.0  # a sender that says nothing for so long is not waited for

_COME_AGAIN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

TakeMetrics = Callable[[ExportMetricsServiceRequest], None]

log = logging.getLogger("beholden.receiver")


class Receiver(ThreadingHTTPServer):
    """Listens for spans and metrics. `serve_forever` receives until `shutdown`.

    Args:
        host: Where it listens.
        port: Where it listens; 0: anywhere, see `address`.
        store: Takes the spans.
        take_metrics: Takes the metrics; by default they are acknowledged and dropped.

    Raises:
        OSError: Somebody else listens there.
    """

    daemon_threads = True

    def __init__(self, host: str, port: int, store: SpanStore, take_metrics: TakeMetrics = lambda _: None) -> None:
        self.takes: Mapping[str, Callable[[bytes], None]] = {
            "/v1/traces": lambda body: store.add(list(stored_spans(ExportTraceServiceRequest.FromString(body)))),
            "/v1/metrics": lambda body: take_metrics(ExportMetricsServiceRequest.FromString(body)),
        }
        self.unpacking = threading.BoundedSemaphore(MOST_UNPACKED)
        self._senders = threading.BoundedSemaphore(MOST_SENDERS)
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        super().__init__((host, port), _Handler)

    @property
    def address(self) -> str:
        """What a cluster file is to name as `telemetry.traces.otlp`."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take one connection, in a thread of its own; one too many is told to come again."""
        if self._senders.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.sendall(_COME_AGAIN)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Take what comes over one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._senders.release()

    @contextmanager
    def room(self, length: int) -> Iterator[bool]:
        """Around the taking of one request: whether there is room for so many bytes."""
        with self._lock:
            has_room = self._waiting_bytes + length <= MOST_WAITING_BYTES
            self._waiting_bytes += length * has_room
        try:
            yield has_room
        finally:
            with self._lock:
                self._waiting_bytes -= length * has_room


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = SILENT_S
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take one request."""
        take = self.server.takes.get(self.path)
        length = self.headers.get("Content-Length", "")
        if take is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif self.headers.get("Content-Type") != PROTOBUF:
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        elif not length.isdigit():
            self._refuse(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            with self.server.room(int(length)) as has_room:
                if has_room:
                    self._take(take, self.rfile.read(int(length)))
                else:
                    self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)

    def _take(self, take: Callable[[bytes], None], body: bytes) -> None:
        try:
            with self.server.unpacking:
                take(_unpacked(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        except (DecodeError, ValueError, zlib.error):
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        except sqlite3.Error as error:
            log.warning("spans are not kept: %s", error)
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)  # the sender comes again
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", PROTOBUF)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True  # what was sent is not read
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
        """Nothing: a line for each request tells nobody anything."""


def stored_spans(request: ExportTraceServiceRequest) -> Iterable[StoredSpan]:
    """The spans of one request."""
    for of_process in request.resource_spans:
        process = _values(of_process.resource.attributes)
        for scope in of_process.scope_spans:
            yield from (_stored(span, process) for span in scope.spans)


def _stored(span: OtlpSpan, process: Mapping[str, Any]) -> StoredSpan:
    if len(span.trace_id) != 16 or len(span.span_id) != 8:
        raise ValueError("a trace id has 16 bytes, a span id 8")
    attributes = _values(span.attributes)
    failed = span.status.code == Status.STATUS_CODE_ERROR
    return StoredSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        name=span.name,
        kind=OtlpSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        began_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        process=process,
        attributes=attributes,
        error=str(attributes.get(names.ERROR, "error")) if failed else None,
    )


def _values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue) -> Any:
    """What a plain value is; of others, that they are none: nothing here sends any."""
    kind = value.WhichOneof("value")
    if kind in ("string_value", "bool_value", "int_value", "double_value"):
        return getattr(value, kind)
    return None


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    found = unpacking.decompress(body, MOST_BYTES)
    if unpacking.unconsumed_tail:
        raise ValueError(f"more than {MOST_BYTES} bytes when it is unpacked")
    return found

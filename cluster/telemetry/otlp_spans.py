"""Spans as OTLP has them. The one file that knows OpenTelemetry's traces.

The SDK is not asked: it wants to have timed a span itself, and takes five times as long to write one down.
"""

from collections.abc import Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import SpanFlags, Status

from cluster.software import software
from cluster.telemetry import names
from cluster.telemetry.context import TraceContext
from cluster.telemetry.names import Value
from cluster.telemetry.spans import Kind, Span

SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
_KINDS = {kind: OtlpSpan.SpanKind.Value(f"SPAN_KIND_{kind.upper()}") for kind in Kind}
_FLAGS = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK  # and is not remote


def request(process: Mapping[str, Value], spans: Sequence[Span]) -> bytes:
    """One request to a collector.

    Args:
        process: Who sends it, by names of `names.OF_PROCESSES`.
        spans: All of that process.

    Raises:
        ValueError: A span has times that cannot be written.
    """
    found = ExportTraceServiceRequest()
    of_process = found.resource_spans.add(resource=Resource(), schema_url=SCHEMA)
    _say(of_process.resource, names.allowed(process, names.OF_PROCESSES))
    scope = InstrumentationScope(name="beholden", version=software())
    of_scope = of_process.scope_spans.add(scope=scope, schema_url=SCHEMA)
    for span in spans:
        _write(span, of_scope.spans.add())
    body: bytes = found.SerializeToString()
    return body


def _write(span: Span, to: OtlpSpan) -> None:
    """Field by field: a message that is made of its parts takes twice as long."""
    to.trace_id, to.span_id = _ids(span.context)
    if span.parent is not None:
        to.parent_span_id = span.parent.to_bytes(8, "big")
    to.name = span.name
    to.kind = _KINDS[span.kind]
    to.start_time_unix_nano, to.end_time_unix_nano = span.began_ns, span.ended_ns
    to.flags = _FLAGS
    _say(to, names.allowed({**span.attributes, names.ERROR: span.error} if span.error else span.attributes))
    for link in span.links:
        trace_id, span_id = _ids(link)
        to.links.add(trace_id=trace_id, span_id=span_id, flags=_FLAGS)
    to.status.code = Status.STATUS_CODE_ERROR if span.error else Status.STATUS_CODE_UNSET


def _ids(context: TraceContext) -> tuple[bytes, bytes]:
    return context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big")


def _say(to: OtlpSpan | Resource, attributes: Mapping[str, Value]) -> None:
    for key, value in attributes.items():
        attribute = to.attributes.add()
        attribute.key = key
        _put(value, attribute.value)


def _put(value: Value, to: AnyValue) -> None:
    if isinstance(value, str):
        to.string_value = value
    elif isinstance(value, bool):
        to.bool_value = value
    elif isinstance(value, int):
        to.int_value = value
    else:
        to.double_value = value

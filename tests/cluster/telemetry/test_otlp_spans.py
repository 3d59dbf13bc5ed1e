"""That what we write is what OpenTelemetry's own encoder would."""

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from cluster.telemetry.context import TraceContext
from cluster.telemetry.otlp_spans import SCHEMA, request
from cluster.telemetry.spans import Kind, Span

PROCESS: dict[str, Any] = {"service.name": "recogniser", "process.pid": 7}
SAID: dict[str, Any] = {
    "beholden.faces": 2,
    "beholden.frame.age_ms": 1.5,
    "beholden.camera": "gate",
    "beholden.kept": True,
}


def _context(context: TraceContext) -> SpanContext:
    return SpanContext(context.trace_id, context.span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _theirs(span: Span, version: str) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=_context(span.context),
        parent=None if span.parent is None else _context(TraceContext(span.context.trace_id, span.parent)),
        resource=Resource(PROCESS, SCHEMA),
        attributes={**span.attributes, **({"error.type": span.error} if span.error else {})},
        links=[Link(_context(link)) for link in span.links],
        kind=SpanKind[span.kind.upper()],
        status=Status(StatusCode.ERROR if span.error else StatusCode.UNSET),
        start_time=span.began_ns,
        end_time=span.ended_ns,
        instrumentation_scope=InstrumentationScope("beholden", version, SCHEMA),
    )


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("changes", [{}, {"error": "Broken"}, {"links": (TraceContext(8, 9), TraceContext(1, 2))}])
@pytest.mark.parametrize("parent", [None, 2**64 - 1])
def test_it_is_opentelemetry_s_own_byte_for_byte(
    kind: Kind, changes: dict[str, Any], parent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans of all kinds, with and without parents, links, errors and values of every kind."""
    monkeypatch.setattr("cluster.telemetry.otlp_spans.software", lambda: "1.2")
    spans = [
        Span("decode", kind, TraceContext(2**128 - number, number), parent, 5, 2**63 - 1, said, **changes)
        for number, said in enumerate(({}, SAID), start=1)
    ]
    assert request(PROCESS, spans) == encode_spans([_theirs(span, "1.2") for span in spans]).SerializeToString()

"""A span as a plain value: what `tracing.py` gives to OpenTelemetry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cluster.telemetry.context import TraceContext
from cluster.telemetry.names import Value


class Kind(StrEnum):
    """What a span is to others, as OpenTelemetry has it."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that was done, and when.

    Attributes:
        name: What; see `names`.
        kind: See `Kind`.
        context: Which span of which trace it is.
        parent: Span id of what it was a part of or followed from; None for the first of its trace.
        began_ns: Unix nanoseconds.
        ended_ns: Unix nanoseconds.
        attributes: By names of `names.OF_SPANS`; others do not leave the process.
        links: Spans it has to do with beside its parent.
        error: Of which kind the failure was; None when it did not fail.
    """

    name: str
    kind: Kind
    context: TraceContext
    parent: int | None
    began_ns: int
    ended_ns: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    links: tuple[TraceContext, ...] = ()
    error: str | None = None

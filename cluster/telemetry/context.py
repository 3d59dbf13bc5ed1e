"""W3C trace context: who a span belongs to, and whose traces are kept whatever becomes of them."""

import random
import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})((?:-.*)?)")
_SAMPLED = 0x01
# The last 56 bits of a trace id are random by W3C Trace Context level 2, and decide in OpenTelemetry's collector, too.
_RANDOM_BITS = 56


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span and its trace.

    Attributes:
        trace_id: 128 bits, not 0.
        span_id: 64 bits, not 0.
        sampled: Whether its own process keeps it.
    """

    trace_id: int
    span_id: int
    sampled: bool = True

    def __str__(self) -> str:
        """As the header `traceparent`."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"

    def child(self) -> "TraceContext":
        """Another span of the same trace."""
        return TraceContext(self.trace_id, new_span_id(), self.sampled)


def new_trace(share: float) -> TraceContext:
    """The first span of a trace; one of `share` of all is sampled."""
    trace_id = random.getrandbits(128) or 1
    return TraceContext(trace_id, new_span_id(), is_in_share(trace_id, share))


def new_span_id() -> int:
    """A span id that no other span has."""
    return random.getrandbits(64) or 1


def is_in_share(trace_id: int, share: float) -> bool:
    """Whether a trace is one of `share` of all: every process that asks this of a trace id gets the same answer."""
    return trace_id % (1 << _RANDOM_BITS) >= (1 - share) * (1 << _RANDOM_BITS)


def parse_traceparent(header: str | None) -> TraceContext | None:
    """What a `traceparent` says; None when there is none, or none that can be understood: a trace is begun then."""
    found = _TRACEPARENT.fullmatch(header or "")
    if not found:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & _SAMPLED))

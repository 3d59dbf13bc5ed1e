"""Where spans go, for whoever makes them. It knows no OpenTelemetry until there is a collector."""

from collections.abc import Sequence
from typing import Protocol

from cluster.settings import ClusterSettings
from cluster.telemetry.spans import Span

CLOSE_S = 1.0  # what is queued when a process ends is not worth more


class SpanSink(Protocol):
    """See `tracing.Tracer`."""

    @property
    def dropped(self) -> int:
        """Spans that were not sent."""
        ...

    def send(self, spans: Sequence[Span]) -> None:
        """Have spans sent; returns at once."""
        ...

    def close(self, timeout_s: float) -> None:
        """Send what is queued, and wait for that no longer than so."""
        ...


def open_sink(settings: ClusterSettings, service: str, instance: str) -> SpanSink | None:
    """Where the spans of this process go; None when the cluster file names no collector.

    Args:
        settings: The cluster file.
        service: What this process is: `recogniser`, `shard`, `camera`, `alert-reader`.
        instance: Which of them.
    """
    if settings.telemetry.traces.otlp is None:
        return None
    from cluster.telemetry.tracing import open_tracer  # a tenth of a second, and none of it where there are no traces

    return open_tracer(settings.telemetry.traces.otlp, service, instance, settings.cluster)

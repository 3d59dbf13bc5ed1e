"""Where a frame's trace ends: somebody reads its alert.

with closing(AlertReader(kafka, file)) as reader, closing(tracing):
reader.read(tracing.traced(show), timeout_s=1.0)
"""

import time
from collections.abc import Callable
from typing import Any

from cluster.ports import Record
from cluster.settings import ClusterSettings
from cluster.telemetry import names
from cluster.telemetry.context import parse_traceparent
from cluster.telemetry.span_sink import CLOSE_S, SpanSink, open_sink
from cluster.telemetry.spans import Kind, Span

Take = Callable[..., None]


class ReaderTracing:
    """Goes on with the traces of alerts.

    Args:
        sink: Where spans go.
        now_ns: Gives the present, Unix nanoseconds.
    """

    def __init__(self, sink: SpanSink, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._sink = sink
        self._now_ns = now_ns

    def traced(self, take: Take) -> Take:
        """As `take`, which is given a record and whatever else; how long it took becomes a part of the alert's trace.

        What it raises is raised, and told of by its kind.
        """

        def taking(record: Record, *more: Any) -> None:
            began_ns, error = self._now_ns(), None
            try:
                take(record, *more)
            except Exception as raised:
                error = type(raised).__name__
                raise
            finally:
                self._tell(record, began_ns, error)

        return taking

    def close(self) -> None:
        """There are no more alerts."""
        self._sink.close(CLOSE_S)

    def _tell(self, record: Record, began_ns: int, error: str | None) -> None:
        sender = parse_traceparent(record.headers.get("traceparent", b"").decode(errors="replace"))
        if sender is None or not sender.sampled:
            return
        topic, written_ns = record.ref.topic, min(max(0, record.timestamp_ms) * 1_000_000, began_ns)
        said = names.kafka(names.PROCESS, names.PROCESS, topic) | {
            names.PARTITION: str(record.ref.partition),
            names.OFFSET: record.ref.offset,
            names.MESSAGE_ID: record.headers.get("ce_id", b"").decode(errors="replace"),
        }
        name = names.of_topic(names.PROCESS, topic)
        self._sink.send(
            [
                Span(names.IN_TOPIC, Kind.INTERNAL, sender.child(), sender.span_id, written_ns, began_ns),
                Span(name, Kind.CONSUMER, sender.child(), sender.span_id, began_ns, self._now_ns(), said, error=error),
            ]
        )


def open_reader_tracing(settings: ClusterSettings, instance: str) -> ReaderTracing | None:
    """What goes on with the traces of alerts; None when the cluster file names no collector."""
    sink = open_sink(settings, "alert-reader", instance)
    return ReaderTracing(sink) if sink else None

"""The first span of a frame's trace: a camera sends it."""

import time
from collections.abc import Callable
from datetime import datetime

from cluster.settings import ClusterSettings
from cluster.telemetry import names
from cluster.telemetry.context import TraceContext, new_trace
from cluster.telemetry.span_sink import CLOSE_S, SpanSink, open_sink
from cluster.telemetry.spans import Kind, Span
from cluster.telemetry.unix_time import unix_ns


class SentFrame:
    """One frame on its way.

    Args:
        sink: Where its span goes, if it is kept here.
        context: Its span: whoever reads the frame goes on from it.
        camera: Whose.
        captured_at: UTC-aware.
        now_ns: Gives the present, Unix nanoseconds.

    Attributes:
        context: As above.
    """

    def __init__(
        self, sink: SpanSink, context: TraceContext, camera: str, captured_at: datetime, now_ns: Callable[[], int]
    ) -> None:
        self.context = context
        self._sink = sink
        self._camera = camera
        self._captured_at = captured_at
        self._now_ns = now_ns

    def sent(self, topic: str, partition: int, offset: int) -> None:
        """Kafka has it."""
        if self.context.sampled:
            self._tell(topic, {names.PARTITION: str(partition), names.OFFSET: offset}, None)

    def failed(self, topic: str, error: BaseException) -> None:
        """Kafka has not taken it: that is told of whether the frame's trace is kept or not."""
        self._tell(topic, {}, type(error).__name__)

    def _tell(self, topic: str, where: dict[str, names.Value], error: str | None) -> None:
        began_ns = unix_ns(self._captured_at)
        said = {**names.kafka(names.SEND, names.SEND, topic), names.CAMERA: self._camera, **where}
        name, ended_ns = names.of_topic(names.SEND, topic), max(began_ns, self._now_ns())
        context = TraceContext(self.context.trace_id, self.context.span_id)
        self._sink.send([Span(name, Kind.PRODUCER, context, None, began_ns, ended_ns, said, error=error)])


class CameraTracing:
    """Begins the traces of frames.

    Args:
        sink: Where spans go.
        share: Part of all frames whose span is sent and whose recogniser is told to keep their traces.
        now_ns: Gives the present, Unix nanoseconds.
    """

    def __init__(self, sink: SpanSink, share: float, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._sink = sink
        self._share = share
        self._now_ns = now_ns

    def begin(self, camera: str, captured_at: datetime) -> SentFrame:
        """A frame is about to be sent."""
        return SentFrame(self._sink, new_trace(self._share), camera, captured_at, self._now_ns)

    def close(self) -> None:
        """There are no more frames."""
        self._sink.close(CLOSE_S)


def open_camera_tracing(settings: ClusterSettings, instance: str) -> CameraTracing | None:
    """What begins the traces of a camera's frames; None when the cluster file names no collector."""
    sink = open_sink(settings, "camera", instance)
    return CameraTracing(sink, settings.telemetry.traces.share) if sink else None

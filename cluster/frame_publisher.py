"""A camera's side of the frames topic."""

from datetime import datetime
from functools import partial

from cluster.in_flight import InFlight
from cluster.kafka.client import translated
from cluster.kafka.producer import OVERHEAD_BYTES, close_producer, open_producer
from cluster.kafka.topics import FRAMES
from cluster.kafka_settings import KafkaSettings
from cluster.telemetry.camera_tracing import CameraTracing
from cluster.wire.frames import frame_headers
from operators.errors import BrokerUnavailable, FrameReason, FrameRefused

CAMERA_DELIVERY_MS = 20_000  # a frame that is older is worth nothing, and the operator wants to know
BATCH_BYTES = 1024 * 1024  # a frame is larger than kafka-python's own: each would be a request, at three times the cost
IN_FLIGHT_BYTES = 16 * 1024 * 1024  # of a camera's frames; see `in_flight.py`


class KafkaFramePublisher:
    """A camera's side of the frames topic; see `ports.FramePublisher`.

    Args:
        kafka: Which Kafka.
        tracing: Begins the trace of each frame; None: there are none.
        in_flight: Bounds what is on its way; a bound of its own when None.
    """

    def __init__(
        self, kafka: KafkaSettings, tracing: CameraTracing | None = None, in_flight: InFlight | None = None
    ) -> None:
        self._kafka = kafka
        self._tracing = tracing
        self._topic = kafka.topic_prefix + FRAMES
        self._producer = open_producer(kafka, "beholden-camera", CAMERA_DELIVERY_MS, batch_bytes=BATCH_BYTES)
        self._in_flight = in_flight or InFlight(IN_FLIGHT_BYTES)
        self._failure: BaseException | None = None

    def publish(self, camera: str, jpeg: bytes, captured_at: datetime, stream: str, seq: int) -> None:
        """See `ports.FramePublisher`."""
        if len(jpeg) > self._kafka.max_message_bytes - OVERHEAD_BYTES:
            limit = self._kafka.max_message_bytes
            raise FrameRefused(FrameReason.TOO_LARGE, f"{len(jpeg)} bytes; a message may have {limit}")
        trace = self._tracing.begin(camera, captured_at) if self._tracing else None
        headers = frame_headers(captured_at, stream, seq, str(trace.context) if trace else None)
        self._check()
        send = partial(self._producer.send, self._topic, key=camera.encode(), value=jpeg, headers=headers)
        with translated(self._kafka, f"publishing to {self._topic} (made by 'beholden up' when it is missing)"):
            future = self._in_flight.send(len(jpeg), send)
        future.add_errback(self._fail)
        if trace:
            future.add_callback(lambda sent: trace.sent(sent.topic, sent.partition, sent.offset))
            future.add_errback(partial(trace.failed, self._topic))

    def close(self) -> None:
        """See `ports.FramePublisher`."""
        flushed = close_producer(self._producer, CAMERA_DELIVERY_MS / 1000 + 5)
        if self._tracing:
            self._tracing.close()
        self._check()
        if not flushed:
            raise BrokerUnavailable(f"Kafka at {self._kafka.bootstrap} has not acknowledged the last frames")

    def _fail(self, failure: BaseException) -> None:
        self._failure = failure

    def _check(self) -> None:
        if self._failure is not None:
            close_producer(self._producer, 0)
            with translated(self._kafka, f"publishing to {self._topic}"):
                raise self._failure

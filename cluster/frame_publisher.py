"""A camera's side of the frames topic."""

from datetime import datetime
from functools import partial

from cluster.in_flight import InFlight
from cluster.kafka_io import (
    CAMERA_DELIVERY_MS,
    FRAMES,
    IN_FLIGHT_BYTES,
    OVERHEAD_BYTES,
    close_producer,
    open_producer,
    translated,
)
from cluster.settings import KafkaSettings
from cluster.wire.frames import frame_headers
from operators.errors import BrokerUnavailable, FrameReason, FrameRefused


class KafkaFramePublisher:
    """A camera's side of the frames topic; see `ports.FramePublisher`."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._topic = kafka.topic_prefix + FRAMES
        self._producer = open_producer(kafka, "beholden-camera", CAMERA_DELIVERY_MS)
        self._in_flight = InFlight(IN_FLIGHT_BYTES)
        self._failure: BaseException | None = None

    def publish(self, camera: str, jpeg: bytes, captured_at: datetime, stream: str, seq: int) -> None:
        """See `ports.FramePublisher`."""
        if len(jpeg) > self._kafka.max_message_bytes - OVERHEAD_BYTES:
            limit = self._kafka.max_message_bytes
            raise FrameRefused(FrameReason.TOO_LARGE, f"{len(jpeg)} bytes; a message may have {limit}")
        headers = frame_headers(captured_at, stream, seq)
        self._check()
        send = partial(self._producer.send, self._topic, key=camera.encode(), value=jpeg, headers=headers)
        with translated(self._kafka, f"publishing to {self._topic} (made by 'beholden up' when it is missing)"):
            self._in_flight.send(len(jpeg), send).add_errback(self._fail)

    def close(self) -> None:
        """See `ports.FramePublisher`."""
        flushed = close_producer(self._producer, CAMERA_DELIVERY_MS / 1000 + 5)
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

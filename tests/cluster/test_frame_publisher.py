"""A camera's side of the frames topic, without a broker."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.future import Future

from cluster import frame_publisher
from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka import producer as producer_module
from cluster.kafka_settings import KafkaSettings
from cluster.telemetry.camera_tracing import CameraTracing
from cluster.telemetry.context import parse_traceparent
from cluster.telemetry.spans import Span

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Producer:
    """Takes frames and keeps their headers; nothing is acknowledged by itself."""

    def __init__(self) -> None:
        self.headers: list[dict[str, bytes]] = []
        self.futures: list[Future] = []

    def send(self, _: str, **frame: Any) -> Future:
        """Another frame on its way."""
        self.headers.append(dict(frame["headers"]))
        self.futures.append(Future())
        return self.futures[-1]


class Sink:
    """Spans in a list; how it was closed."""

    dropped = 0

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.is_closed = False

    def send(self, spans: Any) -> None:
        """Remember them."""
        self.spans += spans

    def close(self, timeout_s: float) -> None:
        """Remember it."""
        self.is_closed = True


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    """Instead of Kafka's."""
    found = Producer()
    monkeypatch.setattr(frame_publisher, "open_producer", lambda *_, **__: found)
    monkeypatch.setattr(frame_publisher, "close_producer", lambda *_: True)
    return found


def test_a_frame_carries_its_span_and_the_span_ends_when_kafka_has_it(producer: Producer) -> None:
    """One that Kafka refuses is told of as an error."""
    sink = Sink()
    publisher = KafkaFramePublisher(KafkaSettings(), CameraTracing(sink, 1.0))
    publisher.publish("gate", b"jpeg", AT, "run", 0)
    publisher.publish("gate", b"jpeg", AT, "run", 1)
    assert sink.spans == []
    producer.futures[0].success(SimpleNamespace(topic="frames", partition=3, offset=12))
    producer.futures[1].failure(TimeoutError())
    told = [parse_traceparent(headers["traceparent"].decode()) for headers in producer.headers]
    assert [span.context for span in sink.spans] == told
    assert [(span.name, span.error) for span in sink.spans] == [("send frames", None), ("send frames", "TimeoutError")]


def test_without_traces_frames_are_sent_as_before(producer: Producer) -> None:
    """No header is added; with traces the last spans are sent at the end."""
    KafkaFramePublisher(KafkaSettings()).publish("gate", b"jpeg", AT, "run", 0)
    assert producer.headers[0].keys() == {"captured_at", "stream", "seq"}
    sink = Sink()
    KafkaFramePublisher(KafkaSettings(), CameraTracing(sink, 1.0)).close()
    assert sink.is_closed


@pytest.mark.parametrize(("largest", "batch"), [(4 * 1024 * 1024, 1024 * 1024), (600_000, 600_000)])
def test_frames_that_wait_go_together(largest: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches that hold several, and never more than Kafka takes at once."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(producer_module, "KafkaProducer", lambda **options: given.update(options))
    KafkaFramePublisher(KafkaSettings(max_message_bytes=largest))
    assert given["batch_size"] == batch

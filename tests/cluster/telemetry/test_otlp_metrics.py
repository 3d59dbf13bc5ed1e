"""What a collector is sent."""

import gzip
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from cluster.telemetry import otlp_metrics
from cluster.telemetry.catalogue import CATALOGUE
from cluster.telemetry.metric import Kind
from cluster.telemetry.metric_outlets import MetricOutlets
from cluster.telemetry.otlp_metrics import MetricPusher
from cluster.telemetry.samples import samples
from cluster.telemetry.settings import MetricSettings
from tests.cluster.telemetry.heard import TRACE, heard
from tests.waiting import PATIENCE_S, wait_until


class Collector:
    """Takes whatever it is sent; while it is told to hang it answers nobody."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take it."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.got.append((self.path, dict(self.headers), body))
                collector.go_on.wait(PATIENCE_S)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """Let everybody go."""
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def metrics(self) -> dict[str, Any]:
        """What it was sent first, by name."""
        request = ExportMetricsServiceRequest.FromString(gzip.decompress(self.got[0][2]))
        return {each.name: each for each in request.resource_metrics[0].scope_metrics[0].metrics}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """One that listens."""
    found = Collector()
    yield found
    found.close()


def test_a_collector_is_sent_what_prometheus_is_served(collector: Collector) -> None:
    """The same samples under the same names, of the kind and unit that the catalogue says."""
    found = samples(heard())
    assert MetricPusher(collector.address, 1.0).push(found, 2.0)
    [(path, _, _)] = collector.got
    assert path == "/v1/metrics"
    assert set(collector.metrics) == {each.name for each in found}
    for name, metric in collector.metrics.items():
        kind = {"sum": Kind.COUNTER, "gauge": Kind.GAUGE, "histogram": Kind.HISTOGRAM}[metric.WhichOneof("data")]
        assert (kind, metric.unit, metric.description) == (
            CATALOGUE[name].kind,
            CATALOGUE[name].unit,
            CATALOGUE[name].about,
        )


def test_histograms_keep_their_counts_and_traces(collector: Collector) -> None:
    """Buckets without those before them, as OTLP has them."""
    assert MetricPusher(collector.address, 1.0).push(samples(heard()), 2.0)
    [point] = collector.metrics["beholden_alert_latency_seconds"].histogram.data_points
    assert (point.count, point.sum, sum(point.bucket_counts)) == (1, 0.3, 1)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert [each.trace_id.hex() for each in point.exemplars] == [TRACE]
    assert (point.start_time_unix_nano, point.time_unix_nano) == (10**9, 2 * 10**9)


def test_the_environment_changes_nothing(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where metrics go, nor what is sent with them."""
    for name, value in {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_HEADERS": "who=anna",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "nonsense",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "deflate",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    assert MetricPusher(collector.address, 1.0).push(samples(heard()), 2.0)
    [(_, headers, _)] = collector.got
    assert ("who" in headers, headers["Content-Encoding"]) == (False, "gzip")


def test_a_collector_that_hangs_is_given_up(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while; what was not sent is not kept."""
    monkeypatch.setattr(otlp_metrics, "TIMEOUT_S", 0.05)
    collector.go_on.clear()
    assert not MetricPusher(collector.address, 1.0).push(samples(heard()), 2.0)


def test_sendings_are_counted_and_trouble_is_told_once(
    collector: Collector, nobody: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector that is not there is tried again and again; nothing else is said of it."""
    outlets = MetricOutlets(MetricSettings(otlp=collector.address, every_s=0.01), lambda: samples(heard()))
    wait_until(lambda: outlets.pushes["sent"] >= 1)
    outlets.close(PATIENCE_S)
    monkeypatch.setattr(otlp_metrics, "TIMEOUT_S", 0.05)
    with caplog.at_level(logging.WARNING):
        outlets = MetricOutlets(MetricSettings(otlp=nobody, every_s=0.01), lambda: samples(heard()))
        wait_until(lambda: outlets.pushes["failed"] >= 2)
        outlets.close(PATIENCE_S)
    assert [message for message in caplog.messages if message.startswith("metrics.otlp")] == caplog.messages
    assert len(caplog.messages) == 1

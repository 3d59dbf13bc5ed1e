"""Sends samples to a collector, as OTLP over HTTP. The only file that knows OpenTelemetry's metrics.

A data point is made of each sample. The SDK's own instruments are of no use here: other processes have counted, and its
histograms cannot be told what was counted elsewhere.
"""

import logging
from collections.abc import Iterable, Sequence

from cluster.software import software
from cluster.telemetry.otel_environment import forget_variables

forget_variables()

# ruff: noqa: E402
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Exemplar as OtlpExemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as OtlpMetric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from cluster.measures import Exemplar
from cluster.stages import BUCKETS_S
from cluster.telemetry.catalogue import CATALOGUE
from cluster.telemetry.metric import Kind, Metric
from cluster.telemetry.samples import Sample
from cluster.telemetry.settings import signal_address

TIMEOUT_S = 5.0  # of one sending; a collector that does not answer holds up nothing but the next one
NS = 1_000_000_000
# Their own words for a collector that does not answer; whoever pushes says it, and once.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
CUMULATIVE = AggregationTemporality.CUMULATIVE


class MetricPusher:
    """Sends what it is given, one at a time.

    Args:
        otlp: Address of the collector.
        started_s: Since when there are counts, Unix time.
    """

    def __init__(self, otlp: str, started_s: float) -> None:
        forget_variables()  # what has been set since
        self._started_ns = int(started_s * NS)
        session = requests.Session()
        session.trust_env = False  # no proxy that the cluster file does not name
        self._exporter = OTLPMetricExporter(
            endpoint=signal_address(otlp, "metrics"),
            headers={},
            timeout=TIMEOUT_S,
            compression=Compression.Gzip,
            session=session,
        )

    def push(self, samples: Iterable[Sample], at_s: float) -> bool:
        """Send these; whether the collector has taken them. It returns within TIMEOUT_S or a little more.

        Args:
            samples: As they are at `at_s`.
            at_s: Unix time.
        """
        data = metrics_data(samples, self._started_ns, int(at_s * NS))
        return self._exporter.export(data) is MetricExportResult.SUCCESS

    def close(self) -> None:
        """Give up what is being sent, and send nothing more."""
        self._exporter.shutdown()


def metrics_data(samples: Iterable[Sample], started_ns: int, at_ns: int) -> MetricsData:
    """Samples as OTLP has them, under the names that Prometheus has.

    Args:
        samples: As they are at `at_ns`.
        started_ns: Since when there are counts, Unix nanoseconds.
        at_ns: Unix nanoseconds.
    """
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    metrics = [_metric(CATALOGUE[name], found, started_ns, at_ns) for name, found in by_name.items()]
    scope = ScopeMetrics(InstrumentationScope("beholden", software()), metrics, "")
    resource = Resource({"service.name": "beholden", "service.version": software()})
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(metric: Metric, samples: Sequence[Sample], started_ns: int, at_ns: int) -> OtlpMetric:
    data: Gauge | Sum | Histogram
    if metric.kind is Kind.HISTOGRAM:
        data = Histogram([_histogram(each, started_ns, at_ns) for each in samples], CUMULATIVE)
    else:
        numbers = [NumberDataPoint(dict(each.labels), started_ns, at_ns, float(each.value)) for each in samples]
        data = Sum(numbers, CUMULATIVE, is_monotonic=True) if metric.kind is Kind.COUNTER else Gauge(numbers)
    return OtlpMetric(metric.name, metric.about, metric.unit, data)


def _histogram(sample: Sample, started_ns: int, at_ns: int) -> HistogramDataPoint:
    durations = sample.durations
    assert durations is not None  # noqa: S101 - a histogram's always has them
    return HistogramDataPoint(
        attributes=dict(sample.labels),
        start_time_unix_nano=started_ns,
        time_unix_nano=at_ns,
        count=durations.count,
        sum=durations.total_s,
        bucket_counts=list(durations.counts),
        explicit_bounds=list(BUCKETS_S),
        min=float("inf"),
        max=float("-inf"),
        exemplars=[_exemplar(each) for each in sample.exemplars.values()],
    )


def _exemplar(kept: Exemplar) -> OtlpExemplar:
    no_span = 0  # without any the encoder leaves out the trace as well
    return OtlpExemplar({}, kept.seconds, int(kept.at_s * NS), no_span, int(kept.trace_id, 16))

"""Serves samples to Prometheus, as text or OpenMetrics. The only file that knows Prometheus' client."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, exposition, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from cluster.stages import cumulative
from cluster.telemetry.catalogue import CATALOGUE
from cluster.telemetry.metric import EVERYWHERE, Kind, Metric
from cluster.telemetry.samples import Sample
from cluster.telemetry.settings import host_and_port

Source = Callable[[], Sequence[Sample]]
CLOSE_S = 5.0


class _Samples(Collector):
    """What is served: made anew for each scrape."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Family]:
        """Families of the catalogue that have samples."""
        return families(self._source())

    def describe(self) -> Iterable[Family]:
        """Nothing beforehand: what there is, is not known before it is asked for."""
        return ()


class ScrapeServer:
    """Listens until closed.

    Args:
        listen: HOST:PORT; port 0 takes any that is free.
        source: What there is.

    Raises:
        OSError: It cannot listen there.
    """

    def __init__(self, listen: str, source: Source) -> None:
        host, port = host_and_port(listen)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Samples(source))
        self._server, self._thread = start_http_server(port, host, registry)
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Serve nothing more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(CLOSE_S)


def families(samples: Iterable[Sample]) -> Iterator[Family]:
    """Samples as the client's families, in the order of the catalogue."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    for name, metric in CATALOGUE.items():
        if found := by_name.get(name):
            yield _family(metric, found)


def text(samples: Sequence[Sample], as_openmetrics: bool = False) -> str:
    """As it is served."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Samples(lambda: samples))
    latest = openmetrics.generate_latest if as_openmetrics else exposition.generate_latest
    found: bytes = latest(registry)
    return found.decode()


_FAMILIES: dict[Kind, Any] = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}


def _family(metric: Metric, samples: Sequence[Sample]) -> Any:
    labels = (EVERYWHERE, *metric.labels)
    family = _FAMILIES[metric.kind](metric.name, metric.about, labels=labels)
    for sample in samples:
        values = [sample.labels[label] for label in labels]
        if metric.kind is Kind.HISTOGRAM:
            family.add_metric(values, _buckets(sample), sample.durations.total_s if sample.durations else 0.0)
        else:
            family.add_metric(values, sample.value)
    return family


def _buckets(sample: Sample) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    assert sample.durations is not None  # noqa: S101 - a histogram's always has them
    for number, (bound, count) in enumerate(cumulative(sample.durations)):
        kept = sample.exemplars.get(str(number))
        exemplar = Exemplar({"trace_id": kept.trace_id}, kept.seconds, kept.at_s) if kept else None
        found.append((floatToGoString(bound), count, exemplar))  # type: ignore[no-untyped-call]
    return found

"""Where `beholden observe` fetches from and listens."""

import pytest

from cluster.cli.observe import OTLP, _collector, _targets
from cluster.telemetry.settings import MetricSettings, TelemetrySettings, TraceSettings


@pytest.mark.parametrize(
    ("listen", "scrape", "targets"),
    [
        (None, (), {}),
        ("10.0.0.1:9464", (), {"beholden": ["10.0.0.1:9464"]}),
        ("0.0.0.0:9464", ("127.0.0.1:1",), {"beholden": ["127.0.0.1:9464"], "others": ["127.0.0.1:1"]}),
        ("[::]:9464", (), {"beholden": ["127.0.0.1:9464"]}),
    ],
)
def test_the_supervisor_is_fetched_from_where_it_listens(
    listen: str | None, scrape: tuple[str, ...], targets: dict[str, list[str]]
) -> None:
    """From this machine, where it listens everywhere; and others as they are named."""
    assert _targets(TelemetrySettings(metrics=MetricSettings(listen=listen)), scrape) == targets


@pytest.mark.parametrize(
    ("traces", "metrics", "address"),
    [
        (None, None, OTLP),
        ("http://127.0.0.1:1/", None, "127.0.0.1:1"),
        (None, "http://127.0.0.1:2", "127.0.0.1:2"),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", "127.0.0.1:1"),
    ],
)
def test_the_collector_listens_where_the_cluster_sends_to(
    traces: str | None, metrics: str | None, address: str
) -> None:
    """As the cluster file has it."""
    telemetry = TelemetrySettings(traces=TraceSettings(otlp=traces), metrics=MetricSettings(otlp=metrics))
    assert _collector(telemetry) == address

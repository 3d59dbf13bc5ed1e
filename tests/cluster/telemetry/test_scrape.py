"""What Prometheus is served."""

import socket
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from cluster.telemetry import metric_outlets
from cluster.telemetry.catalogue import CATALOGUE
from cluster.telemetry.metric_outlets import MetricOutlets
from cluster.telemetry.samples import samples
from cluster.telemetry.scrape import ScrapeServer, text
from cluster.telemetry.settings import MetricSettings
from tests.cluster.telemetry.heard import TRACE, heard
from tests.local_http import ask
from tests.waiting import PATIENCE_S, wait_until


def fetch(port: int, accept: str = "text/plain") -> str:
    """What is served."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
    with ask(request, timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())


def test_both_forms_can_be_read_back() -> None:
    """Every metric by the name that the catalogue has."""
    found = samples(heard())
    plain, opened = list(parse_text(text(found))), list(parse_openmetrics(text(found, as_openmetrics=True)))
    for families in (plain, opened):
        names = {sample.name for family in families for sample in family.samples}
        told = {name.removesuffix(suffix) for name in names for suffix in ("", "_bucket")} & set(CATALOGUE)
        assert told == {each.name for each in found}


def test_a_slow_alert_leads_to_its_trace() -> None:
    """In OpenMetrics, on the bucket that counted it."""
    families = parse_openmetrics(text(samples(heard()), as_openmetrics=True))
    kept = [(s.labels["le"], s.exemplar.labels) for f in families for s in f.samples if s.exemplar]
    assert kept == [("0.5", {"trace_id": TRACE})]


def test_buckets_count_all_that_took_no_longer() -> None:
    """The last is all of them, and so is the count."""
    families = {family.name: family for family in parse_text(text(samples(heard())))}
    found = families["beholden_alert_latency_seconds"].samples
    counts = {sample.labels.get("le", sample.name): sample.value for sample in found}
    assert (counts["0.25"], counts["0.5"], counts["+Inf"]) == (0, 1, 1)
    assert counts["beholden_alert_latency_seconds_count"] == 1


def test_a_server_serves_what_there_is_at_that_moment() -> None:
    """As plain text, or as OpenMetrics to whoever takes it."""
    found = samples(heard())
    server = ScrapeServer("127.0.0.1:0", lambda: found)
    try:
        assert "beholden_alerts_total{" in fetch(server.port)
        assert fetch(server.port, "application/openmetrics-text; version=1.0.0").endswith("# EOF\n")
        found = []
        assert "beholden" not in fetch(server.port)
    finally:
        server.close()


def test_an_address_that_is_taken_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once what to do, and served as soon as the address is free."""
    monkeypatch.setattr(metric_outlets, "RETRY_LISTEN_S", 0.01)
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    outlets = MetricOutlets(MetricSettings(listen=f"127.0.0.1:{port}"), lambda: samples(heard()))
    try:
        wait_until(lambda: bool(caplog.messages))
        assert outlets.listening_on is None
        taken.close()
        wait_until(lambda: outlets.listening_on == port)
        assert "beholden_alerts_total{" in fetch(port)
    finally:
        outlets.close(PATIENCE_S)
    assert sum("free that address or name another one" in message for message in caplog.messages) == 1
    assert outlets.listening_on is None

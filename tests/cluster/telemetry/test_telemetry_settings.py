import pickle
from collections.abc import Callable
from typing import Any

import pytest

from cluster.strict_yaml import build
from cluster.telemetry.settings import (
    LogForm,
    MetricSettings,
    TelemetrySettings,
    TraceSettings,
    host_and_port,
    signal_address,
)
from operators.errors import SettingsRefused


def test_without_the_section_everything_is_off() -> None:
    """Nothing is sent, nothing listens, and logs are text."""
    found = TelemetrySettings()
    assert (found.traces.otlp, found.metrics.otlp, found.metrics.listen) == (None, None, None)
    assert (found.objective_ms, found.traces.share, found.metrics.every_s) == (1000, 0.01, 10.0)
    assert found.logs is LogForm.TEXT


def test_a_whole_section_is_read() -> None:
    """Addresses stay as they are written, and settings travel to actors."""
    document = {
        "objective_ms": 500,
        "traces": {"otlp": "http://127.0.0.1:4318", "share": 0},
        "metrics": {"otlp": "https://collector.example/beholden", "every_s": 2.5, "listen": "127.0.0.1:9464"},
        "logs": "json",
    }
    found = build(document, TelemetrySettings)
    assert found == TelemetrySettings(
        500,
        TraceSettings("http://127.0.0.1:4318", 0.0),
        MetricSettings("https://collector.example/beholden", 2.5, "127.0.0.1:9464"),
        LogForm.JSON,
    )
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"objective_ms": 0}, "objective_ms: must be at least 1"),
        ({"traces": {"share": 1.1}}, "share: must be from 0 to 1"),
        ({"traces": {"share": -0.1}}, "share: must be from 0 to 1"),
        ({"traces": {"otlp": "127.0.0.1:4318"}}, "otlp: must be http://HOST:PORT"),
        ({"traces": {"otlp": "ftp://host"}}, "otlp: must be http://HOST:PORT"),
        ({"traces": {"otlp": "http://"}}, "otlp: must be http://HOST:PORT"),
        ({"traces": {"otlp": "http://host:99999"}}, "otlp: must be http://HOST:PORT"),
        ({"traces": {"otlp": "http://[host"}}, "otlp: must be http://HOST:PORT"),
        ({"traces": {"otlp": "http://host/?token=1"}}, "otlp: must be http://HOST:PORT"),
        ({"traces": {"otlp": "http://me:hunter2@host"}}, "otlp: must hold no password"),
        ({"metrics": {"otlp": "host"}}, "otlp: must be http://HOST:PORT"),
        ({"metrics": {"every_s": 0}}, "every_s: must be above 0"),
        ({"metrics": {"listen": "9464"}}, "listen: must be HOST:PORT"),
        ({"metrics": {"listen": ":9464"}}, "listen: must be HOST:PORT"),
        ({"metrics": {"listen": "host:port"}}, "listen: must be HOST:PORT"),
        ({"metrics": {"listen": "host:1/path"}}, "listen: must be HOST:PORT"),
        ({"metrics": {"listen": "me@host:1"}}, "listen: must be HOST:PORT"),
        ({"logs": "xml"}, "logs: "),
        ({"spans": {}}, "spans: is not a known key"),
        ({"traces": {"otpl": "x"}}, "traces.otpl: is not a known key"),
    ],
)
def test_what_cannot_work_is_refused(document: dict[str, Any], words: str) -> None:
    """When the file is read, and no password is repeated."""
    with pytest.raises(SettingsRefused) as refused:
        build(document, TelemetrySettings)
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: host_and_port("127.0.0.1:0"), ("127.0.0.1", 0)),
        (lambda: host_and_port("[::1]:9464"), ("::1", 9464)),
        (lambda: signal_address("http://h:4318", "traces"), "http://h:4318/v1/traces"),
        (lambda: signal_address("http://h/beholden/", "metrics"), "http://h/beholden/v1/metrics"),
    ],
)
def test_addresses_are_taken_apart(call: Callable[[], object], expected: object) -> None:
    """Of machines by name, number and IPv6, and of collectors behind a path."""
    assert call() == expected

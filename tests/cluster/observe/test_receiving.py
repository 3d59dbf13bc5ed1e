"""The small collector, for the length of a block."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from cluster.observe.receiving import receiving
from cluster.telemetry.otlp_metrics import MetricPusher
from cluster.telemetry.samples import samples
from cluster.telemetry.span_store import SpanStore
from operators.errors import DeploymentFailed
from tests.cluster.telemetry.heard import heard


def test_metrics_are_taken_and_a_store_of_traces_is_there(tmp_path: Path) -> None:
    """Afterwards nobody listens."""
    store = tmp_path / "observe" / "traces.sqlite"
    with receiving("127.0.0.1:0", store) as address:
        assert MetricPusher(address, time.time()).push(samples(heard()), time.time())
        host = address.removeprefix("http://")
        with pytest.raises(DeploymentFailed, match="--otlp"), receiving(host, store):
            pass
    with receiving(host, store) as again:
        assert again == address
    with closing(SpanStore(store)) as spans:
        assert len(spans) == 0

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


@pytest.mark.parametrize("listen", ["127.0.0.1:4318/otlp", "collector.example", "127.0.0.1:many"])
def test_what_is_no_address_to_listen_on_is_refused(tmp_path: Path, listen: str) -> None:
    """As a cluster file may name it for a collector elsewhere: with a path, or without a port."""
    with pytest.raises(DeploymentFailed, match="name HOST:PORT with --otlp"), receiving(listen, tmp_path / "traces"):
        pass
    assert not (tmp_path / "traces").exists()

"""One frame's way through real processes: camera, recogniser, index shards, alert reader."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from cluster.telemetry.receiver import Receiver
from cluster.telemetry.span_store import SpanStore
from cluster.telemetry.waterfall import waterfall
from loadtests.temporary import Temporary
from tests.drawn import CAMERAS, scene, write_deployment
from tests.running import Running, prepared

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpanStore]:
    """Where spans are kept."""
    store = SpanStore(tmp_path_factory.mktemp("traces") / "traces.sqlite")
    yield store
    store.close()


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, store: SpanStore) -> Iterator[Running]:
    """A cluster with two shards that keeps every trace, and tells a receiver."""
    receiver = Receiver("127.0.0.1", 0, store)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    telemetry = {"traces": {"otlp": receiver.address, "share": 1.0}, "logs": "json"}
    folder: Path = tmp_path_factory.mktemp("deployment")
    with prepared({**write_deployment(folder), "telemetry": telemetry}) as running:
        running.put({f"person-{seed}": seed for seed in range(4)})
        running.up()
        yield running
    receiver.shutdown()
    receiver.server_close()


def test_an_alert_is_one_tree_over_five_processes(traced: Running, store: SpanStore, tmp_path: Path) -> None:
    """From the camera to whoever reads the alert; the times of its stages add up to capture-to-alert within 5 %."""
    alert = _alert(traced.run, tmp_path, seed=1)
    traced.wait(lambda: _is_whole(store, alert["alert_id"]), "all of the trace has come")
    trace_id = store.of_alert(alert["alert_id"])
    assert trace_id
    spans = store.trace(trace_id)
    ids = {span.span_id for span in spans}
    [root] = [span for span in spans if span.parent_id is None]
    assert (root.name, root.process["service.name"]) == ("send frames", "camera")
    assert all(span.parent_id in ids for span in spans if span is not root)
    services = {span.process["service.name"]: span.process["process.pid"] for span in spans}
    assert services.keys() == {"camera", "recogniser", "shard", "alert-reader"}
    assert len({span.process["process.pid"] for span in spans}) == 5
    to_alert_ms = (_at(alert["alerted_at"]) - _at(alert["captured_at"])).total_seconds() * 1000
    assert sum(length for _, length in waterfall(spans).stages) == pytest.approx(to_alert_ms, rel=0.05)


def test_a_trace_can_be_looked_at(traced: Running, store: SpanStore, tmp_path: Path) -> None:
    """In a terminal and as a page: of an alert, and of the slowest frame."""
    alert = _alert(traced.run, tmp_path, seed=2)
    traced.wait(lambda: _is_whole(store, alert["alert_id"]), "all of the trace has come")
    file = ("--store", str(_file_of(store)))
    shown = traced.run.beholden("trace", alert["alert_id"], *file)
    assert "send frames" in shown
    assert "search shard 1" in shown
    assert "process frames" in traced.run.beholden("trace", "--slowest", *file)
    page = tmp_path / "trace.html"
    traced.run.beholden("trace", alert["alert_id"], *file, "--html", str(page))
    assert alert["alert_id"] in page.read_text()


def _alert(run: Temporary, folder: Path, seed: int) -> dict[str, str]:
    """A camera's process sends somebody's picture; the alert, as another process reads it."""
    pictures = folder / "pictures"
    pictures.mkdir()
    (pictures / "1.jpg").write_bytes(scene([seed]))
    command = [sys.executable, "-m", "cluster", "alerts", "tail", "-f", str(run.file), "--json", "--timeout", "60"]
    with subprocess.Popen(
        [*command, "--from-beginning"], env=dict(run.environment), stdout=subprocess.PIPE, text=True
    ) as reader:
        run.beholden("camera", "publish", "-f", str(run.file), "--camera", CAMERAS[0], "--source", str(pictures))
        assert reader.stdout is not None
        alerts = (json.loads(line) for line in reader.stdout)
        alert: dict[str, str] = next(alert for alert in alerts if alert["entry"] == f"person-{seed}")
        reader.send_signal(signal.SIGINT)
    return alert


def _is_whole(store: SpanStore, alert_id: str) -> bool:
    trace_id = store.of_alert(alert_id)
    names = [span.name for span in store.trace(trace_id)] if trace_id else []
    wanted = {"send frames", "process frames", "send alerts", "process alerts", "commit frames"}
    return wanted <= set(names) and names.count("search shard") == 2


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _file_of(store: SpanStore) -> Path:
    [(_, _, file)] = store._database.execute("PRAGMA database_list").fetchall()
    return Path(file)

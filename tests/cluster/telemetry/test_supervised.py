"""Metrics of a cluster, as its supervisor hears it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster import supervisor as supervisor_module
from cluster.account import Account
from cluster.ledger.checkpoint_keeper import Sealing
from cluster.plan import Plan, read_plan
from cluster.status import WATCHING, Member
from cluster.telemetry import supervised
from cluster.telemetry.samples import Sample
from cluster.telemetry.settings import MetricSettings
from cluster.telemetry.supervised import ClusterMetrics, open_cluster_metrics
from operators.retention import RetentionProfile
from tests.cluster.telemetry.heard import recogniser
from tests.drawn import write_deployment
from tests.waiting import PATIENCE_S, wait_until


class Nothing:
    """As `KeptWatch` and `MetricOutlets`: nothing is measured, served or sent."""

    def __init__(self, *_: object) -> None:
        self.kept: list[Any] = []
        self.pushes = {"sent": 2}
        self.closed = False

    def close(self, *_: float) -> None:
        """Remember it."""
        self.closed = True


@pytest.fixture
def plan(write_document: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """One that is served."""
    monkeypatch.setattr(supervised, "KeptWatch", Nothing)
    monkeypatch.setattr(supervised, "MetricOutlets", Nothing)
    telemetry = {"objective_ms": 500, "metrics": {"listen": "127.0.0.1:0"}}
    return read_plan(write_document({"cluster": "drawn", **write_deployment(tmp_path), "telemetry": telemetry}))


def value(found: list[Sample], name: str) -> float:
    """Of its first sample."""
    return next(sample.value for sample in found if sample.name == name)


def nobody_knows() -> RetentionProfile | None:
    """How long things are kept."""
    return None


def test_what_the_supervisor_has_heard_becomes_samples(plan: Plan) -> None:
    """Nothing before it has heard anybody; of a member in another process, that it has begun anew."""
    metrics = ClusterMetrics(plan, nobody_knows)
    assert metrics.samples() == []
    for pid in (7, 8):
        member = Member("recogniser-0", WATCHING, recogniser(Account(), pid=pid))
        metrics.note([member], 1, None, Sealing(None, 3))
    found = metrics.samples()
    assert value(found, "beholden_member_restarts_total") == 1
    assert value(found, "beholden_alert_objective_seconds") == 0.5
    assert value(found, "beholden_pushes_total") == 2
    assert value(found, "beholden_ledger_unsealed_records") == 3
    assert {sample.labels["deployment"] for sample in found} == {"drawn"}


def test_a_cluster_file_that_asks_for_none_has_none(plan: Plan) -> None:
    """Nothing is measured for it, either."""
    telemetry = replace(plan.settings.telemetry, metrics=MetricSettings())
    silent = replace(plan, settings=replace(plan.settings, telemetry=telemetry))
    assert open_cluster_metrics(silent, nobody_knows) is None
    assert open_cluster_metrics(plan, nobody_knows) is not None


@pytest.mark.parametrize("reconcile", [lambda _: True, lambda _: 1 / 0])
def test_every_round_of_the_supervisor_is_told(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, reconcile: Callable[[Any], bool]
) -> None:
    """Also one that failed: its members are not known then, and so they are shown."""
    for name in ("open_policy_watch", "CheckpointKeeper", "Departures"):
        monkeypatch.setattr(supervisor_module, name, lambda *_: Watch())
    monkeypatch.setattr(supervisor_module, "actor_names", list)
    monkeypatch.setattr(supervisor_module, "close_members", lambda _: None)
    monkeypatch.setattr(supervisor_module.Supervisor, "_reconcile", reconcile)
    supervisor = supervisor_module.Supervisor(plan)
    metrics = supervisor._metrics
    assert metrics
    wait_until(lambda: bool(metrics.samples()))
    assert {sample.labels["member"] for sample in metrics.samples() if "member" in sample.labels} >= {"recogniser-0"}
    supervisor.close(PATIENCE_S)
    assert metrics._outlets.closed  # type: ignore[attr-defined]


class Watch:
    """As `PolicyWatch` and `CheckpointKeeper`."""

    shown, policy, sealing, state = None, None, Sealing(), ""

    def close(self, *_: float) -> None:
        """It has nothing to close."""

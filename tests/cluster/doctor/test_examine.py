"""The whole examination, and the checks of a cluster file."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster import plan
from cluster.doctor import examine as doctor
from cluster.doctor import services
from cluster.doctor.findings import Finding, guarded
from operators.errors import BrokerUnavailable
from tests.cluster.doctor.values import FAULT, OK, levels, planned


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), ImportError("x"), BrokerUnavailable("x")])
def test_guarded(error: Exception) -> None:
    """Whatever a check raises becomes a fault that names it."""

    def fail() -> list[Finding]:
        raise error

    found = guarded(fail)
    assert levels(found) == [FAULT]
    assert "x" in found[0].finding


def test_cluster_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fault of the file is a finding; a file without any is named by what it puts in force."""
    file = tmp_path / "c.yaml"
    file.write_text("cluster: a\nrecognisers: {count: 0}\ncolour: blue\n")
    found = doctor.cluster_file(file)
    assert levels(found) == [FAULT] * 4
    assert {part for each in found for part in ("colour", "policy", "models", "count") if part in each.finding} == {
        "colour",
        "policy",
        "models",
        "count",
    }
    good = planned()
    good.in_force = SimpleNamespace(policy=SimpleNamespace(deployment="d", policy=7))
    monkeypatch.setattr(plan, "read_plan", lambda _: good)
    assert doctor.cluster_file(file) == [Finding(OK, "cluster demo, deployment d, policy 7")]


def test_models(tmp_path: Path) -> None:
    """A model file must be there with the bytes pinned."""
    wanted = planned(tmp_path)
    assert levels(doctor.models(wanted)) == [FAULT, FAULT]
    (tmp_path / "m.onnx").write_bytes(b"model")
    assert levels(doctor.models(wanted)) == [OK, OK]
    (tmp_path / "m.onnx").write_bytes(b"madel")
    found = doctor.models(wanted)
    assert levels(found) == [FAULT, FAULT]
    assert "sha256" in found[0].finding


def test_examine_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check runs here without falling over, without a cluster file and with one that cannot be used."""
    monkeypatch.setattr(services, "listens", lambda _: False)
    monkeypatch.setattr("cluster.broker.node.find_java", lambda: "/java")
    file = tmp_path / "c.yaml"
    file.write_text("cluster: a\n")
    for given in (None, file):
        report = doctor.examine(given, "somewhere:9092")
        assert [each.finding for each in report["Kafka"]] == ["nothing listens at somewhere:9092"]
        assert not [each for findings in report.values() for each in findings if "the check itself" in each.finding]
    assert set(levels(report["cluster file"])) == {FAULT}


def test_examine_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that cannot be imported is examined all the same."""
    for name in ("operators.onnx", "cluster.settings", "cluster.plan"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("cluster.broker.node.find_java", lambda: "/java")
    report = doctor.examine(None, None)
    assert levels(report["device"]) == levels(report["Kafka"]) == [FAULT]
    assert levels(report["packages"]) == [OK]
    assert not [each for findings in report.values() for each in findings if "the check itself" in each.finding]

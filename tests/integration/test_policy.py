"""Policies and orders by the commands of an operator, against a real broker; no cluster runs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kafka_settings import KafkaSettings
from cluster.watchlists.register import read_topic
from cluster.wire.ledger import parse_record
from tests.drawn import write_deployment

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java 17; see `beholden broker start`"),
]


class Operator:
    """A cluster file of its own, and whoever runs commands with it."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder = folder
        document = {**write_deployment(folder), "cluster": "signed", "kafka": {"bootstrap": bootstrap}}
        (folder / "cluster.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
        roles = {"ada": ("propose", "stop", "resume"), "bob": ("approve", "resume")}
        keys = [self.run("policy", "key", who, *_roles(may)).splitlines()[-1] for who, may in roles.items()]
        with (folder / "cluster.yaml").open("a") as file:
            file.write("\n".join(["people:", *keys, ""]))

    def run(self, *arguments: str, status: int = 0) -> str:
        """What a command prints; its errors when it is to fail."""
        environment = {**os.environ, "XDG_STATE_HOME": str(self.folder), "COLUMNS": "200"}
        command = [sys.executable, "-m", "cluster", *arguments]
        done = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stderr if status else done.stdout

    def policy(self, number: int, threshold: float) -> str:
        """A policy's file."""
        document: dict[str, Any] = yaml.safe_load((self.folder / "policy.yaml").read_text())
        document["policy"] = number
        document["watchlists"]["sought"]["threshold"] = threshold
        (self.folder / f"{number}.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
        return f"{number}.yaml"


def _roles(may: tuple[str, ...]) -> list[str]:
    return [part for role in may for part in ("--role", role)]


@pytest.fixture
def operator(tmp_path: Path, bootstrap: str) -> Operator:
    """Nothing is in force yet."""
    return Operator(tmp_path, bootstrap)


def test_policies_come_into_force_and_go_by_people_alone(operator: Operator, bootstrap: str) -> None:
    """Proposed, approved, applied, taken back, stopped and resumed; the ledger has each whole."""
    on, run = ("-f", "cluster.yaml"), operator.run
    why = ("--by", "ada", "--why", "the test")
    run("policy", "propose", operator.policy(2, 0.9), *on, *why)
    run("policy", "apply", "2.release.json", *on)
    about = {name: f"sha256 {_sha256(operator.folder / f'drawn-{name}.onnx')}" for name in ("detector", "embedder")}
    point = {"threshold": 0.55, "fpir": {"hits": 1, "of": 100}, "tpir": {"hits": 95, "of": 100}}
    measured = {"about": about, "identification": {"points": [point]}}
    (operator.folder / "measured.json").write_text(json.dumps(measured))
    looser = operator.policy(3, 0.85)
    assert "no_expiry" in run("policy", "propose", looser, *on, *why, status=1)
    run("policy", "propose", looser, *on, *why, "--expires", "30d", "--evidence", "measured.json")
    assert "not_approved" in run("policy", "apply", "3.release.json", *on, status=1)
    run("policy", "approve", "3.release.json", "--by", "bob", "--yes", "--evidence", "measured.json")
    run("policy", "apply", "3.release.json", *on)
    assert "replayed" in run("policy", "apply", "2.release.json", *on, status=1)
    assert "replayed" in run("policy", "apply", "3.release.json", *on, status=1)
    run("policy", "rollback", "2", "--as", "4", *on, *why)
    run("policy", "apply", "4.release.json", *on)
    run("stop", *on, *why)
    assert "stopped by ada" in run("policy", "history", *on)
    run("resume", *on, *why)
    run("resume", "drawn.resume.json", *on, "--by", "bob")
    assert "stopped by" not in run("policy", "history", *on)
    history = json.loads(run("policy", "history", *on, "--json"))
    assert [(each["number"], bool(each["loosens"])) for each in history] == [(2, False), (3, True), (4, False)]
    records = [parse_record(record.value) for record in read_topic(KafkaSettings(bootstrap=bootstrap), "ledger")]
    told = [record for record in records if not record.kind.startswith("chain.")]
    assert [record.kind for record in told] == ["policy.applied"] * 3 + ["order.stop", "order.resume"]
    assert [record.body["document"]["watchlists"]["sought"]["threshold"] for record in told[:3]] == [0.9, 0.85, 0.9]


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

"""The ledger of a real cluster: written by several processes, one of them killed, sealed, verified, tampered with."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from cluster.kafka.admin import ensure_topics
from cluster.kafka.producer import KafkaSink, producing
from cluster.kafka.topics import LEDGER, LEDGER_HEADS
from cluster.ledger.settings_history import SettingsHistory
from cluster.ledger.verify import Verifier
from cluster.plan import Plan
from cluster.recogniser import Recogniser
from cluster.watchlists.register import read_topic
from cluster.wire.ledger import LedgerRecord, parse_record
from cluster.wire.text import parse_time
from loadtests.temporary import Temporary
from tests.builders import profile
from tests.drawn import CAMERAS, scene, write_deployment
from tests.running import Running, prepared

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Sealed"]:
    """A cluster that has watched, lost a recogniser, and was taken down."""
    folder = tmp_path_factory.mktemp("deployment")
    settings = {"checkpoint_s": 1.0, "anchor_file": str(folder / "anchors")}
    with prepared({**write_deployment(folder), "ledger": settings}) as running:
        run = running.run
        running.put({f"person-{seed}": seed for seed in range(4)})
        running.up()
        running.publish([(CAMERAS[seed], scene([seed])) for seed in range(2)])
        alerts = running.alerts({"person-0", "person-1"})
        os.kill(running.heard()[0]["status"]["pid"], signal.SIGKILL)
        running.wait(lambda: _begun(running) == 3, "the one that was killed begins another chain")
        running.publish([(CAMERAS[seed], scene([seed])) for seed in range(2, 4)])
        alerts |= running.alerts({"person-2", "person-3"})
        running.wait(lambda: _shown(running).startswith("checkpoint "), "the status says how far it is sealed")
        run.beholden("down", "-f", str(run.file))
        shown = [each for found in alerts.values() for each in found]
        yield Sealed(running, folder / "anchors", shown)


def _shown(running: Running) -> str:
    said: str = json.loads(running.run.beholden("status", "-f", str(running.run.file), "--json"))["ledger"]
    return said


def _begun(running: Running) -> int:
    records = [parse_record(record.value) for record in read_topic(running.plan.settings.kafka, LEDGER)]
    return len({each.chain for each in records if each.writer.startswith("recogniser") and each.seq == 1})


class Sealed:
    """A ledger that nobody writes to any more."""

    def __init__(self, running: Running, anchors: Path, alerts: Sequence[dict[str, Any]]) -> None:
        self.running = running
        self.anchors = anchors
        self.alerts = alerts
        self.kafka = running.plan.settings.kafka
        self.values = [record.value for record in read_topic(self.kafka, LEDGER)]

    @property
    def records(self) -> list[LedgerRecord]:
        """Parsed."""
        return [parse_record(value) for value in self.values]

    def copied(self, name: str, values: Sequence[bytes], file: Path) -> Path:
        """The cluster file of a copy of the ledger in topics of another prefix, with what was published as it is."""
        kafka = replace(self.kafka, topic_prefix=f"{name}.")
        ensure_topics(kafka, profile())
        heads = [record.value for record in read_topic(self.kafka, LEDGER_HEADS)]
        with producing(kafka, "copy") as producer:
            for topic, written in ((LEDGER, values), (LEDGER_HEADS, heads)):
                for value in written:
                    KafkaSink(kafka, producer, topic).send("x", value, []).wait(30)
        content = yaml.safe_load(self.running.run.file.read_text())
        content["kafka"]["topic_prefix"] = f"{name}."
        file.write_text(yaml.safe_dump(content, allow_unicode=True))
        return file

    def verify(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit status, and what it says."""
        run = self.running.run
        try:
            return 0, json.loads(run.beholden("ledger", "verify", "--json", *arguments))
        except subprocess.CalledProcessError as failed:
            return failed.returncode, json.loads(failed.stdout)


def test_the_ledger_of_a_cluster_verifies(ledger: Sealed) -> None:
    """With a process killed in between; the last checkpoint covers all but the end of its own chain."""
    code, said = ledger.verify("-f", str(ledger.running.run.file))
    assert (code, said["faults"], said["key_believed"]) == (0, 0, False)
    assert said["checkpoints"] >= 2
    assert said["anchored"] == said["checkpoints"]
    assert said["open"] == 1  # the chain of the process that was killed
    assert said["uncovered"] <= 2
    writers = {each.writer for each in ledger.records}
    assert writers >= {"desk", "policy-desk", "recogniser-0", "recogniser-1", "checkpoints"}


def test_each_alert_agrees_with_the_ledger_alone(ledger: Sealed) -> None:
    """Policy and threshold of its camera at its time."""
    history = SettingsHistory.of(ledger.records)
    assert len(ledger.alerts) == 4
    for alert in ledger.alerts:
        [settings] = history.of_camera(alert["camera"], parse_time(alert["alerted_at"]))
        assert (settings.number, settings.digest) == (alert["policy"]["number"], alert["policy"]["digest"])
        assert settings.thresholds[alert["watchlist"]] == alert["threshold"]
        assert settings.in_scope


def test_what_is_done_to_a_copy_is_found_and_named(ledger: Sealed, tmp_path: Path) -> None:
    """In Kafka, by the command."""
    at = next(at for at, each in enumerate(ledger.records) if each.kind == "settings.in_force")
    record = ledger.records[at]
    dropped = [*ledger.values[:at], *ledger.values[at + 1 :]]
    flipped = [*ledger.values[:at], ledger.values[at].replace(b"drawn", b"drown"), *ledger.values[at + 1 :]]
    repeated = [*ledger.values[: at + 1], *ledger.values[at:]]
    for name, values, kind, offset in (
        ("dropped", dropped, "missing", None),
        ("flipped", flipped, "altered", at),
        ("repeated", repeated, "repeated or out of order", at + 1),
    ):
        code, said = ledger.verify("-f", str(ledger.copied(name, values, tmp_path / f"{name}.yaml")))
        first = said["first_faults"][0]
        assert (code, first["kind"]) == (1, kind), said
        assert (first["writer"], first["chain"], first["seq"]) == (record.writer, record.chain, record.seq)
        assert offset in (None, first["offset"])
    code, said = ledger.verify("-f", str(ledger.copied("short", ledger.values[:at], tmp_path / "short.yaml")))
    assert (code, said["first_faults"][-1]["kind"]) == (1, "not as published")


def test_an_export_is_verified_without_kafka(ledger: Sealed, tmp_path: Path) -> None:
    """With the key and the anchors from elsewhere; and each thing done to the file is found."""
    run, file = ledger.running.run, tmp_path / "ledger.jsonl"
    run.beholden("ledger", "export", "-f", str(run.file), str(file))
    key = run.beholden("ledger", "key", "-f", str(run.file)).strip()
    given = ("--key", key, "--anchor", str(ledger.anchors))
    assert ledger.verify(str(file), *given)[0] == 0
    lines = file.read_bytes().splitlines(keepends=True)
    records = next(at for at, line in enumerate(lines) if b'"offset"' in line)
    file.write_bytes(b"".join([*lines[: records + 3], *lines[records + 4 :]]))
    assert ledger.verify(str(file), *given)[0] == 1
    file.write_bytes(b"".join(lines[: records + 3]))
    assert ledger.verify(str(file), *given)[1]["first_faults"][-1]["kind"] == "not as published"


def test_nobody_is_alerted_about_while_the_ledger_cannot_be_written(plan: Plan, tmp_path: Path) -> None:
    """The ledger alone: alerts could be written. Whoever passes when it can be written again is alerted about."""
    running = Running.begin(Temporary(tmp_path, plan.settings.kafka.bootstrap, tmp_path / "cluster.yaml", {}), plan)
    running.put({f"person-{seed}": seed for seed in range(2)})
    failed = threading.Event()
    _take(plan, 10)
    recogniser = Recogniser(plan, 0, None, failed.set)
    try:
        running.wait(lambda: "the ledger cannot be written" in recogniser.status().state, "it says so")
        running.publish([(CAMERAS[0], scene([0]))])
        assert recogniser.status().account["frames_in"] == 0
        _take(plan, plan.settings.kafka.max_message_bytes)
        running.wait(lambda: recogniser.status().state == "watching", "it watches")
        running.publish([(CAMERAS[1], scene([1]))])
        assert set(running.alerts({"person-1"})) == {"person-1"}
    finally:
        recogniser.close(20.0)
    assert not failed.is_set()
    verifier = Verifier(plan.in_force.policy.deployment)
    values = enumerate(record.value for record in read_topic(plan.settings.kafka, LEDGER))
    assert [fault for offset, value in values for fault in verifier.take(offset, value)] == []


def _take(plan: Plan, size_bytes: int) -> None:
    """Have the ledger take no record that is larger."""
    change = ConfigResource("TOPIC", LEDGER, {"max.message.bytes": str(size_bytes)})
    with closing(KafkaAdminClient(bootstrap_servers=plan.settings.kafka.bootstrap)) as admin:
        admin.alter_configs([change])

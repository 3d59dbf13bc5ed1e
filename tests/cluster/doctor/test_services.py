"""Checks of Kafka and Ray at each of their levels."""

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.doctor import services as doctor
from cluster.doctor.findings import Level
from cluster.kafka.admin import KafkaAnswer
from cluster.kafka_settings import KafkaSettings
from cluster.keys import EVIDENCE_KEY_FILE, make_evidence_key
from operators.errors import BrokerUnavailable, DeploymentFailed, SettingsRefused
from tests.cluster.doctor.values import FAULT, OK, WARNING, levels, planned

KAFKA = KafkaSettings()
TOPICS = {"frames": 8, "alerts": 8, "watchlist": 8, "dead-letters": 1}


def asker(answer: KafkaAnswer | BrokerUnavailable | None) -> Callable[[KafkaSettings], KafkaAnswer | None]:
    """A Kafka that says this."""

    def ask(_: KafkaSettings) -> KafkaAnswer | None:
        if isinstance(answer, BrokerUnavailable):
            raise answer
        return answer

    return ask


@pytest.mark.parametrize(
    ("named", "answer", "expected"),
    [
        (True, KafkaAnswer(1, TOPICS), [OK]),
        (True, KafkaAnswer(1, {}), [OK]),
        (True, KafkaAnswer(1, {**TOPICS, "frames": 4}), [OK, FAULT]),
        (True, KafkaAnswer(0, TOPICS), [OK, FAULT]),
        (True, None, [FAULT]),
        (False, None, [WARNING]),
        (False, BrokerUnavailable("asking: no answer; advice"), [FAULT]),
    ],
)
def test_kafka(named: bool, answer: Any, expected: list[Level]) -> None:
    """Kafka must answer and fit the cluster file; silence counts if it was named."""
    assert levels(doctor.kafka(KAFKA, named, True, asker(answer))) == expected


def test_kafka_topics_with_prefix() -> None:
    """Topics are looked for under the deployment's prefix; without a cluster file nothing is said of partitions."""
    (found,) = doctor.kafka(replace(KAFKA, topic_prefix="t."), True, False, asker(KafkaAnswer(3, {"t.frames": 1})))
    assert found.finding.endswith(
        "3 brokers, topics t.alerts, t.watchlist, t.dead-letters will be made by 'beholden up'"
    )


def test_ask_kafka_where_nothing_listens() -> None:
    """A closed port is no Kafka; no client is made for it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert doctor.ask_if_listening(KafkaSettings(bootstrap=f"127.0.0.1:{bound.getsockname()[1]}")) is None
        bound.listen()
        assert doctor.listens(f"127.0.0.1:{bound.getsockname()[1]}")


@pytest.mark.parametrize("address", ["localhost", "host:", ":9092", "host:http", "host:70000"])
def test_address_invalid(address: str) -> None:
    """What is not HOST:PORT is named as such."""
    with pytest.raises(BrokerUnavailable, match="HOST:PORT"):
        doctor.listens(address)


def test_broker_tools() -> None:
    """Java and Maven are missed only where a local broker may be wanted, and Maven only until Kafka is fetched."""

    def no_java() -> str:
        raise DeploymentFailed("there is no Java: install it")

    assert levels(doctor.broker_tools(True, lambda: "/java", "/mvn", has_jars=False)) == [OK, OK]
    assert levels(doctor.broker_tools(True, no_java, None, has_jars=True)) == [WARNING, OK]
    assert levels(doctor.broker_tools(True, no_java, None, has_jars=False)) == [WARNING, WARNING]
    assert levels(doctor.broker_tools(False, no_java, None, has_jars=False)) == [OK]


@pytest.mark.parametrize(
    ("address", "reachable", "level"), [("local", False, OK), ("head:6379", True, OK), ("head:6379", False, FAULT)]
)
def test_ray(address: str, reachable: bool, level: Level) -> None:
    """A Ray elsewhere must be there."""
    assert levels(doctor.ray("2.60.0", planned(ray=address), None, lambda _: reachable)) == [level]


@pytest.mark.parametrize(
    ("mode", "text", "level"), [(0o600, "t", OK), (0o400, "t", OK), (0o640, "t", FAULT), (0o600, "", FAULT)]
)
def test_ray_token_file(tmp_path: Path, mode: int, text: str, level: Level) -> None:
    """The token is a secret, and there is one in the file."""
    path = tmp_path / "ray-token"
    path.write_text(text)
    path.chmod(mode)
    assert levels(doctor.ray_token({}, path)) == [level]


def test_ray_token_elsewhere(tmp_path: Path) -> None:
    """Ours may not exist yet, one that is named must; authentication may not be off."""
    path = tmp_path / "missing"
    assert levels(doctor.ray_token({}, path)) == [OK]
    assert levels(doctor.ray_token({"RAY_AUTH_TOKEN": "t"}, path)) == [OK]
    assert levels(doctor.ray_token({"RAY_AUTH_TOKEN_PATH": str(path)}, tmp_path / "own")) == [FAULT]
    assert levels(doctor.ray_token({"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "t"}, path)) == [FAULT]


def test_the_token_of_a_ray_elsewhere_is_not_ours(tmp_path: Path) -> None:
    """It is the one that was named where that Ray was started."""
    path = tmp_path / "ray-token"
    path.write_text("t")
    path.chmod(0o600)
    assert levels(doctor.ray_token({}, path, is_elsewhere=True)) == [FAULT]
    assert levels(doctor.ray_token({"RAY_AUTH_TOKEN": "t"}, path, is_elsewhere=True)) == [OK]
    assert levels(doctor.ray_token({"RAY_AUTH_TOKEN_PATH": str(path)}, path, is_elsewhere=True)) == [OK]


def test_the_key_that_seals_evidence_is_missed_before_recognisers_miss_it(tmp_path: Path) -> None:
    """On this machine 'up' makes it; on several it is copied, to those that have recognisers."""
    here, apart = (planned(keys=tmp_path, ray=ray) for ray in ("local", "head:6379"))
    assert [levels(doctor.evidence_key(plan)) for plan in (here, apart)] == [[OK], [WARNING]]
    make_evidence_key(tmp_path)
    assert [levels(doctor.evidence_key(plan)) for plan in (here, apart)] == [[OK], [OK]]
    (tmp_path / EVIDENCE_KEY_FILE).chmod(0o644)
    with pytest.raises(SettingsRefused, match="600"):
        doctor.evidence_key(here)


def test_kafka_on_another_machine_is_not_started_by_us() -> None:
    """Our own broker answers on this machine alone."""
    [found] = doctor.kafka(KafkaSettings(bootstrap="10.0.0.1:9092"), True, True, lambda _: None)
    assert "start Kafka there" in found.advice

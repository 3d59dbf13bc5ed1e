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
from operators.errors import BrokerUnavailable, DeploymentFailed
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
    ("address", "reachable", "token_named", "level"),
    [
        ("local", False, False, OK),
        ("head:6379", True, True, OK),
        ("head:6379", True, False, WARNING),
        ("head:6379", False, True, FAULT),
    ],
)
def test_ray(address: str, reachable: bool, token_named: bool, level: Level) -> None:
    """A Ray elsewhere must be there and its token named."""
    assert levels(doctor.ray("2.60.0", planned(ray=address), None, lambda _: reachable, token_named)) == [level]


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

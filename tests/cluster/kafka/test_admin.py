"""What is asked of Kafka about how it keeps things, and what becomes of its answers, with a client that knows one."""

from typing import Any

import pytest
from kafka.admin import ConfigResource
from kafka.protocol.admin import DescribeClusterResponse

from cluster.kafka import admin
from cluster.kafka.admin import apply_retention, read_configs
from cluster.kafka_settings import KafkaSettings
from operators.errors import BrokerUnavailable
from tests.builders import profile

KAFKA = KafkaSettings(topic_prefix="here.")
BROKER = {"log.retention.check.interval.ms": {"value": "300000"}, "password": {"value": None}}


class Client:
    """As `KafkaAdminClient`, of two brokers of which one is fenced, with one topic of ours and one of another's."""

    refused: str | None = None

    def __init__(self, **_: Any) -> None:
        self.asked: list[ConfigResource] = []

    def describe_topics(self) -> list[dict[str, Any]]:
        """All topics."""
        return [{"name": "here.alerts", "partitions": []}, {"name": "alerts", "partitions": []}]

    def describe_cluster(self) -> dict[str, Any]:
        """In kafka-python's own form."""
        broker = DescribeClusterResponse.DescribeClusterBroker
        made = [broker(broker_id=number, host="h", port=1, rack=None, is_fenced=number == 2) for number in (1, 2)]
        return {"brokers": [each.to_dict() for each in made]}

    def describe_configs(self, resources: list[ConfigResource], config_filter: str) -> dict[str, Any]:
        """All settings, defaults included, of what is asked for and nothing else."""
        assert config_filter == "all"
        found: dict[str, Any] = {}
        for each in resources:
            settings = {"retention.ms": {"value": "7"}} if each.resource_type.name == "TOPIC" else BROKER
            found.setdefault(each.resource_type.name.lower(), {})[each.name] = settings
        return found

    def alter_configs(self, resources: list[ConfigResource]) -> dict[str, Any]:
        """Kafka says no by a text."""
        for each in resources:
            CHANGED[each.name] = each.configs
        return {"topic": {each.name: self.refused or "OK" for each in resources}}

    def close(self) -> None:
        """Nothing is open."""


CHANGED: dict[str, dict[str, str]] = {}


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    """In Kafka's place."""
    CHANGED.clear()
    monkeypatch.setattr(admin, "KafkaAdminClient", Client)
    return Client


def test_settings_are_those_of_our_topics_and_of_brokers_at_work() -> None:
    """By the names that we call topics; what does not exist is left out."""
    found = read_configs(KAFKA, ["alerts", "evidence"])
    assert found.topics == {"alerts": {"retention.ms": "7"}}
    assert list(found.brokers) == [{"log.retention.check.interval.ms": "300000", "password": "None"}]


def test_topics_that_exist_are_given_what_they_would_be_made_with() -> None:
    """And no others, and none of another's."""
    assert apply_retention(KAFKA, profile()) == ["here.alerts"]
    assert set(CHANGED) == {"here.alerts"}
    assert CHANGED["here.alerts"]["retention.ms"] == str(22 * 3_600_000)
    assert CHANGED["here.alerts"]["message.timestamp.type"] == "LogAppendTime"


def test_a_kafka_that_says_no_is_heard(client: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises nothing by itself."""
    monkeypatch.setattr(client, "refused", "not authorised")
    with pytest.raises(BrokerUnavailable, match=r"refuses settings of topics: here\.alerts: not authorised"):
        apply_retention(KAFKA, profile())


def test_a_topic_that_is_missing_says_who_can_make_it(client: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    """In pods no user that the program has can; one that is there is told by its id and its partitions."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(client, "describe_topics", lambda self, names: found)
    with pytest.raises(BrokerUnavailable, match=r"here\.alerts does not exist .* user of Kafka that may create topics"):
        admin.topic_id(KAFKA, "alerts")
    found.append({"name": "here.alerts", "topic_id": "one", "partitions": [{}, {}]})
    assert admin.topic_shape(KAFKA, "alerts") == ("one", 2)

"""Questions and changes to a Kafka cluster and its topics."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from cluster.kafka.client import client_settings, translated
from cluster.kafka.topics import ALERTS, DEAD_LETTERS, EVIDENCE, FRAMES, LEDGER, LEDGER_HEADS, POLICY, WATCHLIST
from cluster.kafka_settings import KafkaSettings
from cluster.privacy.retention import kept_settings, topic_settings, topics_of
from operators.errors import BrokerUnavailable, SettingsRefused
from operators.retention import RetentionProfile

FRAMES_AHEAD_MS = 5 * 60_000  # a producer whose clock is further ahead is refused: its frames would stay longer


@dataclass(frozen=True, slots=True)
class KafkaAnswer:
    """What a Kafka says of itself: how many brokers, and the partitions of each topic."""

    brokers: int
    topics: Mapping[str, int]


def ask_kafka(kafka: KafkaSettings, timeout_s: float) -> KafkaAnswer:
    """Ask Kafka how many brokers and which topics it has; make sure before that something listens there.

    A client that cannot connect leaves its thread behind (kafka-python 3.0.12).

    Args:
        kafka: Which Kafka.
        timeout_s: Longest wait for the connection and for each answer, seconds.

    Raises:
        BrokerUnavailable: What listens does not answer as Kafka does.
    """
    wait_ms = int(timeout_s * 1000)
    options = {**client_settings(kafka), "bootstrap_timeout_ms": wait_ms, "request_timeout_ms": wait_ms}
    with translated(kafka, "asking for topics"), closing(KafkaAdminClient(**options)) as admin:
        topics = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
        return KafkaAnswer(len(admin.describe_cluster()["brokers"]), topics)


def topic_id(kafka: KafkaSettings, topic: str) -> str:
    """What Kafka calls a topic inside: see `topic_shape`."""
    return topic_shape(kafka, topic)[0]


def topic_shape(kafka: KafkaSettings, topic: str) -> tuple[str, int]:
    """What Kafka calls a topic inside, and how many partitions it has. Another one of the same name has another id.

    Args:
        kafka: Which Kafka.
        topic: Name without prefix.

    Raises:
        BrokerUnavailable: Kafka does not answer, or has no such topic.
    """
    name = kafka.topic_prefix + topic
    with translated(kafka, f"asking for {name}"), closing(KafkaAdminClient(**client_settings(kafka))) as admin:
        found = [found for found in admin.describe_topics([name]) if found["name"] == name]
    if not found:
        raise BrokerUnavailable(
            f"topic {name} does not exist at {kafka.bootstrap}: 'beholden up' makes it, by a user of Kafka that may "
            "create topics"
        )
    return str(found[0]["topic_id"]), len(found[0]["partitions"])


def ensure_topics(kafka: KafkaSettings, profile: RetentionProfile) -> list[str]:
    """Make the topics that are missing; those that exist are left as they are, if they fit.

    Args:
        kafka: Which Kafka.
        profile: How long things are kept. Of topics that exist, `retention_check` says whether they follow it.

    Returns:
        Names of the topics made.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        SettingsRefused: A topic has other partitions than the cluster file says.
    """
    with translated(kafka, "making topics"), closing(KafkaAdminClient(**client_settings(kafka))) as admin:
        there = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
        missing = {}
        for name, spec in _topics(kafka, profile).items():
            if name not in there:
                missing[name] = spec
            elif there[name] != spec["num_partitions"]:
                raise SettingsRefused(
                    f"topic {name} has {there[name]} partitions and the cluster file says {spec['num_partitions']}: "
                    "correct the file; or delete a topic that was made by accident, 'beholden up' makes it anew"
                )
        if missing:
            admin.create_topics(missing, wait_for_metadata=True)
    return sorted(missing)


@dataclass(frozen=True, slots=True)
class KafkaConfigs:
    """What a Kafka really does with what it is given.

    Attributes:
        topics: Settings of each topic that exists, defaults of the brokers included, by name without prefix.
        brokers: Settings of each broker.
    """

    topics: Mapping[str, Mapping[str, str]]
    brokers: Sequence[Mapping[str, str]]


def read_configs(kafka: KafkaSettings, topics: Collection[str]) -> KafkaConfigs:
    """Settings of topics and brokers.

    Args:
        kafka: Which Kafka.
        topics: Names without prefix; those that do not exist are left out.

    Raises:
        BrokerUnavailable: Kafka does not answer, or does not let this user ask.
    """
    with translated(kafka, "asking for settings"), closing(KafkaAdminClient(**client_settings(kafka))) as admin:
        there = {topic["name"] for topic in admin.describe_topics()}
        names = {name: kafka.topic_prefix + name for name in topics if kafka.topic_prefix + name in there}
        nodes = [str(each["broker_id"]) for each in admin.describe_cluster()["brokers"] if not each.get("is_fenced")]
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names.values()]
        wanted += [ConfigResource(ConfigResourceType.BROKER, node) for node in nodes]
        found = admin.describe_configs(wanted, config_filter="all")
    values = {
        kind: {name: {key: str(each["value"]) for key, each in configs.items()} for name, configs in by_name.items()}
        for kind, by_name in found.items()
    }
    return KafkaConfigs(
        {name: values["topic"][real] for name, real in names.items()}, [values["broker"][node] for node in nodes]
    )


def apply_retention(kafka: KafkaSettings, profile: RetentionProfile) -> list[str]:
    """Give topics that exist the settings that they would be made with; their names.

    Raises:
        BrokerUnavailable: Kafka does not answer, or refuses.
    """
    with translated(kafka, "changing settings"), closing(KafkaAdminClient(**client_settings(kafka))) as admin:
        there = {topic["name"] for topic in admin.describe_topics()}
        specs = {name: spec["configs"] for name, spec in _topics(kafka, profile).items() if name in there}
        said = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, *each) for each in specs.items()])
    if refused := {name: result for name, result in said.get("topic", {}).items() if result != "OK"}:
        faults = "; ".join(f"{name}: {result}" for name, result in sorted(refused.items()))
        raise BrokerUnavailable(f"Kafka at {kafka.bootstrap} refuses settings of topics: {faults}")
    return sorted(specs)


def _topics(kafka: KafkaSettings, profile: RetentionProfile) -> dict[str, dict[str, Any]]:
    """What each topic is made with: the reasons are in docs/decisions/0004-topics.md and 0022."""
    minute, day = 60_000, 86_400_000
    safe = {"min.insync.replicas": max(1, kafka.replication - 1)}  # else acks=all is one broker's word
    kept = {name: topic_settings(each) for name, each in topics_of(profile).items()}
    # Frames keep the time at which their producer made them: how old a frame is decides whether it is looked at.
    frames = kept[FRAMES] | {
        "message.timestamp.type": "CreateTime",
        "message.timestamp.after.max.ms": FRAMES_AHEAD_MS,
        "max.message.bytes": kafka.max_message_bytes,
    }
    # What is withdrawn is gone from the log within an hour or two, tombstones a day later.
    hour = 60 * minute
    compacted = {
        "cleanup.policy": "compact",
        "segment.ms": hour,
        "max.compaction.lag.ms": hour,
        "delete.retention.ms": day,
    }
    return {
        kafka.topic_prefix + name: {
            "num_partitions": partitions,
            "replication_factor": kafka.replication,
            "configs": {key: str(value) for key, value in configs.items()},
        }
        for name, partitions, configs in (
            (FRAMES, kafka.frame_partitions, frames),
            (ALERTS, kafka.frame_partitions, {**safe, **kept[ALERTS]}),
            (EVIDENCE, kafka.frame_partitions, {**safe, **kept[EVIDENCE]}),
            (WATCHLIST, kafka.watchlist_partitions, {**safe, **compacted}),
            (POLICY, 1, {**safe, **kept_settings(), "message.timestamp.type": "LogAppendTime"}),
            (LEDGER, 1, {**safe, **kept[LEDGER]}),
            (LEDGER_HEADS, 1, {**safe, **kept_settings()}),
            (DEAD_LETTERS, 1, {**safe, **kept[DEAD_LETTERS]}),
        )
    }

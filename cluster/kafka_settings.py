"""Which Kafka, and how it is spoken to.

Its address may also come from the environment, BEHOLDEN_KAFKA_BOOTSTRAP. Its password comes from there alone,
BEHOLDEN_KAFKA_PASSWORD, in each process that speaks to Kafka: settings are arguments of Ray's actors, and Ray keeps
those.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from operators.errors import BrokerUnavailable

DEFAULT_BOOTSTRAP = "127.0.0.1:9092"
_WITH_PASSWORD = ("PLAIN", "SCRAM-")  # SASL mechanisms


class Protocol(StrEnum):
    """How Kafka is spoken to."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """TLS and SASL, handed to the client as they are.

    Attributes:
        protocol: See `Protocol`.
        cafile: Certificates that the broker's is checked against.
        certfile: This client's certificate, for mutual TLS.
        keyfile: Its key.
        mechanism: SASL mechanism, for example SCRAM-SHA-512.
        username: SASL user. Its password comes from the environment of each process, see `kafka_password`.
        password: Always None: it stands here so that a file that holds one is refused with advice. Never pickled.
    """

    protocol: Protocol = Protocol.PLAINTEXT
    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.protocol.startswith("SASL") and not (self.mechanism and self.username):
            raise ValueError(f"protocol {self.protocol} needs mechanism and username")

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the password."""
        return KafkaSecurity, tuple(getattr(self, each.name) for each in fields(self) if each.name != "password")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Which Kafka, and how the topics are made there when they are missing.

    Attributes:
        bootstrap: HOST:PORT, several separated by commas.
        topic_prefix: Put before the name of every topic, for deployments that share a Kafka.
        frame_partitions: Partitions of the frames topic: the most recognisers that can share the work.
        watchlist_partitions: Partitions of the watchlist topic: the most shards it can have.
        replication: Copies of each partition; 3 in production.
        max_message_bytes: Largest message, frames included.
        security: TLS and SASL.
    """

    bootstrap: str = DEFAULT_BOOTSTRAP
    topic_prefix: str = ""
    frame_partitions: int = 8
    watchlist_partitions: int = 8
    replication: int = 1
    max_message_bytes: int = 4 * 1024 * 1024
    security: KafkaSecurity = field(default_factory=KafkaSecurity)

    def __post_init__(self) -> None:
        be_counts(self, "frame_partitions", "watchlist_partitions", "replication", "max_message_bytes")
        if not self.bootstrap:
            raise ValueError("bootstrap: must be HOST:PORT, several separated by commas")


def with_environment(kafka: KafkaSettings, environment: Mapping[str, str]) -> KafkaSettings:
    """The settings with the address that the environment names, where it does."""
    return replace(kafka, bootstrap=environment.get("BEHOLDEN_KAFKA_BOOTSTRAP") or kafka.bootstrap)


def kafka_password(security: KafkaSecurity, environment: Mapping[str, str] = os.environ) -> str | None:
    """The password of `username`, from the environment of this process; None where its mechanism has none.

    Raises:
        BrokerUnavailable: There is none.
    """
    if not security.protocol.startswith("SASL") or not (security.mechanism or "").startswith(_WITH_PASSWORD):
        return None
    if found := environment.get("BEHOLDEN_KAFKA_PASSWORD"):
        return found
    raise BrokerUnavailable(
        f"BEHOLDEN_KAFKA_PASSWORD is not set here, and {security.username} needs it to speak to Kafka: set it where "
        "'beholden' is run, and on each machine before its Ray is started, then start that Ray anew"
    )


def be_counts(settings: object, *names: str) -> None:
    """Refuse settings of which one of these attributes is no count.

    Raises:
        ValueError: It is below 1.
    """
    for name in names:
        if getattr(settings, name) < 1:
            raise ValueError(f"{name}: must be at least 1, found {getattr(settings, name)}")

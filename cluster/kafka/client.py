"""What all that speaks to Kafka shares: settings of a client, its errors, and its forms in ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.record import util as record_util
from kafka.structs import OffsetAndMetadata

from cluster.kafka_settings import KafkaSettings, kafka_password
from cluster.ports import Record
from cluster.wire.text import headers_of
from operators.errors import BrokerUnavailable
from operators.types import FrameRef

RECONNECT_MAX_MS = 1_000  # kafka-python's own 30 s would be silence long after a broker is back
BOOTSTRAP_MS = 10_000  # a broker that is there answers at once
REQUEST_MS = 10_000
COMMITTED = "read_committed"  # costs nothing where nobody writes transactions
# The group is sharing its partitions anew: the frames come again, to whoever gets them.
COMMIT_REFUSED = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)


def client_settings(kafka: KafkaSettings) -> dict[str, Any]:
    """What every client of kafka-python is given: addresses, TLS, SASL.

    Raises:
        BrokerUnavailable: This process has no password and needs one.
    """
    security = kafka.security
    settings = {
        "bootstrap_timeout_ms": BOOTSTRAP_MS,
        "reconnect_backoff_max_ms": RECONNECT_MAX_MS,
        "bootstrap_servers": kafka.bootstrap.split(","),
        "security_protocol": str(security.protocol),
        "ssl_cafile": security.cafile,
        "ssl_certfile": security.certfile,
        "ssl_keyfile": security.keyfile,
        "sasl_mechanism": security.mechanism,
        "sasl_plain_username": security.username,
        "sasl_plain_password": kafka_password(security),
    }
    return {name: value for name, value in settings.items() if value is not None}


@contextmanager
def translated(kafka: KafkaSettings, doing: str) -> Iterator[None]:
    """Turn kafka-python's errors into ours, with what to do."""
    try:
        yield
    except (KafkaError, ValueError, OSError) as error:
        raise BrokerUnavailable(
            f"{doing}: Kafka at {kafka.bootstrap} does not answer as expected ({type(error).__name__}: {error}); "
            "start one with 'beholden broker start', or name yours with --bootstrap HOST:PORT"
        ) from None


def has_fast_crc() -> bool:
    """Whether kafka-python computes CRC-32C in C. Otherwise each 100 KB frame costs 10 ms of processor time.

    The package may be installed and its compiled part unusable: what counts is what kafka-python took when it was
    loaded.
    """
    return record_util.crc32c_c is not None


def kafka_offsets(next_offsets: Mapping[tuple[str, int], int]) -> dict[TopicPartition, OffsetAndMetadata]:
    """Offsets as the client wants them."""
    return {TopicPartition(*at): OffsetAndMetadata(offset, "", -1) for at, offset in next_offsets.items()}


def record_of(message: Any) -> Record:
    """What the client has read, as ours."""
    return Record(
        ref=FrameRef(message.topic, message.partition, message.offset),
        key=message.key,
        value=message.value or b"",
        headers=headers_of(message.headers or ()),
        timestamp_ms=message.timestamp,
    )

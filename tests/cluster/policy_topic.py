"""The policy and ledger topics in memory, in place of a Kafka, for the desk and for commands."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.memory_io import MemorySink
from cluster.policies import confirmed
from cluster.policies import desk as policy_desk
from cluster.ports import Record
from cluster.wire.ledger import LedgerRecord, parse_record
from operators.types import FrameRef


@dataclass(slots=True)
class Topics:
    """What was written.

    Attributes:
        policy: To topic `policy`.
        ledger: To topic `ledger`.
    """

    policy: MemorySink = field(default_factory=MemorySink)
    ledger: MemorySink = field(default_factory=MemorySink)

    def records(self, *_: Any) -> Iterator[Record]:
        """Topic `policy` as it is read; written long after NOW, since commands may go by the real clock."""
        written_ms = int(datetime(2090, 1, 1, tzinfo=UTC).timestamp() * 1000)
        for at, message in enumerate(self.policy.messages):
            yield Record(FrameRef("policy", 0, at), message.key.encode(), message.value, {}, written_ms)

    def told_raw(self) -> Iterator[Record]:
        """Topic `ledger` as it is read."""
        for at, message in enumerate(self.ledger.messages):
            yield Record(FrameRef("ledger", 0, at), message.key.encode(), message.value, {}, 0)

    def recent(self) -> "Recent":
        """Topic `ledger` as a reader follows it."""
        return Recent(self)

    def told(self, kind: str) -> list[LedgerRecord]:
        """Records of a kind in the ledger."""
        found = [parse_record(message.value) for message in self.ledger.messages]
        return [record for record in found if record.kind == kind]


@dataclass(slots=True)
class Recent:
    """Topic `ledger`, from its beginning on."""

    topics: Topics
    read: int = 0

    def poll(self, timeout_s: float) -> list[Record]:
        """What has come."""
        found = list(self.topics.told_raw())[self.read :]
        self.read += len(found)
        return found

    def is_current(self) -> bool:
        """Whether that was all."""
        return self.read == len(self.topics.ledger.messages)

    def close(self) -> None:
        """Nothing to let go of."""


def in_memory(patch: pytest.MonkeyPatch) -> Topics:
    """Put topics in memory in Kafka's place."""
    topics = Topics()
    patch.setattr(policy_desk, "ensure_topics", lambda kafka, profile: [])
    patch.setattr(policy_desk, "producing", lambda kafka, name: nullcontext())
    patch.setattr(policy_desk, "KafkaSink", lambda kafka, producer, topic: getattr(topics, topic))
    patch.setattr(policy_desk, "read_topic", topics.records)
    patch.setattr(confirmed, "TopicReader", lambda *_, **__: topics.recent())
    patch.setattr(confirmed, "WITHIN_S", 0.05)
    patch.setattr(confirmed, "_POLL_S", 0.0)
    return topics

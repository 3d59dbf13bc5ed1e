"""The policy and ledger topics in memory, in place of a Kafka, for the desk and for commands."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster import policy_desk
from cluster.memory_io import MemorySink
from cluster.ports import Record
from cluster.wire.ledger import LedgerRecord, parse_record
from operators.types import FrameRef
from tests.builders import NOW


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
        """Topic `policy` as it is read; written when the tests are."""
        written_ms = int(NOW.timestamp() * 1000) + 3_600_000 * 24 * 365 * 50
        for at, message in enumerate(self.policy.messages):
            yield Record(FrameRef("policy", 0, at), message.key.encode(), message.value, {}, written_ms)

    def told(self, kind: str) -> list[LedgerRecord]:
        """Records of a kind in the ledger."""
        found = [parse_record(message.value) for message in self.ledger.messages]
        return [record for record in found if record.kind == kind]


def in_memory(patch: pytest.MonkeyPatch) -> Topics:
    """Put topics in memory in Kafka's place."""
    topics = Topics()

    class Producer:
        def close(self) -> None:
            pass

    patch.setattr(policy_desk, "ensure_topics", lambda kafka: [])
    patch.setattr(policy_desk, "open_producer", lambda kafka, name: Producer())
    patch.setattr(policy_desk, "KafkaSink", lambda kafka, producer, topic: getattr(topics, topic))
    patch.setattr(policy_desk, "read_topic", topics.records)
    return topics

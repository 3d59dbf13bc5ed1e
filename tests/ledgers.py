"""Ledgers in memory, with checkpoints and what was published of them, and everything that may be done to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster.clocks import HandClock
from cluster.ledger.checkpoints import WRITER, Checkpointer
from cluster.ledger.verify import Fault, Verifier
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemoryDelivery, MemorySink
from cluster.wire.checkpoints import CHECKPOINT, Anchor, checkpoint_body
from operators.errors import BrokerUnavailable
from tests.builders import NOW

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
MOST = 6  # records of a checkpoint


class Topic(MemorySink):
    """A topic that may lose what it is given, with or without having written it."""

    loses, keeps = False, False

    def send(self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], *_: object) -> MemoryDelivery:
        """See `MemorySink`."""
        if not self.loses or self.keeps:
            super().send(key, value, headers)
        return MemoryDelivery(acknowledged=not self.loses)


@dataclass(slots=True)
class Ledger:
    """A ledger with several writers."""

    topic: Topic = field(default_factory=Topic)
    anchors: list[Anchor] = field(default_factory=list)
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    writers: dict[str, LedgerWriter] = field(default_factory=dict)
    checkpointer: Checkpointer = field(default_factory=lambda: Checkpointer("test", KEY))
    read: int = 0

    @property
    def values(self) -> list[bytes]:
        """Everything that stands in the topic."""
        return [message.value for message in self.topic.messages]

    def writer(self, name: str) -> LedgerWriter:
        """The present chain of a writer."""
        if name not in self.writers:
            self.begin(name)
        return self.writers[name]

    def begin(self, name: str, knows: bool = True) -> None:
        """A writer begins a chain; whether it knows of the one before depends on whether its process ended."""
        former = self.writers.get(name)
        after = former.head if former and knows else None
        self.writers[name] = LedgerWriter(self.topic, self.checkpointer.deployment, name, "d" * 64, self.clock, after)

    def write(self, name: str, kind: str = "frames.shed") -> None:
        """One record."""
        self.clock.time += timedelta(seconds=1)
        self.writer(name).write(kind, {"number": len(self.topic.messages)}).wait(0)

    def lose(self, name: str, keeps: bool) -> None:
        """A record that is not acknowledged, and may be there nevertheless; its writer begins anew."""
        self.topic.loses, self.topic.keeps = True, keeps
        try:
            self.write(name)
        except BrokerUnavailable:
            self.begin(name)
        finally:
            self.topic.loses = False

    def checkpoint(self, publish: bool = True) -> None:
        """Write a checkpoint over what is new, if anything is; publish it."""
        self._read()
        if self.checkpointer.waiting:
            body = checkpoint_body(self.checkpointer.next(MOST))
            self.writer(WRITER).write(CHECKPOINT, body).wait(0)
            self._read()
            if publish and self.checkpointer.last:
                self.anchors.append(self.checkpointer.last.anchor)

    def _read(self) -> None:
        for offset, value in list(enumerate(self.values))[self.read :]:
            self.checkpointer.take(offset, value)
        self.read = len(self.topic.messages)


def faults(
    values: Sequence[bytes],
    anchors: Sequence[Anchor] = (),
    begins_at: int = 0,
    kept: timedelta | None = timedelta(0),
) -> list[Fault]:
    """What is wrong with a ledger; a beginning that is deleted is explained by `kept` alone."""
    return list(_faults(Verifier("test", (PUBLIC,), anchors, kept), values, begins_at))


def _faults(verifier: Verifier, values: Sequence[bytes], begins_at: int) -> Iterator[Fault]:
    for offset, value in enumerate(values, begins_at):
        yield from verifier.take(offset, value)
    yield from verifier.end()

"""When a checkpoint of the ledger is due, and what it says."""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster.ledger.uncovered import Uncovered, place_of, unreadable
from cluster.wire.checkpoints import CHECKPOINT, Anchor, Checkpoint, marks_of, order_of, parse_checkpoint
from cluster.wire.ledger import GENESIS, LedgerInvalid, LedgerRecord, parse_record

WRITER = "checkpoints"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A checkpoint that stands in the ledger.

    Attributes:
        checkpoint: What it says.
        digest: Hash of its record.
        at: When it was written, UTC-aware.
    """

    checkpoint: Checkpoint
    digest: str
    at: datetime

    @property
    def anchor(self) -> Anchor:
        """What is published of it."""
        said = self.checkpoint
        return Anchor(said.deployment, said.number, self.digest, said.total, self.at)


def sealed_in(record: LedgerRecord) -> Sealed | None:
    """The checkpoint in a record, signed by the key that it names; None where there is none."""
    if record.kind != CHECKPOINT:
        return None
    try:
        checkpoint = parse_checkpoint(record)
    except LedgerInvalid:
        return None
    return Sealed(checkpoint, record.hash, record.at) if checkpoint.is_signed() else None


@dataclass(slots=True)
class Checkpointer:
    """Reads the ledger of a deployment from behind its last checkpoint, and says what the next one covers.

    It knows of its own checkpoints what it reads of them, as of those of any other: whatever becomes of the process
    that writes them, none covers a record twice.

    Attributes:
        deployment: Whose ledger.
        key: Signs.
        last: The last checkpoint; None: there is none.
        trouble: What is not as the last checkpoint said; None while all is well.
        policy_digest: Of the policy by which the last record was written; empty before there is one.
    """

    deployment: str
    key: Ed25519PrivateKey
    last: Sealed | None = None
    trouble: str | None = None
    policy_digest: str = ""
    _window: Uncovered = field(default_factory=Uncovered)

    @property
    def number(self) -> int:
        """Of the next checkpoint."""
        return self.last.checkpoint.number + 1 if self.last else 0

    @property
    def waiting(self) -> int:
        """Records that no checkpoint covers, but for checkpoints themselves: they alone are no reason for another."""
        return sum(place.writer != WRITER for place in self._window.places)

    def take(self, offset: int, value: bytes) -> None:
        """The next record of the topic."""
        try:
            record = parse_record(value)
        except LedgerInvalid:
            self._window.add(unreadable(offset, value))
            return
        if record.deployment != self.deployment:
            return
        self.policy_digest = record.policy_digest
        sealed = sealed_in(record)
        if sealed and sealed.checkpoint.key == self._public and sealed.checkpoint.number == self.number:
            if self._window.cover(sealed.checkpoint):
                self.trouble = (
                    f"the ledger is not what checkpoint {self.number} says: 'beholden ledger verify' names it"
                )
            self.last = sealed
        self._window.add(place_of(offset, record))

    def next(self, most: int) -> Checkpoint:
        """The next checkpoint, signed; over the first `most` records of those that wait. At least one must wait."""
        records = min(most, len(self._window.places))
        hashes = self._window.hashes(records)
        before = self.last.checkpoint.total if self.last else 0
        return Checkpoint(
            deployment=self.deployment,
            number=self.number,
            previous=self.last.digest if self.last else GENESIS,
            first=self._window.places[0].offset,
            next=self._window.places[records - 1].offset + 1,
            records=records,
            total=before + records,
            order=order_of(hashes),
            marks=marks_of(hashes),
            heads=self._window.heads(records),
            key=b"",
        ).signed(self.key)

    @property
    def _public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

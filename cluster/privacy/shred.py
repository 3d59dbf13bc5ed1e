"""Deletes evidence by destroying its key. What is sealed stays until its time is over, unreadable."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.keys import check_may_destroy, destroy_evidence_key
from cluster.ledger.writer import LedgerWriter
from cluster.ports import Clock, Record
from cluster.wire.deletions import (
    BEGUN,
    DONE,
    DataClass,
    Deletion,
    Method,
    Residual,
    Trigger,
    begun_body,
    done_body,
)
from operators.retention import RetentionProfile

WRITE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Shredded:
    """What was deleted.

    Attributes:
        key_id: The key that is gone.
        documents: Sealed documents that nobody can open any more.
    """

    key_id: str
    documents: int


def shred_evidence(
    folder: Path,
    sealed: Iterable[Record],
    profile: RetentionProfile,
    ledger: LedgerWriter,
    clock: Clock,
    by: str,
    why: Trigger,
) -> Shredded:
    """Destroy the key of evidence. The ledger knows before it is begun, and again when it is done.

    Args:
        folder: Of the deployment's keys.
        sealed: What stands in topic `evidence`.
        profile: How long things are kept.
        ledger: Where it is told of.
        clock: Time.
        by: Who does it.
        why: For which reason.

    Raises:
        SettingsRefused: There is no key, or it lies there for reading only.
        BrokerUnavailable: The ledger cannot be written. Where it could not be once the key was gone, the record that
            it was begun stands there.
    """
    key = check_may_destroy(folder)
    documents = sum(record.headers.get("key_id") == key.id.encode() for record in sealed)
    deletion = Deletion(
        DataClass.ALERT_EVIDENCE, f"key {key.id}", by, why, Method.CRYPTO_SHRED, profile.profile, clock.now()
    )
    ledger.write(BEGUN, begun_body(deletion)).wait(WRITE_TIMEOUT_S)
    destroy_evidence_key(folder)
    left = [
        Residual("topic evidence", profile.evidence.at_most, "sealed documents that no key opens"),
        Residual("copies of the key, if anybody made any", None, "out of reach of this software: destroy them too"),
    ]
    verified = "the key's file was overwritten and is gone"
    ledger.write(DONE, done_body(deletion, clock.now(), documents, verified, left)).wait(WRITE_TIMEOUT_S)
    return Shredded(key.id, documents)

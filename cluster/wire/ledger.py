"""The ledger topic: what was decided, done and left undone, in chains of records; none can be changed unnoticed.

Records name nobody and hold no picture and no vector. What the body of each type says is in a file of its own:
`list_events.py`, `shed.py`, `checkpoints.py`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from cluster.wire.text import format_time, parse_time
from operators.errors import BeholdenError

LEDGER_FORM = "beholden.ledger.v2"
GENESIS = "0" * 64  # `prev` of the first record of a chain
CHAIN_BEGUN, CHAIN_ENDED = "chain.begun", "chain.ended"
ALIVE = "ledger.alive"  # without a body: says that the ledger could be written

_BEFORE_HASH, _AFTER_HASH = f'"form":"{LEDGER_FORM}",'.encode(), b'"policy_digest":'
_TEXTS = ("deployment", "writer", "chain", "prev", "policy_digest")
_MEMBERS = {"form", "type", "at", "seq", "body", "hash", *_TEXTS}


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """One record of one chain.

    Attributes:
        kind: What it tells of, for example `frames.shed`.
        at: When it was written, UTC-aware, to the millisecond.
        deployment: Whose.
        writer: Who wrote it, for example `recogniser-0`.
        chain: Random; a writer that starts anew begins another chain.
        seq: Number within the chain, from 0.
        prev: `hash` of the record before; `GENESIS` of the first.
        policy_digest: SHA-256 (hex) of the policy in force where it was written.
        body: What is told, JSON.
        hash: SHA-256 (hex) of the RFC 8785 form of all of the above.
    """

    kind: str
    at: datetime
    deployment: str
    writer: str
    chain: str
    seq: int
    prev: str
    policy_digest: str
    body: Mapping[str, Any]
    hash: str = ""


class LedgerInvalid(BeholdenError):
    """A record of the ledger topic that cannot be read, or that is not what was written."""


def encode_record(record: LedgerRecord) -> tuple[bytes, str]:
    """Value of a record of the ledger topic, in RFC 8785 form, and its hash; what `hash` says is not looked at.

    Raises:
        ValueError: The body is not JSON, or has a number that JSON cannot keep.
    """
    canonical = rfc8785.dumps(
        {
            "form": LEDGER_FORM,
            "type": record.kind,
            "at": format_time(record.at),
            "seq": record.seq,
            "body": dict(record.body),
            **{name: getattr(record, name) for name in _TEXTS},
        }
    )
    digest = hashlib.sha256(canonical).hexdigest()
    return _with_hash(canonical, digest), digest


def parse_record(value: bytes) -> LedgerRecord:
    """The record in a value of the ledger topic.

    Raises:
        LedgerInvalid: It is none, or a byte of it is not as it was written.
    """
    try:
        document = json.loads(value)
        if document["form"] != LEDGER_FORM:
            raise LedgerInvalid(f"its form is not {LEDGER_FORM}")
        if set(document) != _MEMBERS:
            raise LedgerInvalid("its members are not those of a record of the ledger")
        digest = typed(document, "hash", str)
        canonical = rfc8785.dumps({name: member for name, member in document.items() if name != "hash"})
        if hashlib.sha256(canonical).hexdigest() != digest:
            raise LedgerInvalid("it is not what was written: its hash is another")
        if _with_hash(canonical, digest) != value:
            raise LedgerInvalid("it is not in RFC 8785 form")
        return LedgerRecord(
            kind=typed(document, "type", str),
            at=parse_time(document["at"]),
            seq=typed(document, "seq", int),
            body=typed(document, "body", dict),
            hash=digest,
            **{name: typed(document, name, str) for name in _TEXTS},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerInvalid(f"not a record of the ledger: {type(error).__name__}") from None


def _with_hash(canonical: bytes, digest: str) -> bytes:
    """The same with its hash, which stands behind `form`: members are in order, and none behind it can look alike."""
    before, _, after = canonical.rpartition(_BEFORE_HASH + _AFTER_HASH)
    return b"".join((before, _BEFORE_HASH, f'"hash":"{digest}",'.encode(), _AFTER_HASH, after))


def typed(body: Mapping[str, Any], name: str, kind: type) -> Any:
    """A member of a record, which must be of this kind and no other.

    Raises:
        LedgerInvalid: It is of another one, or missing.
    """
    value = body.get(name)
    if type(value) is not kind:
        raise LedgerInvalid(f"{name} is not of its kind")
    return value

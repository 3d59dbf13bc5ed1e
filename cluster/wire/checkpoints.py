"""Checkpoints of the ledger: signed records that say which records stand before them, in which order."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cluster.wire.ledger import LedgerInvalid, LedgerRecord, typed
from cluster.wire.text import dump, format_time, parse_time
from operators.errors import SettingsRefused

CHECKPOINT = "checkpoint"
_FORM = "beholden.checkpoint.v1"
ANCHOR_FORM = "beholden.anchor.v1"
MARK_BYTES = 4  # names the place of a difference; what proves that there is none is `order`


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far a chain had come.

    Attributes:
        writer: Whose chain.
        chain: Which.
        seq: Number of its last record.
        hash: Hash of that.
        ended: Whether it says that it ends there.
    """

    writer: str
    chain: str
    seq: int
    hash: str
    ended: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says of the records between the one before and itself.

    Attributes:
        deployment: Whose ledger.
        number: From 0.
        previous: Hash of the record of the checkpoint before; zeros for the first.
        first: Offset of the first record it covers.
        next: Offset behind the last.
        records: How many it covers; at least 1.
        total: How many it covers together with all before it.
        order: SHA-256 (hex) of the hashes of these records, 32 bytes each, in the order of the topic.
        marks: The first bytes of each of these hashes, in that order.
        heads: Every chain that has records among these.
        key: Public half of the key that signs.
        signature: Ed25519, over all of the above.
    """

    deployment: str
    number: int
    previous: str
    first: int
    next: int
    records: int
    total: int
    order: str
    marks: bytes
    heads: tuple[ChainHead, ...]
    key: bytes
    signature: bytes = b""

    def signed(self, key: Ed25519PrivateKey) -> "Checkpoint":
        """The same, signed."""
        unsigned = replace(self, key=key.public_key().public_bytes_raw())
        return replace(unsigned, signature=key.sign(_signed_bytes(unsigned)))

    def is_signed(self) -> bool:
        """Whether the signature is that of its key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(self.signature, _signed_bytes(self))
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is published of a checkpoint outside the ledger.

    Attributes:
        deployment: Whose ledger.
        number: Of the checkpoint.
        digest: Hash of its record.
        total: Records that it covers together with all checkpoints before it.
        at: When it was written, UTC-aware.
    """

    deployment: str
    number: int
    digest: str
    total: int
    at: datetime


def order_of(hashes: Iterable[str]) -> str:
    """SHA-256 (hex) of hashes (hex) in their order."""
    return hashlib.sha256(b"".join(bytes.fromhex(each) for each in hashes)).hexdigest()


def marks_of(hashes: Sequence[str]) -> bytes:
    """The first bytes of each of these hashes (hex)."""
    return b"".join(bytes.fromhex(each[: 2 * MARK_BYTES]) for each in hashes)


def checkpoint_body(checkpoint: Checkpoint) -> dict[str, Any]:
    """Body of the record."""
    return {**_unsigned(checkpoint), "signature": _text(checkpoint.signature)}


def parse_checkpoint(record: LedgerRecord) -> Checkpoint:
    """The checkpoint that a record holds, whoever signed it.

    Raises:
        LedgerInvalid: It holds none.
    """
    body = record.body
    try:
        return Checkpoint(
            deployment=record.deployment,
            **{name: typed(body, name, int) for name in ("number", "first", "next", "records", "total")},
            **{name: typed(body, name, str) for name in ("previous", "order")},
            marks=_bytes(body["marks"]),
            heads=tuple(
                ChainHead(
                    **{name: typed(head, name, str) for name in ("writer", "chain", "hash")},
                    seq=typed(head, "seq", int),
                    ended=typed(head, "ended", bool),
                )
                for head in typed(body, "heads", list)
            ),
            key=_bytes(body["key"]),
            signature=_bytes(body["signature"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerInvalid(f"not a checkpoint: {type(error).__name__}") from None


def encode_anchor(anchor: Anchor) -> bytes:
    """One line of JSON, without its end."""
    return dump(
        {
            "form": ANCHOR_FORM,
            "deployment": anchor.deployment,
            "number": anchor.number,
            "digest": anchor.digest,
            "total": anchor.total,
            "at": format_time(anchor.at),
        }
    )


def anchor_of(document: Any) -> Anchor:
    """The anchor in a JSON document.

    Raises:
        LedgerInvalid: It is none.
    """
    try:
        if document["form"] != ANCHOR_FORM:
            raise LedgerInvalid(f"its form is not {ANCHOR_FORM}")
        return Anchor(
            **{name: typed(document, name, str) for name in ("deployment", "digest")},
            **{name: typed(document, name, int) for name in ("number", "total")},
            at=parse_time(document["at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerInvalid(f"not an anchor: {type(error).__name__}") from None


def key_text(key: bytes) -> str:
    """A public key as people and files write it."""
    return _text(key)


def parse_key(text: str) -> bytes:
    """The public key that `key_text` wrote.

    Raises:
        SettingsRefused: It is none.
    """
    try:
        key = _bytes(text)
        Ed25519PublicKey.from_public_bytes(key)
    except ValueError:
        raise SettingsRefused(f"{text!r} is no public key: 'beholden ledger key' prints it") from None
    return key


def _unsigned(checkpoint: Checkpoint) -> dict[str, Any]:
    names = ("number", "previous", "first", "next", "records", "total", "order")
    return {
        **{name: getattr(checkpoint, name) for name in names},
        "marks": _text(checkpoint.marks),
        "heads": [
            {"writer": head.writer, "chain": head.chain, "seq": head.seq, "hash": head.hash, "ended": head.ended}
            for head in checkpoint.heads
        ],
        "key": _text(checkpoint.key),
    }


def _signed_bytes(checkpoint: Checkpoint) -> bytes:
    return rfc8785.dumps({"form": _FORM, "deployment": checkpoint.deployment, **_unsigned(checkpoint)})


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)

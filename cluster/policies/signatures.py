"""Who may sign what, and whether a signature is theirs: Ed25519 over documents in RFC 8785 form."""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from operators.errors import ReleaseReason, ReleaseRefused

_SIGNATURE = re.compile(r"[0-9a-f]{128}")


class Role(StrEnum):
    """What a person may do. Whoever has several still counts as one person."""

    PROPOSE = "propose"
    APPROVE = "approve"
    STOP = "stop"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose signature counts.

    Attributes:
        public_key: Ed25519, 32 bytes, as base64: what `beholden policy key` prints.
        roles: What they may do.
        until: Signatures count on what was written before this moment, UTC-aware; None: their signatures count on.
    """

    public_key: str
    roles: tuple[Role, ...]
    until: datetime | None = None

    def __post_init__(self) -> None:
        try:
            raw = base64.b64decode(self.public_key, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != 32:
            raise ValueError("public_key: must be 32 bytes as base64, as 'beholden policy key' prints it")
        if not self.roles or len(set(self.roles)) != len(self.roles):
            raise ValueError(f"roles: name at least one of {', '.join(Role)}, each once")

    @property
    def key_id(self) -> str:
        """Tells this key from others."""
        return key_id(base64.b64decode(self.public_key))


@dataclass(frozen=True, slots=True)
class Signature:
    """Somebody's signature under a document.

    Attributes:
        by: Name in the cluster file.
        role: As what they signed.
        key_id: Of the key it was made with.
        signature: 64 bytes as lower-case hexadecimal digits.
    """

    by: str
    role: Role
    key_id: str
    signature: str

    def __post_init__(self) -> None:
        if not _SIGNATURE.fullmatch(self.signature):
            raise ValueError("signature: must be 64 bytes as lower-case hexadecimal digits")


def key_id(public_key: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def sign(key: Ed25519PrivateKey, by: str, role: Role, statement: Mapping[str, Any]) -> Signature:
    """Sign a statement, as this person and in this role: neither can be exchanged afterwards."""
    name = key_id(key.public_key().public_bytes_raw())
    return Signature(by, role, name, key.sign(_bytes_of(by, role, statement)).hex())


def check_signatures(
    signatures: Collection[Signature],
    people: Mapping[str, Person],
    roles: Collection[Role],
    statement: Mapping[str, Any],
    now: datetime,
) -> None:
    """Check that each is by another person, who may sign in this role, and under this very statement.

    Whatever can be checked of the others is, before one by somebody unknown, or in a role that is not theirs, is the
    reason: `cluster.policies.book` takes these for what may have been in force.

    Args:
        signatures: Under the statement.
        people: Whose signatures count.
        roles: In which they may be made.
        statement: What is signed.
        now: When the record was written, UTC-aware: who had left by then signs no more.

    Raises:
        ReleaseRefused: With the first reason against one of them.
    """
    for each in signatures:
        if is_known(each, people):
            _verify(each, people[each.by], statement)
            _check_not_left(each.by, people[each.by], now)
    for each in signatures:
        _check_signer(each, people, roles)
    if len({people[each.by].key_id for each in signatures}) != len(signatures):
        raise ReleaseRefused(ReleaseReason.SAME_PERSON, "one person, or one key, has signed twice; ask somebody else")


def is_known(signature: Signature, people: Mapping[str, Person]) -> bool:
    """Whether there is somebody of this name with the key it says it was made with."""
    person = people.get(signature.by)
    return person is not None and person.key_id == signature.key_id


def _check_not_left(name: str, person: Person, now: datetime) -> None:
    if person.until is not None and now >= person.until:
        detail = f"the signatures of {name} counted until {person.until}; let somebody else sign"
        raise ReleaseRefused(ReleaseReason.SIGNER_LEFT, detail)


def _check_signer(signature: Signature, people: Mapping[str, Person], roles: Collection[Role]) -> None:
    if not is_known(signature, people):
        raise ReleaseRefused(
            ReleaseReason.UNKNOWN_SIGNER,
            f"the cluster file's 'people' has no {signature.by} with key {signature.key_id}; add them there, with "
            "'until:' if they have left, or let somebody sign who is named there",
        )
    person = people[signature.by]
    if signature.role not in roles or signature.role not in person.roles:
        may = ", ".join(person.roles)
        detail = f"{signature.by} has signed to {signature.role} and may {may}; it takes {' and '.join(roles)}"
        raise ReleaseRefused(ReleaseReason.WRONG_ROLE, detail)


def _verify(signature: Signature, person: Person, statement: Mapping[str, Any]) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(person.public_key))
        key.verify(bytes.fromhex(signature.signature), _bytes_of(signature.by, signature.role, statement))
    except (InvalidSignature, ValueError):
        raise ReleaseRefused(
            ReleaseReason.BAD_SIGNATURE, f"{signature.by} has not signed this; what was signed has been changed"
        ) from None


def _bytes_of(by: str, role: Role, statement: Mapping[str, Any]) -> bytes:
    return rfc8785.dumps({"statement": dict(statement), "signer": {"by": by, "role": str(role)}})

"""People who sign, and policies they sign, with defaults: a test says only what it is about."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster.policies.in_force import PolicyInForce, policy_of
from cluster.policies.release import draft
from cluster.policies.signatures import Person, Role, sign
from cluster.ports import Record
from cluster.wire.order import Action, Order, order_statement, with_order_signature
from cluster.wire.release import Release, encode_release, statement, with_signature
from operators.types import FrameRef
from tests.builders import NOW, policy_document

EVIDENCE = hashlib.sha256(b"what was measured").hexdigest()
SOON = NOW + timedelta(days=30)


def key_of(name: str) -> Ed25519PrivateKey:
    """The secret key of somebody of this name, the same on every machine."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def person(name: str, *roles: Role) -> Person:
    """Somebody with this key and these roles."""
    return Person(base64.b64encode(key_of(name).public_key().public_bytes_raw()).decode(), roles or tuple(Role))


SIGNERS: Mapping[str, Person] = {
    "ada": person("ada", Role.PROPOSE),
    "bob": person("bob", Role.APPROVE, Role.RESUME),
    "cyd": person("cyd", Role.PROPOSE, Role.APPROVE),
    "dan": person("dan", Role.STOP, Role.RESUME),
}


Change = Callable[[dict[str, Any]], object]


def changed(number: int = 7, change: Change = lambda _: None, **fields: Any) -> PolicyInForce:
    """The builders' policy for real people under another number, with fields and parts changed."""
    document = {**policy_document(), "people": "real", "policy": number, **fields}
    change(document)
    return policy_of(document)


def threshold(value: float) -> Change:
    """A change of the only list's threshold."""
    return lambda document: document["watchlists"]["sought"].update(threshold=value)


def signed(release: Release, **by: Role) -> Release:
    """With the signatures of these people, each in this role."""
    for name, role in by.items():
        release = with_signature(release, sign(key_of(name), name, role, statement(release)))
    return release


def proposed(in_force: PolicyInForce, former: Release | None = None, by: str = "ada", **about: Any) -> Release:
    """As it is before anyone has signed it."""
    fields: dict[str, Any] = {"at": NOW, "why": "the test", **about}
    return draft(in_force, former, by, **fields)


def approved(in_force: PolicyInForce, former: Release | None = None, **about: Any) -> Release:
    """Proposed by Ada and approved by Bob."""
    return signed(proposed(in_force, former, **about), ada=Role.PROPOSE, bob=Role.APPROVE)


def loosening(in_force: PolicyInForce, former: Release, **about: Any) -> Release:
    """The same with evidence and an end."""
    return approved(in_force, former, **{"evidence_sha256": EVIDENCE, "expires_at": SOON, **about})


def order(action: Action, *by: str, ends: Order | None = None, at: datetime = NOW, role: Role | None = None) -> Order:
    """An order of these people."""
    found = Order("test", action, by[0], at, "the test", ends and ends.digest)
    for name in by:
        found = with_order_signature(found, sign(key_of(name), name, role or Role(str(action)), order_statement(found)))
    return found


def in_topic(value: bytes, offset: int = 0, key: str = "test") -> Record:
    """As a record of the policy topic."""
    return Record(FrameRef("policy", 0, offset), key.encode(), value, {}, int(NOW.timestamp() * 1000))


def damaged(value: bytes, **members: Any) -> bytes:
    """The same document with other members, whole again: what somebody writes who knows the form."""
    body = {**json.loads(value), **members}
    body.pop("hash")
    return rfc8785.dumps({**body, "hash": hashlib.sha256(rfc8785.dumps(body)).hexdigest()})


def former_form(release: Release) -> bytes:
    """As a version before wrote it: its policy names its retention."""
    document = {**json.loads(release.in_force.canonical), "retention": "uk-strict"}
    return damaged(encode_release(release), form="beholden.policy.v1", policy=document)

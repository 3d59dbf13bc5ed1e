"""Orders to stop alerting and to resume, in the policy topic beside the releases; key = deployment."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import rfc8785

from cluster.policies.signatures import Signature
from cluster.wire.sealed import line, maybe, read_signatures, seal, time, unseal, write_signatures
from cluster.wire.text import format_time

ORDER_FORM = "beholden.order.v1"


class Action(StrEnum):
    """What is ordered."""

    STOP = "stop"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        deployment: For which deployment.
        action: Stop or resume.
        by: Who orders it.
        at: When, UTC.
        why: The reason, in one line.
        ends: Of an order to resume, the digest of the stop that it ends.
        signatures: One to stop; two, of two people, to resume.
    """

    deployment: str
    action: Action
    by: str
    at: datetime
    why: str
    ends: str | None = None
    signatures: tuple[Signature, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what is signed: names one order."""
        return hashlib.sha256(rfc8785.dumps(order_statement(self))).hexdigest()


def order_statement(order: Order) -> dict[str, Any]:
    """What is signed."""
    return {
        "form": ORDER_FORM,
        "deployment": order.deployment,
        "action": str(order.action),
        "by": order.by,
        "at": format_time(order.at),
        "why": order.why,
        "ends": order.ends,
    }


def encode_order(order: Order) -> bytes:
    """Value of a record of the policy topic, and content of a file."""
    return seal(ORDER_FORM, {**order_statement(order), "signatures": write_signatures(order.signatures)})


def parse_order(value: bytes) -> Order:
    """The order in a record of the policy topic or in a file. It may still not be followed: see `check_order`.

    Raises:
        ReleaseRefused: It is none, or is damaged.
    """
    return unseal(value, ORDER_FORM, _order)


def order_body(order: Order) -> dict[str, Any]:
    """Body of the ledger's record of an order."""
    about = {name: member for name, member in order_statement(order).items() if name not in ("form", "deployment")}
    return {**about, "digest": order.digest, "signatures": write_signatures(order.signatures)}


def with_order_signature(order: Order, signature: Signature) -> Order:
    """The same, with one signature more."""
    return replace(order, signatures=(*order.signatures, signature))


def _order(body: Mapping[str, Any]) -> Order:
    if set(body) != {"deployment", "action", "by", "at", "why", "ends", "signatures"}:
        raise ValueError("members are missing or unknown")
    return Order(
        deployment=line(body, "deployment"),
        action=Action(line(body, "action")),
        by=line(body, "by"),
        at=time(body, "at"),
        why=line(body, "why"),
        ends=maybe(line, body, "ends"),
        signatures=read_signatures(body["signatures"]),
    )

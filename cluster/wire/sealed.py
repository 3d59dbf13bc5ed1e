"""Documents of the policy topic: one spelling (RFC 8785) for one meaning, and a digest that finds damage.

The digest is no signature: it tells a whole document from a half-written one, not a true one from a false one.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import rfc8785

from cluster.policies.signatures import Role, Signature
from cluster.wire.text import format_time, is_line, parse_time
from operators.errors import ReleaseReason, ReleaseRefused

MAX_BYTES = 1_000_000  # a policy has 4 KB
MAX_LINE_BYTES = 1000  # of a reason or a name

_SHA256 = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


def seal(form: str, body: Mapping[str, Any]) -> bytes:
    """A document of this form, with the SHA-256 of all the rest of it as `hash`."""
    whole = {**body, "form": form}
    return rfc8785.dumps({**whole, "hash": hashlib.sha256(rfc8785.dumps(whole)).hexdigest()})


def members_of(value: bytes) -> Mapping[str, Any]:
    """What a document says, of whatever form and whether or not it is whole; nothing when it is none."""
    try:
        return _read(value)
    except ReleaseRefused:
        return {}


def form_of(value: bytes) -> str:
    """What kind of document it says it is; empty when it says nothing."""
    form = members_of(value).get("form")
    return form if isinstance(form, str) else ""


def unseal(value: bytes, form: str, build: Callable[[Mapping[str, Any]], T]) -> T:
    """What `build` makes of a document of this form.

    Raises:
        ReleaseRefused: It is damaged, of another form, in another spelling, or `build` does not find what it needs.
    """
    body = _read(value)
    rest = {name: member for name, member in body.items() if name not in ("form", "hash")}
    try:
        is_whole = body.get("form") == form and seal(form, rest) == value
        found = build(rest) if is_whole else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _malformed(f"{type(error).__name__}: {error}") from None
    if found is None:
        raise _malformed(f"it is damaged, or not of the form {form}")
    return found


def _read(value: bytes) -> Mapping[str, Any]:
    if len(value) > MAX_BYTES:
        raise _malformed(f"{len(value)} bytes; it may have {MAX_BYTES}")
    try:
        body = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"it is no JSON ({type(error).__name__})") from None
    if not isinstance(body, dict):
        raise _malformed("it is no JSON object")
    return body


def _malformed(detail: str) -> ReleaseRefused:
    return ReleaseRefused(ReleaseReason.MALFORMED, f"{detail}; write it anew with 'beholden policy'")


def line(body: Mapping[str, Any], name: str) -> str:
    """A member that is one line of text; ValueError otherwise."""
    text = body[name]
    if not isinstance(text, str) or not is_line(text, MAX_LINE_BYTES):
        raise ValueError(f"{name}: must be one line of text, at most {MAX_LINE_BYTES} bytes")
    return text


def time(body: Mapping[str, Any], name: str) -> datetime:
    """A member that is a time as this project writes times; ValueError otherwise."""
    found = parse_time(line(body, name))
    if format_time(found) != body[name]:
        raise ValueError(f"{name}: must be written as 2026-01-31T12:00:00.000Z")
    return found


def sha256(body: Mapping[str, Any], name: str) -> str:
    """A member that is a SHA-256 as this project writes them; ValueError otherwise."""
    text = line(body, name)
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{name}: must be 64 lower-case hexadecimal digits")
    return text


def maybe(read: Callable[[Mapping[str, Any], str], T], body: Mapping[str, Any], name: str) -> T | None:
    """The same of a member that may be null."""
    return None if body[name] is None else read(body, name)


def write_signatures(signatures: tuple[Signature, ...]) -> list[dict[str, str]]:
    """As they stand in a document."""
    return [
        {"by": each.by, "role": str(each.role), "key_id": each.key_id, "signature": each.signature}
        for each in signatures
    ]


def read_signatures(found: Any) -> tuple[Signature, ...]:
    """From a document; ValueError or KeyError when they are none."""
    names = ("by", "key_id", "signature")
    return tuple(
        Signature(role=Role(line(each, "role")), **{name: line(each, name) for name in names}) for each in found
    )

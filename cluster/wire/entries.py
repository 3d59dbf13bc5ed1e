"""The watchlist topic: one record an entry, keyed by its reference; an empty value withdraws it."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from cluster.wire.text import dump, format_time, is_line, parse_time
from indexes.entry import Entry
from operators.errors import BeholdenError
from operators.types import Float32

ENTRY_FORM = "beholden.entry.v1"
MAX_NAME_BYTES = 200


@dataclass(frozen=True, slots=True, eq=False)
class EntryRecord:
    """One watchlist entry as it is written.

    Attributes:
        entry: What is searched.
        source: Where the image came from and why it is lawfully held.
        authority: Who decided that this person is sought.
        enrolled_at: UTC-aware.
    """

    entry: Entry
    source: str
    authority: str
    enrolled_at: datetime


def encode_entry(record: EntryRecord) -> bytes:
    """Value of a record of the watchlist topic; its key is the entry's reference."""
    entry = record.entry
    return dump(
        {
            "form": ENTRY_FORM,
            "entry": entry.ref,
            "watchlist": entry.watchlist,
            "source": record.source,
            "authority": record.authority,
            "enrolled_at": format_time(record.enrolled_at),
            "not_after": format_time(entry.not_after),
            "contract": entry.contract,
            "vectors": [base64.b64encode(vector.astype("<f4").tobytes()).decode() for vector in entry.vectors],
        }
    )


class EntryInvalid(BeholdenError):
    """A record of the watchlist topic that is not an entry."""


def parse_entry(key: bytes | None, value: bytes) -> Entry:
    """The entry in a record of the watchlist topic.

    Raises:
        EntryInvalid: It is not one; nothing of it may be searched.
    """
    try:
        body: Mapping[str, Any] = json.loads(value)
        if body["form"] != ENTRY_FORM or body["entry"].encode() != key:
            raise EntryInvalid("form or key does not fit")
        return Entry(
            ref=_name(body, "entry"),
            watchlist=_name(body, "watchlist"),
            vectors=_vectors(body["vectors"]),
            not_after=parse_time(body["not_after"]),
            contract=_name(body, "contract"),
            digest=hashlib.sha256(value).hexdigest(),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # Its text may repeat parts of the record, which may be anything.
        raise EntryInvalid(f"not a watchlist entry: {type(error).__name__}") from None


def _name(body: Mapping[str, Any], field: str) -> str:
    name = body[field]
    if not isinstance(name, str) or not is_line(name, MAX_NAME_BYTES):
        raise EntryInvalid(f"{field} is not one printable line of at most {MAX_NAME_BYTES} bytes")
    return name


def _vectors(texts: object) -> Float32:
    """(m, d) float32, each of unit length."""
    if not isinstance(texts, list):
        raise EntryInvalid("vectors is not a list")
    vectors = np.stack([np.frombuffer(base64.b64decode(text, validate=True), "<f4") for text in texts])
    if not np.isfinite(vectors).all():
        raise EntryInvalid("a vector holds what is no number")
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if not np.all(np.abs(norms - 1.0) < 1e-3):
        raise EntryInvalid("a vector is not of unit length")
    return vectors.astype(np.float32)

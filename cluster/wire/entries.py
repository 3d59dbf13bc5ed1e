"""The watchlist topic: one record an entry, keyed by its reference; an empty value withdraws it.

A record holds everything that puts a person on a list: why, on whose word, from which images and until when, and how
their vectors were made. What is missing, blank or of another form is no entry, whoever wrote it.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np

from cluster.wire.text import dump, format_time, is_line, parse_time
from indexes.entry import Entry
from operators.errors import BeholdenError
from operators.models import EmbeddingContract
from operators.types import Float32

ENTRY_FORM = "beholden.entry.v2"
MAX_LINE_BYTES = 200  # references, names of lists and categories, people: they stand in tables and alerts
MAX_TEXT_BYTES = 2_000  # where an image is from, why somebody is sought


@dataclass(frozen=True, slots=True)
class Photo:
    """One image that an entry was made from.

    Attributes:
        sha256: Digest (hex) of the file.
        source: Where it is from and why it is lawfully held.
        captured_on: When it was taken.
        crop: The face and a little around it, sealed; see `DeploymentKeys.seal`.
    """

    sha256: str
    source: str
    captured_on: date
    crop: bytes


@dataclass(frozen=True, slots=True)
class Minor:
    """That records say the person is a minor; never estimated from a face.

    Attributes:
        approver: A second person who approved the entry.
        reason: Why a minor has to be listed.
    """

    approver: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class EntryRecord:
    """One watchlist entry as it is written.

    Attributes:
        entry: What is searched; a vector for each photo.
        category: What the person is on the list for, one of the policy's.
        necessity: Why this person has to be searched for in this way.
        approver: Who decided so.
        minor: None for adults.
        photos: What the vectors were made from, in their order.
        contract: How they were made; its digest is the entry's.
        enrolled_at: UTC-aware.
    """

    entry: Entry
    category: str
    necessity: str
    approver: str
    minor: Minor | None
    photos: Sequence[Photo]
    contract: EmbeddingContract
    enrolled_at: datetime


def encode_entry(record: EntryRecord) -> bytes:
    """Value of a record of the watchlist topic; its key is the entry's reference."""
    entry = record.entry
    return dump(
        {
            "form": ENTRY_FORM,
            "entry": entry.ref,
            "watchlist": entry.watchlist,
            "category": record.category,
            "necessity": record.necessity,
            "approver": record.approver,
            "minor": asdict(record.minor) if record.minor else None,
            "enrolled_at": format_time(record.enrolled_at),
            "not_after": format_time(entry.not_after),
            "contract": asdict(record.contract),
            "images": [_image(*each) for each in zip(record.photos, entry.vectors, strict=True)],
        }
    )


def _image(photo: Photo, vector: Float32) -> dict[str, str]:
    return {
        "sha256": photo.sha256,
        "source": photo.source,
        "captured_on": photo.captured_on.isoformat(),
        "vector": base64.b64encode(vector.astype("<f4").tobytes()).decode(),
        "crop": base64.b64encode(photo.crop).decode(),
    }


class EntryInvalid(BeholdenError):
    """A record of the watchlist topic that is not an entry."""


def parse_entry(key: bytes | None, value: bytes) -> EntryRecord:
    """What a record of the watchlist topic says.

    Raises:
        EntryInvalid: It is not an entry; nothing of it may be searched.
    """
    try:
        return _parse(key, value)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # Its text may repeat parts of the record, which may be anything.
        raise EntryInvalid(f"not a watchlist entry: {type(error).__name__}") from None


def _parse(key: bytes | None, value: bytes) -> EntryRecord:
    body: Mapping[str, Any] = json.loads(value)
    if body["form"] != ENTRY_FORM or body["entry"].encode() != key:
        raise EntryInvalid("form or key does not fit")
    contract, digest = _contract(json.dumps(body["contract"]))
    images = body["images"]
    entry = Entry(
        ref=_line(body, "entry"),
        watchlist=_line(body, "watchlist"),
        vectors=_vectors([image["vector"] for image in images], contract.dimension),
        not_after=parse_time(body["not_after"]),
        contract=digest,
        digest=hashlib.sha256(value).hexdigest(),
    )
    return EntryRecord(
        entry=entry,
        category=_line(body, "category"),
        necessity=_line(body, "necessity", MAX_TEXT_BYTES),
        approver=_line(body, "approver"),
        minor=_minor(body),
        photos=tuple(_photo(image) for image in images),
        contract=contract,
        enrolled_at=parse_time(body["enrolled_at"]),
    )


@lru_cache(maxsize=64)
def _contract(text: str) -> tuple[EmbeddingContract, str]:
    """An embedding contract and its digest; a list has very few of them."""
    body = json.loads(text)
    numbers = {name: tuple(float(number) for number in body[name]) for name in ("mean", "scale")}
    contract = EmbeddingContract(**{**body, **numbers})
    for name in ("model_sha256", "detector_sha256", "template", "colour"):
        _line(body, name)
    if type(contract.dimension) is not int or any(len(each) != 3 for each in numbers.values()):
        raise EntryInvalid("the embedding contract is not of the known form")
    return contract, contract.digest


def _minor(body: Mapping[str, Any]) -> Minor | None:
    minor = body["minor"]
    if minor is None:
        return None
    found = Minor(_line(minor, "approver"), _line(minor, "reason", MAX_TEXT_BYTES))
    if found.approver == body["approver"]:
        raise EntryInvalid("both approvers are the same")
    return found


def _photo(image: Mapping[str, Any]) -> Photo:
    if len(bytes.fromhex(image["sha256"])) != 32:
        raise EntryInvalid("sha256 is no digest")
    captured_on = date.fromisoformat(image["captured_on"])
    return Photo(
        image["sha256"],
        _line(image, "source", MAX_TEXT_BYTES),
        captured_on,
        base64.b64decode(image["crop"], validate=True),
    )


def _line(body: Mapping[str, Any], field: str, most: int = MAX_LINE_BYTES) -> str:
    line = body[field]
    if not isinstance(line, str) or not is_line(line, most):
        raise EntryInvalid(f"{field} is not one printable line of at most {most} bytes")
    return line


def _vectors(texts: Sequence[str], dimension: int) -> Float32:
    """(m, d) float32, each of unit length."""
    vectors = np.stack([np.frombuffer(base64.b64decode(text, validate=True), "<f4") for text in texts])
    if vectors.shape[1] != dimension:
        raise EntryInvalid(f"a vector has {vectors.shape[1]} numbers, its embedding contract says {dimension}")
    if not np.isfinite(vectors).all():
        raise EntryInvalid("a vector holds what is no number")
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    if not np.all(np.abs(norms - 1.0) < 1e-3):
        raise EntryInvalid("a vector is not of unit length")
    return vectors.astype(np.float32)

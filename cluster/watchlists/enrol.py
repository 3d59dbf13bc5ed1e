"""From images of a person to one watchlist entry."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cluster.keys import DeploymentKeys
from cluster.plan import Plan
from cluster.watchlists.admission import Origin, Person, admit
from cluster.watchlists.vacancies import Vacancies
from cluster.wire.entries import EntryInvalid, EntryRecord, Photo, encode_entry, parse_entry
from indexes.entry import Entry
from operators.crop import context_crop
from operators.decode import decode, encode
from operators.errors import EnrolmentReason, EnrolmentRefused, FrameRefused
from operators.jpeg import JpegLimits, check_header
from operators.types import Float32
from operators.vision import Seen, Vision

_CROP_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a person.

    Attributes:
        jpeg: With exactly one face.
        origin: Where it is from.
    """

    jpeg: bytes
    origin: Origin


def enrol(
    person: Person,
    pictures: Sequence[Picture],
    plan: Plan,
    vision: Vision,
    keys: DeploymentKeys,
    now: datetime,
    vacancies: Vacancies | None = None,
) -> bytes:
    """The record of the watchlist topic for one person.

    Args:
        person: Who it is.
        pictures: At least one.
        plan: Policy and embedding contract in force.
        vision: Its models; the policy's quality gates hold here as they do for frames.
        keys: Crops of the faces are sealed with them.
        now: UTC-aware.
        vacancies: What else is wrong is told before that there is no place, and then nobody is looked at. None: whoever
            writes the record asks.

    Raises:
        EnrolmentRefused: With the reason and what to do.
    """
    admit(person, [picture.origin for picture in pictures], plan.in_force.policy, now)
    if vacancies is not None:
        vacancies.check(person.ref, person.watchlist)
    seen = [_seen(one) for one in vision.see([picture.jpeg for picture in pictures])]
    limits = plan.settings.limits.jpeg
    photos = [_photo(person.ref, *each, keys, limits) for each in zip(pictures, seen, strict=True)]
    entry = Entry(
        ref=person.ref,
        watchlist=person.watchlist,
        vectors=np.concatenate([one.vectors for one in seen]),
        not_after=person.not_after,
        contract=plan.contract.digest,
        digest="",  # follows from the record's bytes, known to whoever reads them
    )
    record = encode_entry(
        EntryRecord(entry, person.category, person.necessity, person.approver, person.minor, photos, plan.contract, now)
    )
    try:
        parse_entry(person.ref.encode(), record)
    except EntryInvalid as invalid:
        detail = f"no index would take this entry ({invalid}); use another image"
        raise EnrolmentRefused(EnrolmentReason.UNUSABLE, detail) from None
    return record


def only_face(seen: Seen | FrameRefused) -> Float32:
    """The vector, (1, d), of the one face of an image.

    Raises:
        EnrolmentRefused: There is none, there are several, or it is below the gates.
        FrameRefused: As given.
    """
    if isinstance(seen, FrameRefused):
        raise seen
    faces = len(seen.faces) + seen.gated.total()
    if faces != 1:
        reason = EnrolmentReason.SEVERAL_FACES if faces else EnrolmentReason.NO_FACE
        raise EnrolmentRefused(reason, f"{faces} faces found; crop the image so that it shows one person")
    if not len(seen.faces):
        [gate] = seen.gated
        raise EnrolmentRefused(
            EnrolmentReason(gate), "the face is below the policy's quality gates; use a better image"
        )
    return seen.vectors


def _seen(seen: Seen | FrameRefused) -> Seen:
    if isinstance(seen, FrameRefused):
        detail = f"{seen.reason}: {seen.detail.split(';')[0]}; give a JPEG, as a camera or a photo editor writes it"
        raise EnrolmentRefused(EnrolmentReason.NOT_AN_IMAGE, detail) from None
    only_face(seen)
    return seen


def _photo(ref: str, picture: Picture, seen: Seen, keys: DeploymentKeys, limits: JpegLimits) -> Photo:
    image = decode(picture.jpeg, check_header(picture.jpeg, limits))
    crop = encode(context_crop(image, seen.faces.boxes[0]), _CROP_QUALITY)
    origin = picture.origin
    return Photo(hashlib.sha256(picture.jpeg).hexdigest(), origin.source, origin.captured_on, keys.seal(crop, ref))
